// Package interop shows that programs and libraries made for the real Consul work with the embedded one: the consul command,
// the client library that Consul comes with, and suites that start "consul agent". It is a module of its own, so that what
// it needs is no dependency of anyone else.
package interop

// This file builds cmd/consul-embedded and runs it.

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lictor-go/consul/testutil"
)

// program is the path of consul-embedded, named consul, in a directory of its own.
var program string

func TestMain(m *testing.M) {
	if os.Getenv(recipeVariable) != "" { // this is a process of TestProcesses
		if err := contendAlone(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code, err := runAll(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func runAll(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "interop-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "consul")
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	build := exec.Command("go", "build", "-o", program, "./cmd/consul-embedded")
	build.Dir = ".."
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		return 1, fmt.Errorf("build consul-embedded: %w", err)
	}
	return m.Run(), nil
}

// startProgram runs consul-embedded with the arguments on a free port until the end of the test, and gives its address.
func startProgram(t testing.TB, args ...string) string {
	t.Helper()
	cmd := exec.Command(program, append([]string{"-http-addr", "127.0.0.1:0"}, args...)...)
	var log bytes.Buffer
	cmd.Stderr = &log
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the server ended with %v", err)
		}
		if t.Failed() {
			t.Logf("the server logged:\n%s", &log)
		}
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	address, ok := strings.CutPrefix(strings.TrimSpace(line), "CONSUL_HTTP_ADDR=http://")
	if err != nil || !ok {
		t.Fatalf("the server printed %q, %v", line, err)
	}
	return address
}

// peer is a server that a test of both kinds runs on.
type peer struct {
	name    string
	address string
}

// peers are consul-embedded, and the real server where CONSUL_TEST_BACKEND is "real".
func peers(t *testing.T) []peer {
	t.Helper()
	all := []peer{{"embedded", startProgram(t)}}
	if os.Getenv("CONSUL_TEST_BACKEND") == "real" {
		all = append(all, peer{"real", testutil.NewServer(t).Addr()})
	}
	return all
}

// eventually calls ok until it reports true.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("not after 20 s: %s", what)
		}
	}
}

// lines passes on what is written, line by line, to those who wait for one.
type lines struct {
	mu     sync.Mutex
	text   strings.Builder
	closed chan struct{}
}

// readLines reads r to its end.
func readLines(r io.Reader) *lines {
	l := &lines{closed: make(chan struct{})}
	go func() {
		defer close(l.closed)
		scanner := bufio.NewScanner(r)
		for scanner.Scan() {
			l.mu.Lock()
			fmt.Fprintln(&l.text, scanner.Text())
			l.mu.Unlock()
		}
	}()
	return l
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
