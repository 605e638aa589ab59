package main

import "syscall"

// dieWithParent has the kernel end the command if this program is killed, and can't do it itself.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGTERM }
