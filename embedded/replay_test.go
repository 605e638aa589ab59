package embedded_test

// This file replays scripts of requests and compares what is answered with what a real server answered. The scripts are in
// testdata/replay, the recordings beside them. CONSUL_TEST_BACKEND=real checks that a real server still answers so; with the flag
// -update, "go test ./embedded -run TestReplay -update" then records it anew.

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lictor-go/consul/embedded"
	"github.com/lictor-go/consul/embedded/internal/replay"
	"github.com/lictor-go/consul/testutil"
)

var update = flag.Bool("update", false, "record the answers of a real server anew")

const (
	// backendVariable says whether testutil's servers are real ones.
	backendVariable = "CONSUL_TEST_BACKEND"

	replayDir = "testdata/replay"
	// replayNode is the name of the servers' node.
	replayNode = "server-1"
	// replayToken is the embedded server's management token.
	replayToken = "5c7a4f8e-2b0d-4f1a-9d36-7e1b8a90c2d4"
	// settleTime is how long a real server is given to begin with a request.
	settleTime = 40 * time.Millisecond
)

func TestReplay(t *testing.T) {
	t.Parallel()
	for name, script := range replayScripts(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			golden := filepath.Join(replayDir, name+".golden")
			if *update {
				record(t, script, golden)
				return
			}
			text, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			want := replay.ParseTranscript(string(text))
			if os.Getenv(backendVariable) == "real" {
				compareReplay(t, want, replayReal(t, script).Whole())
				return
			}
			compareReplay(t, want, replayEmbedded(t, script))
		})
	}
}

// replayScripts gives the scripts by their names, which are paths without the extension.
func replayScripts(t *testing.T) map[string]*replay.Script {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(replayDir, "*", "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts in %s: %v", replayDir, err)
	}
	scripts := map[string]*replay.Script{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		script, err := replay.Parse(string(text))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		name, err := filepath.Rel(replayDir, strings.TrimSuffix(file, ".txt"))
		if err != nil {
			t.Fatal(err)
		}
		scripts[filepath.ToSlash(name)] = script
	}
	return scripts
}

// mostMismatches is how many are shown: those after the first often follow from it.
const mostMismatches = 8

func compareReplay(t *testing.T, want, got replay.Transcript) {
	t.Helper()
	mismatches := replay.Compare(want, got)
	for i, mismatch := range mismatches {
		if i == mostMismatches {
			t.Fatalf("and %d more", len(mismatches)-i)
		}
		t.Errorf("- real server, + here: %s", mismatch)
	}
}

