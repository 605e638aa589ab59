package main

// This file has the program run as a process of its own, as Ansible and people run it: the test's own binary, told to be the
// program.

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lictor-go/consul"
	"github.com/lictor-go/consul/testutil"
	"go.uber.org/goleak"
)

// beProgram is the environment variable that has the test's binary be the program.
const beProgram = "CONSUL_SESSION_BE_PROGRAM"

// shared is the server of all tests but those that want one set up otherwise. What they make there has names of their own.
var shared struct {
	once   sync.Once
	server *testutil.Server
	err    error
}

func TestMain(m *testing.M) {
	if os.Getenv(beProgram) != "" {
		os.Unsetenv(beProgram)
		main()
	}
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, "CONSUL_") && !strings.HasPrefix(name, "CONSUL_TEST_") && name != "CONSUL_BIN" {
			os.Unsetenv(name) // what the program would heed
		}
	}
	code := m.Run()
	if shared.server != nil {
		shared.server.Close()
	}
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, "goroutines that nobody ended:", err)
		code = 1
	}
	os.Exit(code)
}

func sharedServer(t *testing.T) *testutil.Server {
	t.Helper()
	shared.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		shared.server, shared.err = testutil.Start(ctx)
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.server
}

// A host is where a test runs the program: with a server, and environment variables.
type host struct {
	t      *testing.T
	server *testutil.Server
	client *consul.Client
	env    []string
}

// newHost gives one whose environment names the shared server.
func newHost(t *testing.T) *host {
	t.Helper()
	return newHostOf(t, sharedServer(t), nil)
}

// newHostOf gives one of a server, and with a client that config sets up.
func newHostOf(t *testing.T, server *testutil.Server, config *consul.Config) *host {
	t.Helper()
	if config == nil {
		config = &consul.Config{}
	}
	config.Address = server.URL()
	client, err := consul.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return &host{t, server, client, []string{"CONSUL_HTTP_ADDR=" + server.URL()}}
}

// command is the program with arguments, to be started.
func (h *host) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(h.t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), h.env...)
	cmd.Env = append(cmd.Env, beProgram+"=1", "GORACE=atexit_sleep_ms=0") // or each run under the race detector takes 1 s more
	return cmd
}

// run runs the program and gives its exit status, and what it printed.
func (h *host) run(args ...string) (code int, stdout, stderr string) {
	h.t.Helper()
	var out, err bytes.Buffer
	cmd := h.command(args...)
	cmd.Stdout, cmd.Stderr = &out, &err
	if failure := cmd.Run(); cmd.ProcessState == nil {
		h.t.Fatal(failure)
	}
	return cmd.ProcessState.ExitCode(), out.String(), err.String()
}

// ends runs the program, which must end with the status.
func (h *host) ends(code int, args ...string) (stdout, stderr string) {
	h.t.Helper()
	got, stdout, stderr := h.run(args...)
	if got != code {
		h.t.Errorf("%q: exit status %d, want %d\n%s%s", args, got, code, stdout, stderr)
	}
	return stdout, stderr
}

// an answer is what the module has printed.
type answer struct {
	Changed, Failed bool
	Msg             string
	SessionID       *string `json:"session_id"`
	Name, Node      *string
	Behavior        string
	Delay           float64
	TTL             *float64
	Checks          []string
	Sessions        []session
	Diff            *struct {
		Before, After struct{ Sessions []map[string]any }
	}
	Warnings []string

	text string
}

// module runs the module as Ansible does, and gives its answer: one line of JSON, and nothing else.
func (h *host) module(arguments map[string]any) answer {
	h.t.Helper()
	all := map[string]any{"_ansible_check_mode": false, "_ansible_diff": false, "_ansible_no_log": false,
		"_ansible_verbosity": 0, "_ansible_version": "2.14.18", "_ansible_tmpdir": "/nonesuch"}
	for name, value := range arguments {
		all[name] = value
	}
	text, err := json.Marshal(all)
	if err != nil {
		h.t.Fatal(err)
	}
	return h.moduleText(string(text))
}

func (h *host) moduleText(arguments string) answer {
	h.t.Helper()
	path := filepath.Join(h.t.TempDir(), "args")
	if err := os.WriteFile(path, []byte(arguments), 0o600); err != nil {
		h.t.Fatal(err)
	}
	code, stdout, stderr := h.run(path)
	var a answer
	if err := json.Unmarshal([]byte(stdout), &a); err != nil || strings.Count(stdout, "\n") != 1 || stderr != "" {
		h.t.Fatalf("%s: it printed %q and %q, want one line of JSON (%v)", arguments, stdout, stderr, err)
	}
	if a.Failed != (code == exitFailed) || !a.Failed && code != exitOK {
		h.t.Errorf("%s: exit status %d with %s", arguments, code, stdout)
	}
	a.text = stdout
	return a
}

// does wants the module to succeed, and to have changed something or not.
func (h *host) does(changed bool, arguments map[string]any) answer {
	h.t.Helper()
	a := h.module(arguments)
	if a.Failed || a.Changed != changed {
		h.t.Fatalf("%v: want changed %v: %s", arguments, changed, a.text)
	}
	return a
}

// fails wants the module to fail, with a message that says all this.
func (h *host) fails(arguments map[string]any, says ...string) answer {
	h.t.Helper()
	a := h.module(arguments)
	if !a.Failed {
		h.t.Fatalf("%v: want a failure: %s", arguments, a.text)
	}
	wantText(h.t, a.Msg, says...)
	return a
}

// named gives the sessions of a name on all nodes.
func (h *host) named(name string) []*consul.SessionEntry {
	h.t.Helper()
	all, _, err := h.client.Session().List(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(e *consul.SessionEntry) bool { return e.Name != name })
}

// wantNamed wants as many sessions of a name, and gives them.
func (h *host) wantNamed(n int, name string) []*consul.SessionEntry {
	h.t.Helper()
	found := h.named(name)
	if len(found) != n {
		h.t.Fatalf("%d sessions are named %q, want %d", len(found), name, n)
	}
	return found
}

func wantText(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in:\n%s", part, text)
		}
	}
}

var names atomic.Uint64

// unique gives a name that no other test uses.
func unique(t *testing.T) string {
	return fmt.Sprintf("%s-%d-%d", strings.ReplaceAll(t.Name(), "/", "-"), os.Getpid(), names.Add(1))
}
