package checks

// This file holds how checks connect.

import (
	"context"
	"crypto/tls"
	"net"
)

// tlsConfig is that of a check's connections.
func tlsConfig(def Definition, env Env) *tls.Config {
	c := env.TLS.Clone()
	if c == nil {
		c = new(tls.Config)
	}
	c.InsecureSkipVerify = def.TLSSkipVerify
	c.ServerName = def.TLSServerName
	return c
}

// dialTLS connects, and verifies that the server has the name that the configuration says, or else that of the address.
func dialTLS(ctx context.Context, env Env, address string, config *tls.Config) (*tls.Conn, error) {
	raw, err := env.Dial(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	conn, err := handshake(ctx, raw, address, config)
	if err != nil {
		raw.Close()
		return nil, err
	}
	return conn, nil
}

func handshake(ctx context.Context, raw net.Conn, address string, config *tls.Config) (*tls.Conn, error) {
	if config.ServerName == "" {
		config = config.Clone()
		config.ServerName = address
		if host, _, err := net.SplitHostPort(address); err == nil {
			config.ServerName = host
		}
	}
	conn := tls.Client(raw, config)
	return conn, conn.HandshakeContext(ctx)
}

// closeAtEnd closes a connection once the context ends, which ends what is read from it. It is to be called off.
func closeAtEnd(ctx context.Context, conn net.Conn) (callOff func() bool) {
	return context.AfterFunc(ctx, func() { conn.Close() })
}
