//go:build unix

package main

// This file holds what signals do to the program and to the command that it runs.

import (
	"os"
	"os/signal"
	"slices"
	"syscall"
)

// passed are the signals that are passed on to the command.
var passed = []os.Signal{
	syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2,
}

// notify has the signals heard that are passed on, until stop; not those that the program was told to ignore, as by nohup.
// SIGPIPE is heard for nothing: else it would end the program, and leave the command and the session, when what that has to
// say finds no reader any more.
func notify() (signals <-chan os.Signal, stop func()) {
	heard := make(chan os.Signal, 16)
	if !signal.Ignored(syscall.SIGPIPE) {
		signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	}
	signal.Notify(heard, slices.DeleteFunc(slices.Clone(passed), signal.Ignored)...)
	return heard, func() { signal.Stop(heard) }
}

// endsProgram reports whether a signal ends a program that has no use of its own for it, and that is not run by anyone yet.
func endsProgram(s os.Signal) bool { return s != syscall.SIGUSR1 && s != syscall.SIGUSR2 }

// status is the exit status of a program that the signal has ended.
func (s caughtSignal) status() int {
	if number, ok := s.Signal.(syscall.Signal); ok {
		return exitBySignal + int(number)
	}
	return exitNotStarted
}

// prepare gives the command a process group of its own, unless a person sits at the terminal: only the foreground group may
// read from that.
func (p *process) prepare() {
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: p.ownGroup}
	dieWithParent(p.cmd.SysProcAttr)
}

// passOn passes a signal on. What a terminal sends it sends to the whole foreground group, the command included.
func (p *process) passOn(s os.Signal) {
	if fromTerminal := s == syscall.SIGINT || s == syscall.SIGQUIT; p.ownGroup || !fromTerminal {
		p.signalGroup(s.(syscall.Signal))
	}
}

// signalGroup signals the command, and where it leads a group all that it has started. That one may have ended is no error.
func (p *process) signalGroup(s syscall.Signal) {
	if p.ownGroup {
		syscall.Kill(-p.cmd.Process.Pid, s)
		return
	}
	p.cmd.Process.Signal(s)
}

// isOver reports whether the command has ended, and where it leads a group all that it has started.
func (p *process) isOver() bool {
	select {
	case <-p.done:
		return !p.ownGroup || syscall.Kill(-p.cmd.Process.Pid, 0) != nil
	default:
		return false
	}
}

// status is the exit status of the command, which has ended, as shells have it.
func (p *process) status() int {
	if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return exitBySignal + int(status.Signal())
	}
	return p.cmd.ProcessState.ExitCode()
}
