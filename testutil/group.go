package testutil

// This file starts the servers that form one cluster: those of a Cluster, or the one that Start gives, a cluster of one.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/lictor-go/consul/internal/ports"
)

// startTimeout bounds a start whose context has no deadline. A start takes about 100 ms.
const startTimeout = 30 * time.Second

func withStartTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, startTimeout)
}

// group is what the servers of one cluster share.
type group struct {
	settings
	binary    string
	token     string
	authority *authority // nil without TLS
	servers   []*Server
}

// startGroup starts n servers and waits until each can serve writes.
func startGroup(ctx context.Context, n int, opts []Option) (*group, error) {
	ctx, cancel := withStartTimeout(ctx)
	defer cancel()
	g, err := newGroup(n, opts)
	if err != nil {
		return nil, err
	}
	if err := g.start(ctx); err != nil {
		return nil, errors.Join(err, g.close())
	}
	return g, nil
}

// startFor starts n servers for a test and closes them when it ends. One that cannot be started, or that would stay
// behind, fails the test.
func startFor(t testing.TB, n int, opts []Option) *group {
	t.Helper()
	g, err := startGroup(t.Context(), n, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			for _, s := range g.servers {
				t.Logf("the test failed; %v logged last:\n%s", s, tail(s.Log(), logLines))
			}
		}
		if err := g.close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

// newGroup prepares n servers: ports, directories, certificates and configuration.
func newGroup(n int, opts []Option) (*group, error) {
	set, err := newSettings(opts)
	if err != nil {
		return nil, err
	}
	g := &group{settings: *set}
	if set.real {
		if g.binary, err = set.findBinary(checkouts()); err != nil {
			return nil, err
		}
	}
	if set.acl {
		g.token = newUUID()
	}
	if set.tls {
		if g.authority, err = newAuthority(); err != nil {
			return nil, err
		}
	}
	for i := range n {
		if err := g.add(set.serverName(i, n)); err != nil {
			return nil, errors.Join(err, g.close())
		}
	}
	if !set.real {
		return g, nil
	}
	for _, s := range g.servers {
		if err := s.writeConfig(); err != nil {
			return nil, errors.Join(err, g.close())
		}
	}
	return g, nil
}

// add makes room for one more server.
func (g *group) add(name string) error {
	block, err := ports.Take()
	if err != nil {
		return fmt.Errorf("testutil: ports for a server: %w", err)
	}
	s := &Server{group: g, name: name, ports: block, token: g.token}
	s.backend = newBackend(s)
	g.servers = append(g.servers, s)
	if s.dir, err = makeDir(g.unixSocket); err != nil {
		return err
	}
	if g.unixSocket {
		s.socket = filepath.Join(s.dir, socketName)
	}
	if g.authority != nil {
		if s.certs, err = g.authority.write(s.dir, g.datacenter); err != nil {
			return err
		}
	}
	s.httpClient = &http.Client{Transport: s.Transport(), Timeout: requestTimeout}
	return nil
}

// dialing carries requests for any host to the server's address. No connection is kept, so that the harness leaves no
// goroutine in the test's process.
func (s *Server) dialing() http.RoundTripper {
	var dialer net.Dialer
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, s.ports.Addr(ports.API))
		},
	}
	if s.group.authority != nil {
		transport.TLSClientConfig = s.group.authority.clientConfig()
	}
	return transport
}

const (
	socketName = "http.sock"
	// The shortest limit for the path of a unix socket is that of macOS, 104 bytes with the closing zero.
	maxSocketPath = 103
)

// makeDir makes a server's directory, where asked for with a path short enough for a unix socket in it.
func makeDir(socket bool) (string, error) {
	dir, err := os.MkdirTemp("", "consul-")
	if err != nil || !socket || len(filepath.Join(dir, socketName)) <= maxSocketPath {
		return dir, err
	}
	if err := os.Remove(dir); err != nil {
		return "", err
	}
	return os.MkdirTemp("/tmp", "consul-")
}

// start launches the servers, has them elect a leader, and waits until each can serve writes.
func (g *group) start(ctx context.Context) error {
	for _, s := range g.servers {
		if err := s.launch(); err != nil {
			return err
		}
	}
	if err := g.each(func(s *Server) error { return s.explain(s.backend.awaitAPI(ctx)) }); err != nil {
		return err
	}
	g.electNow(ctx)
	return g.each(func(s *Server) error { return s.explain(s.backend.awaitWritable(ctx)) })
}

// each calls do for all servers at once and gives the first error by order of servers.
func (g *group) each(do func(*Server) error) error {
	failed := make([]error, len(g.servers))
	var wait sync.WaitGroup
	for i, s := range g.servers {
		wait.Go(func() { failed[i] = do(s) })
	}
	wait.Wait()
	for _, err := range failed {
		if err != nil {
			return err
		}
	}
	return nil
}

func (g *group) majorityRuns() bool {
	running := 0
	for _, s := range g.servers {
		if s.runs() {
			running++
		}
	}
	return g.majority(running)
}

func (g *group) majority(n int) bool { return 2*n > len(g.servers) }

func (g *group) close() error {
	return g.each((*Server).Close)
}
