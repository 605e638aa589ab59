package consul

// This file holds the policies of access control. See https://developer.hashicorp.com/consul/api-docs/acl/policies

import (
	"context"
	"net/http"
)

// An ACLPolicy is a named set of rules.
type ACLPolicy struct {
	ID          string `json:",omitempty"` // given by the server
	Name        string // letters, digits, "-", "_" and one "/", at most 128; unique
	Description string
	Rules       string   // in Consul's rule language: key_prefix "app/" { policy = "read" }
	Datacenters []string `json:",omitempty"` // where it counts; none: everywhere
	Hash        []byte   `json:",omitempty"` // changes with what the policy says
	CreateIndex uint64
	ModifyIndex uint64
	Namespace   string `json:",omitempty"` // Consul Enterprise
	Partition   string `json:",omitempty"` // Consul Enterprise
}

// An ACLPolicyListEntry is what PolicyList gives of a policy: all but its rules.
type ACLPolicyListEntry struct {
	ID          string
	Name        string
	Description string
	Datacenters []string
	Hash        []byte
	CreateIndex uint64
	ModifyIndex uint64
	Namespace   string `json:",omitempty"` // Consul Enterprise
	Partition   string `json:",omitempty"` // Consul Enterprise
}

// PolicyCreate makes a policy and gives it back with its ID. A policy with an ID is ErrInvalidOption. A name that is
// taken and rules that don't parse are a 500 of the server's.
//
// Route: PUT /v1/acl/policy
func (a *ACL) PolicyCreate(ctx context.Context, policy *ACLPolicy, opts ...WriteOption) (*ACLPolicy, *WriteMeta, error) {
	r := aclBody(newRequest(http.MethodPut, "acl", "policy"), policy)
	if policy != nil && policy.ID != "" {
		r.fail(ErrInvalidOption, "ACLPolicy.ID is set, but the server chooses the ID of a new policy")
	}
	return aclWrite[ACLPolicy](ctx, a.c, r, opts)
}

// PolicyRead reads a policy by its ID. If there is none the error is ErrNotFound; see ACL for Consul 1.10.
//
// Route: GET /v1/acl/policy/:id
func (a *ACL) PolicyRead(ctx context.Context, id string, opts ...QueryOption) (*ACLPolicy, *QueryMeta, error) {
	return aclRead[ACLPolicy](ctx, a.c, aclRequest(http.MethodGet, "policy", id), opts)
}

// PolicyReadByName reads a policy by its name. Errors as PolicyRead; an empty name is ErrInvalidOption.
//
// Route: GET /v1/acl/policy/name/:name
func (a *ACL) PolicyReadByName(ctx context.Context, name string, opts ...QueryOption) (*ACLPolicy, *QueryMeta, error) {
	return aclRead[ACLPolicy](ctx, a.c, newRequest(http.MethodGet, "acl", "policy", "name", name), opts)
}

// PolicyUpdate replaces all of the policy that policy.ID names. If there is none the error is ErrNotFound. Agents go by
// the rules as they were for up to their acl.policy_ttl, 30 s by default.
//
// Route: PUT /v1/acl/policy/:id
func (a *ACL) PolicyUpdate(ctx context.Context, policy *ACLPolicy, opts ...WriteOption) (*ACLPolicy, *WriteMeta, error) {
	var id string
	if policy != nil {
		id = policy.ID
	}
	r := aclRequest(http.MethodPut, "policy", id).means(ErrNotFound, "cannot find policy")
	return aclWrite[ACLPolicy](ctx, a.c, aclBody(r, policy), opts)
}

// PolicyDelete removes a policy, also from the tokens and roles that are linked to it. If there is none the error is
// ErrNotFound; Consul 1.10 returns none then. The policies that Consul brings along can't be removed: 500.
//
// Route: DELETE /v1/acl/policy/:id
func (a *ACL) PolicyDelete(ctx context.Context, id string, opts ...WriteOption) (*WriteMeta, error) {
	return send(ctx, a.c, aclRequest(http.MethodDelete, "policy", id), opts)
}

// PolicyList reads all policies, without their rules. None is an empty list, not an error.
//
// Route: GET /v1/acl/policies
func (a *ACL) PolicyList(ctx context.Context, opts ...QueryOption) ([]*ACLPolicyListEntry, *QueryMeta, error) {
	return notNil(query[[]*ACLPolicyListEntry](ctx, a.c, newRequest(http.MethodGet, "acl", "policies"), opts))
}
