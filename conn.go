package consul

// This file keeps writes off connections that the server has closed while they were idle, as it does when it restarts.

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
)

type dialFunc = func(ctx context.Context, network, addr string) (net.Conn, error)

// A checkedConn looks, before it sends anything, whether the other side has closed the connection. net/http notices that
// by itself, but not at once, and what it sends in between may or may not have been taken: a write could not be
// repeated. What was refused here certainly was not sent, and net/http makes another connection for it.
//
// Before a read it does not look, for to look takes a system call and a read can be repeated: net/http does so by itself
// where the connection ends before an answer began. Over TLS it can't tell one from the other, and looks.
type checkedConn struct {
	net.Conn
	raw  syscall.RawConn
	look func(fd uintptr) // sets gone; it is here so that not each write has to make it
	gone atomic.Bool
}

var methodGet = []byte(http.MethodGet + " ")

var errGone = errors.New("the server had closed the connection")

func (c *checkedConn) Write(b []byte) (int, error) {
	if !bytes.HasPrefix(b, methodGet) && c.raw.Control(c.look) == nil && c.gone.Load() {
		return 0, errGone
	}
	return c.Conn.Write(b)
}

// checked makes a dial function give connections that are checked, where the system can tell.
func checked(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		socket, ok := conn.(syscall.Conn)
		if !ok {
			return conn, nil
		}
		raw, err := socket.SyscallConn()
		if err != nil {
			return conn, nil
		}
		c := &checkedConn{Conn: conn, raw: raw}
		c.look = func(fd uintptr) { c.gone.Store(isAtEnd(fd)) }
		return c, nil
	}
}
