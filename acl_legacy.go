package consul

// This file holds the legacy tokens, which Consul had until 1.10: a token whose ID is its secret, with rules of its
// own.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
)

// The types of legacy tokens.
const (
	ACLClientType     = "client"     // may do what its rules say
	ACLManagementType = "management" // may do everything
)

// An ACLEntry is a legacy token. It prints, and is logged, with its ID hidden, since that is the secret; JSON made of
// it has the ID.
//
// Legacy tokens are gone from Consul since 1.11. There the methods that deal with them (Create, Update, Destroy, Info,
// Clone and List) get a 404 that says the path is not served, and return errors.ErrUnsupported, never ErrNotFound. Use
// the Token methods with such a server.
type ACLEntry struct {
	CreateIndex uint64
	ModifyIndex uint64
	ID          string // the secret; any text
	Name        string // for people
	Type        string // ACLClientType or ACLManagementType; required
	Rules       string // in the legacy rule language: key "app/" { policy = "read" }, where "app/" is a prefix
}

// Format prints the entry as a struct of its fields, whatever the verb, with the ID hidden.
func (e ACLEntry) Format(s fmt.State, verb rune) {
	type plain ACLEntry
	e.ID = hideSecret(e.ID)
	fmt.Fprintf(s, fmt.FormatString(s, verb), plain(e))
}

// LogValue is what slog shows of the entry: its fields, with the ID hidden.
func (e ACLEntry) LogValue() slog.Value { return slog.StringValue(fmt.Sprintf("%+v", e)) }

// Create makes a legacy token and gives its ID: entry.ID, or if that is empty one that the server makes up. An empty
// Type is ErrInvalidOption; rules that don't parse and an unknown type are a 500 of the server's. An ID that exists
// already is overwritten. errors.ErrUnsupported since Consul 1.11.
//
// Route: PUT /v1/acl/create
//
// Deprecated: Gone from Consul since 1.11; use [ACL.TokenCreate] there.
func (a *ACL) Create(ctx context.Context, entry *ACLEntry, opts ...WriteOption) (string, *WriteMeta, error) {
	return a.legacyWrite(ctx, legacyBody(newRequest(http.MethodPut, "acl", "create"), entry), opts)
}

// Update replaces all of the legacy token that entry.ID names; one that does not exist is made. An empty ID or Type is
// ErrInvalidOption. errors.ErrUnsupported since Consul 1.11.
//
// Route: PUT /v1/acl/update
//
// Deprecated: Gone from Consul since 1.11; use [ACL.TokenUpdate] there.
func (a *ACL) Update(ctx context.Context, entry *ACLEntry, opts ...WriteOption) (*WriteMeta, error) {
	r := legacyBody(newRequest(http.MethodPut, "acl", "update"), entry)
	if entry != nil && entry.ID == "" {
		r.fail(ErrInvalidOption, "ACLEntry.ID is empty")
	}
	return send(ctx, a.c, r, opts)
}

// Destroy removes a legacy token; one that does not exist is no error. An empty ID is ErrInvalidOption.
// errors.ErrUnsupported since Consul 1.11.
//
// The secret travels in the URL, as the API has it; errors and logs of this package hide it.
//
// Route: PUT /v1/acl/destroy/:id
//
// Deprecated: Gone from Consul since 1.11; use [ACL.TokenDelete] there.
func (a *ACL) Destroy(ctx context.Context, id string, opts ...WriteOption) (*WriteMeta, error) {
	return send(ctx, a.c, legacyRequest(http.MethodPut, "destroy", id), opts)
}

// Info reads a legacy token; it needs no permission but to know the ID. If there is none the error is ErrNotFound, and
// Wait(meta.LastIndex, …) waits for it. An empty ID is ErrInvalidOption. errors.ErrUnsupported since Consul 1.11. The
// secret travels in the URL: see Destroy.
//
// Route: GET /v1/acl/info/:id
//
// Deprecated: Gone from Consul since 1.11; use [ACL.TokenRead] there.
func (a *ACL) Info(ctx context.Context, id string, opts ...QueryOption) (*ACLEntry, *QueryMeta, error) {
	r := legacyRequest(http.MethodGet, "info", id)
	entries, meta, err := query[[]*ACLEntry](ctx, a.c, r, opts)
	if err != nil {
		return nil, meta, err
	}
	if len(entries) == 0 || entries[0] == nil {
		return nil, meta, r.notFound("token")
	}
	return entries[0], meta, nil
}

// Clone makes a legacy token that says what the one with this ID does, and gives the new ID. One that does not exist is
// ErrPermissionDenied: the server does not tell it from a caller who may not clone. An empty ID is ErrInvalidOption.
// errors.ErrUnsupported since Consul 1.11. The secret travels in the URL: see Destroy.
//
// Route: PUT /v1/acl/clone/:id
//
// Deprecated: Gone from Consul since 1.11; use [ACL.TokenClone] there.
func (a *ACL) Clone(ctx context.Context, id string, opts ...WriteOption) (string, *WriteMeta, error) {
	return a.legacyWrite(ctx, legacyRequest(http.MethodPut, "clone", id), opts)
}

// List reads all legacy tokens; those of today's kind are listed only if they are management tokens. None is an empty
// list, not an error. errors.ErrUnsupported since Consul 1.11.
//
// Route: GET /v1/acl/list
//
// Deprecated: Gone from Consul since 1.11; use [ACL.TokenList] there.
func (a *ACL) List(ctx context.Context, opts ...QueryOption) ([]*ACLEntry, *QueryMeta, error) {
	return notNil(query[[]*ACLEntry](ctx, a.c, newRequest(http.MethodGet, "acl", "list"), opts))
}

// legacyRequest describes a call on a legacy token, whose secret is the end of the path.
func legacyRequest(method, operation, id string) *request {
	return newRequest(method, "acl", operation, id).hide(id)
}

func legacyBody(r *request, entry *ACLEntry) *request {
	if entry != nil {
		r.conceal(entry.ID)
		if entry.Type == "" {
			r.fail(ErrInvalidOption, "ACLEntry.Type is empty")
		}
	}
	return aclBody(r, entry)
}

// legacyWrite makes a write that the server answers with the ID of the token.
func (a *ACL) legacyWrite(ctx context.Context, r *request, opts []WriteOption) (string, *WriteMeta, error) {
	out, meta, err := write[struct{ ID string }](ctx, a.c, r, opts)
	if err == nil && out.ID == "" {
		return "", nil, r.badResponse(http.StatusOK, errors.New("no token ID in it"))
	}
	return out.ID, meta, err
}
