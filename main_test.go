package consul_test

// This file holds what the package's tests share: the servers, embedded or real (see testutil), clients of them, names, and
// the check for goroutines that nobody ended.

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lictor-go/consul"
	"github.com/lictor-go/consul/testutil"
	"go.uber.org/goleak"
)

// The servers that tests share, each started by the first test that asks for it and stopped after the last one. What a
// test writes there carries a name of its own (see unique).
var (
	plainServer  = sharedServer{opts: []testutil.Option{testutil.WithScriptChecks()}}
	checkServer  = sharedServer{}
	aclServer    = sharedServer{opts: []testutil.Option{testutil.WithACL()}}
	legacyServer = sharedServer{opts: []testutil.Option{testutil.WithLegacy(), testutil.WithACL()}}
)

type sharedServer struct {
	opts  []testutil.Option
	once  sync.Once
	value *testutil.Server
	err   error
}

func (s *sharedServer) start() (*testutil.Server, error) {
	s.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		s.value, s.err = testutil.Start(ctx, s.opts...)
	})
	return s.value, s.err
}

func (s *sharedServer) get(t testing.TB) *testutil.Server {
	t.Helper()
	server, err := s.start()
	if err != nil {
		t.Fatal(err)
	}
	return server
}

func (s *sharedServer) stop() {
	if s.value != nil {
		s.value.Close()
	}
}

func TestMain(m *testing.M) {
	code := m.Run()
	for _, s := range []*sharedServer{&plainServer, &checkServer, &aclServer, &legacyServer} {
		s.stop()
	}
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, "goroutines that nobody ended:", err)
		code = 1
	}
	os.Exit(code)
}

// newClient gives a client of the shared server without ACLs, on which scripts may run. It is closed with the test. A
// check of the server's node itself would change how every service on it is: those go to newNodeCheckClient's.
func newClient(t testing.TB) *consul.Client {
	t.Helper()
	return clientWith(t, &consul.Config{Address: plainServer.get(t).Addr()})
}

// newNodeCheckClient gives a client of the shared server whose node may have any checks.
func newNodeCheckClient(t testing.TB) *consul.Client {
	t.Helper()
	return clientWith(t, &consul.Config{Address: checkServer.get(t).Addr()})
}

// newACLClient gives a client of the shared server with ACLs, default policy deny, that carries the management token.
func newACLClient(t testing.TB) *consul.Client {
	t.Helper()
	s := aclServer.get(t)
	return clientWith(t, &consul.Config{Address: s.Addr(), Token: s.ManagementToken()})
}

// newLegacyClient gives a client of the shared server with the legacy ACL endpoints, that carries the management token.
func newLegacyClient(t testing.TB) *consul.Client {
	t.Helper()
	s := legacyServer.get(t)
	return clientWith(t, &consul.Config{Address: s.Addr(), Token: s.ManagementToken()})
}

// newOldClient gives the same where the server must be a Consul 1.10.0 in all that it does.
func newOldClient(t testing.TB) *consul.Client {
	t.Helper()
	testutil.NeedReal(t, "Consul 1.10.0")
	return newLegacyClient(t)
}

func clientWith(t testing.TB, config *consul.Config) *consul.Client {
	t.Helper()
	c, err := consul.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

var uniqueNames atomic.Uint64

// unique gives a name that no other test uses, fit for keys, services, nodes and policies.
func unique(t testing.TB) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, t.Name())
	return fmt.Sprintf("%.60s-%d-%d", name, os.Getpid(), uniqueNames.Add(1))
}

// newUUID gives a UUID, for the IDs that a caller may choose.
func newUUID() string {
	var b [16]byte
	rand.Read(b[:])
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// testContext is a context for one test's calls: no test waits for a server longer than this.
func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// eventually calls ok until it reports true, for what the server does in its own time and has no blocking query for.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("not after 30 s: %s", what)
		}
	}
}
