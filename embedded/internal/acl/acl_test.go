package acl_test

// This file tests the words of refusals.

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/lictor-go/consul/embedded/internal/acl"
)

const accessor = "11111111-2222-3333-4444-555555555555"

func TestDeniedAsTheServerSays(t *testing.T) {
	t.Parallel()
	server := newReal(t)
	token := server.token(object{"AccessorID": accessor})
	for _, c := range []struct {
		method, path string
		body         any
		denied       acl.Denied
	}{
		{http.MethodGet, "/v1/kv/a/b", "", acl.Denied{Resource: acl.ResourceKey, Access: acl.AccessRead, Name: "a/b"}},
		{http.MethodPut, "/v1/kv/%C3%A9", "x", acl.Denied{Resource: acl.ResourceKey, Access: acl.AccessWrite, Name: "é"}},
		{http.MethodPut, "/v1/kv/%22", "x", acl.Denied{Resource: acl.ResourceKey, Access: acl.AccessWrite, Name: `"`}},
		{http.MethodDelete, "/v1/kv/?recurse", "", acl.Denied{Resource: acl.ResourceKey, Access: acl.AccessWrite}},
		{
			http.MethodPut, "/v1/session/create", object{"Node": "n"},
			acl.Denied{Resource: acl.ResourceSession, Access: acl.AccessWrite, Name: "n"},
		},
		{
			http.MethodPut, "/v1/agent/service/register", object{"Name": "web"},
			acl.Denied{Resource: acl.ResourceService, Access: acl.AccessWrite, Name: "web"},
		},
		{
			http.MethodPut, "/v1/catalog/register", object{"Node": "n", "Address": "127.0.0.1"},
			acl.Denied{Resource: acl.ResourceNode, Access: acl.AccessWrite, Name: "n"},
		},
		{
			http.MethodGet, "/v1/agent/self", "",
			acl.Denied{Resource: acl.ResourceAgent, Access: acl.AccessRead, Name: server.NodeName()},
		},
		{http.MethodGet, "/v1/agent/host", "", acl.Denied{Resource: acl.ResourceOperator, Access: acl.AccessRead}},
		{http.MethodGet, "/v1/acl/tokens", "", acl.Denied{Resource: acl.ResourceACL, Access: acl.AccessRead}},
		{http.MethodPut, "/v1/acl/policy", object{"Name": "p"}, acl.Denied{Resource: acl.ResourceACL, Access: acl.AccessWrite}},
		{http.MethodPut, "/v1/event/fire/e", "", acl.Denied{}},
		{http.MethodPost, "/v1/acl/logout", "", acl.Denied{Cause: "token wasn't created via login"}},
	} {
		t.Run(fmt.Sprint(c.method, " ", c.path), func(t *testing.T) {
			compare := func(token, accessor string) {
				c.denied.Accessor = accessor
				status, text := server.do(token, c.method, c.path, c.body)
				if status != http.StatusForbidden || text != c.denied.Error() {
					t.Errorf("token %q\nserver: %d %s\n   got: %s", token, status, text, c.denied)
				}
			}
			compare(token, accessor)
			if c.denied.Cause == "" {
				compare("", acl.AnonymousAccessorID)
			}
		})
	}
}

func TestEveryRefusalIsErrPermissionDenied(t *testing.T) {
	t.Parallel()
	for _, d := range []acl.Denied{{}, {Cause: "so"}, {Resource: acl.ResourceACL, Access: acl.AccessRead}} {
		if err := fmt.Errorf("wrapped: %w", d); !errors.Is(err, acl.ErrPermissionDenied) {
			t.Errorf("%v is not ErrPermissionDenied", err)
		}
	}
	if errors.Is(errors.New("other"), acl.ErrPermissionDenied) {
		t.Error("another error is ErrPermissionDenied")
	}
}

func TestAccessNames(t *testing.T) {
	t.Parallel()
	for access, want := range map[acl.Access]string{
		acl.AccessDeny: "deny", acl.AccessRead: "read", acl.AccessList: "list", acl.AccessWrite: "write",
		0: "unknown", -1: "unknown", 9: "unknown",
	} {
		if got := access.String(); got != want {
			t.Errorf("Access(%d) is %q, want %q", access, got, want)
		}
	}
}
