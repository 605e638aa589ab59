package consul

// This file holds the tokens of access control. See https://developer.hashicorp.com/consul/api-docs/acl/tokens

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"
)

// An ACLToken is a secret with what it allows. It prints, and is logged, with its SecretID hidden; JSON made of it has
// the secret.
//
// What it allows is the sum of its policies, roles, identities and templated policies. An update replaces all of them.
type ACLToken struct {
	AccessorID  string // names the token in calls and logs; on creation a UUID of the caller's choice, else the server's
	SecretID    string // what a call carries; on creation a UUID of the caller's choice, else the server's
	Name        string `json:",omitempty"` // for people; on login from the auth method's TokenNameFormat
	Description string

	Policies          []*ACLTokenPolicyLink `json:",omitempty"`
	Roles             []*ACLTokenRoleLink   `json:",omitempty"`
	ServiceIdentities []*ACLServiceIdentity `json:",omitempty"`
	NodeIdentities    []*ACLNodeIdentity    `json:",omitempty"`
	TemplatedPolicies []*ACLTemplatedPolicy `json:",omitempty"`

	// Local tokens are valid only in the datacenter that made them, and are not replicated. Fixed on creation.
	Local bool

	// ExpirationTTL is, on creation, how long the token lives: at least 1 minute by default, the servers' configuration
	// sets the limits. Zero: no end, or ExpirationTime. The server turns it into ExpirationTime and never answers it.
	ExpirationTTL time.Duration `json:",omitempty"`

	// ExpirationTime is when the token ends; zero: never. Fixed on creation.
	ExpirationTime time.Time `json:",omitzero"`

	AuthMethod string    `json:",omitempty"` // the auth method behind the login that made the token
	CreateTime time.Time `json:",omitzero"`
	Hash       []byte    `json:",omitempty"` // changes with what the token says

	CreateIndex uint64
	ModifyIndex uint64

	Namespace           string `json:",omitempty"` // Consul Enterprise
	Partition           string `json:",omitempty"` // Consul Enterprise
	AuthMethodNamespace string `json:",omitempty"` // Consul Enterprise
}

// Format prints the token as a struct of its fields, whatever the verb, with the SecretID hidden.
func (t ACLToken) Format(s fmt.State, verb rune) {
	type plain ACLToken
	t.SecretID = hideSecret(t.SecretID)
	fmt.Fprintf(s, fmt.FormatString(s, verb), plain(t))
}

// LogValue is what slog shows of the token: its fields, with the SecretID hidden.
func (t ACLToken) LogValue() slog.Value { return slog.StringValue(fmt.Sprintf("%+v", t)) }

// hideSecret stands in for a secret. That there is none is no secret.
func hideSecret(secret string) string {
	if secret == "" {
		return ""
	}
	return hidden
}

// An ACLTokenListEntry is what TokenList gives of a token: all of it. With a token that has acl:read but not acl:write
// the server hides the SecretIDs, as "<hidden>".
type ACLTokenListEntry = ACLToken

// An ACLTokenExpanded is a token with everything that it comes to on the agent that was asked. It prints as its
// ACLToken.
type ACLTokenExpanded struct {
	ExpandedPolicies []ACLPolicy // all that apply, those of roles and those made from identities and templates included
	ExpandedRoles    []ACLRole

	NamespaceDefaultPolicyIDs []string `json:",omitempty"` // Consul Enterprise
	NamespaceDefaultRoleIDs   []string `json:",omitempty"` // Consul Enterprise

	AgentACLDefaultPolicy string // "allow" or "deny": what the agent does where no rule applies
	AgentACLDownPolicy    string // what the agent does if it can't reach the servers, such as "extend-cache"
	ResolvedByAgent       string // the agent's node name

	ACLToken
}

// TokenCreate makes a token and gives it back with its AccessorID and SecretID. A negative ExpirationTTL, or one beside
// an ExpirationTime, is ErrInvalidOption. A policy or role that does not exist, and an AccessorID or SecretID that is
// no UUID or is taken, is a 500 of the server's.
//
// Route: PUT /v1/acl/token
func (a *ACL) TokenCreate(ctx context.Context, token *ACLToken, opts ...WriteOption) (*ACLToken, *WriteMeta, error) {
	return aclWrite[ACLToken](ctx, a.c, tokenBody(newRequest(http.MethodPut, "acl", "token"), token), opts)
}

// TokenRead reads a token by its accessor ID. If there is none, or it has expired, the error is ErrNotFound; see ACL
// for Consul 1.10. The SecretID is "<hidden>" unless the caller's token has acl:write.
//
// Route: GET /v1/acl/token/:accessor
func (a *ACL) TokenRead(ctx context.Context, accessorID string, opts ...QueryOption) (*ACLToken, *QueryMeta, error) {
	return aclRead[ACLToken](ctx, a.c, tokenRequest(http.MethodGet, accessorID), opts)
}

