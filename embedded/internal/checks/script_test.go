//go:build unix

package checks_test

// This file holds the tests of script checks.

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lictor-go/consul/embedded/internal/checks"
)

func shell(script string) checks.Definition {
	return checks.Definition{ScriptArgs: []string{"/bin/sh", "-c", script}}
}

func TestScript(t *testing.T) {
	t.Parallel()
	limited := func(def checks.Definition) checks.Definition {
		def.OutputMaxSize = 10
		return def
	}
	tests := map[string]struct {
		def  checks.Definition
		want said
	}{
		"0":      {shell("echo out; echo err >&2"), said{"passing", "out\nerr\n"}},
		"1":      {shell("echo out; exit 1"), said{"warning", "out\n"}},
		"3":      {shell("exit 3"), said{"critical", ""}},
		"signal": {shell("kill -9 $$"), said{"critical", ""}},
		"long output": {limited(shell("printf 0123456789abc")),
			said{"passing", "Captured 10 of 13 bytes\n...\n3456789abc"}},
		"several writes": {limited(shell("for i in 1 2 3 4 5; do echo $i$i$i; done")),
			said{"passing", "Captured 10 of 20 bytes\n...\n3\n444\n555\n"}},
		"output fits": {limited(shell("printf 0123456789")), said{"passing", "0123456789"}},
		"no such file": {checks.Definition{ScriptArgs: []string{"/no/such/file"}},
			said{"critical", "fork/exec /no/such/file: no such file or directory"}},
		"no such command": {checks.Definition{ScriptArgs: []string{"no-such-command"}},
			said{"critical", `exec: "no-such-command": executable file not found in $PATH`}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := firstResult(t, test.def, checks.Env{Scripts: true}); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// TestScriptTimeout runs scripts that do not end in time. The processes that they started end with them: else the other end
// of the FIFO would stay open.
func TestScriptTimeout(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ script, want string }{
		"silent":              {"sleep 300 >%s", "Timed out (1s) running check"},
		"with output":         {"echo begin; sleep 300 >%s", "Timed out (1s) running check\n\nbegin\n"},
		"that wait":           {"echo begin; sleep 300 >%s & wait", "Timed out (1s) running check\n\nbegin\n"},
		"that leave one":      {"sleep 300 2>%s & echo left", "Timed out (1s) running check\n\nleft\n"},
		"that heed no signal": {"trap '' TERM INT HUP; sleep 300 >%s", "Timed out (1s) running check"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fifo := filepath.Join(t.TempDir(), "fifo")
			if err := syscall.Mkfifo(fifo, 0o600); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() {
				f, err := os.Open(fifo) // waits for the other end to be opened
				if err == nil {
					_, err = io.Copy(io.Discard, f) // waits for it to be closed
					f.Close()
				}
				ended <- err
			}()
			def := shell(fmt.Sprintf(test.script, fifo))
			def.Timeout = time.Second
			// Such a result is not subject to thresholds.
			def.FailuresBeforeCritical = 3
			if got := firstResult(t, def, checks.Env{Scripts: true}); got != (said{"critical", test.want}) {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
}

// leaveGroup is the argument for which this program starts one like it in a group of its own, that holds the output open
// until the connection to the address that follows ends, and says that it did.
const leaveGroup = "leave-the-group"

func leave(address string) (exitCode int) {
	if os.Getpid() == syscall.Getpgrp() && os.Getenv(leaveGroup) == "" {
		cmd := exec.Command(os.Args[0], leaveGroup, address)
		cmd.Env = append(os.Environ(), leaveGroup+"=1")
		cmd.Stdout = os.Stdout
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := cmd.Start(); err != nil {
			fmt.Println(err)
			return 2
		}
		return 0
	}
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return 2
	}
	_, _ = io.Copy(io.Discard, conn)
	return 0
}

// TestScriptEscapes runs a script that leaves behind a process which cannot be killed with it: neither a run nor Stop
// waits for that.
func TestScriptEscapes(t *testing.T) {
	t.Parallel()
	escaped := make(chan net.Conn, 1)
	l := listenTCP(t)
	go func() {
		if conn, err := l.Accept(); err == nil {
			escaped <- conn
		}
	}()
	def := checks.Definition{ScriptArgs: []string{os.Args[0], leaveGroup, l.Addr().String()}, Interval: time.Hour}
	c, heard := newCheck(t, def, checks.Env{Scripts: true, Stagger: atOnce})
	c.Start()
	conn := <-escaped
	c.Stop()
	if got := all(heard); len(got) != 0 {
		t.Errorf("got %q", got)
	}
	conn.Close()
}

// TestScriptStops stops a check in the midst of a run, which ends the script.
func TestScriptStops(t *testing.T) {
	t.Parallel()
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	def := shell(strings.ReplaceAll("sleep 300 >FIFO", "FIFO", fifo))
	def.Interval = time.Hour
	c, heard := newCheck(t, def, checks.Env{Scripts: true, Stagger: atOnce})
	c.Start()
	f, err := os.Open(fifo)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c.Stop()
	if _, err := io.Copy(io.Discard, f); err != nil {
		t.Error(err)
	}
	if got := all(heard); len(got) != 0 {
		t.Errorf("got %q", got)
	}
}
