package interop

// This file manages tokens by way of the client library that Consul comes with.

import (
	"os"
	"strings"
	"testing"

	"github.com/hashicorp/consul/api"
	"github.com/lictor-go/consul/testutil"
)

func TestAPIACL(t *testing.T) {
	t.Parallel()
	const secret = "5ec4e700-0000-4000-8000-0000000000ee"
	servers := map[string]*api.Config{"embedded": {Address: startProgram(t, "-acl-token", secret), Token: secret}}
	if os.Getenv("CONSUL_TEST_BACKEND") == "real" {
		real := testutil.NewServer(t, testutil.WithACL())
		servers["real"] = &api.Config{Address: real.Addr(), Token: real.ManagementToken()}
	}
	for name, config := range servers {
		t.Run(name, func(t *testing.T) {
			c := newAPI(t, config)
			policy, _, err := c.ACL().PolicyCreate(&api.ACLPolicy{Name: "app", Rules: `key_prefix "app/" { policy = "read" }`}, nil)
			must(t, err)
			role, _, err := c.ACL().RoleCreate(&api.ACLRole{Name: "reader", Policies: []*api.ACLRolePolicyLink{{ID: policy.ID}}}, nil)
			must(t, err)
			token, _, err := c.ACL().TokenCreate(&api.ACLToken{Roles: []*api.ACLTokenRoleLink{{Name: role.Name}}}, nil)
			must(t, err)
			_, err = c.KV().Put(&api.KVPair{Key: "app/a", Value: []byte("1")}, nil)
			must(t, err)
			_, err = c.KV().Put(&api.KVPair{Key: "other", Value: []byte("1")}, nil)
			must(t, err)

			reader := newAPI(t, &api.Config{Address: config.Address, Token: token.SecretID})
			if pair, _, err := reader.KV().Get("app/a", nil); err != nil || string(pair.Value) != "1" {
				t.Errorf("what it may read: %v, %v", pair, err)
			}
			if keys, _, err := reader.KV().Keys("", "", nil); err != nil || len(keys) != 1 {
				t.Errorf("of all keys it sees %v, %v", keys, err)
			}
			if _, err := reader.KV().Put(&api.KVPair{Key: "app/a"}, nil); err == nil || !strings.Contains(err.Error(), "Permission denied") {
				t.Errorf("what it may not write: %v", err)
			}
			if self, _, err := reader.ACL().TokenReadSelf(nil); err != nil || self.AccessorID != token.AccessorID {
				t.Errorf("itself: %v, %v", self, err)
			}
			_, err = c.ACL().TokenDelete(token.AccessorID, nil)
			must(t, err)
			eventually(t, "the deleted token is refused", func() bool {
				_, _, err := reader.KV().Get("app/a", nil)
				return err != nil && strings.Contains(err.Error(), "ACL not found")
			})
			_, err = c.ACL().RoleDelete(role.ID, nil)
			must(t, err)
			_, err = c.ACL().PolicyDelete(policy.ID, nil)
			must(t, err)
		})
	}
}
