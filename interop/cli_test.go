package interop

// This file runs the consul command against consul-embedded, and against the real server, which shows that what is wanted
// of the one is what the other does.

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lictor-go/consul/testutil"
)

// cli is the consul command with the address and the token of a server.
type cli struct {
	path, address, token string
}

// newCLI is for tests that run the real command, which is there where CONSUL_TEST_BACKEND is "real".
func newCLI(t *testing.T, address, token string) cli {
	t.Helper()
	testutil.NeedReal(t, "the consul command")
	for _, path := range []string{os.Getenv("CONSUL_BIN"), "consul", "../.bin/consul"} {
		if found, err := exec.LookPath(path); path != "" && err == nil {
			abs, err := filepath.Abs(found)
			if err != nil {
				t.Fatal(err)
			}
			return cli{abs, address, token}
		}
	}
	t.Fatal("no consul command: set CONSUL_BIN to the path of one, or run \"make consul\"")
	return cli{}
}

func (c cli) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.path, args...)
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "CONSUL_") {
			cmd.Env = append(cmd.Env, entry)
		}
	}
	cmd.Env = append(cmd.Env, "CONSUL_HTTP_ADDR="+c.address, "CONSUL_HTTP_TOKEN="+c.token)
	return cmd
}

// run runs the command to its end, which must be well, and gives what it printed.
func (c cli) run(t *testing.T, args ...string) string {
	t.Helper()
	return c.feed(t, "", args...)
}

