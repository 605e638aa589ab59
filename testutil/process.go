package testutil

// This file runs one consul process: starts it, notices its end, and ends it.

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"time"
)

// stopGrace is how long a server may take to stop when it is asked to; it takes about 10 ms. After that it is killed.
const stopGrace = 5 * time.Second

// process is a running consul, or one that has ended.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{} // closed at its end, once it has been waited for
}

// startProcess starts cmd and waits for its end in a goroutine that lives as long as the process does. The goroutine keeps
// its thread, since on Linux the process is killed when the thread that started it ends (see dieWithParent).
func startProcess(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, exited: make(chan struct{})}
	dieWithParent(cmd)
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.exited)
		err := cmd.Start()
		started <- err
		if err == nil {
			// How it ended is read from ProcessState: a server that was told to stop exits with 1.
			_ = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

func (p *process) running() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// kill ends the process without a warning and waits until it is gone.
func (p *process) kill() error {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill process %d: %w", p.cmd.Process.Pid, err)
	}
	<-p.exited
	return nil
}

// stop asks the process to end, also a suspended one, waits for it, and kills it when it takes too long, which is an error.
func (p *process) stop() error {
	if !p.running() {
		return nil
	}
	if err := interrupt(p.cmd.Process); err != nil {
		return p.kill()
	}
	grace := time.NewTimer(stopGrace)
	defer grace.Stop()
	select {
	case <-p.exited:
		return nil
	case <-grace.C:
	}
	if err := p.kill(); err != nil {
		return err
	}
	return fmt.Errorf("process %d did not stop within %v and was killed", p.cmd.Process.Pid, stopGrace)
}
