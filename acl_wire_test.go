package consul_test

// This file tests that what users set reaches the wire, that secrets stay out of what people read, and that types keep
// what the real server sends.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/lictor-go/consul"
)

var aclTime = time.Date(2031, 2, 3, 4, 5, 6, 7, time.UTC)

// A aclSent is what aclClientOf's transport was given.
type aclSent struct {
	Method, URL string
	Body        []byte
}

type aclTransport func(*http.Request) (*http.Response, error)

func (f aclTransport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// aclClientOf gives a client whose server always answers with this status and body, and the requests that it was sent.
func aclClientOf(t testing.TB, status int, body string) (*consul.Client, *[]aclSent) {
	t.Helper()
	var sent []aclSent
	transport := aclTransport(func(r *http.Request) (*http.Response, error) {
		s := aclSent{Method: r.Method, URL: r.URL.String()}
		if r.Body != nil {
			var err error
			if s.Body, err = io.ReadAll(r.Body); err != nil {
				return nil, err
			}
		}
		sent = append(sent, s)
		return &http.Response{
			StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r,
		}, nil
	})
	return clientWith(t, &consul.Config{Address: "127.0.0.1:1", Transport: transport}), &sent
}

// aclFilled gives a T in which every field, however deep, has a value that is not zero.
func aclFilled[T any](t *testing.T) *T {
	t.Helper()
	v := new(T)
	aclFill(t, reflect.ValueOf(v).Elem(), "x")
	return v
}

func aclFill(t *testing.T, v reflect.Value, name string) {
	switch value := v.Addr().Interface().(type) {
	case *time.Time:
		*value = aclTime
		return
	case *time.Duration:
		*value = 90 * time.Second
		return
	case *map[string]any:
		*value = map[string]any{"key": []any{"value", 1.5}}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			aclFill(t, v.Field(i), v.Type().Field(i).Name)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		aclFill(t, v.Elem(), name)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		aclFill(t, v.Index(0), name)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("key"), reflect.ValueOf("value"))
	case reflect.String:
		v.SetString("value of " + name)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Uint64, reflect.Uint8:
		v.SetUint(7)
	default:
		t.Fatalf("no value for a %v", v.Type())
	}
}

// checkACLWire sends a T with all fields filled, less those that change clears, and fails where the body lacks one or
// the caller's value was changed.
func checkACLWire[T any](t *testing.T, name string, change func(*T), send func(*consul.ACL, *T) error) {
	t.Run(name, func(t *testing.T) {
		want, given := aclFilled[T](t), aclFilled[T](t)
		change(want)
		change(given)
		c, sent := aclClientOf(t, http.StatusOK, "{}")
		if err := send(c.ACL(), given); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(given, want) {
			t.Errorf("the caller's value was changed to %#v", given)
		}
		if len(*sent) != 1 {
			t.Fatalf("%d requests were sent", len(*sent))
		}
		got := new(T)
		if err := json.Unmarshal((*sent)[0].Body, got); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("the body is\n%s\nwhich is not all of\n%#v", (*sent)[0].Body, want)
		}
	})
}

