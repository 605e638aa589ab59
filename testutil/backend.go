package testutil

// This file says what a server is run by, and which of the two it is.

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"testing"
)

// A backend runs one server: as a process of the real Consul, or embedded in this process.
type backend interface {
	// launch starts the server, with what it has kept from earlier, and returns at once.
	launch() error
	// awaitAPI waits until the server's API answers, awaitWritable until it can serve writes.
	awaitAPI(ctx context.Context) error
	awaitWritable(ctx context.Context) error
	// accept has connections to the server's address served, where they are not from its launch on.
	accept()
	// running reports whether the server was launched and has not ended; it may be suspended.
	running() bool
	// suspend and resume are for a server that runs, which is not as it is asked to be yet.
	suspend() error
	resume() error
	// stop ends the server in order, kill at once. Both return when it has ended, and do nothing where it does not run.
	stop() error
	kill() error
	// release gives up what the server keeps. It was killed before.
	release() error
	// transport carries requests to the server.
	transport() http.RoundTripper
	// serverAddr is the RPC address that the server names as its own.
	serverAddr() string
	// pid is that of the process that the server runs in, or ran in last.
	pid() int
	// String says what runs the server, command how it was started.
	String() string
	command() string
}

// newBackend gives s what runs it.
func newBackend(s *Server) backend {
	if s.group.real {
		return &realServer{server: s}
	}
	return &embeddedServer{server: s}
}

const backendVariable = "CONSUL_TEST_BACKEND"

// chooseBackend settles whether a real server is started, and on account of what.
func (s *settings) chooseBackend() error {
	switch backend := os.Getenv(backendVariable); backend {
	case "real":
		s.need(backendVariable + "=real")
	case "", "embedded":
	default:
		return fmt.Errorf(`testutil: %s=%q is no backend: leave it unset, which is "embedded", or set "real"`,
			backendVariable, backend)
	}
	if len(s.extra) > 0 {
		s.need("WithConfig")
	}
	if s.binary != "" {
		s.need("WithBinary")
	}
	return nil
}

// need has a real server started. why says on account of what, unless something did so before.
func (s *settings) need(why string) {
	if !s.real {
		s.real, s.why = true, why
	}
}

// NeedReal skips a test that only real servers can pass, unless CONSUL_TEST_BACKEND is "real": one of a cluster, of a
// server's own process, of WithConfig. why says what of. With that variable the test runs, and fails without a binary.
func NeedReal(t testing.TB, why string) {
	t.Helper()
	if os.Getenv(backendVariable) != "real" {
		t.Skipf("needs real servers (%s): set %s=real to run it", why, backendVariable)
	}
}
