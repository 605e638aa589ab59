package main

// This file holds the process of the command that "run" runs.

import (
	"os"
	"os/exec"
	"runtime"
)

// process is one command that runs.
type process struct {
	cmd      *exec.Cmd
	ownGroup bool          // it leads a process group, and what it starts is in it
	done     chan struct{} // closed when it has ended
}

func newProcess(command []string, c console) *process {
	p := &process{cmd: exec.Command(command[0], command[1:]...), ownGroup: !isTerminal(os.Stdin), done: make(chan struct{})}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = os.Stdin, c.stdout, c.stderr
	p.prepare()
	return p
}

// start starts the command, and waits for it in the background. The thread that starts it is kept for as long as it runs,
// since the kernel takes the end of that thread for the end of this program.
func (p *process) start() error {
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.cmd.Wait() // what came of it is in ProcessState
			close(p.done)
		}
	}()
	return <-started
}

// isTerminal reports whether a person can type into a file. Of the devices, only the null device is common where none can.
func isTerminal(file *os.File) bool {
	info, err := file.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}