// record writes a recording, of which two runs on real servers must be the same.
func record(t *testing.T, script *replay.Script, golden string) {
	t.Helper()
	if os.Getenv(backendVariable) != "real" {
		t.Fatalf("only a real server can be recorded: set %s=real", backendVariable)
	}
	first, second := replayReal(t, script).Whole(), replayReal(t, script).Whole()
	if compareReplay(t, first, second); t.Failed() {
		t.Fatal("two runs on a real server were answered otherwise: the script cannot be recorded")
	}
	if err := os.WriteFile(golden, []byte(first.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// replayReal runs the script on a real server of its own.
func replayReal(t *testing.T, script *replay.Script) replay.Transcript {
	t.Helper()
	opts := []testutil.Option{testutil.WithNodeName(replayNode)}
	options := script.Options
	switch options.ACL {
	case "":
	case "bootstrap":
		opts = append(opts, testutil.WithConfig(`acl { enabled = true }`))
	default:
		opts = append(opts, testutil.WithACL(), testutil.WithConfig(`acl { default_policy = "`+options.ACL+`" }`))
	}
	if options.Legacy {
		opts = append(opts, testutil.WithLegacy())
	}
	if options.Scripts {
		opts = append(opts, testutil.WithScriptChecks())
	}
	server := testutil.NewServer(t, opts...)
	transport := &http.Transport{DisableCompression: true}
	defer transport.CloseIdleConnections()
	awaitSync(t, server, transport)
	return replayOn(t, script, replay.Target{
		Transport: transport, Address: server.Addr(), Management: server.ManagementToken(), Node: replayNode,
		Settle: func() { <-time.After(settleTime) },
	})
}

// awaitSync waits until the agent has told the catalog of its node, which moves the catalog's indexes.
func awaitSync(t *testing.T, server *testutil.Server, transport http.RoundTripper) {
	t.Helper()
	script, err := replay.Parse("GET /v1/catalog/node/$node\nX-Consul-Token: $management\n@until consul-network-segment\n\n" +
		"GET /v1/catalog/node/$node\nX-Consul-Token: $management\n@until \"lan\":\n\n" +
		"GET /v1/catalog/services\nX-Consul-Token: $management\n@until consul\n")
	if err != nil {
		t.Fatal(err)
	}
	replayOn(t, script, replay.Target{
		Transport: transport, Address: server.Addr(), Management: server.ManagementToken(), Node: replayNode, Settle: func() {},
	})
}

// replayEmbedded runs the script on an embedded server of its own: in virtual time, unless it is to be reached by a socket.
func replayEmbedded(t *testing.T, script *replay.Script) replay.Transcript {
	t.Helper()
	opts := []embedded.Option{embedded.WithNodeName(replayNode)}
	options := script.Options
	switch options.ACL {
	case "":
	case "bootstrap":
		opts = append(opts, embedded.WithACL(embedded.ACL{DefaultPolicy: "allow", Legacy: options.Legacy}))
	default:
		opts = append(opts, embedded.WithACL(embedded.ACL{
			DefaultPolicy: options.ACL, InitialManagement: replayToken, Agent: replayToken, Legacy: options.Legacy,
		}))
	}
	if options.Scripts {
		opts = append(opts, embedded.WithScriptChecks())
	}
	target := replay.Target{Node: replayNode, Address: "127.0.0.1:8500"}
	if options.ACL == "allow" || options.ACL == "deny" {
		target.Management = replayToken
	}
	var transcript replay.Transcript
	if options.Socket {
		server := startEmbedded(t, opts)
		transport := &http.Transport{DisableCompression: true}
		defer transport.CloseIdleConnections()
		target.Transport, target.Address = transport, server.Addr()
		target.Settle = func() { <-time.After(settleTime) }
		return replayOn(t, script, target)
	}
	synctest.Test(t, func(t *testing.T) {
		target.Transport, target.Settle = startEmbedded(t, opts).Transport(), synctest.Wait
		transcript = replayOn(t, script, target)
	})
	return transcript
}

func startEmbedded(t *testing.T, opts []embedded.Option) *embedded.Server {
	t.Helper()
	server, err := embedded.Start(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}

func replayOn(t *testing.T, script *replay.Script, target replay.Target) replay.Transcript {
	t.Helper()
	transcript, err := script.Run(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	return transcript
}

// TestDifferencesAreListed compares the marks in the scripts with the list of known differences.
func TestDifferencesAreListed(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("DIFFERENCES.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "- ") {
			listed[strings.TrimSpace(line)] = true
		}
	}
	marked, steps := map[string]bool{}, 0
	for name, script := range replayScripts(t) {
		for _, step := range script.Steps {
			if step.Differs == "" {
				continue
			}
			line := "- " + name + ": `" + step.Request + "`: " + step.Differs
			if !listed[line] {
				t.Errorf("DIFFERENCES.md does not say: %s", line)
			}
			marked[line] = true
			steps++
		}
	}
	for line := range listed {
		if !marked[line] {
			t.Errorf("no script has what DIFFERENCES.md says: %s", line)
		}
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if says := fmt.Sprintf("[%d of them differ](embedded/DIFFERENCES.md)", steps); !strings.Contains(string(readme), says) {
		t.Errorf("README.md does not say %q", says)
	}
}
