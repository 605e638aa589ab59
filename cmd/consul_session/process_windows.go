package main

// This file holds what stands in for signals on Windows: a command can only be killed.

import (
	"os"
	"os/signal"
	"syscall"
)

func notify() (signals <-chan os.Signal, stop func()) {
	heard := make(chan os.Signal, 16)
	signal.Notify(heard, os.Interrupt)
	return heard, func() { signal.Stop(heard) }
}

func endsProgram(os.Signal) bool { return true }

func (s caughtSignal) status() int { return exitNotStarted }

func (p *process) prepare() {}

// passOn does nothing: the console tells the command by itself.
func (p *process) passOn(os.Signal) {}

func (p *process) signalGroup(syscall.Signal) { p.cmd.Process.Kill() }

func (p *process) isOver() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

func (p *process) status() int { return p.cmd.ProcessState.ExitCode() }