func (c cli) feed(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	cmd := c.command(t.Context(), args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("consul %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// fails runs a command that must exit with 1, and gives what it printed.
func (c cli) fails(t *testing.T, args ...string) string {
	t.Helper()
	out, err := c.command(t.Context(), args...).CombinedOutput()
	exit, ok := err.(*exec.ExitError)
	if !ok || exit.ExitCode() != 1 {
		t.Errorf("consul %s: %v, want it to exit with 1: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// start starts a command that runs until the end of the test, and gives what it prints.
func (c cli) start(t *testing.T, args ...string) *lines {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := c.command(ctx, args...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	l := readLines(stdout)
	t.Cleanup(func() {
		cancel()
		<-l.closed
		_ = cmd.Wait() // it was killed
		if t.Failed() {
			t.Logf("consul %s printed:\n%s%s", strings.Join(args, " "), l, &stderr)
		}
	})
	return l
}

// await waits until one of the lines has the text.
func (l *lines) await(t *testing.T, text string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%q is printed", text), func() bool { return strings.Contains(l.String(), text) })
}

func want(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in:\n%s", part, text)
		}
	}
}

// onEach runs a test of the command on each server.
func onEach(t *testing.T, test func(t *testing.T, c cli)) {
	t.Helper()
	testutil.NeedReal(t, "the consul command")
	t.Parallel()
	for _, p := range peers(t) {
		t.Run(p.name, func(t *testing.T) { test(t, newCLI(t, p.address, "")) })
	}
}

func TestCLIKV(t *testing.T) {
	onEach(t, func(t *testing.T, c cli) {
		want(t, c.run(t, "kv", "put", "app/colour", "blue"), "Success! Data written to: app/colour")
		c.run(t, "kv", "put", "-flags=42", "app/taste", "sour")
		c.feed(t, "from standard input", "kv", "put", "app/text", "-")
		if got := c.run(t, "kv", "get", "app/colour"); got != "blue\n" {
			t.Errorf("the value is %q", got)
		}
		want(t, c.run(t, "kv", "get", "-detailed", "app/taste"), "Flags            42", "Session          -", "sour")
		want(t, c.run(t, "kv", "get", "-recurse", "app/"), "app/colour:blue\napp/taste:sour\napp/text:from standard input")
		want(t, c.run(t, "kv", "get", "-keys", "app/"), "app/colour\napp/taste\napp/text")
		want(t, c.fails(t, "kv", "get", "absent"), "No key exists at: absent")
		want(t, c.fails(t, "kv", "put", "-cas", "-modify-index=1", "app/colour", "red"), "CAS failed")
		exported := c.run(t, "kv", "export", "app/")
		want(t, exported, `"key": "app/colour"`, `"value": "Ymx1ZQ=="`, `"flags": 42`)
		want(t, c.run(t, "kv", "delete", "-recurse", "app/"), "Success!")
		c.fails(t, "kv", "get", "app/taste")
		c.feed(t, exported, "kv", "import", "-")
		if got := c.run(t, "kv", "get", "app/taste"); got != "sour\n" {
			t.Errorf("the imported value is %q", got)
		}
		want(t, c.run(t, "kv", "delete", "app/taste"), "Success! Deleted key: app/taste")
	})
}

// Of two that want the lock, the second runs its program when the first one's has ended.
func TestCLILock(t *testing.T) {
	onEach(t, func(t *testing.T, c cli) {
		dir := t.TempDir()
		protocol, pipe := filepath.Join(dir, "protocol"), filepath.Join(dir, "pipe")
		if err := syscall.Mkfifo(pipe, 0o600); err != nil {
			t.Fatal(err)
		}
		read := func() string {
			text, _ := os.ReadFile(protocol) // which may not be there yet
			return string(text)
		}
		program := func(name, work string) string {
			return fmt.Sprintf("echo %[1]s begins >> %[2]s; %[3]s; echo %[1]s ends >> %[2]s", name, protocol, work)
		}
		c.start(t, "lock", "app/leader", program("first", "cat "+pipe)) // which ends when something was written to it
		eventually(t, "the first has the lock", func() bool { return read() == "first begins\n" })
		c.start(t, "lock", "app/leader", program("second", "true"))
		eventually(t, "both have sessions", func() bool {
			return strings.Count(request(t, c.address, "/v1/session/list"), `"ID"`) == 2
		})
		if got := read(); got != "first begins\n" {
			t.Errorf("while the first has the lock: %s", got)
		}
		if err := os.WriteFile(pipe, nil, 0); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the second has had the lock", func() bool {
			return read() == "first begins\nfirst ends\nsecond begins\nsecond ends\n"
		})
		eventually(t, "no session is left", func() bool { return request(t, c.address, "/v1/session/list") == "[]" })
		c.run(t, "lock", "-n=2", "-child-exit-code", "app/semaphore", "true")
		if out, err := c.command(t.Context(), "lock", "-child-exit-code", "app/leader", "exit 7").CombinedOutput(); err == nil {
			t.Errorf("the exit code of the program is lost: %s", out)
		}
	})
}

func TestCLIWatch(t *testing.T) {
	register := func(name string) func(t *testing.T, c cli) {
		return func(t *testing.T, c cli) { c.run(t, "services", "register", "-name="+name, "-port=80") }
	}
	tests := map[string]struct {
		args   []string
		before string // what is printed at first
		change func(t *testing.T, c cli)
		after  string
	}{
		"key": {[]string{"-key=w/key"}, `"Value":"MQ=="`,
			func(t *testing.T, c cli) { c.run(t, "kv", "put", "w/key", "2") }, `"Value":"Mg=="`},
		"keyprefix": {[]string{"-prefix=w/"}, `"Key":"w/key"`,
			func(t *testing.T, c cli) { c.run(t, "kv", "put", "w/other", "2") }, `"Key":"w/other"`},
		"services": {nil, `"consul":[]`, register("web"), `"web":[]`},
		"service":  {[]string{"-service=db"}, "[]", register("db"), `"Service":"db"`},
		"nodes": {nil, `"Node":`, func(t *testing.T, c cli) {
			put(t, c.address, "/v1/catalog/register", `{"Node": "guest", "Address": "10.0.0.1"}`)
		}, `"Node":"guest"`},
		"checks": {[]string{"-state=warning"}, "[]", func(t *testing.T, c cli) {
			put(t, c.address, "/v1/agent/check/register", `{"Name": "odd", "TTL": "1h", "Status": "warning"}`)
		}, `"CheckID":"odd"`},
		"event": {[]string{"-name=deploy"}, "[]", func(t *testing.T, c cli) {
			want(t, c.run(t, "event", "-name=deploy", "now"), "Event ID: ")
		}, `"Name":"deploy"`},
	}
	onEach(t, func(t *testing.T, c cli) {
		c.run(t, "kv", "put", "w/key", "1")
		for kind, test := range tests {
			t.Run(kind, func(t *testing.T) {
				printed := c.start(t, append(append([]string{"watch", "-type=" + kind}, test.args...), "cat; echo")...)
				printed.await(t, test.before)
				test.change(t, c)
				printed.await(t, test.after)
			})
		}
	})
}

func TestCLINodesAndServices(t *testing.T) {
	onEach(t, func(t *testing.T, c cli) {
		want(t, c.run(t, "members"), "Node", "alive", "server", "1.22.7", "dc1")
		want(t, c.run(t, "catalog", "datacenters"), "dc1")
		want(t, c.run(t, "catalog", "nodes", "-detailed"), "127.0.0.1", "consul-network-segment", "dc1")
		want(t, c.run(t, "info"), "agent:", "build:", "version = 1.22.7", "consul:", "leader = true", "runtime:", "goroutines =")

		file := filepath.Join(t.TempDir(), "web.json")
		definition := `{"service": {"name": "web", "id": "web-1", "port": 80, "tags": ["v1"], "check": {"ttl": "1h", "status": "passing"}}}`
		if err := os.WriteFile(file, []byte(definition), 0o600); err != nil {
			t.Fatal(err)
		}
		want(t, c.run(t, "services", "register", file), "Registered service: web")
		want(t, c.run(t, "catalog", "services", "-tags"), "consul", "web", "v1")
		want(t, c.run(t, "catalog", "nodes", "-service=web"), "127.0.0.1")
		want(t, c.run(t, "services", "deregister", "-id=web-1"), "Deregistered service: web-1")
		if out := c.run(t, "catalog", "services"); strings.Contains(out, "web") {
			t.Errorf("web is still there: %s", out)
		}

		c.run(t, "maint", "-enable", "-reason=lunch")
		want(t, c.run(t, "maint"), "Node:", "Reason: lunch")
		c.run(t, "maint", "-disable")
		if out := c.run(t, "maint"); strings.Contains(out, "lunch") {
			t.Errorf("the node is still in maintenance: %s", out)
		}
	})
}

func TestCLIMonitor(t *testing.T) {
	onEach(t, func(t *testing.T, c cli) {
		printed := c.start(t, "monitor", "-log-level=debug")
		// What is logged before the stream is open is not in it.
		eventually(t, "the log of a request", func() bool {
			c.run(t, "kv", "get", "-keys", "")
			return strings.Contains(printed.String(), "[")
		})
	})
}

func TestCLIACL(t *testing.T) {
	testutil.NeedReal(t, "the consul command")
	t.Parallel()
	const secret = "5ec4e700-0000-4000-8000-0000000000dd"
	real := testutil.NewServer(t, testutil.WithACL())
	for name, c := range map[string]cli{
		"embedded": newCLI(t, startProgram(t, "-acl-token", secret), secret),
		"real":     newCLI(t, real.Addr(), real.ManagementToken()),
	} {
		t.Run(name, func(t *testing.T) {
			anonymous := newCLI(t, c.address, "")
			want(t, anonymous.fails(t, "kv", "put", "app/a", "1"), "Permission denied")

			want(t, c.run(t, "acl", "policy", "create", "-name=app", "-rules", `key_prefix "app/" { policy = "write" }`), "Name:", "app", "key_prefix")
			want(t, c.run(t, "acl", "policy", "list"), "global-management:", "app:")
			want(t, c.run(t, "acl", "role", "create", "-name=worker", "-policy-name=app"), "Name:", "worker", "app")
			want(t, c.run(t, "acl", "role", "list"), "worker:")
			token := c.run(t, "acl", "token", "create", "-description=of a test", "-role-name=worker", "-format=json")
			want(t, token, `"Description": "of a test"`, `"Name": "worker"`)
			want(t, c.run(t, "acl", "token", "list"), "of a test", "Anonymous Token")

			worker := newCLI(t, c.address, member(t, token, "SecretID"))
			worker.run(t, "kv", "put", "app/a", "1")
			want(t, worker.fails(t, "kv", "put", "other", "1"), "Permission denied")
			want(t, worker.run(t, "acl", "token", "read", "-self"), "of a test")

			accessor := member(t, token, "AccessorID")
			want(t, c.run(t, "acl", "token", "update", "-id="+accessor, "-description=renamed"), "renamed")
			want(t, c.run(t, "acl", "token", "delete", "-id="+accessor), "deleted successfully")
			eventually(t, "the deleted token is refused", func() bool {
				return worker.command(t.Context(), "kv", "get", "app/a").Run() != nil
			})
			want(t, c.run(t, "acl", "role", "delete", "-name=worker"), "deleted successfully")
			want(t, c.run(t, "acl", "policy", "delete", "-name=app"), "deleted successfully")
		})
	}
}
