package consul

// This file holds auth methods: the outside authorities that Login trusts. See
// https://developer.hashicorp.com/consul/api-docs/acl/auth-methods

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// An ACLAuthMethod is an outside authority whose word on who someone is Login takes. Binding rules say what that
// someone then gets.
type ACLAuthMethod struct {
	Name            string        // letters, digits, "-" and "_", at most 128; unique, fixed
	Type            string        // "jwt", "kubernetes" or "aws-iam", in Consul Enterprise also "oidc"; fixed
	DisplayName     string        `json:",omitempty"`
	Description     string        `json:",omitempty"`
	MaxTokenTTL     time.Duration `json:",omitempty"` // how long a login lasts, at least 1 minute; 0: no limit
	TokenLocality   string        `json:",omitempty"` // what logins give: "local" tokens, the default, or "global" ones
	TokenNameFormat string        `json:",omitempty"` // names of tokens, a random number goes behind; empty: "${auth_method_type}-${auth_method_name}"

	// Config is the configuration of the type, such as JWTValidationPubKeys for "jwt". It holds what JSON does;
	// durations in it are nanoseconds.
	Config map[string]any

	CreateIndex uint64
	ModifyIndex uint64

	NamespaceRules []*ACLAuthMethodNamespaceRule `json:",omitempty"` // Consul Enterprise
	Namespace      string                        `json:",omitempty"` // Consul Enterprise
	Partition      string                        `json:",omitempty"` // Consul Enterprise
}

// An ACLAuthMethodNamespaceRule says in which namespace a login lands (Consul Enterprise).
type ACLAuthMethodNamespaceRule struct {
	Selector      string `json:",omitempty"` // expression on what the authority says; empty: anyone
	BindNamespace string `json:",omitempty"` // may hold "${...}"; empty: the auth method's
}

// MarshalJSON writes MaxTokenTTL as text, as the API has it.
func (m ACLAuthMethod) MarshalJSON() ([]byte, error) {
	type plain ACLAuthMethod
	return json.Marshal(struct {
		*plain
		MaxTokenTTL wireDuration `json:",omitempty"`
	}{(*plain)(&m), wireDuration(m.MaxTokenTTL)})
}

// UnmarshalJSON reads MaxTokenTTL from text, as the API has it.
func (m *ACLAuthMethod) UnmarshalJSON(b []byte) error {
	type plain ACLAuthMethod
	v := struct {
		*plain
		MaxTokenTTL *wireDuration
	}{(*plain)(m), (*wireDuration)(&m.MaxTokenTTL)}
	return json.Unmarshal(b, &v)
}

// An ACLAuthMethodListEntry is what AuthMethodList gives of an auth method: all but its Config.
type ACLAuthMethodListEntry struct {
	Name            string
	Type            string
	DisplayName     string        `json:",omitempty"`
	Description     string        `json:",omitempty"`
	MaxTokenTTL     time.Duration `json:",omitempty"`
	TokenLocality   string        `json:",omitempty"`
	TokenNameFormat string        `json:",omitempty"`
	CreateIndex     uint64
	ModifyIndex     uint64
	Namespace       string `json:",omitempty"` // Consul Enterprise
	Partition       string `json:",omitempty"` // Consul Enterprise
}

// MarshalJSON writes MaxTokenTTL as text, as the API has it.
func (m ACLAuthMethodListEntry) MarshalJSON() ([]byte, error) {
	type plain ACLAuthMethodListEntry
	return json.Marshal(struct {
		*plain
		MaxTokenTTL wireDuration `json:",omitempty"`
	}{(*plain)(&m), wireDuration(m.MaxTokenTTL)})
}

// UnmarshalJSON reads MaxTokenTTL from text, as the API has it.
func (m *ACLAuthMethodListEntry) UnmarshalJSON(b []byte) error {
	type plain ACLAuthMethodListEntry
	v := struct {
		*plain
		MaxTokenTTL *wireDuration
	}{(*plain)(m), (*wireDuration)(&m.MaxTokenTTL)}
	return json.Unmarshal(b, &v)
}

// AuthMethodCreate makes an auth method. One of that name that exists already is overwritten, as by AuthMethodUpdate:
// the server does not keep the two apart. An empty name or type, or a negative MaxTokenTTL, is ErrInvalidOption. A
// Config that does not fit the type is a 500 of the server's.
//
// Route: PUT /v1/acl/auth-method
func (a *ACL) AuthMethodCreate(ctx context.Context, method *ACLAuthMethod, opts ...WriteOption) (*ACLAuthMethod, *WriteMeta, error) {
	r := newRequest(http.MethodPut, "acl", "auth-method")
	switch {
	case method == nil:
	case method.Name == "":
		r.fail(ErrInvalidOption, "ACLAuthMethod.Name is empty")
	case method.Type == "":
		r.fail(ErrInvalidOption, "ACLAuthMethod.Type is empty")
	}
	return aclWrite[ACLAuthMethod](ctx, a.c, authMethodBody(r, method), opts)
}

// AuthMethodRead reads an auth method by its name. If there is none the error is ErrNotFound; an empty name is
// ErrInvalidOption.
//
// Route: GET /v1/acl/auth-method/:name
func (a *ACL) AuthMethodRead(ctx context.Context, name string, opts ...QueryOption) (*ACLAuthMethod, *QueryMeta, error) {
	return aclRead[ACLAuthMethod](ctx, a.c, newRequest(http.MethodGet, "acl", "auth-method", name), opts)
}

// AuthMethodUpdate replaces all of the auth method that method.Name names, its Type excepted, which can't change; an
// empty one stays. If there is none the server makes it. Errors as AuthMethodCreate.
//
// Route: PUT /v1/acl/auth-method/:name
func (a *ACL) AuthMethodUpdate(ctx context.Context, method *ACLAuthMethod, opts ...WriteOption) (*ACLAuthMethod, *WriteMeta, error) {
	var name string
	if method != nil {
		name = method.Name
	}
	r := newRequest(http.MethodPut, "acl", "auth-method", name)
	return aclWrite[ACLAuthMethod](ctx, a.c, authMethodBody(r, method), opts)
}

// AuthMethodDelete removes an auth method, with its binding rules and all tokens from logins by it. If there is none
// the error is ErrNotFound; Consul 1.10 returns none then.
//
// Route: DELETE /v1/acl/auth-method/:name
func (a *ACL) AuthMethodDelete(ctx context.Context, name string, opts ...WriteOption) (*WriteMeta, error) {
	return send(ctx, a.c, newRequest(http.MethodDelete, "acl", "auth-method", name), opts)
}

// AuthMethodList reads all auth methods, without their Configs. None is an empty list, not an error.
//
// Route: GET /v1/acl/auth-methods
func (a *ACL) AuthMethodList(ctx context.Context, opts ...QueryOption) ([]*ACLAuthMethodListEntry, *QueryMeta, error) {
	return notNil(query[[]*ACLAuthMethodListEntry](ctx, a.c, newRequest(http.MethodGet, "acl", "auth-methods"), opts))
}

func authMethodBody(r *request, method *ACLAuthMethod) *request {
	if method != nil && method.MaxTokenTTL < 0 {
		r.fail(ErrInvalidOption, "ACLAuthMethod.MaxTokenTTL is negative (%v)", method.MaxTokenTTL)
	}
	return aclBody(r, method)
}
