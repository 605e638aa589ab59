package testutil

// This file holds connections as they are, open and without a sign of life, and lets go of them again.

import (
	"net"
	"sync"
)

// brake makes those that wait for it stand still while it is held, until it is over.
type brake struct {
	ended <-chan struct{} // closed when it is over

	mu   sync.Mutex
	held chan struct{} // closed by unhold; nil while the brake is not held
}

func (b *brake) hold() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.held == nil {
		b.held = make(chan struct{})
	}
}

func (b *brake) unhold() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.held != nil {
		close(b.held)
		b.held = nil
	}
}

// wait returns once the brake is not held. It is an error where it is over, or gone was closed first.
func (b *brake) wait(gone <-chan struct{}) error {
	b.mu.Lock()
	held := b.held
	b.mu.Unlock()
	if held != nil {
		select {
		case <-held:
		case <-b.ended:
		case <-gone:
		}
	}
	select {
	case <-b.ended:
		return net.ErrClosed
	case <-gone:
		return net.ErrClosed
	default:
		return nil
	}
}

// brakedListener gives connections that stand still while the brake is held.
type brakedListener struct {
	net.Listener
	brake *brake
}

func (l *brakedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &brakedConn{Conn: conn, brake: l.brake, closed: make(chan struct{})}, nil
}

type brakedConn struct {
	net.Conn
	brake  *brake
	once   sync.Once
	closed chan struct{}
}

// Read gives what has come only once the brake is not held.
func (c *brakedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if held := c.brake.wait(c.closed); held != nil {
		return 0, held
	}
	return n, err
}

func (c *brakedConn) Write(p []byte) (int, error) {
	if err := c.brake.wait(c.closed); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

func (c *brakedConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}
