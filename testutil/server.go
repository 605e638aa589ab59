package testutil

// This file holds one server: its start, what a test needs to know of it, and what can be done to it.

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"testing"

	"github.com/lictor-go/consul/internal/ports"
)

// Server is a Consul server on loopback with its own data and ports, alone or in a Cluster: embedded in this process, or a
// real one in a process of its own. Its methods may be called from several goroutines.
type Server struct {
	backend    backend
	group      *group
	name       string
	dir        string
	ports      *ports.Block
	token      string
	socket     string
	certs      certFiles
	httpClient *http.Client

	mu        sync.Mutex
	suspended bool
	closed    bool
	version   string
}

// Start starts a server for a program, or for a TestMain; a test has NewServer. It returns once the server can serve writes:
// an embedded one at once; a real one when a leader is known, the node's serfHealth check passes, and a key was written and
// deleted. ctx bounds the start alone, to 30 s where it has no deadline. The caller ends the server with Close.
//
// The errors say what was started and end with the server's log: no binary, no free ports, configuration that Consul
// refuses, a server that is not ready in time.
func Start(ctx context.Context, opts ...Option) (*Server, error) {
	g, err := startGroup(ctx, 1, opts)
	if err != nil {
		return nil, err
	}
	return g.servers[0], nil
}

// NewServer starts a server for a test, ready to serve writes as Start has it, and closes it when the test ends. Where the
// server cannot be started, for want of a binary too, the test fails at once. The server's log is printed when the test
// has failed.
func NewServer(t testing.TB, opts ...Option) *Server {
	t.Helper()
	return startFor(t, 1, opts).servers[0]
}

// Addr is where the API is served, as "127.0.0.1:port": by HTTP, or by HTTPS with WithTLS. An embedded server accepts
// connections from the first call of Addr, URL or SocketPath on. In a testing/synctest bubble use Transport instead.
func (s *Server) Addr() string {
	s.backend.accept()
	return s.ports.Addr(ports.API)
}

// URL is Addr with the scheme, "http://127.0.0.1:port" or "https://127.0.0.1:port".
func (s *Server) URL() string {
	s.backend.accept()
	return s.url()
}

// url is URL for what does not need connections.
func (s *Server) url() string {
	if s.group.tls {
		return "https://" + s.ports.Addr(ports.API)
	}
	return "http://" + s.ports.Addr(ports.API)
}

// SocketPath is the unix socket on which the API is served too; "" without WithUnixSocket.
func (s *Server) SocketPath() string {
	s.backend.accept()
	return s.socket
}

// Transport carries requests for any host to the server: to an embedded one without a socket, so that it works in a
// testing/synctest bubble; to the address of a real one, whose certificate it trusts and to which it shows a client's.
func (s *Server) Transport() http.RoundTripper { return s.backend.transport() }

// ServerAddr is the server's RPC address, by which /v1/status/leader and /v1/status/peers name it. With an embedded server
// nobody listens there.
func (s *Server) ServerAddr() string { return s.backend.serverAddr() }

// LANAddr is the gossip address by which agents of the same datacenter join this one; "" for an embedded server, which
// nobody can join.
func (s *Server) LANAddr() string { return s.gossipAddr(ports.SerfLAN) }

// WANAddr is the gossip address by which servers of other datacenters join this one; "" for an embedded server.
func (s *Server) WANAddr() string { return s.gossipAddr(ports.SerfWAN) }

func (s *Server) gossipAddr(use int) string {
	if !s.group.real {
		return ""
	}
	return s.ports.Addr(use)
}

// NodeName is the name of the node in the catalog.
func (s *Server) NodeName() string { return s.name }

// Datacenter is the name of the server's datacenter, "dc1" unless WithDatacenter says another.
func (s *Server) Datacenter() string { return s.group.datacenter }

// ManagementToken is the secret of a token that may do anything; "" without WithACL. The servers of a cluster share it.
func (s *Server) ManagementToken() string { return s.token }

// CAFile is the certificate, in PEM, of the authority that signed the server's; "" without TLS.
func (s *Server) CAFile() string { return s.certs.ca }

// ClientCertFile is a certificate, in PEM, for a client of the server; "" without TLS.
func (s *Server) ClientCertFile() string { return s.certs.clientCert }

