package embedded_test

// This file tests who may do what, where scripts of requests (testdata/replay/acl) do not.

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/lictor-go/consul/embedded"
)

// management is the secret of the servers' management token.
const management = "5c7a4f8e-2b0d-4f1a-9d36-7e1b8a90c2d4"

// aclServer is a server with ACLs, for the requests of a test.
type aclServer struct {
	t *testing.T
	*embedded.Server
}

func newACLServer(t *testing.T, acl embedded.ACL) aclServer {
	t.Helper()
	if acl.InitialManagement == "" {
		acl.InitialManagement = management
	}
	return aclServer{t, startEmbedded(t, []embedded.Option{embedded.WithACL(acl)})}
}

// do sends a request with the token, and gives the answer's status and body; status 0 where there was none.
func (s aclServer) do(token, method, path, body string) (status int, text string) {
	request, err := http.NewRequestWithContext(s.t.Context(), method, "http://consul"+path, strings.NewReader(body))
	if err != nil {
		return 0, err.Error()
	}
	if token != "" {
		request.Header.Set("X-Consul-Token", token)
	}
	answer, err := s.Transport().RoundTrip(request)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = answer.Body.Close() }()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err.Error()
	}
	return answer.StatusCode, string(data)
}

// want is do, and fails the test unless the status is as wanted.
func (s aclServer) want(status int, token, method, path, body string) string {
	s.t.Helper()
	got, text := s.do(token, method, path, body)
	if got != status {
		s.t.Fatalf("%s %s: %d %s, want %d", method, path, got, text, status)
	}
	return text
}

type madeToken struct {
	AccessorID, SecretID string
	ModifyIndex          uint64
}

// newToken makes a token that may do everything, with more fields.
func (s aclServer) newToken(fields string) (made madeToken) {
	s.t.Helper()
	body := `{"Policies": [{"Name": "global-management"}]` + fields + `}`
	if err := json.Unmarshal([]byte(s.want(http.StatusOK, management, "PUT", "/v1/acl/token", body)), &made); err != nil {
		s.t.Fatal(err)
	}
	return made
}

func (s aclServer) countTokens() int {
	s.t.Helper()
	var list []any
	if err := json.Unmarshal([]byte(s.want(http.StatusOK, management, "GET", "/v1/acl/tokens", "")), &list); err != nil {
		s.t.Fatal(err)
	}
	return len(list)
}

func TestRequestsWithoutATokenHaveTheDefaultOne(t *testing.T) {
	t.Parallel()
	s := newACLServer(t, embedded.ACL{Default: management})
	s.want(http.StatusOK, "", "PUT", "/v1/kv/a", "1")
	s.want(http.StatusForbidden, "anonymous", "PUT", "/v1/kv/a", "1")
}

func TestRecoveryTokenIsKnownToTheAgentAlone(t *testing.T) {
	t.Parallel()
	s := newACLServer(t, embedded.ACL{Recovery: "my own"})
	s.want(http.StatusOK, "my own", "GET", "/v1/catalog/nodes", "")
	s.want(http.StatusForbidden, "my own", "GET", "/v1/kv/a", "")
	s.want(http.StatusForbidden, "my own", "GET", "/v1/acl/token/self", "")
	s.want(http.StatusForbidden, "", "GET", "/v1/kv/a", "")
}

func TestManagementTokenNeedBeNoUUID(t *testing.T) {
	t.Parallel()
	s := newACLServer(t, embedded.ACL{InitialManagement: "root"})
	s.want(http.StatusOK, "root", "GET", "/v1/acl/token/self", "")
}

func TestServerThatForgotHasItsACLsAgain(t *testing.T) {
	t.Parallel()
	s := newACLServer(t, embedded.ACL{})
	made := s.newToken("")
	s.want(http.StatusOK, made.SecretID, "PUT", "/v1/kv/a", "1")
	if err := s.Forget(); err != nil {
		t.Fatal(err)
	}
	s.want(http.StatusForbidden, made.SecretID, "PUT", "/v1/kv/a", "1")
	s.want(http.StatusNotFound, management, "GET", "/v1/kv/a", "")
	if n := s.countTokens(); n != 2 {
		t.Errorf("%d tokens, want the initial and the anonymous one", n)
	}
}

// What a policy says holds for every request that begins after the answer to its change, whoever else asks meanwhile.
func TestChangesOfPoliciesHoldAtOnce(t *testing.T) {
	t.Parallel()
	s := newACLServer(t, embedded.ACL{})
	var policy struct{ ID string }
	text := s.want(http.StatusOK, management, "PUT", "/v1/acl/policy", `{"Name": "p"}`)
	if err := json.Unmarshal([]byte(text), &policy); err != nil {
		t.Fatal(err)
	}
	secret := "cccccccc-0000-4000-8000-000000000001"
	s.want(http.StatusOK, management, "PUT", "/v1/acl/token", `{"SecretID": "`+secret+`", "Policies": [{"Name": "p"}]}`)

	var others sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		others.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					if status, text := s.do(secret, "GET", "/v1/kv/never", ""); status != http.StatusForbidden {
						t.Errorf("what no policy ever allowed: %d %s", status, text)
						return
					}
				}
			}
		})
	}
	for i := range 200 {
		level, status := "deny", http.StatusForbidden
		if i%2 == 0 {
			level, status = "read", http.StatusNotFound
		}
		rules, err := json.Marshal(fmt.Sprintf(`key "a" { policy = %q }`, level))
		if err != nil {
			t.Fatal(err)
		}
		s.want(http.StatusOK, management, "PUT", "/v1/acl/policy/"+policy.ID, `{"Name": "p", "Rules": `+string(rules)+`}`)
		s.want(status, secret, "GET", "/v1/kv/a", "")
	}
	close(stop)
	others.Wait()
}

// The real server ends these requests without an answer.
func TestNullsInTokensAreRefused(t *testing.T) {
	t.Parallel()
	s := newACLServer(t, embedded.ACL{})
	for _, field := range []string{"ServiceIdentities", "NodeIdentities", "TemplatedPolicies"} {
		text := s.want(http.StatusInternalServerError, management, "PUT", "/v1/acl/token", `{"`+field+`": [null]}`)
		if !strings.Contains(text, "is missing the") {
			t.Errorf("%s: %s", field, text)
		}
	}
}

func BenchmarkGetWithACLs(b *testing.B) {
	for name, opts := range map[string][]embedded.Option{
		"off": nil,
		"on":  {embedded.WithACL(embedded.ACL{InitialManagement: management})},
	} {
		b.Run(name, func(b *testing.B) {
			s := startFor(b, opts...)
			p := inMemory(s)
			p.request(b, http.MethodPut, "/v1/kv/a?token="+management, "1")
			b.ReportAllocs()
			for b.Loop() {
				p.request(b, http.MethodGet, "/v1/kv/a?token="+management, "")
			}
		})
	}
}
