package main

// This file says which signals the program hears.

import (
	"os"
	"os/signal"
	"syscall"
)

// notify gives the signals that the program hears, until stop.
func notify() (signals <-chan os.Signal, stop func()) {
	heard := make(chan os.Signal, 4)
	signal.Notify(heard, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	return heard, func() { signal.Stop(heard) }
}
