package consul

// This file connects to instances, to one after the other if need be.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

const (
	// maxTries is how many instances are tried at most for one piece of work.
	maxTries = 3

	// maxDial is how long connecting to one instance may take.
	maxDial = 5 * time.Second
)

// DialContext connects to an instance of the service that address names, whatever its port: it is the instance's that
// counts. One that can't be connected to is held back, and another is tried, up to three in all. Each gets an equal part of
// the time that ctx leaves, and five seconds at most. What is no name of a service is left to Dialer.
//
// It fits http.Transport.DialContext: the transport then keeps connections by the name, so that an instance is chosen for
// each connection, not for each request. With LeastPending a connection is pending until it is closed.
//
// Errors: those of the dials, ErrNoInstances, ErrClosed, and the cause of ctx.
func (r *Resolver) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	s, ok := r.Service(host)
	if !ok {
		return r.Dialer.DialContext(ctx, network, address)
	}
	var conn net.Conn
	err = s.try(ctx, func(i *Instance, left int) (again bool, err error) {
		limited, cancel := context.WithTimeout(ctx, dialTime(ctx, left))
		defer cancel()
		if conn, err = r.Dialer.DialContext(limited, network, i.Address); err != nil {
			i.Done(err)
			return true, err
		}
		i.note(nil)
		if s.o.Balance == LeastPending {
			conn = &pendingConn{conn, sync.OnceFunc(i.release)}
		} else { // whose connections stay what they are, for those who want a *net.TCPConn
			i.release()
		}
		return false, nil
	})
	return conn, err
}

// Dial is DialContext for TCP, as grpc.WithContextDialer takes it.
func (r *Resolver) Dial(ctx context.Context, address string) (net.Conn, error) {
	return r.DialContext(ctx, "tcp", address)
}

// dialTime is how long connecting to one instance may take, if so many are left to try.
func dialTime(ctx context.Context, left int) time.Duration {
	d := maxDial
	if end, ok := ctx.Deadline(); ok {
		d = min(d, time.Until(end)/time.Duration(left))
	}
	return d
}

// A pendingConn tells when it is closed.
type pendingConn struct {
	net.Conn
	closed func()
}

func (c *pendingConn) Close() error {
	defer c.closed()
	return c.Conn.Close()
}

// try has work done by one instance after the other, until one has done it, the work is not to be tried again, or there were
// maxTries. The work is told how many instances are left to try, and has to release the one it is given.
func (s *Service) try(ctx context.Context, work func(i *Instance, left int) (again bool, err error)) error {
	if err := s.await(ctx, func(error) bool { return true }); err != nil {
		return s.none(err)
	}
	if ctx.Err() != nil { // no instance is to blame for what would fail now
		return fmt.Errorf("consul: service %q: %w", s.name, context.Cause(ctx))
	}
	var failures []error
	for left := min(maxTries, max(1, len(s.Instances()))); left > 0; left-- {
		i, err := s.Pick()
		if err != nil {
			return errors.Join(append(failures, err)...)
		}
		again, err := work(i, left)
		if err == nil {
			return nil
		}
		failures = append(failures, fmt.Errorf("consul: service %q: %s: %w", s.name, i, err))
		if !again || ctx.Err() != nil {
			break
		}
	}
	return errors.Join(failures...)
}
