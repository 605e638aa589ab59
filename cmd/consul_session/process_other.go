//go:build unix && !linux

package main

import "syscall"

// dieWithParent can't be had here: the command goes on if this program is killed.
func dieWithParent(*syscall.SysProcAttr) {}
