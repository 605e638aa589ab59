package testutil_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lictor-go/consul/testutil"
)

func TestServer(t *testing.T) {
	t.Parallel()
	s := testutil.NewServer(t)
	put(t, s, "a", "1")
	wantValue(t, s, "a", "1")
	expect(t, s, request{method: http.MethodGet, path: "/v1/status/leader"}, 200, `"`+s.ServerAddr()+`"`)
	expect(t, s, request{method: http.MethodGet, path: "/v1/kv/testutil-ready?keys"}, 404, "")
	_, self, err := do(t.Context(), s, request{method: http.MethodGet, path: "/v1/agent/self"})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"Version":"` + s.Version() + `"`, `"NodeName":"server-1"`, `"Datacenter":"dc1"`} {
		if !strings.Contains(self, want) {
			t.Errorf("/v1/agent/self has no %s", want)
		}
	}
	if s.NodeName() != "server-1" || s.Datacenter() != "dc1" || s.Version() == "" {
		t.Errorf("node %q, datacenter %q, version %q", s.NodeName(), s.Datacenter(), s.Version())
	}
	if s.URL() != "http://"+s.Addr() {
		t.Errorf("URL %q for the address %q", s.URL(), s.Addr())
	}
	if s.ManagementToken() != "" || s.CAFile() != "" || s.ClientCertFile() != "" || s.ClientKeyFile() != "" || s.SocketPath() != "" {
		t.Error("a server without options has a token, a certificate or a socket")
	}
	if !strings.Contains(s.Log(), "Starting Consul agent") {
		t.Errorf("the log does not say that the agent starts:\n%s", s.Log())
	}
}

func TestServersInParallel(t *testing.T) {
	t.Parallel()
	const n = 6
	servers := make(chan *testutil.Server, n)
	for range n {
		go func() {
			s, err := testutil.Start(t.Context())
			if err != nil {
				t.Error(err)
			}
			servers <- s
		}()
	}
	addrs := map[string]bool{}
	for range n {
		s := <-servers
		if s == nil {
			continue
		}
		put(t, s, "name", s.Addr())
		addrs[s.Addr()] = true
		defer s.Close()
	}
	if len(addrs) != n {
		t.Errorf("%d servers have %d addresses", n, len(addrs))
	}
}

func TestRestartKeepsData(t *testing.T) {
	t.Parallel()
	s := testutil.NewServer(t, testutil.WithACL())
	addr := s.Addr()
	for _, end := range []struct {
		how string
		do  func() error
	}{
		{"stop", s.Stop},
		{"kill", s.Kill},
		{"nothing", func() error { return nil }},
		{"suspend", s.Suspend},
		{"stop twice", func() error {
			if err := s.Stop(); err != nil {
				return err
			}
			return s.Stop()
		}},
	} {
		put(t, s, "last", end.how)
		if err := end.do(); err != nil {
			t.Fatalf("%s: %v", end.how, err)
		}
		if err := s.Restart(t.Context()); err != nil {
			t.Fatalf("restart after %s: %v", end.how, err)
		}
		wantValue(t, s, "last", end.how)
	}
	if s.Addr() != addr {
		t.Errorf("address %s before, %s after the restarts", addr, s.Addr())
	}
	if n := strings.Count(s.Log(), "Starting Consul agent"); n != 6 {
		t.Errorf("the log has %d starts, want 6", n)
	}
}

func TestSuspendAndContinue(t *testing.T) {
	t.Parallel()
	s := testutil.NewServer(t)
	if err := s.Suspend(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if status, _, err := do(ctx, s, request{method: http.MethodGet, path: "/v1/status/leader"}); err == nil {
		t.Fatalf("a suspended server answered %d", status)
	}
	if err := s.Suspend(); err != nil {
		t.Errorf("the second Suspend: %v", err)
	}
	for range 2 {
		if err := s.Continue(); err != nil {
			t.Fatal(err)
		}
	}
	put(t, s, "a", "1")

	if err := s.Suspend(); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if err := s.Stop(); err != nil {
		t.Fatalf("stop a suspended server: %v", err)
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("a suspended server took %v to stop", took)
	}
	if s.Suspend() == nil || s.Continue() == nil {
		t.Error("a server that was stopped can be suspended or continued")
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	s, err := testutil.Start(t.Context(), testutil.WithTLS())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("the second Close: %v", err)
	}
	refuses(t, s.Addr())
	if _, err := os.Stat(filepath.Dir(s.CAFile())); !os.IsNotExist(err) {
		t.Errorf("its directory is still there: %v", err)
	}
	if err := s.Restart(t.Context()); err == nil || !strings.Contains(err.Error(), "was closed") {
		t.Errorf("restart of a closed server: %v", err)
	}
	if err := s.Stop(); err != nil {
		t.Errorf("stop of a closed server: %v", err)
	}
}

func TestACL(t *testing.T) {
	t.Parallel()
	s := testutil.NewServer(t, testutil.WithACL())
	put(t, s, "a", "1")
	write := request{method: http.MethodPut, path: "/v1/kv/a", body: "2"}
	expect(t, s, write, 403, "")
	write.token = "11111111-2222-3333-4444-555555555555"
	expect(t, s, write, 403, "")
	wantValue(t, s, "a", "1")
	expect(t, s, request{method: http.MethodGet, path: "/v1/acl/tokens", token: s.ManagementToken()}, 200, "")
	other := testutil.NewServer(t, testutil.WithACL())
	if s.ManagementToken() == other.ManagementToken() {
		t.Error("two servers have the same management token")
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	s := testutil.NewServer(t, testutil.WithTLS())
	if s.URL() != "https://"+s.Addr() {
		t.Errorf("URL %q for the address %q", s.URL(), s.Addr())
	}
	leader := request{method: http.MethodGet, path: "/v1/status/leader"}
	leader.client = tlsClient(t, s, true, false)
	expect(t, s, leader, 200, "")
	leader.client = tlsClient(t, s, false, false)
	if status, _, err := do(t.Context(), s, leader); err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("without its CA: status %d, error %v", status, err)
	}
	other := testutil.NewServer(t, testutil.WithTLS())
	leader.client = tlsClient(t, other, true, false)
	if status, _, err := do(t.Context(), s, leader); err == nil {
		t.Errorf("with another server's CA: status %d, want an error", status)
	}
}

func TestMutualTLS(t *testing.T) {
	t.Parallel()
	s := testutil.NewServer(t, testutil.WithMutualTLS(), testutil.WithACL())
	leader := request{method: http.MethodGet, path: "/v1/status/leader"}
	leader.client = tlsClient(t, s, true, true)
	expect(t, s, leader, 200, "")
	leader.client = tlsClient(t, s, true, false)
	if status, _, err := do(t.Context(), s, leader); err == nil {
		t.Errorf("without a client certificate: status %d, want an error", status)
	}
}

func TestUnixSocket(t *testing.T) {
	// Not parallel: it sets where temporary directories are made.
	deep := filepath.Join(t.TempDir(), strings.Repeat("d", 100))
	if err := os.Mkdir(deep, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", deep)
	s := testutil.NewServer(t, testutil.WithUnixSocket())
	var dialer net.Dialer
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", s.SocketPath())
		},
	}}
	leader := request{method: http.MethodGet, path: "/v1/status/leader"}
	expect(t, s, leader, 200, "")
	leader.client = client
	expect(t, s, leader, 200, `"`+s.ServerAddr()+`"`)
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Fatalf("restart with the socket of the killed one still there: %v", err)
	}
	expect(t, s, leader, 200, "")
}

func TestLegacy(t *testing.T) {
	testutil.NeedReal(t, "Consul 1.10.0")
	t.Parallel()
	for name, opts := range map[string][]testutil.Option{
		"plain": {testutil.WithLegacy()},
		"acl":   {testutil.WithLegacy(), testutil.WithACL()},
		"tls":   {testutil.WithLegacy(), testutil.WithMutualTLS(), testutil.WithACL()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := testutil.NewServer(t, opts...)
			if s.Version() != "1.10.0" {
				t.Errorf("version %q, want 1.10.0", s.Version())
			}
			list := request{method: http.MethodGet, path: "/v1/acl/list", token: s.ManagementToken()}
			if s.CAFile() != "" {
				list.client = tlsClient(t, s, true, true)
			}
			if s.ManagementToken() == "" {
				expect(t, s, list, 401, "") // ACLs are off
				return
			}
			expect(t, s, list, 200, "")
		})
	}
}

func TestScriptChecks(t *testing.T) {
	t.Parallel()
	check := request{method: http.MethodPut, path: "/v1/agent/check/register",
		body: `{"Name": "script", "Args": ["true"], "Interval": "1h"}`}
	expect(t, testutil.NewServer(t), check, 500, "") // scripts are disabled
	expect(t, testutil.NewServer(t, testutil.WithScriptChecks()), check, 200, "")
}

func TestExtraConfig(t *testing.T) {
	testutil.NeedReal(t, "WithConfig")
	t.Parallel()
	s := testutil.NewServer(t, testutil.WithConfig(`node_meta { colour = "blue" }`), testutil.WithConfig(`{"log_level": "DEBUG"}`))
	_, self, err := do(t.Context(), s, request{method: http.MethodGet, path: "/v1/agent/self"})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(self, `"colour":"blue"`) {
		t.Errorf("the node has no metadata from WithConfig: %s", self)
	}
	if !strings.Contains(s.Log(), "[DEBUG]") {
		t.Error("the second WithConfig did not set the log level")
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	s := testutil.NewServer(t, testutil.WithNodeName("west"), testutil.WithDatacenter("dc2"))
	if s.NodeName() != "west" || s.Datacenter() != "dc2" {
		t.Errorf("node %q, datacenter %q", s.NodeName(), s.Datacenter())
	}
	expect(t, s, request{method: http.MethodGet, path: "/v1/catalog/nodes?dc=dc2&filter=Node==west"}, 200, "")
	expect(t, s, request{method: http.MethodGet, path: "/v1/catalog/datacenters"}, 200, `["dc2"]`)
}

func TestTwoDatacenters(t *testing.T) {
	testutil.NeedReal(t, "servers that join")
	t.Parallel()
	one := testutil.NewServer(t)
	two := testutil.NewServer(t, testutil.WithDatacenter("dc2"))
	expect(t, one, request{method: http.MethodPut, path: "/v1/agent/join/" + two.WANAddr() + "?wan=1"}, 200, "")
	put(t, two, "where", "west")
	eventually(t, "a read of dc2 through dc1", func() bool {
		status, body, err := do(t.Context(), one, request{method: http.MethodGet, path: "/v1/kv/where?raw&dc=dc2"})
		return err == nil && status == 200 && body == "west"
	})
}

// A transport of the server's reaches it whatever its URL, TLS or not.
func TestTransport(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string][]testutil.Option{"plain": nil, "tls": {testutil.WithMutualTLS()}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := testutil.NewServer(t, opts...)
			leader := request{method: http.MethodGet, path: "/v1/status/leader", client: &http.Client{Transport: s.Transport()}}
			expect(t, s, leader, 200, `"`+s.ServerAddr()+`"`)
			if err := s.Stop(); err != nil {
				t.Fatal(err)
			}
			if status, _, err := do(t.Context(), s, leader); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("a stopped server: status %d, error %v; want a connection refused", status, err)
			}
		})
	}
}