// ClientKeyFile is the key, in PEM, of ClientCertFile; "" without TLS.
func (s *Server) ClientKeyFile() string { return s.certs.clientKey }

// Version is the version of Consul that runs, or that an embedded server behaves as, such as "1.22.7".
func (s *Server) Version() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.version
}

// PID is the process ID of the server, or of the last one that ran: for an embedded one that of this process.
func (s *Server) PID() int { return s.backend.pid() }

// String names the server in messages: its node, process and API.
func (s *Server) String() string {
	return fmt.Sprintf("consul server %q (%v, %s)", s.name, s.backend, s.url())
}

// Stop has the server shut down, without leaving its cluster, and waits until its process is gone; a suspended one too. It
// keeps its data and ports, for Restart. A server that takes longer than 5 s is killed, and the error says so. Stopping a
// server that does not run does nothing.
//
// An embedded server that was stopped or killed answers nobody and has no connection left; its sessions and checks go on
// to expire meanwhile.
func (s *Server) Stop() error {
	if err := s.backend.stop(); err != nil {
		return fmt.Errorf("stop %v: %w", s, err)
	}
	return nil
}

// Kill ends the server as a crash would, with SIGKILL, and waits until its process is gone. It keeps its data and ports, for
// Restart. Killing a server that does not run does nothing.
func (s *Server) Kill() error {
	if err := s.backend.kill(); err != nil {
		return fmt.Errorf("kill %v: %w", s, err)
	}
	return nil
}

// Suspend stops the server where it stands, with SIGSTOP: when it returns nothing answers any more, while connections stay
// open, until Continue. An embedded server hears and answers nobody; its sessions and checks go on to expire. It is an error
// where the server does not run, and for a real one on Windows, which has no such signal.
func (s *Server) Suspend() error { return s.signal("suspend", s.backend.suspend, true) }

// Continue lets a suspended server go on. It is an error where the server does not run, and for a real one on Windows.
func (s *Server) Continue() error { return s.signal("continue", s.backend.resume, false) }

// signal makes the server suspended or not, where it isn't so already.
func (s *Server) signal(verb string, send func() error, suspended bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := os.ErrProcessDone
	if s.backend.running() {
		if s.suspended == suspended {
			return nil
		}
		err = send()
	}
	if err != nil {
		return fmt.Errorf("%s %v: %w", verb, s, err)
	}
	s.suspended = suspended
	return nil
}

// Restart starts the server again with the same data on the same ports, after Stop or Kill, or instead of the one that runs.
// It returns once the server can serve writes. In a cluster of which no majority runs, no server can: there it returns once
// the server's API answers. ctx bounds it, to 30 s where it has no deadline.
func (s *Server) Restart(ctx context.Context) error {
	ctx, cancel := withStartTimeout(ctx)
	defer cancel()
	if err := s.Stop(); err != nil {
		return err
	}
	if err := s.launch(); err != nil {
		return err
	}
	return s.explain(s.awaitRestart(ctx))
}

func (s *Server) awaitRestart(ctx context.Context) error {
	if err := s.backend.awaitAPI(ctx); err != nil {
		return err
	}
	if !s.group.majorityRuns() {
		return nil
	}
	if len(s.group.servers) == 1 {
		s.group.electNow(ctx)
	}
	return s.backend.awaitWritable(ctx)
}

// Close ends the server at once, removes its data, certificates and log, and gives its ports back. It can be called more than
// once, and nothing but Log can be done with the server afterwards.
func (s *Server) Close() error {
	s.mu.Lock()
	closed := s.closed
	s.closed = true
	s.mu.Unlock()
	if closed {
		return nil
	}
	// Killed, since what it would write when it is asked to stop is thrown away here.
	return errors.Join(s.backend.kill(), s.backend.release(), os.RemoveAll(s.dir), s.ports.Release())
}

// runs reports whether the server is there and not suspended.
func (s *Server) runs() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.backend.running() && !s.suspended
}

// launch starts the server and returns at once.
func (s *Server) launch() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return fmt.Errorf("start consul server %q: it was closed, and its data is gone", s.name)
	}
	if err := s.backend.launch(); err != nil {
		return err
	}
	s.suspended = false
	return nil
}
