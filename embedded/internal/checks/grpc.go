package checks

// This file holds gRPC checks, which ask for grpc.health.v1.Health/Check.
//
// The one call that it takes is made with net/http's HTTP/2: google.golang.org/grpc, which real servers use, must not
// become a dependency of this module. Outputs are those of that client all the same.

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

type grpcCheck struct {
	target           string // as registered
	address, service string
	timeout          time.Duration
	tls              *tls.Config // nil for none
	env              Env
}

func newGRPC(def Definition, env Env) probe {
	g := &grpcCheck{target: def.GRPC, timeout: def.timeout(defaultTimeout), env: env}
	g.address, g.service, _ = strings.Cut(def.GRPC, "/")
	if def.GRPCUseTLS {
		g.tls = tlsConfig(def, env)
		g.tls.NextProtos = []string{"h2"}
	}
	return func(ctx context.Context) result {
		ctx, cancel := context.WithTimeout(ctx, g.timeout)
		defer cancel()
		status, err := g.ask(ctx)
		switch {
		case err != nil:
			return critical(err.Error())
		case status != healthServing:
			return critical(fmt.Sprintf("gRPC %s serving status: %s", g.target, status))
		default:
			return passing(fmt.Sprintf("gRPC check %s: success", g.target))
		}
	}
}

// ask connects and makes the call.
func (g *grpcCheck) ask(ctx context.Context) (healthStatus, error) {
	conn, err := g.connect(ctx)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	begun := &grpcConn{Conn: conn}
	client := oneConnection(begun)
	defer client.CloseIdleConnections()

	req, err := g.request(ctx)
	if err != nil {
		return 0, grpcErrorf(codeInternal, "%v", err)
	}
	resp, err := client.RoundTrip(req)
	if err != nil {
		return 0, begun.explain(ctx, err)
	}
	defer resp.Body.Close()
	status, err := readHealth(resp)
	if ctx.Err() != nil {
		return 0, grpcErrorf(codeDeadlineExceeded, "%v", ctx.Err())
	}
	return status, err
}

func (g *grpcCheck) connect(ctx context.Context) (net.Conn, error) {
	raw, err := g.env.Dial(ctx, "tcp", g.address)
	if err != nil {
		return nil, connectionError(ctx, "transport: Error while dialing: %v", err)
	}
	if g.tls == nil {
		return raw, nil
	}
	conn, err := handshake(ctx, raw, g.address, g.tls)
	if err == nil && conn.ConnectionState().NegotiatedProtocol == "" {
		err = errors.New("credentials: cannot check peer: missing selected ALPN property. " +
			"If you upgraded from a grpc-go version earlier than 1.67, your TLS connections may have stopped working " +
			"due to ALPN enforcement. For more details, see: https://github.com/grpc/grpc-go/issues/434")
	}
	if err != nil {
		raw.Close()
		return nil, connectionError(ctx, "transport: authentication handshake failed: %v", err)
	}
	return conn, nil
}

func (g *grpcCheck) request(ctx context.Context) (*http.Request, error) {
	scheme := "http"
	if g.tls != nil {
		scheme = "https"
	}
	body := grpcMessage(healthRequest(g.service))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, scheme+"://"+g.address+"/grpc.health.v1.Health/Check",
		bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if g.tls != nil && g.tls.ServerName != "" {
		req.Host = g.tls.ServerName
	}
	req.Header.Set("Content-Type", "application/grpc")
	req.Header.Set("User-Agent", "grpc-go/1.79.3")
	req.Header.Set("Te", "trailers")
	if deadline, ok := ctx.Deadline(); ok {
		// The unit must leave at most eight digits. An hour is 3,600,000 milliseconds.
		left := max(time.Until(deadline).Milliseconds(), 1)
		req.Header.Set("Grpc-Timeout", strconv.FormatInt(min(left, 99_999_999), 10)+"m")
	}
	return req, nil
}

// oneConnection makes a transport that speaks HTTP/2 on a connection that there is.
func oneConnection(begun *grpcConn) *http.Transport {
	t := &http.Transport{Protocols: new(http.Protocols), DisableCompression: true}
	if conn, ok := begun.Conn.(*tls.Conn); ok {
		// The transport takes no other type where HTTP/2 was negotiated.
		t.Protocols.SetHTTP2(true)
		t.DialTLSContext = func(context.Context, string, string) (net.Conn, error) { return conn, nil }
	} else {
		t.Protocols.SetUnencryptedHTTP2(true)
		t.DialContext = func(context.Context, string, string) (net.Conn, error) { return begun, nil }
	}
	return t
}
