//go:build unix

package consul

import "syscall"

// isGone reports whether the other side of a connection has closed it and everything it sent before was read. It takes
// nothing from the connection, and does not wait.
func isGone(raw syscall.RawConn) bool {
	gone := false
	err := raw.Control(func(fd uintptr) {
		var b [1]byte
		n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK)
		switch err {
		case nil:
			gone = n == 0
		case syscall.EAGAIN, syscall.EINTR:
		default:
			gone = true
		}
	})
	return err == nil && gone
}