func TestACLFieldsReachTheWire(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	checkACLWire(t, "TokenCreate with TTL", func(v *consul.ACLToken) { v.ExpirationTime = time.Time{} }, func(a *consul.ACL, v *consul.ACLToken) error {
		_, _, err := a.TokenCreate(ctx, v)
		return err
	})
	checkACLWire(t, "TokenUpdate", func(v *consul.ACLToken) { v.AccessorID, v.ExpirationTTL = absentID, 0 }, func(a *consul.ACL, v *consul.ACLToken) error {
		_, _, err := a.TokenUpdate(ctx, v)
		return err
	})
	checkACLWire(t, "PolicyCreate", func(v *consul.ACLPolicy) { v.ID = "" }, func(a *consul.ACL, v *consul.ACLPolicy) error {
		_, _, err := a.PolicyCreate(ctx, v)
		return err
	})
	checkACLWire(t, "PolicyUpdate", func(v *consul.ACLPolicy) { v.ID = absentID }, func(a *consul.ACL, v *consul.ACLPolicy) error {
		_, _, err := a.PolicyUpdate(ctx, v)
		return err
	})
	checkACLWire(t, "RoleCreate", func(v *consul.ACLRole) { v.ID = "" }, func(a *consul.ACL, v *consul.ACLRole) error {
		_, _, err := a.RoleCreate(ctx, v)
		return err
	})
	checkACLWire(t, "RoleUpdate", func(v *consul.ACLRole) { v.ID = absentID }, func(a *consul.ACL, v *consul.ACLRole) error {
		_, _, err := a.RoleUpdate(ctx, v)
		return err
	})
	checkACLWire(t, "AuthMethodCreate", func(*consul.ACLAuthMethod) {}, func(a *consul.ACL, v *consul.ACLAuthMethod) error {
		_, _, err := a.AuthMethodCreate(ctx, v)
		return err
	})
	checkACLWire(t, "AuthMethodUpdate", func(*consul.ACLAuthMethod) {}, func(a *consul.ACL, v *consul.ACLAuthMethod) error {
		_, _, err := a.AuthMethodUpdate(ctx, v)
		return err
	})
	checkACLWire(t, "BindingRuleCreate", func(v *consul.ACLBindingRule) { v.ID = "" }, func(a *consul.ACL, v *consul.ACLBindingRule) error {
		_, _, err := a.BindingRuleCreate(ctx, v)
		return err
	})
	checkACLWire(t, "BindingRuleUpdate", func(v *consul.ACLBindingRule) { v.ID = absentID }, func(a *consul.ACL, v *consul.ACLBindingRule) error {
		_, _, err := a.BindingRuleUpdate(ctx, v)
		return err
	})
	checkACLWire(t, "Login", func(*consul.ACLLoginParams) {}, func(a *consul.ACL, v *consul.ACLLoginParams) error {
		_, _, err := a.Login(ctx, v)
		return err
	})
	checkACLWire(t, "Update", func(*consul.ACLEntry) {}, func(a *consul.ACL, v *consul.ACLEntry) error {
		_, err := a.Update(ctx, v)
		return err
	})
	checkACLWire(t, "TemplatedPolicyPreview", func(*consul.ACLTemplatedPolicyVariables) {}, func(a *consul.ACL, v *consul.ACLTemplatedPolicyVariables) error {
		_, _, err := a.TemplatedPolicyPreview(ctx, &consul.ACLTemplatedPolicy{TemplateName: "t", TemplateVariables: v})
		return err
	})
}

// The API has the duration of an auth method as text; that of a token may be nanoseconds.
func TestACLAuthMethodTTLIsText(t *testing.T) {
	t.Parallel()
	for _, v := range []any{consul.ACLAuthMethod{MaxTokenTTL: 90 * time.Second}, &consul.ACLAuthMethodListEntry{MaxTokenTTL: 90 * time.Second}} {
		b, err := json.Marshal(v)
		if err != nil || !strings.Contains(string(b), `"MaxTokenTTL":"1m30s"`) {
			t.Errorf("%T is %s, %v", v, b, err)
		}
	}
	b, err := json.Marshal(&consul.ACLAuthMethod{})
	if err != nil || strings.Contains(string(b), "MaxTokenTTL") {
		t.Errorf("no TTL is %s, %v", b, err)
	}
	if err := json.Unmarshal([]byte(`{"MaxTokenTTL":"soon"}`), new(consul.ACLAuthMethod)); err == nil {
		t.Error("a TTL that is no duration was taken")
	}
}

const aclSecret = "5ec4e700-7777-4777-8777-777777777777"

