//go:build unix

package main

// This file tests the command "run": what the command that it runs gets, how both end, and what is left on Consul.

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lictor-go/consul"
)

// A job is a run that goes on, and that has said that it is ready.
type job struct {
	t      *testing.T
	cmd    *exec.Cmd
	out    *bufio.Reader
	stderr bytes.Buffer
}

// Parts of a command's script: to say so, to tell what it finds in its environment, and to go on until a signal ends it;
// and the script of one that does all that.
const (
	ready   = "echo ready; "
	tellAll = ready + "echo $CONSUL_SESSION_ID $CONSUL_LOCK_KEY $CONSUL_LOCK_FENCE; "
	goOn    = "while :; do sleep 0.02; done"

	untilUSR1 = `trap "exit 0" USR1; ` + tellAll + goOn
)

// start runs a shell's script with a session, and waits until it is ready. Its input is no terminal.
func (h *host) start(script string, flags ...string) *job {
	h.t.Helper()
	j := h.startAnyhow(script, flags...)
	if line := j.line(); line != "ready" {
		h.t.Fatalf("the command says %q, want that it is ready: %s", line, &j.stderr)
	}
	return j
}

func (h *host) startAnyhow(script string, flags ...string) *job {
	h.t.Helper()
	args := append(append([]string{"run"}, flags...), "--", "sh", "-c", script)
	j := &job{t: h.t, cmd: h.command(args...)}
	j.cmd.Stderr = &j.stderr
	out, err := j.cmd.StdoutPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	j.out = bufio.NewReader(out)
	if err := j.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	return j
}

func (j *job) line() string {
	line, _ := j.out.ReadString('\n')
	return strings.TrimSuffix(line, "\n")
}

func (j *job) signal(s os.Signal) {
	j.t.Helper()
	if err := j.cmd.Process.Signal(s); err != nil {
		j.t.Error(err)
	}
}

// ends waits for the run, which must end with the status, and gives what the command has printed since.
func (j *job) ends(code int, says ...string) string {
	j.t.Helper()
	rest, err := io.ReadAll(j.out) // to the end of the command, and of all that it has started
	if err != nil {
		j.t.Error(err)
	}
	j.cmd.Wait()
	if got := j.cmd.ProcessState.ExitCode(); got != code {
		j.t.Errorf("exit status %d, want %d: %s", got, code, &j.stderr)
	}
	wantText(j.t, j.stderr.String(), says...)
	return string(rest)
}

// destroy ends a session as an operator would.
func (h *host) destroy(id string) {
	h.t.Helper()
	if _, err := h.client.Session().Destroy(h.t.Context(), id); err != nil {
		h.t.Fatal(err)
	}
}

func TestRunGivesTheCommandsStatus(t *testing.T) {
	t.Parallel()
	h, name := newHost(t), unique(t)
	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		code    int
		command []string
	}{
		{0, []string{"true"}},
		{7, []string{"sh", "-c", "exit 7"}},
		{exitBySignal + 9, []string{"sh", "-c", "kill -9 $$"}},
		{exitNoCommand, []string{"/nonesuch/command"}},
		{exitNoCommand, []string{"no-such-command-anywhere"}},
		{exitCannotRun, []string{script}},
	} {
		h.ends(test.code, append([]string{"run", "--name", name, "--lock", name, "--"}, test.command...)...)
		h.wantNamed(0, name)
	}
	h.ends(3, "run", "sh", "-c", "exit 3") // without --
	_, stderr := h.ends(exitNotStarted, "run", "--ttl", "1s", "--", "true")
	wantText(t, stderr, "make a session", "TTL")
	_, stderr = h.ends(exitNotStarted, "run", "--port", "1", "--", "true")
	wantText(t, stderr, "cannot reach http://localhost:1")
	_, stderr = h.ends(exitNotStarted, "run", "--ca-path", "/nonesuch", "--", "true")
	wantText(t, stderr, "ca_path")
}

