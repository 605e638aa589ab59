package checks

// This file holds the errors of gRPC checks, whose texts are those of google.golang.org/grpc.

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
)

// grpcCode is a status code of gRPC.
type grpcCode int32

const (
	codeUnknown           grpcCode = 2
	codeDeadlineExceeded  grpcCode = 4
	codePermissionDenied  grpcCode = 7
	codeResourceExhausted grpcCode = 8
	codeUnimplemented     grpcCode = 12
	codeInternal          grpcCode = 13
	codeUnavailable       grpcCode = 14
	codeUnauthenticated   grpcCode = 16
)

var grpcCodes = [...]string{
	"OK", "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound", "AlreadyExists", "PermissionDenied",
	"ResourceExhausted", "FailedPrecondition", "Aborted", "OutOfRange", "Unimplemented", "Internal", "Unavailable",
	"DataLoss", "Unauthenticated",
}

func (c grpcCode) String() string {
	if c >= 0 && int(c) < len(grpcCodes) {
		return grpcCodes[c]
	}
	return "Code(" + strconv.FormatUint(uint64(uint32(c)), 10) + ")"
}

// codeOfHTTP stands for a status of HTTP that came without one of gRPC.
func codeOfHTTP(status int) grpcCode {
	switch status {
	case http.StatusBadRequest:
		return codeInternal
	case http.StatusUnauthorized:
		return codeUnauthenticated
	case http.StatusForbidden:
		return codePermissionDenied
	case http.StatusNotFound:
		return codeUnimplemented
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return codeUnavailable
	}
	return codeUnknown
}

type grpcError struct {
	code grpcCode
	desc string
}

func (e *grpcError) Error() string {
	return fmt.Sprintf("rpc error: code = %s desc = %s", e.code, e.desc)
}

func grpcErrorf(code grpcCode, format string, args ...any) *grpcError {
	return &grpcError{code, fmt.Sprintf(format, args...)}
}

// notReady is the error of a call whose connection was not ready when its time was over.
func notReady(ctx context.Context) error {
	return grpcErrorf(codeDeadlineExceeded, "%v while waiting for connections to become ready", ctx.Err())
}

// connectionError is the error of a call whose connection failed before it was ready.
func connectionError(ctx context.Context, format string, args ...any) error {
	if ctx.Err() != nil {
		return notReady(ctx)
	}
	return grpcErrorf(codeUnavailable, "connection error: desc = %q", fmt.Sprintf(format, args...))
}

// fromStream is the error of a call whose connection failed later.
func fromStream(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return grpcErrorf(codeInternal, "%v", io.ErrUnexpectedEOF)
	}
	return grpcErrorf(codeUnavailable, "error reading from server: %v", err)
}

// grpcConn is a connection that remembers how it began, which tells apart the errors of a call: net/http has other texts
// for them. It is for connections without TLS. With it, who negotiated HTTP/2 is taken to speak it.
type grpcConn struct {
	net.Conn

	mu    sync.Mutex
	begin []byte // the header of the first frame, as far as it has come
	err   error  // of the first read that failed, and not by the transport's own doing
}

func (c *grpcConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.begin = append(c.begin, p[:min(n, frameHeaderSize-len(c.begin))]...)
	if c.err == nil && !errors.Is(err, net.ErrClosed) {
		c.err = err
	}
	return n, err
}

// explain gives the error of a call that ended without an answer, for which the transport gave err.
func (c *grpcConn) explain(ctx context.Context, err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		err = c.err
	}
	_, ready := c.Conn.(*tls.Conn)
	if len(c.begin) == frameHeaderSize {
		ready = true
		if _, malformed := frameLength(c.begin); malformed != nil {
			ready, err = false, malformed
		}
	}
	switch {
	case !ready:
		return connectionError(ctx, "error reading server preface: %v", err)
	case ctx.Err() != nil:
		return grpcErrorf(codeDeadlineExceeded, "%v", ctx.Err())
	default:
		return fromStream(err)
	}
}