func TestACLTypesPrintWithoutTheirSecrets(t *testing.T) {
	t.Parallel()
	token := consul.ACLToken{AccessorID: absentID, SecretID: aclSecret}
	values := []any{
		token, &token, []*consul.ACLToken{&token}, map[string]consul.ACLToken{"t": token}, consul.ACLTokenListEntry(token),
		consul.ACLTokenExpanded{ACLToken: token}, &consul.ACLTokenExpanded{ACLToken: token},
		consul.ACLEntry{ID: aclSecret}, &consul.ACLEntry{ID: aclSecret},
		consul.ACLLoginParams{AuthMethod: "m", BearerToken: aclSecret}, &consul.ACLLoginParams{AuthMethod: "m", BearerToken: aclSecret},
	}
	for _, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
			if s := fmt.Sprintf(verb, v); strings.Contains(s, aclSecret) || strings.Contains(s, fmt.Sprintf("%x", aclSecret)) {
				t.Errorf("%s of %T shows the secret: %s", verb, v, s)
			}
		}
	}
	for _, v := range []any{token, &token, consul.ACLTokenExpanded{ACLToken: token}, &consul.ACLEntry{ID: aclSecret}, consul.ACLLoginParams{BearerToken: aclSecret}} {
		var text, js bytes.Buffer
		slog.New(slog.NewTextHandler(&text, nil)).Info("m", "v", v)
		slog.New(slog.NewJSONHandler(&js, nil)).Info("m", "v", v)
		for _, s := range []string{text.String(), js.String()} {
			if strings.Contains(s, aclSecret) || !strings.Contains(s, "hidden") {
				t.Errorf("log of %T is %s", v, s)
			}
		}
	}
	if s := fmt.Sprintf("%+v", token); !strings.Contains(s, "AccessorID:"+absentID) || !strings.Contains(s, "SecretID:<hidden>") {
		t.Errorf("token prints as %s", s)
	}
	if token.SecretID != aclSecret {
		t.Error("printing changed the token")
	}
	if s := fmt.Sprintf("%+v", consul.ACLToken{}); strings.Contains(s, "hidden") {
		t.Errorf("a token without a secret prints as %s", s)
	}
}

// No server of today quotes these in an error; one that did, or a proxy before it, must not give them away.
func TestACLErrorsAndLogsHoldNoSecret(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	calls := map[string]func(*consul.ACL) error{
		"Bootstrap": func(a *consul.ACL) error { _, _, err := a.Bootstrap(ctx, aclSecret); return err },
		"TokenCreate": func(a *consul.ACL) error {
			_, _, err := a.TokenCreate(ctx, &consul.ACLToken{SecretID: aclSecret})
			return err
		},
		"TokenUpdate": func(a *consul.ACL) error {
			_, _, err := a.TokenUpdate(ctx, &consul.ACLToken{AccessorID: absentID, SecretID: aclSecret})
			return err
		},
		"Login": func(a *consul.ACL) error {
			_, _, err := a.Login(ctx, &consul.ACLLoginParams{AuthMethod: "m", BearerToken: aclSecret})
			return err
		},
		"Logout":        func(a *consul.ACL) error { _, err := a.Logout(ctx, consul.WithToken(aclSecret)); return err },
		"TokenReadSelf": func(a *consul.ACL) error { _, _, err := a.TokenReadSelf(ctx, consul.WithToken(aclSecret)); return err },
		"Create": func(a *consul.ACL) error {
			_, _, err := a.Create(ctx, &consul.ACLEntry{ID: aclSecret, Type: consul.ACLClientType})
			return err
		},
		"Update": func(a *consul.ACL) error {
			_, err := a.Update(ctx, &consul.ACLEntry{ID: aclSecret, Type: consul.ACLClientType})
			return err
		},
		"Destroy": func(a *consul.ACL) error { _, err := a.Destroy(ctx, aclSecret); return err },
		"Info":    func(a *consul.ACL) error { _, _, err := a.Info(ctx, aclSecret); return err },
		"Clone":   func(a *consul.ACL) error { _, _, err := a.Clone(ctx, aclSecret); return err },
		// The client refuses these, since the server would clean the path.
		"Destroy unclean": func(a *consul.ACL) error { _, err := a.Destroy(ctx, aclSecret+"//"+aclSecret); return err },
		"Info unclean":    func(a *consul.ACL) error { _, _, err := a.Info(ctx, "../"+aclSecret); return err },
	}
	failures := map[string]func(*http.Request) (*http.Response, error){
		"status": func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 500, Body: io.NopCloser(strings.NewReader("no " + aclSecret + " in " + r.URL.Path))}, nil
		},
		"not JSON": func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(`"` + aclSecret))}, nil
		},
		"no answer": func(*http.Request) (*http.Response, error) { return nil, errors.New("connection lost") },
	}
	for how, fail := range failures {
		var log bytes.Buffer
		c := clientWith(t, &consul.Config{
			Address: "127.0.0.1:1", Transport: aclTransport(fail), Retry: consul.RetryPolicy{MaxAttempts: 1},
			Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		})
		for name, call := range calls {
			err := call(c.ACL())
			if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), aclSecret) {
				t.Errorf("%s, %s: the error shows the secret: %v", name, how, err)
			}
		}
		if log.Len() == 0 || strings.Contains(log.String(), aclSecret) {
			t.Errorf("%s: the log shows the secret, or nothing:\n%s", how, log.String())
		}
	}
}