func TestRunHasASession(t *testing.T) {
	t.Parallel()
	h, name := newHost(t), unique(t)
	h.env = append(h.env, "CONSUL_LOCK_KEY=of-another-run", "CONSUL_SESSION_ID=another")
	j := h.start(untilUSR1, "--name", name, "--ttl", "20s", "--behavior", "delete")
	e := h.wantNamed(1, name)[0]
	if e.TTL != 20*time.Second || e.LockDelay != 20*time.Second || e.Behavior != "delete" {
		t.Errorf("the session is %+v", e)
	}
	if got := strings.TrimSpace(j.line()); got != e.ID {
		t.Errorf("the environment has %q, want %s alone", got, e.ID)
	}
	j.signal(syscall.SIGUSR1)
	j.ends(0)
	h.wantNamed(0, name)
}

func TestRunHoldsALock(t *testing.T) {
	t.Parallel()
	h, name := newHost(t), unique(t)
	var fences [2]uint64
	for i := range fences {
		j := h.start(untilUSR1, "--lock", name, "--delay", "0")
		pair, _, err := h.client.KV().Get(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		words := strings.Fields(j.line())
		if len(words) != 3 || pair.Session != words[0] || pair.Flags != consul.LockFlagValue || words[1] != name {
			t.Fatalf("the environment has %q, and the key is %+v", words, pair)
		}
		if fences[i], err = strconv.ParseUint(words[2], 10, 64); err != nil || fences[i] == 0 {
			t.Errorf("the fence is %q", words[2])
		}
		for _, wait := range []string{"0", "20ms"} {
			_, stderr := h.ends(exitNotStarted, "run", "--lock", name, "--wait", wait, "--", "true")
			wantText(t, stderr, "lock held", name)
		}
		j.signal(syscall.SIGUSR1)
		j.ends(0)
		if pair, _, err = h.client.KV().Get(t.Context(), name); err != nil || pair.Session != "" {
			t.Errorf("the key is held by %q after the end: %v", pair.Session, err)
		}
	}
	if fences[1] <= fences[0] {
		t.Errorf("the fences are %d and then %d", fences[0], fences[1])
	}
}

func TestRunWaitsForTheLock(t *testing.T) {
	t.Parallel()
	h, name := newHost(t), unique(t)
	lock, err := h.client.LockKey(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock.Lock(t.Context()); err != nil {
		t.Fatal(err)
	}
	j := h.startAnyhow(ready, "--name", name, "--lock", name)
	h.awaitSession(name) // it is at the lock, or about to be
	if err := lock.Unlock(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := j.ends(0); got != "ready\n" {
		t.Errorf("the command printed %q", got)
	}
}

// awaitSession waits until there is a session of the name.
func (h *host) awaitSession(name string) {
	h.t.Helper()
	var index uint64
	for h.t.Context().Err() == nil {
		all, meta, err := h.client.Session().List(h.t.Context(), consul.Wait(index, time.Minute))
		if err != nil {
			h.t.Fatal(err)
		}
		for _, e := range all {
			if e.Name == name {
				return
			}
		}
		index = meta.LastIndex
	}
}

func TestRunPassesSignalsOn(t *testing.T) {
	t.Parallel()
	h, name := newHost(t), unique(t)
	for i, s := range passed {
		number := int(s.(syscall.Signal))
		script := fmt.Sprintf(`trap "echo got; exit %d" %d; %s`, 40+i, number, ready+goOn)
		j := h.start(script, "--name", name, "--lock", name)
		j.signal(s)
		if got := j.ends(40 + i); got != "got\n" {
			t.Errorf("%v: the command printed %q", s, got)
		}
		h.wantNamed(0, name)
	}
	j := h.start(ready+"sleep 60", "--name", name) // without a trap, the signal ends both shell and sleep
	j.signal(syscall.SIGTERM)
	j.ends(exitBySignal + 15)
	h.wantNamed(0, name)
}

func TestRunIsSignalledBeforeTheStart(t *testing.T) {
	t.Parallel()
	h, name := newHost(t), unique(t)
	lock, err := h.client.LockKey(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock.Lock(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer lock.Unlock(context.WithoutCancel(t.Context()))
	j := h.startAnyhow(ready, "--name", name, "--lock", name)
	h.awaitSession(name)
	j.signal(syscall.SIGUSR2) // nobody asked for that yet
	j.signal(syscall.SIGINT)
	if got := j.ends(exitBySignal+2, "interrupt before the command was started"); got != "" {
		t.Errorf("the command ran, and printed %q", got)
	}
	h.wantNamed(0, name)
}

func TestRunEndsWithItsSession(t *testing.T) {
	t.Parallel()
	h, name := newHost(t), unique(t)
	for what, flags := range map[string][]string{"session": nil, "lock": {"--lock", name}} {
		j := h.start(tellAll+"sleep 60 & sleep 60; echo not reached", append(flags, "--name", name, "--delay", "0")...)
		h.destroy(strings.Fields(j.line())[0])
		if got := j.ends(exitLost, "the command is being ended", what); got != "" {
			t.Errorf("the command went on, and printed %q", got)
		}
		h.wantNamed(0, name)
	}
}

func TestRunEndsWithItsLock(t *testing.T) {
	t.Parallel()
	h, name := newHost(t), unique(t)
	j := h.start(ready+"sleep 60", "--name", name, "--lock", name)
	if _, err := h.client.KV().Delete(t.Context(), name); err != nil { // as an operator might
		t.Fatal(err)
	}
	j.ends(exitLost, "lock lost", "the command is being ended")
	h.wantNamed(0, name)
}

// TestRunKills has a command that goes on after SIGTERM, itself and what it has started.
func TestRunKills(t *testing.T) {
	t.Parallel()
	h, name := newHost(t), unique(t)
	j := h.start(`trap "" TERM; sleep 60 & `+tellAll+goOn, "--name", name, "--kill-after", "50ms")
	h.destroy(strings.TrimSpace(j.line()))
	j.ends(exitLost, "the command is being ended", "goes on after 50ms: it is killed")
}

// TestRunLetsAllEnd has a command whose child needs longer than itself to end, and is given the time.
func TestRunLetsAllEnd(t *testing.T) {
	t.Parallel()
	h, name := newHost(t), unique(t)
	child := `(trap "sleep 0.2; echo tidied up; exit" TERM; echo ready; while :; do sleep 0.02; done) & `
	j := h.start(child+"wait", "--name", name, "--kill-after", "1m")
	h.destroy(h.wantNamed(1, name)[0].ID)
	if got := j.ends(exitLost, "the command is being ended"); got != "tidied up\n" {
		t.Errorf("the command printed %q, want what its child says at its end", got)
	}
}

// TestRunKillsAtOnce has no time given to a command that ignores SIGTERM.
func TestRunKillsAtOnce(t *testing.T) {
	t.Parallel()
	h, name := newHost(t), unique(t)
	j := h.start(`trap "" TERM; `+ready+goOn, "--name", name, "--kill-after", "0")
	h.destroy(h.wantNamed(1, name)[0].ID)
	j.ends(exitLost, "goes on after 0s: it is killed")
}

// TestRunOutlivesItsReader has nobody read what the run says when its session is lost.
func TestRunOutlivesItsReader(t *testing.T) {
	t.Parallel()
	h, name := newHost(t), unique(t)
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := h.command("run", "--name", name, "--lock", name, "--", "sh", "-c", ready+"sleep 60")
	cmd.Stderr = write
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	write.Close()
	j := &job{t: t, cmd: cmd, out: bufio.NewReader(out)}
	if line := j.line(); line != "ready" {
		t.Fatalf("the command says %q", line)
	}
	read.Close()
	if _, err := h.client.KV().Delete(t.Context(), name); err != nil { // the lock is lost, and the session is not
		t.Fatal(err)
	}
	j.ends(exitLost)
	h.wantNamed(0, name)
}

// TestRunLeavesNoOrphan has the run killed, after which its command must not go on without a session that is kept.
func TestRunLeavesNoOrphan(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self"); err != nil {
		t.Skip("only Linux has a parent's end tell its children")
	}
	h := newHost(t)
	j := h.start(ready + goOn)
	j.signal(syscall.SIGKILL)
	j.ends(-1) // which comes when the command has closed its output
}
