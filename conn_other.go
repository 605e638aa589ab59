//go:build !unix

package consul

// isAtEnd can't tell here: net/http finds out a moment later.
func isAtEnd(uintptr) bool { return false }
