package checks

// This file holds TCP and UDP checks: what counts is that somebody is there.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

func newTCP(def Definition, env Env) probe {
	dial, kind := env.Dial, "TCP"
	if def.TCPUseTLS {
		config := tlsConfig(def, env)
		kind = "TCP+TLS"
		dial = func(ctx context.Context, _, address string) (net.Conn, error) {
			return dialTLS(ctx, env, address, config)
		}
	}
	timeout := def.timeout(defaultTimeout)
	return func(ctx context.Context) result {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		conn, err := dial(ctx, "tcp", def.TCP)
		if err != nil {
			return critical(err.Error())
		}
		conn.Close()
		return passing(fmt.Sprintf("%s connect %s: Success", kind, def.TCP))
	}
}

// newUDP sends an empty datagram. Any datagram in return is passing, and so is a deadline that passes.
//
// The real server has a deadline for the lookup of the address alone: where nobody answers, and no ICMP message says that
// nobody listens, the run goes on until Stop and the check keeps the status that it had. The documentation, which calls
// silence passing, is wrong there.
func newUDP(def Definition, env Env) probe {
	timeout := def.timeout(defaultTimeout)
	return func(ctx context.Context) result {
		err := exchangeUDP(ctx, env, def.UDP, timeout)
		var netErr net.Error
		if err != nil && !(errors.As(err, &netErr) && netErr.Timeout()) {
			return critical(err.Error())
		}
		return passing(fmt.Sprintf("UDP connect %s: Success", def.UDP))
	}
}

func exchangeUDP(ctx context.Context, env Env, address string, timeout time.Duration) error {
	dialing, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	conn, err := env.Dial(dialing, "udp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer closeAtEnd(ctx, conn)()
	if _, err := conn.Write(nil); err != nil {
		return err
	}
	_, err = conn.Read(make([]byte, 1))
	return err
}
