package interop

// This file runs the harness that most suites start their servers with, on consul-embedded in place of consul.

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/consul/api"
	sdk "github.com/hashicorp/consul/sdk/testutil"
)

// newSDKServer starts "consul agent" by way of the harness, and ends it with the test.
func newSDKServer(t *testing.T, change sdk.ServerConfigCallback) *sdk.TestServer {
	t.Helper()
	t.Setenv("PATH", filepath.Dir(program)+string(os.PathListSeparator)+os.Getenv("PATH"))
	server, err := sdk.NewTestServerConfigT(t, change)
	if err != nil {
		t.Fatal(err)
	}
	// A server that is stopped and does not leave exits with 1, as the real one does.
	t.Cleanup(func() { _ = server.Stop() })
	return server
}

func TestSDKHarness(t *testing.T) {
	s := newSDKServer(t, nil)
	s.WaitForLeader(t)
	s.WaitForSerfCheck(t)
	s.WaitForActiveCARoot(t)

	s.SetKV(t, "a/b", []byte("1"))
	s.SetKVString(t, "a/c", "2")
	s.PopulateKV(t, map[string][]byte{"d": []byte("3")})
	if got := s.GetKVString(t, "a/b"); got != "1" {
		t.Errorf("a/b is %q", got)
	}
	if keys := s.ListKV(t, "a/"); len(keys) != 2 {
		t.Errorf("the keys are %v", keys)
	}

	s.AddService(t, "web", "passing", []string{"v1"})
	s.AddAddressableService(t, "db", "critical", "127.0.0.1", 5432, nil)
	s.AddCheck(t, "disk", "db", "warning")
	client, err := api.NewClient(&api.Config{Address: s.HTTPAddr})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "an instance of web passes in the catalog", func() bool {
		web, _, err := client.Health().Service("web", "v1", true, nil)
		return err == nil && len(web) == 1
	})
	checks, err := client.Agent().Checks()
	if err != nil {
		t.Fatal(err)
	}
	for id, status := range map[string]string{"service:web": "passing", "service:db": "critical", "disk": "warning"} {
		if check := checks[id]; check == nil || check.Status != status {
			t.Errorf("check %s is %+v, want it %s", id, check, status)
		}
	}
	self, err := client.Agent().Self()
	if err != nil {
		t.Fatal(err)
	}
	if got := self["Config"]["NodeName"]; got != s.Config.NodeName {
		t.Errorf("the node's name is %v, want %s", got, s.Config.NodeName)
	}
	if got := self["Config"]["NodeID"]; got != s.Config.NodeID {
		t.Errorf("the node's ID is %v, want %s", got, s.Config.NodeID)
	}
}

func TestSDKHarnessWithACLs(t *testing.T) {
	const token = "5ec4e700-0000-4000-8000-0000000000aa"
	s := newSDKServer(t, func(c *sdk.TestServerConfig) {
		c.ACL.Enabled = true
		c.ACL.DefaultPolicy = "deny"
		c.ACL.Tokens.InitialManagement = token
	})
	s.WaitForLeader(t)
	s.WaitForSerfCheck(t)
	for secret, status := range map[string]int{"": http.StatusForbidden, token: http.StatusOK} {
		request, err := http.NewRequest(http.MethodGet, "http://"+s.HTTPAddr+"/v1/agent/self", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("X-Consul-Token", secret)
		response, err := s.HTTPClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
		if response.StatusCode != status {
			t.Errorf("with the token %q: status %d, want %d", secret, response.StatusCode, status)
		}
	}
}

func TestSDKHarnessOnASocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "http.sock")
	s := newSDKServer(t, func(c *sdk.TestServerConfig) { c.Addresses.HTTP = "unix://" + path })
	s.WaitForLeader(t)
	s.SetKVString(t, "over", "a socket")
	client, err := api.NewClient(&api.Config{Address: "unix://" + path})
	if err != nil {
		t.Fatal(err)
	}
	if pair, _, err := client.KV().Get("over", nil); err != nil || string(pair.Value) != "a socket" {
		t.Errorf("got %v, %v", pair, err)
	}
}
