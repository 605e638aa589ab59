package consul

// This file holds the roles of access control. See https://developer.hashicorp.com/consul/api-docs/acl/roles

import (
	"context"
	"net/http"
)

// An ACLRole is a named set of what tokens linked to it may do: the sum of its policies, identities and templated
// policies. An update replaces all of them.
type ACLRole struct {
	ID                string `json:",omitempty"` // given by the server
	Name              string // letters, digits, "-" and "_", at most 256; unique
	Description       string
	Policies          []*ACLRolePolicyLink  `json:",omitempty"`
	ServiceIdentities []*ACLServiceIdentity `json:",omitempty"`
	NodeIdentities    []*ACLNodeIdentity    `json:",omitempty"`
	TemplatedPolicies []*ACLTemplatedPolicy `json:",omitempty"`
	Hash              []byte                `json:",omitempty"` // changes with what the role says
	CreateIndex       uint64
	ModifyIndex       uint64
	Namespace         string `json:",omitempty"` // Consul Enterprise
	Partition         string `json:",omitempty"` // Consul Enterprise
}

// RoleCreate makes a role and gives it back with its ID. A role with an ID is ErrInvalidOption. A name that is taken
// and a policy that does not exist are a 500 of the server's.
//
// Route: PUT /v1/acl/role
func (a *ACL) RoleCreate(ctx context.Context, role *ACLRole, opts ...WriteOption) (*ACLRole, *WriteMeta, error) {
	r := aclBody(newRequest(http.MethodPut, "acl", "role"), role)
	if role != nil && role.ID != "" {
		r.fail(ErrInvalidOption, "ACLRole.ID is set, but the server chooses the ID of a new role")
	}
	return aclWrite[ACLRole](ctx, a.c, r, opts)
}

// RoleRead reads a role by its ID. If there is none the error is ErrNotFound; see ACL for Consul 1.10.
//
// Route: GET /v1/acl/role/:id
func (a *ACL) RoleRead(ctx context.Context, id string, opts ...QueryOption) (*ACLRole, *QueryMeta, error) {
	return aclRead[ACLRole](ctx, a.c, aclRequest(http.MethodGet, "role", id), opts)
}

// RoleReadByName reads a role by its name. Errors as RoleRead; an empty name is ErrInvalidOption.
//
// Route: GET /v1/acl/role/name/:name
func (a *ACL) RoleReadByName(ctx context.Context, name string, opts ...QueryOption) (*ACLRole, *QueryMeta, error) {
	return aclRead[ACLRole](ctx, a.c, newRequest(http.MethodGet, "acl", "role", "name", name), opts)
}

// RoleUpdate replaces all of the role that role.ID names. If there is none the error is ErrNotFound. Agents go by the
// role as it was for up to their acl.role_ttl, 30 s by default.
//
// Route: PUT /v1/acl/role/:id
func (a *ACL) RoleUpdate(ctx context.Context, role *ACLRole, opts ...WriteOption) (*ACLRole, *WriteMeta, error) {
	var id string
	if role != nil {
		id = role.ID
	}
	r := aclRequest(http.MethodPut, "role", id).means(ErrNotFound, "cannot find role")
	return aclWrite[ACLRole](ctx, a.c, aclBody(r, role), opts)
}

// RoleDelete removes a role, also from the tokens that are linked to it. If there is none the error is ErrNotFound;
// Consul 1.10 returns none then.
//
// Route: DELETE /v1/acl/role/:id
func (a *ACL) RoleDelete(ctx context.Context, id string, opts ...WriteOption) (*WriteMeta, error) {
	return send(ctx, a.c, aclRequest(http.MethodDelete, "role", id), opts)
}

// RoleList reads all roles, or those that WithPolicy keeps. None is an empty list, not an error.
//
// Route: GET /v1/acl/roles
func (a *ACL) RoleList(ctx context.Context, opts ...QueryOption) ([]*ACLRole, *QueryMeta, error) {
	return notNil(query[[]*ACLRole](ctx, a.c, newRequest(http.MethodGet, "acl", "roles"), opts))
}
