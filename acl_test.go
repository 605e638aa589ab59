package consul_test

// This file tests what the parts of ACL have in common, bootstrapping, replication and enforcement.

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/lictor-go/consul"
	"github.com/lictor-go/consul/testutil"
)

// absentID is the ID of nothing.
const absentID = "ffffffff-0000-4000-8000-00000000dead"

// newACLToken makes a token that allows what the rules say, for one test.
func newACLToken(t *testing.T, c *consul.Client, rules string) *consul.ACLToken {
	t.Helper()
	policy := newACLPolicy(t, c, rules)
	token, _, err := c.ACL().TokenCreate(testContext(t), &consul.ACLToken{Policies: []*consul.ACLTokenPolicyLink{{ID: policy.ID}}})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func newACLPolicy(t *testing.T, c *consul.Client, rules string) *consul.ACLPolicy {
	t.Helper()
	policy, _, err := c.ACL().PolicyCreate(testContext(t), &consul.ACLPolicy{Name: unique(t), Rules: rules})
	if err != nil {
		t.Fatal(err)
	}
	return policy
}

// wantACLError fails unless err is one of the sentinels of the package, and none of the others that it could be taken
// for.
func wantACLError(t *testing.T, err, want error) {
	t.Helper()
	for _, sentinel := range []error{
		consul.ErrNotFound, consul.ErrPermissionDenied, consul.ErrBadRequest, consul.ErrInvalidOption,
		consul.ErrBootstrapped, consul.ErrBadResponse, errors.ErrUnsupported,
	} {
		if got := errors.Is(err, sentinel); got != (sentinel == want) {
			t.Errorf("errors.Is(err, %q) = %v, want only %q: %v", sentinel, got, want, err)
		}
	}
}

// wantACLStatus fails unless err is an answer of the server with this status that holds this text.
func wantACLStatus(t *testing.T, err error, code int, text string) {
	t.Helper()
	se, ok := errors.AsType[*consul.StatusError](err)
	if !ok || se.Code != code || !strings.Contains(se.Body, text) {
		t.Errorf("error is %v, want status %d with %q", err, code, text)
	}
}

func TestACLBootstrapWorksOnce(t *testing.T) {
	testutil.NeedReal(t, "WithConfig")
	t.Parallel()
	server := testutil.NewServer(t, testutil.WithConfig(`acl { enabled = true default_policy = "allow" }`))
	ctx, c := testContext(t), clientWith(t, &consul.Config{Address: server.Addr()})
	const secret = "5ec4e700-0000-4000-8000-000000000001"

	_, _, err := c.ACL().Bootstrap(ctx, "not a UUID")
	wantACLStatus(t, err, http.StatusInternalServerError, "uuid string is wrong length")

	token, _, err := c.ACL().Bootstrap(ctx, secret)
	if err != nil {
		t.Fatal(err)
	}
	if token.SecretID != secret || token.AccessorID == "" || len(token.Policies) != 1 || token.Policies[0].Name != "global-management" {
		t.Errorf("bootstrap token is %+v", token)
	}
	if _, _, err := c.ACL().TokenList(ctx, consul.WithToken(secret)); err != nil {
		t.Errorf("the bootstrap token can't list tokens: %v", err)
	}

	_, _, err = c.ACL().Bootstrap(ctx, secret)
	wantACLError(t, err, consul.ErrBootstrapped)
	wantACLStatus(t, err, http.StatusForbidden, "reset index")
}

func TestACLBootstrapLetsTheServerChooseTheSecret(t *testing.T) {
	testutil.NeedReal(t, "WithConfig")
	t.Parallel()
	server := testutil.NewServer(t, testutil.WithConfig(`acl { enabled = true default_policy = "allow" }`))
	c := clientWith(t, &consul.Config{Address: server.Addr()})
	token, _, err := c.ACL().Bootstrap(testContext(t), "")
	if err != nil || token.SecretID == "" {
		t.Fatalf("token %+v, error %v", token, err)
	}
}

func TestACLBootstrapWithAnInitialManagementTokenIsBootstrapped(t *testing.T) {
	t.Parallel()
	_, _, err := newACLClient(t).ACL().Bootstrap(testContext(t), "")
	wantACLError(t, err, consul.ErrBootstrapped)
}

func TestACLReplicationIsOffInThePrimaryDatacenter(t *testing.T) {
	t.Parallel()
	status, meta, err := newACLClient(t).ACL().Replication(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	if *status != (consul.ACLReplicationStatus{}) {
		t.Errorf("status is %+v, want zero", status)
	}
	if meta.DefaultACLPolicy != "deny" {
		t.Errorf("default policy is %q", meta.DefaultACLPolicy)
	}
}

func TestACLAbsentThingsAreNotFound(t *testing.T) {
	t.Parallel()
	ctx, a := testContext(t), newACLClient(t).ACL()
	reads := map[string]func() (any, *consul.QueryMeta, error){
		"TokenRead":         func() (any, *consul.QueryMeta, error) { return aclResult(a.TokenRead(ctx, absentID)) },
		"TokenReadExpanded": func() (any, *consul.QueryMeta, error) { return aclResult(a.TokenReadExpanded(ctx, absentID)) },
		"PolicyRead":        func() (any, *consul.QueryMeta, error) { return aclResult(a.PolicyRead(ctx, absentID)) },
		"PolicyReadByName":  func() (any, *consul.QueryMeta, error) { return aclResult(a.PolicyReadByName(ctx, "builtin/absent")) },
		"RoleRead":          func() (any, *consul.QueryMeta, error) { return aclResult(a.RoleRead(ctx, absentID)) },
		"RoleReadByName":    func() (any, *consul.QueryMeta, error) { return aclResult(a.RoleReadByName(ctx, "absent")) },
		"AuthMethodRead":    func() (any, *consul.QueryMeta, error) { return aclResult(a.AuthMethodRead(ctx, "absent")) },
		"BindingRuleRead":   func() (any, *consul.QueryMeta, error) { return aclResult(a.BindingRuleRead(ctx, absentID)) },
		"TemplatedPolicyReadByName": func() (any, *consul.QueryMeta, error) {
			return aclResult(a.TemplatedPolicyReadByName(ctx, "builtin/absent"))
		},
	}
	for name, read := range reads {
		t.Run(name, func(t *testing.T) {
			v, meta, err := read()
			wantACLError(t, err, consul.ErrNotFound)
			if v != nil {
				t.Errorf("value is %v beside the error", v)
			}
			if meta == nil || meta.DefaultACLPolicy != "deny" {
				t.Errorf("meta is %+v, want what the server said", meta)
			}
		})
	}
	writes := map[string]func() error{
		"TokenUpdate":       func() error { _, _, err := a.TokenUpdate(ctx, &consul.ACLToken{AccessorID: absentID}); return err },
		"TokenClone":        func() error { _, _, err := a.TokenClone(ctx, absentID, ""); return err },
		"TokenDelete":       func() error { _, err := a.TokenDelete(ctx, absentID); return err },
		"PolicyUpdate":      func() error { _, _, err := a.PolicyUpdate(ctx, &consul.ACLPolicy{ID: absentID, Name: "x"}); return err },
		"PolicyDelete":      func() error { _, err := a.PolicyDelete(ctx, absentID); return err },
		"RoleUpdate":        func() error { _, _, err := a.RoleUpdate(ctx, &consul.ACLRole{ID: absentID, Name: "x"}); return err },
		"RoleDelete":        func() error { _, err := a.RoleDelete(ctx, absentID); return err },
		"AuthMethodDelete":  func() error { _, err := a.AuthMethodDelete(ctx, "absent"); return err },
		"BindingRuleDelete": func() error { _, err := a.BindingRuleDelete(ctx, absentID); return err },
		"BindingRuleUpdate": func() error {
			_, _, err := a.BindingRuleUpdate(ctx, &consul.ACLBindingRule{ID: absentID, AuthMethod: "m", BindType: consul.BindingRuleBindTypeRole, BindName: "r"})
			return err
		},
		"TemplatedPolicyPreview": func() error {
			_, _, err := a.TemplatedPolicyPreview(ctx, &consul.ACLTemplatedPolicy{TemplateName: "builtin/absent"})
			return err
		},
		"Login": func() error {
			_, _, err := a.Login(ctx, &consul.ACLLoginParams{AuthMethod: "absent", BearerToken: "x"})
			return err
		},
	}
	for name, write := range writes {
		t.Run(name, func(t *testing.T) { wantACLError(t, write(), consul.ErrNotFound) })
	}
}

// aclResult makes a nil pointer a nil interface.
func aclResult[T any](v *T, meta *consul.QueryMeta, err error) (any, *consul.QueryMeta, error) {
	if v == nil {
		return nil, meta, err
	}
	return v, meta, err
}

func TestACLCallsWithAnUnknownTokenAreDenied(t *testing.T) {
	t.Parallel()
	server := aclServer.get(t)
	for name, token := range map[string]string{"unknown": absentID, "none": ""} {
		c := clientWith(t, &consul.Config{Address: server.Addr(), Token: token})
		for _, e := range aclEndpoints {
			switch e.name {
			case "ACL.Bootstrap", "ACL.Replication", "ACL.Login":
				continue // need no token
			}
			if token != "" && strings.HasPrefix(e.route, "DELETE") {
				continue // the server answers 404, as for a thing that does not exist
			}
			t.Run(name+"/"+e.name, func(t *testing.T) {
				wantACLError(t, e.call(testContext(t), c), consul.ErrPermissionDenied)
			})
		}
	}
}

func TestACLCallsToAnAgentWithoutACLsAreDenied(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	for _, e := range aclEndpoints {
		t.Run(e.name, func(t *testing.T) {
			err := e.call(testContext(t), c)
			wantACLError(t, err, consul.ErrPermissionDenied)
			if !strings.Contains(fmt.Sprint(err), "runs without ACLs") {
				t.Errorf("error does not say what is wrong: %v", err)
			}
		})
	}
}

// A server that asks another passes its error on with a text of its own before it.
func TestACLTellsTheCallersTokenFromTheNamedOneBehindAnotherServer(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]error{
		"rpc error making call: token does not exist: ACL not found": consul.ErrNotFound,
		"token not found in namespace ns1: ACL not found":            consul.ErrNotFound,
		"token has expired: ACL not found":                           consul.ErrNotFound,
		"rpc error making call: ACL not found":                       consul.ErrPermissionDenied,
		"ACL not found":                                              consul.ErrPermissionDenied,
	} {
		c, _ := aclClientOf(t, http.StatusForbidden, body)
		_, _, err := c.ACL().TokenRead(testContext(t), absentID)
		wantACLError(t, err, want)
		_, _, err = c.ACL().TokenReadSelf(testContext(t))
		wantACLError(t, err, consul.ErrPermissionDenied)
	}
}

// No method may end with a nil thing and no error.
func TestACLNullAnswers(t *testing.T) {
	t.Parallel()
	for _, e := range slices.Concat(aclEndpoints, aclLegacyEndpoints) {
		var want error
		switch {
		case e.result == "", e.name == "ACL.TemplatedPolicyList", strings.HasPrefix(e.result, "[") && e.name != "ACL.Info":
		case strings.HasPrefix(e.route, "GET "):
			want = consul.ErrNotFound
		default:
			want = consul.ErrBadResponse
		}
		t.Run(e.name, func(t *testing.T) {
			c, _ := aclClientOf(t, http.StatusOK, "null")
			wantACLError(t, e.call(testContext(t), c), want)
		})
	}
	c, _ := aclClientOf(t, http.StatusOK, "null")
	if templates, _, err := c.ACL().TemplatedPolicyList(testContext(t)); err != nil || templates == nil {
		t.Errorf("templates are %#v, %v; want an empty map", templates, err)
	}
	if _, meta, err := c.ACL().PolicyRead(testContext(t), absentID); meta == nil {
		t.Errorf("no meta beside %v", err)
	}
}

func TestACLPoliciesAreEnforced(t *testing.T) {
	t.Parallel()
	ctx, c, prefix := testContext(t), newACLClient(t), unique(t)
	for _, key := range []string{prefix + "/a/1", prefix + "/b/1"} {
		if _, err := c.KV().Put(ctx, &consul.KVPair{Key: key, Value: []byte("v")}); err != nil {
			t.Fatal(err)
		}
	}
	token := newACLToken(t, c, fmt.Sprintf(`key_prefix "%s/a/" { policy = "read" }`, prefix))
	as := consul.WithToken(token.SecretID)

	if pair, _, err := c.KV().Get(ctx, prefix+"/a/1", as); err != nil || string(pair.Value) != "v" {
		t.Errorf("reading what the policy allows: %v, %v", pair, err)
	}
	_, err := c.KV().Put(ctx, &consul.KVPair{Key: prefix + "/a/1"}, as)
	wantACLError(t, err, consul.ErrPermissionDenied)
	if strings.Contains(fmt.Sprint(err), token.SecretID) {
		t.Errorf("the error holds the secret: %v", err)
	}
	pairs, meta, err := c.KV().List(ctx, prefix+"/", as)
	if err != nil || len(pairs) != 1 || pairs[0].Key != prefix+"/a/1" {
		t.Errorf("list is %v, %v; want what the policy allows", pairs, err)
	}
	if !meta.ResultsFilteredByACLs {
		t.Error("the meta does not say that something was kept out of the list")
	}
	pairs, meta, err = c.KV().List(ctx, prefix+"/")
	if err != nil || len(pairs) != 2 || meta.ResultsFilteredByACLs {
		t.Errorf("the management token's list is %v, %v, %+v; want all", pairs, err, meta)
	}
}
