package testutil

// This file holds one server: its start, what a test needs to know of it, and what can be done to it.

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// Server is a Consul server on loopback with its own data and ports, alone or in a Cluster. Its methods may be called from
// several goroutines.
type Server struct {
	group      *group
	name       string
	dir        string
	ports      *portBlock
	token      string
	socket     string
	certs      certFiles
	httpClient *http.Client

	mu        sync.Mutex
	process   *process // the last one started; it may have ended
	suspended bool
	closed    bool
	version   string
}

// Start starts a server for a program, or for a TestMain; a test has NewServer. It returns once the server can serve writes:
// a leader is known, the node's serfHealth check passes, and a key was written and deleted. ctx bounds the start alone, to
// 30 s where it has no deadline. The caller ends the server with Close.
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

// Addr is where the API is served, as "127.0.0.1:port": by HTTP, or by HTTPS with WithTLS.
func (s *Server) Addr() string { return s.ports.addr(portAPI) }

// URL is Addr with the scheme, "http://127.0.0.1:port" or "https://127.0.0.1:port".
func (s *Server) URL() string {
	if s.group.tls {
		return "https://" + s.Addr()
	}
	return "http://" + s.Addr()
}

// SocketPath is the unix socket on which the API is served too; "" without WithUnixSocket.
func (s *Server) SocketPath() string { return s.socket }

// ServerAddr is the server's RPC address, by which /v1/status/leader and /v1/status/peers name it.
func (s *Server) ServerAddr() string { return s.ports.addr(portServer) }

// LANAddr is the gossip address by which agents of the same datacenter join this one.
func (s *Server) LANAddr() string { return s.ports.addr(portSerfLAN) }

// WANAddr is the gossip address by which servers of other datacenters join this one.
func (s *Server) WANAddr() string { return s.ports.addr(portSerfWAN) }

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

// Version is the version of Consul that runs, such as "1.22.7".
func (s *Server) Version() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.version
}

// PID is the process ID of the server, or of the last one that ran.
func (s *Server) PID() int { return s.current().cmd.Process.Pid }

// String names the server in messages: its node, process and API.
func (s *Server) String() string {
	return fmt.Sprintf("consul server %q (process %d, %s)", s.name, s.PID(), s.URL())
}

// Stop has the server shut down, without leaving its cluster, and waits until its process is gone; a suspended one too. It
// keeps its data and ports, for Restart. A server that takes longer than 5 s is killed, and the error says so. Stopping a
// server that does not run does nothing.
func (s *Server) Stop() error {
	process := s.current()
	if err := process.stop(); err != nil {
		return fmt.Errorf("stop %v: %w", s, err)
	}
	return nil
}

// Kill ends the server as a crash would, with SIGKILL, and waits until its process is gone. It keeps its data and ports, for
// Restart. Killing a server that does not run does nothing.
func (s *Server) Kill() error {
	if err := s.current().kill(); err != nil {
		return fmt.Errorf("kill %v: %w", s, err)
	}
	return nil
}

// Suspend stops the server where it stands, with SIGSTOP: when it returns nothing answers any more, while connections stay
// open, until Continue. It is an error where the server does not run, and on Windows, which has no such signal.
func (s *Server) Suspend() error { return s.signal("suspend", suspend, true) }

// Continue lets a suspended server go on. It is an error where the server does not run, and on Windows.
func (s *Server) Continue() error { return s.signal("continue", resume, false) }

// signal makes the server suspended or not, where it isn't so already.
func (s *Server) signal(verb string, send func(*os.Process) error, suspended bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := os.ErrProcessDone
	if s.process.running() {
		if s.suspended == suspended {
			return nil
		}
		err = send(s.process.cmd.Process)
	}
	if err != nil {
		return fmt.Errorf("%s consul server %q (process %d): %w", verb, s.name, s.process.cmd.Process.Pid, err)
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
	if err := s.awaitAPI(ctx); err != nil {
		return err
	}
	if !s.group.majorityRuns() {
		return nil
	}
	if len(s.group.servers) == 1 {
		s.group.electNow(ctx)
	}
	return s.awaitWritable(ctx)
}

// Close ends the server at once, removes its data, certificates and log, and gives its ports back. It can be called more than
// once, and nothing but Log can be done with the server afterwards.
func (s *Server) Close() error {
	s.mu.Lock()
	process, closed := s.process, s.closed
	s.closed = true
	s.mu.Unlock()
	if closed {
		return nil
	}
	var killed error
	if process != nil {
		// What it would write when it is asked to stop is thrown away here.
		killed = process.kill()
	}
	return errors.Join(killed, os.RemoveAll(s.dir), s.ports.release())
}

func (s *Server) current() *process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.process
}

// runs reports whether the server's process is there and not suspended.
func (s *Server) runs() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.process.running() && !s.suspended
}

// launch starts the server's process and returns at once.
func (s *Server) launch() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return fmt.Errorf("start consul server %q: it was closed, and its data is gone", s.name)
	}
	log, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(s.group.binary, s.arguments()...)
	cmd.Dir, cmd.Env = s.dir, environment()
	cmd.Stdout, cmd.Stderr = log, log
	process, err := startProcess(cmd)
	if err != nil {
		return fmt.Errorf("start %s: %w", cmd, err)
	}
	s.process, s.suspended = process, false
	return nil
}

// environment is this process's, without what Consul's own tools would read from it.
func environment() []string {
	var env []string
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "CONSUL_") {
			env = append(env, entry)
		}
	}
	return env
}