// TokenReadExpanded reads a token and everything that it comes to: its policies in full, those behind its roles,
// identities and templates included. Errors as TokenRead.
//
// Route: GET /v1/acl/token/:accessor?expanded
func (a *ACL) TokenReadExpanded(ctx context.Context, accessorID string, opts ...QueryOption) (*ACLTokenExpanded, *QueryMeta, error) {
	return aclRead[ACLTokenExpanded](ctx, a.c, tokenRequest(http.MethodGet, accessorID).flag("expanded"), opts)
}

// TokenReadSelf reads the token that the call itself carries: the client's, or WithToken's. It needs no permission. A
// token that the server does not know, or that has expired, and none at all, is ErrPermissionDenied.
//
// Route: GET /v1/acl/token/self
func (a *ACL) TokenReadSelf(ctx context.Context, opts ...QueryOption) (*ACLToken, *QueryMeta, error) {
	return aclRead[ACLToken](ctx, a.c, newRequest(http.MethodGet, "acl", "token", "self"), opts)
}

// TokenUpdate replaces what a token says: its description, and all that it allows. Token.AccessorID names it; an empty
// SecretID stays as it is. Secret, Local, AuthMethod and expiration can't change: they are left zero, or are what
// TokenRead gave. If there is no such token the error is ErrNotFound. It is ErrInvalidOption where token is nil, has no
// AccessorID or has an ExpirationTTL.
//
// Agents that know the token go by what it was for up to their acl.token_ttl, 30 s by default.
//
// Route: PUT /v1/acl/token/:accessor
func (a *ACL) TokenUpdate(ctx context.Context, token *ACLToken, opts ...WriteOption) (*ACLToken, *WriteMeta, error) {
	var id string
	if token != nil {
		id = token.AccessorID
	}
	r := tokenBody(tokenRequest(http.MethodPut, id), token)
	if token != nil && token.ExpirationTTL != 0 {
		r.fail(ErrInvalidOption, "ACLToken.ExpirationTTL is set, but an expiration can't be changed")
	}
	return aclWrite[ACLToken](ctx, a.c, r, opts)
}

// TokenClone makes a token that allows, and ends, as the one with this accessor ID, with IDs of its own. An empty
// description is the original's. If there is no such token, or it has expired, the error is ErrNotFound; see ACL for
// Consul 1.10. Tokens from logins can't be cloned.
//
// Route: PUT /v1/acl/token/:accessor/clone
func (a *ACL) TokenClone(ctx context.Context, accessorID, description string, opts ...WriteOption) (*ACLToken, *WriteMeta, error) {
	r := tokenRequest(http.MethodPut, accessorID, "clone").json(struct{ Description string }{description})
	return aclWrite[ACLToken](ctx, a.c, r, opts)
}

// TokenDelete removes a token. If there is none the error is ErrNotFound; Consul 1.10 returns none then. Agents that
// know the token go on to accept it for up to their acl.token_ttl, 30 s by default.
//
// Route: DELETE /v1/acl/token/:accessor
func (a *ACL) TokenDelete(ctx context.Context, accessorID string, opts ...WriteOption) (*WriteMeta, error) {
	return send(ctx, a.c, tokenRequest(http.MethodDelete, accessorID), opts)
}

// TokenList reads all tokens, or those that one of WithPolicy, WithRole, WithAuthMethod and WithServiceName keeps; the
// server refuses more than one of them with a 500, and ignores WithFilter. None is an empty list, not an error.
//
// Route: GET /v1/acl/tokens
func (a *ACL) TokenList(ctx context.Context, opts ...QueryOption) ([]*ACLTokenListEntry, *QueryMeta, error) {
	return notNil(query[[]*ACLTokenListEntry](ctx, a.c, newRequest(http.MethodGet, "acl", "tokens"), opts))
}

// tokenRequest describes a call on a token by its accessor ID. That the token does not exist comes as 403 from a read
// and a clone, like a caller's own token that is unknown ("ACL not found", with nothing before it), and as 500 from an
// update.
func tokenRequest(method, accessorID string, more ...string) *request {
	return aclRequest(method, "token", accessorID, more...).means(ErrNotFound,
		"token does not exist", "token not found in namespace", "token has expired", "token is expired", "Cannot find token")
}

func tokenBody(r *request, token *ACLToken) *request {
	if token == nil {
		return aclBody(r, token)
	}
	switch {
	case token.ExpirationTTL < 0:
		r.fail(ErrInvalidOption, "ACLToken.ExpirationTTL is negative (%v)", token.ExpirationTTL)
	case token.ExpirationTTL > 0 && !token.ExpirationTime.IsZero():
		r.fail(ErrInvalidOption, "ACLToken has both an ExpirationTTL and an ExpirationTime")
	}
	return aclBody(r, token).conceal(token.SecretID)
}
