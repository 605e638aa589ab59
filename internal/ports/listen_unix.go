//go:build unix

package ports

import "syscall"

// stopListening shuts the socket down. Systems other than Linux may refuse that for one that listens: Close closes it then.
func stopListening(fd uintptr) { _ = syscall.Shutdown(int(fd), syscall.SHUT_RDWR) }
