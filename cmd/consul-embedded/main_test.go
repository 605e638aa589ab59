package main

// This file runs the program within the test: what it prints, where it serves, how it ends.

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// output is what a run has printed so far.
type output struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{}
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text.Write(p)
	close(o.changed)
	o.changed = make(chan struct{})
	return len(p), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// program is one run.
type program struct {
	stdout, stderr output
	signals        chan os.Signal
	code           chan int
}

func runProgram(ctx context.Context, args ...string) *program {
	p := &program{signals: make(chan os.Signal, 1), code: make(chan int, 1)}
	p.stdout.changed, p.stderr.changed = make(chan struct{}), make(chan struct{})
	go func() { p.code <- run(ctx, args, console{&p.stdout, &p.stderr, p.signals}) }()
	return p
}

// awaitLine waits for a line of standard output with the text, and gives what follows the text in it.
func (p *program) awaitLine(t *testing.T, text string) string {
	t.Helper()
	for {
		p.stdout.mu.Lock()
		printed, changed := p.stdout.text.String(), p.stdout.changed
		p.stdout.mu.Unlock()
		if _, after, ok := strings.Cut(printed, text); ok {
			if line, _, ended := strings.Cut(after, "\n"); ended {
				return strings.TrimSpace(line)
			}
		}
		select {
		case <-changed:
		case code := <-p.code:
			t.Fatalf("ended with %d before it printed %q:\n%s%s", code, text, &p.stdout, &p.stderr)
		}
	}
}

// ends wants a run that ends with the code, and gives what it printed.
func ends(t *testing.T, code int, args ...string) (stdout, stderr string) {
	t.Helper()
	p := runProgram(t.Context(), args...)
	if got := <-p.code; got != code {
		t.Errorf("%v: exit code %d, want %d", args, got, code)
	}
	return p.stdout.String(), p.stderr.String()
}

func wantText(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in:\n%s", part, text)
		}
	}
}

// get sends a GET to a URL, also unix://path, and gives the status and the body.
func get(t *testing.T, url, path, token string) (int, string) {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true}
	if socket, ok := strings.CutPrefix(url, "unix://"); ok {
		var dialer net.Dialer
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", socket)
		}
		url = "http://localhost"
	}
	return getBy(t, &http.Client{Transport: transport}, url+path, token)
}

func getBy(t *testing.T, client *http.Client, url, token string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("X-Consul-Token", token)
	}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func TestServesUntilASignal(t *testing.T) {
	t.Parallel()
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		p := runProgram(t.Context(), "-http-addr", "127.0.0.1:0", "-node", "west", "-datacenter", "dc7", "-node-meta", "a:b")
		url := p.awaitLine(t, "CONSUL_HTTP_ADDR=")
		wantText(t, p.stderr.String(), "NOTHING IS KEPT")
		if status, body := get(t, url, "/v1/catalog/nodes?dc=dc7", ""); status != http.StatusOK {
			t.Errorf("the nodes: %d %s", status, body)
		} else {
			wantText(t, body, `"Node":"west"`, `"a":"b"`)
		}
		p.signals <- syscall.SIGHUP // which ends nothing
		if status, _ := get(t, url, "/v1/status/leader", ""); status != http.StatusOK {
			t.Errorf("after SIGHUP: status %d", status)
		}
		p.signals <- signal
		if code := <-p.code; code != exitOK {
			t.Errorf("exit code %d after %v", code, signal)
		}
		if conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://")); err == nil {
			conn.Close()
			t.Errorf("after %v it listens", signal)
		}
	}
}

func TestServesOnASocket(t *testing.T) {
	t.Parallel()
	url := "unix://" + filepath.Join(t.TempDir(), "s")
	for range 2 { // the second finds the socket of the first, if that left it
		ctx, cancel := context.WithCancel(t.Context())
		p := runProgram(ctx, "-http-addr", url)
		if got := p.awaitLine(t, "CONSUL_HTTP_ADDR="); got != url {
			t.Errorf("it says %q, want %q", got, url)
		}
		if status, body := get(t, url, "/v1/status/leader", ""); status != http.StatusOK {
			t.Errorf("%d %s", status, body)
		}
		cancel()
		<-p.code
	}
}

func TestACLFlags(t *testing.T) {
	t.Parallel()
	const token = "5ec4e700-0000-4000-8000-0000000000aa"
	for name, test := range map[string]struct {
		args              []string
		anonymous, bearer int
	}{
		"none":         {nil, 404, 404},
		"token":        {[]string{"-acl-token", token}, 403, 404},
		"allow":        {[]string{"-acl-token", token, "-acl-default-policy", "allow"}, 404, 404},
		"no token yet": {[]string{"-acl-default-policy", "deny"}, 403, 403},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			p := runProgram(ctx, append([]string{"-http-addr", "127.0.0.1:0"}, test.args...)...)
			url := p.awaitLine(t, "CONSUL_HTTP_ADDR=")
			if status, body := get(t, url, "/v1/kv/absent", ""); status != test.anonymous {
				t.Errorf("without a token: %d %s, want %d", status, body, test.anonymous)
			}
			if status, body := get(t, url, "/v1/kv/absent", token); status != test.bearer {
				t.Errorf("with the token: %d %s, want %d", status, body, test.bearer)
			}
			cancel()
			<-p.code
			if strings.Contains(p.stdout.String()+p.stderr.String(), token) {
				t.Error("the token was printed")
			}
		})
	}
}

func TestHelpExplainsEachFlag(t *testing.T) {
	t.Parallel()
	stdout, _ := ends(t, exitOK, "-h")
	wantText(t, stdout, "NOTHING IS KEPT", "CONSUL_HTTP_ADDR=", "-http-addr", "-node ", "-node-id", "-node-meta", "-datacenter",
		"-acl-token", "-acl-default-policy", "-acl-legacy", "-script-checks", "-tls-cert", "-tls-key", "-log-level", `(default "127.0.0.1:8500")`)
}

func TestWrongUse(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, test := range []struct {
		code int
		args []string
		want string
	}{
		{exitUsage, []string{"-nonsense"}, "-nonsense"},
		{exitUsage, []string{"-http-addr", "8500"}, `-http-addr: "8500" is no host:port`},
		{exitUsage, []string{"-log-level", "loud"}, `-log-level: "loud" is no level`},
		{exitUsage, []string{"-acl-default-policy", "perhaps"}, "allow or deny"},
		{exitUsage, []string{"-node-meta", "colour"}, `"colour" is no key:value`},
		{exitUsage, []string{"-node-id", "1"}, `"1" is no UUID`},
		{exitUsage, []string{"-tls-cert", "a.pem"}, "-tls-cert and -tls-key go together"},
		{exitUsage, []string{"-tls-cert", "/no/such.pem", "-tls-key", "/no/such.pem"}, "/no/such.pem"},
		{exitUsage, []string{"-node", "a", "b"}, `"b" is left over`},
		{exitFailed, []string{"-http-addr", taken.Addr().String()}, "address already in use"},
		{exitFailed, []string{"-node", "", "-http-addr", "127.0.0.1:0"}, "the node has no name"},
		{exitUnknown, []string{"kv", "get", "a"}, `no command "kv"`},
	} {
		stdout, stderr := ends(t, test.code, test.args...)
		wantText(t, stderr, test.want)
		if stdout != "" {
			t.Errorf("%v: printed %q on standard output", test.args, stdout)
		}
	}
}

// As "consul version" of 1.22.7 prints it.
func TestVersion(t *testing.T) {
	t.Parallel()
	const text = "Consul v1.22.7\nBuild Date 1970-01-01T00:00:01Z\nProtocol 2 spoken by default, understands 2 to 3 " +
		"(agent will automatically use protocol >2 when speaking to compatible agents)\n\n"
	const object = `{
   "Version": "1.22.7",
   "Revision": "",
   "Prerelease": "",
   "BuildDate": "1970-01-01T00:00:01Z",
   "RPC": {
      "Default": 2,
      "Min": 2,
      "Max": 3
   }
}
`
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"version"}, text}, {[]string{"--version"}, text}, {[]string{"-v"}, text},
		{[]string{"version", "-format=json"}, object}, {[]string{"version", "-format", "pretty"}, text},
	} {
		if stdout, _ := ends(t, exitOK, test.args...); stdout != test.want {
			t.Errorf("%v printed %q, want %q", test.args, stdout, test.want)
		}
	}
	_, stderr := ends(t, exitFailed, "version", "-format=yaml")
	wantText(t, stderr, "Unknown format: yaml")
}