func TestACLFiltersReachTheWire(t *testing.T) {
	t.Parallel()
	c, sent := aclClientOf(t, http.StatusOK, "null")
	ctx, a := testContext(t), c.ACL()
	for _, test := range []struct {
		call func(context.Context, ...consul.QueryOption) error
		opt  consul.QueryOption
		want string
	}{
		{listTokens(a), consul.WithPolicy("p&1"), "/v1/acl/tokens?policy=p%261"},
		{listTokens(a), consul.WithRole("r"), "/v1/acl/tokens?role=r"},
		{listTokens(a), consul.WithAuthMethod("m"), "/v1/acl/tokens?authmethod=m"},
		{listTokens(a), consul.WithServiceName("s"), "/v1/acl/tokens?servicename=s"},
	} {
		if err := test.call(ctx, test.opt); err != nil {
			t.Fatal(err)
		}
		if url := (*sent)[len(*sent)-1].URL; !strings.HasSuffix(url, test.want) {
			t.Errorf("URL is %s, want %s", url, test.want)
		}
	}
}

func listTokens(a *consul.ACL) func(context.Context, ...consul.QueryOption) error {
	return func(ctx context.Context, opts ...consul.QueryOption) error {
		list, _, err := a.TokenList(ctx, opts...)
		if err == nil && list == nil {
			return errors.New("the list is nil")
		}
		return err
	}
}

func TestACLTypesKeepWhatTheServerSends(t *testing.T) {
	t.Parallel()
	// The server's own ID of a template says nothing that its name does not.
	const template = ".TemplatedPolicies[0].TemplateID"

	token := checkRecorded[consul.ACLToken](t, "acl/token.json", template)
	if token.ExpirationTime.Sub(token.CreateTime) != time.Hour || len(token.Hash) == 0 || len(token.Roles) != 1 {
		t.Errorf("token is %+v", token)
	}
	checkRecorded[[]*consul.ACLTokenListEntry](t, "acl/tokens.json", "[0]"+template)
	expanded := checkRecorded[consul.ACLTokenExpanded](t, "acl/token_expanded.json", template, ".ExpandedRoles[0]"+template)
	if len(expanded.ExpandedPolicies) < 2 || len(expanded.ExpandedRoles) != 1 || expanded.AccessorID != token.AccessorID {
		t.Errorf("expanded token is %+v", expanded)
	}
	checkRecorded[consul.ACLPolicy](t, "acl/policy.json")
	checkRecorded[[]*consul.ACLPolicyListEntry](t, "acl/policies.json")
	checkRecorded[consul.ACLRole](t, "acl/role.json", template)
	checkRecorded[[]*consul.ACLRole](t, "acl/roles.json", "[0]"+template)
	method := checkRecorded[consul.ACLAuthMethod](t, "acl/auth_method.json")
	if method.MaxTokenTTL != 5*time.Minute || len(method.Config) != 6 {
		t.Errorf("auth method is %+v", method)
	}
	methods := checkRecorded[[]*consul.ACLAuthMethodListEntry](t, "acl/auth_methods.json")
	if len(methods) != 1 || methods[0].MaxTokenTTL != 5*time.Minute {
		t.Errorf("auth methods are %+v", methods)
	}
	checkRecorded[[]*consul.ACLBindingRule](t, "acl/binding_rules.json")
	checkRecorded[consul.ACLTemplatedPolicyResponse](t, "acl/templated_policy.json")
	checkRecorded[map[string]consul.ACLTemplatedPolicyResponse](t, "acl/templated_policies.json")
	checkRecorded[consul.ACLPolicy](t, "acl/templated_policy_preview.json")
	checkRecorded[consul.ACLReplicationStatus](t, "acl/replication.json")
	checkRecorded[[]*consul.ACLEntry](t, "acl/legacy_list.json")
}
