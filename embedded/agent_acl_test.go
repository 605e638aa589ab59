package embedded_test

// This file tests as whom the agent tells the catalog of its services.

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/lictor-go/consul/embedded"
)

// TestSyncWaitsForPermission takes the permission from the token that a service was registered with, and gives it back.
func TestSyncWaitsForPermission(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newACLServer(t, embedded.ACL{Agent: management})
		s.want(http.StatusOK, management, "PUT", "/v1/acl/policy",
			`{"Name": "web", "Rules": "service \"web\" { policy = \"write\" }"}`)
		s.want(http.StatusOK, management, "PUT", "/v1/acl/token", `{"SecretID": "6a1f2c3d-2b0d-4f1a-9d36-7e1b8a90c2d4",
			"Policies": [{"Name": "web"}]}`)
		s.want(http.StatusOK, "6a1f2c3d-2b0d-4f1a-9d36-7e1b8a90c2d4", "PUT", "/v1/agent/service/register", `{"Name": "web"}`)
		registered := func() bool {
			return strings.Contains(s.want(http.StatusOK, management, "GET", "/v1/catalog/services", ""), "web")
		}
		if !registered() {
			t.Fatal("the catalog was not told")
		}
		policy := func(access string) {
			t.Helper()
			var id struct{ ID string }
			decodeInto(t, s.want(http.StatusOK, management, "GET", "/v1/acl/policy/name/web", ""), &id)
			s.want(http.StatusOK, management, "PUT", "/v1/acl/policy/"+id.ID,
				`{"Name": "web", "Rules": "service \"web\" { policy = \"`+access+`\" }"}`)
		}
		policy("read")
		s.want(http.StatusOK, management, "PUT", "/v1/catalog/deregister", `{"Node": "embedded", "ServiceID": "web"}`)
		pass(twoSyncs)
		if registered() {
			t.Error("the catalog was told by a token that may not")
		}
		policy("write")
		pass(twoSyncs)
		if !registered() {
			t.Error("the catalog was not told though the token may again")
		}
	})
}

// TestNodeIsToldByTheAgent shows what the catalog knows of a node whose agent has no token that may tell it.
func TestNodeIsToldByTheAgent(t *testing.T) {
	t.Parallel()
	for agent, want := range map[string]bool{"": false, management: true} {
		s := newACLServer(t, embedded.ACL{Agent: agent})
		var nodes []struct{ TaggedAddresses, Meta map[string]string }
		decodeInto(t, s.want(http.StatusOK, management, "GET", "/v1/catalog/nodes", ""), &nodes)
		if _, segment := nodes[0].Meta["consul-network-segment"]; (nodes[0].TaggedAddresses != nil) != want || segment != want {
			t.Errorf("with the agent's token: %v; the catalog has %+v", want, nodes[0])
		}
	}
}
