//go:build unix

package consul

import "syscall"

// isAtEnd reports whether the other side of a socket has closed it and everything it sent before was read. It takes nothing
// from the socket, and does not wait.
func isAtEnd(fd uintptr) bool {
	var b [1]byte
	n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK)
	switch err {
	case nil:
		return n == 0
	case syscall.EAGAIN, syscall.EINTR:
		return false
	}
	return true
}
