package acl_test

// This file tests names, each of which the real server is asked for too.

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/lictor-go/consul/embedded/internal/acl"
)

// publicKey is what an auth method of type jwt can't do without. Nothing is signed with it.
const publicKey = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEK3qyaKTxVeoWcU141ePXxYnOMjde
/YieouZ0p51uWfyXjy3Ep4qFWw829AXPum76C0Y3J1sAGgdc81mqQpO6HQ==
-----END PUBLIC KEY-----`

func TestNamesAsTheServerTakesThem(t *testing.T) {
	t.Parallel()
	server := newReal(t)
	jwt := object{"Type": "jwt", "Config": object{"JWTValidationPubKeys": []string{publicKey}}}
	names := []string{
		"", "a", "A-b_9", "a/b", "a/", "/a", "a/b/c", "a b", "é", "a.b", "builtin/x", "builtin", "-", "_", "\n", "a\n",
		strings.Repeat("a", 128), strings.Repeat("a", 129), strings.Repeat("a", 256), strings.Repeat("a", 257),
	}
	for _, c := range []struct {
		path  string
		check func(string) error
		more  object
	}{
		{"/v1/acl/policy", acl.CheckPolicyName, nil},
		{"/v1/acl/role", acl.CheckRoleName, nil},
		{"/v1/acl/auth-method", acl.CheckAuthMethodName, jwt},
	} {
		for i, name := range names {
			body := object{"Name": name, "Description": fmt.Sprint(i)}
			for k, v := range c.more {
				body[k] = v
			}
			status, text := server.do(server.ManagementToken(), http.MethodPut, c.path, body)
			compare(t, fmt.Sprintf("%s %q", c.path, name), c.check(name), status, text)
		}
	}
}
