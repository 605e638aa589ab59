package checks

// This file holds H2PING checks: passing is who answers a ping of HTTP/2.

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"slices"
)

func newH2Ping(def Definition, env Env) probe {
	dial := env.Dial
	if def.H2PingUseTLS {
		config := tlsConfig(def, env)
		config.NextProtos = []string{"h2"}
		dial = func(ctx context.Context, _, address string) (net.Conn, error) {
			return dialTLS(ctx, env, address, config)
		}
	}
	timeout := def.timeout(defaultTimeout)
	return func(ctx context.Context) result {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		conn, err := dial(ctx, "tcp", def.H2PING)
		if err != nil {
			return critical(fmt.Sprintf("Failed to dial to %s: %s", def.H2PING, err))
		}
		defer conn.Close()
		defer closeAtEnd(ctx, conn)()
		if err := ping(conn); err != nil {
			if ctx.Err() != nil {
				err = ctx.Err() // the connection was closed for it
			}
			return critical(fmt.Sprintf("HTTP2 ping failed: %s", err))
		}
		return passing("HTTP2 ping was successful")
	}
}

// ping opens a connection of HTTP/2, waits for the answer to its ping, and says that it goes away.
func ping(conn net.Conn) error {
	sent := make([]byte, 8)
	_, _ = rand.Read(sent) // never fails
	opening := appendFrame([]byte(preface), frameSettings, 0, nil)
	opening = appendFrame(opening, framePing, 0, sent)
	if _, err := conn.Write(opening); err != nil {
		return err
	}

	r := bufio.NewReader(conn)
	for {
		f, err := readFrame(r)
		if err != nil {
			return err
		}
		switch {
		case f.kind == framePing && f.flags&flagAck != 0 && slices.Equal(f.payload, sent):
			_, _ = conn.Write(appendFrame(nil, frameGoAway, 0, make([]byte, 8)))
			return nil
		case f.kind == frameSettings && f.flags&flagAck == 0:
			if _, err := conn.Write(appendFrame(nil, frameSettings, flagAck, nil)); err != nil {
				return err
			}
		}
	}
}
