//go:build !linux

package testutil

import "os/exec"

// dieWithParent does nothing here: only Linux ties a process to the life of another.
func dieWithParent(*exec.Cmd) {}
