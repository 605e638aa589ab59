package consul

// This file holds Login, which trades the word of an outside authority for a token, and Logout. See
// https://developer.hashicorp.com/consul/api-docs/acl

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
)

// ACLLoginParams is who logs in. It prints, and is logged, with its BearerToken hidden.
type ACLLoginParams struct {
	AuthMethod  string            // name of the auth method
	BearerToken string            // what the authority gave: for "jwt" the JWT, for "kubernetes" the service account's
	Meta        map[string]string `json:",omitempty"` // kept in the token's description
}

// Format prints the parameters as a struct, whatever the verb, with the BearerToken hidden.
func (p ACLLoginParams) Format(s fmt.State, verb rune) {
	type plain ACLLoginParams
	p.BearerToken = hideSecret(p.BearerToken)
	fmt.Fprintf(s, fmt.FormatString(s, verb), plain(p))
}

// LogValue is what slog shows of the parameters: its fields, with the BearerToken hidden.
func (p ACLLoginParams) LogValue() slog.Value { return slog.StringValue(fmt.Sprintf("%+v", p)) }

// Login makes a token for whoever the bearer token stands for; binding rules say what it allows. It ends after the auth
// method's MaxTokenTTL, or with Logout. The client needs no token for it. If there is no such auth method the error is
// ErrNotFound; if no binding rule matches it is ErrPermissionDenied. An empty AuthMethod or BearerToken is
// ErrInvalidOption. A bearer token that does not hold (signature, expiry, audience) is, by the server's choice, a 500.
//
// Route: POST /v1/acl/login
func (a *ACL) Login(ctx context.Context, auth *ACLLoginParams, opts ...WriteOption) (*ACLToken, *WriteMeta, error) {
	r := aclBody(newRequest(http.MethodPost, "acl", "login"), auth)
	switch {
	case auth == nil:
	case auth.AuthMethod == "":
		r.fail(ErrInvalidOption, "ACLLoginParams.AuthMethod is empty")
	case auth.BearerToken == "":
		r.fail(ErrInvalidOption, "ACLLoginParams.BearerToken is empty")
	default:
		r.conceal(auth.BearerToken).means(ErrNotFound, fmt.Sprintf("auth method %q not found", auth.AuthMethod))
	}
	return aclWrite[ACLToken](ctx, a.c, r, opts)
}

// Logout removes the token that the call itself carries, the client's or WithToken's, which must come from Login; any
// other, one that is gone, and none at all are ErrPermissionDenied. Agents that know the token go on to accept it for
// up to their acl.token_ttl, 30 s by default.
//
// Route: POST /v1/acl/logout
func (a *ACL) Logout(ctx context.Context, opts ...WriteOption) (*WriteMeta, error) {
	return send(ctx, a.c, newRequest(http.MethodPost, "acl", "logout"), opts)
}
