//go:build unix

package testutil

// This file holds the signals of a process, where there are any.

import (
	"os"
	"syscall"
)

// suspend returns once the process stands still: the signal is only on its way when Signal returns, and a server answers
// until each of its threads has it. It must not be called for a process that is suspended, which has no stop to come.
func suspend(p *os.Process) error {
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	for {
		var status syscall.WaitStatus
		_, err := syscall.Wait4(p.Pid, &status, syscall.WUNTRACED, nil)
		switch {
		case err == syscall.EINTR:
		case err == nil && status.Stopped():
			return nil
		default: // it ended first
			return os.ErrProcessDone
		}
	}
}

func resume(p *os.Process) error { return p.Signal(syscall.SIGCONT) }

// interrupt asks a server to shut down without leaving its cluster. A suspended one hears it only once it is resumed.
func interrupt(p *os.Process) error {
	if err := p.Signal(os.Interrupt); err != nil {
		return err
	}
	return resume(p)
}
