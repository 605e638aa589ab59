//go:build !unix

package consul

import "syscall"

// isGone can't tell here: net/http finds out a moment later.
func isGone(syscall.RawConn) bool { return false }
