package consul

// This file holds binding rules: what a login gets. See
// https://developer.hashicorp.com/consul/api-docs/acl/binding-rules

import (
	"context"
	"net/http"
)

// A BindingRuleBindType says what a binding rule gives to the token of a login.
type BindingRuleBindType string

// What a binding rule gives. A policy or a role that does not exist at the time of the login is left out.
const (
	BindingRuleBindTypeService         BindingRuleBindType = "service"          // a service identity for BindName
	BindingRuleBindTypeNode            BindingRuleBindType = "node"             // a node identity for BindName
	BindingRuleBindTypeRole            BindingRuleBindType = "role"             // the role BindName
	BindingRuleBindTypePolicy          BindingRuleBindType = "policy"           // the policy BindName
	BindingRuleBindTypeTemplatedPolicy BindingRuleBindType = "templated-policy" // the template BindName, filled with BindVars
)

// An ACLBindingRule says what logins by an auth method get. All rules whose Selector matches count; a login that none
// matches is denied.
type ACLBindingRule struct {
	ID          string `json:",omitempty"` // given by the server
	Description string
	AuthMethod  string // name of the auth method; required, fixed
	Selector    string // expression on what the authority says, such as `value.service == "web"`; empty: any login
	BindType    BindingRuleBindType
	BindName    string                       // required; may hold what the authority says, as in "${value.service}"
	BindVars    *ACLTemplatedPolicyVariables `json:",omitempty"` // for BindingRuleBindTypeTemplatedPolicy; may hold "${...}"
	CreateIndex uint64
	ModifyIndex uint64
	Namespace   string `json:",omitempty"` // Consul Enterprise
	Partition   string `json:",omitempty"` // Consul Enterprise
}

// BindingRuleCreate makes a binding rule and gives it back with its ID. A rule with an ID is ErrInvalidOption. An auth
// method that does not exist and a selector that does not parse are a 500 of the server's.
//
// Route: PUT /v1/acl/binding-rule
func (a *ACL) BindingRuleCreate(ctx context.Context, rule *ACLBindingRule, opts ...WriteOption) (*ACLBindingRule, *WriteMeta, error) {
	r := aclBody(newRequest(http.MethodPut, "acl", "binding-rule"), rule)
	if rule != nil && rule.ID != "" {
		r.fail(ErrInvalidOption, "ACLBindingRule.ID is set, but the server chooses the ID of a new rule")
	}
	return aclWrite[ACLBindingRule](ctx, a.c, r, opts)
}

// BindingRuleRead reads a binding rule by its ID. If there is none the error is ErrNotFound.
//
// Route: GET /v1/acl/binding-rule/:id
func (a *ACL) BindingRuleRead(ctx context.Context, id string, opts ...QueryOption) (*ACLBindingRule, *QueryMeta, error) {
	return aclRead[ACLBindingRule](ctx, a.c, aclRequest(http.MethodGet, "binding-rule", id), opts)
}

// BindingRuleUpdate replaces all of the binding rule that rule.ID names, its AuthMethod excepted, which can't change;
// an empty one stays. If there is none the error is ErrNotFound. Tokens of logins until now keep what they got.
//
// Route: PUT /v1/acl/binding-rule/:id
func (a *ACL) BindingRuleUpdate(ctx context.Context, rule *ACLBindingRule, opts ...WriteOption) (*ACLBindingRule, *WriteMeta, error) {
	var id string
	if rule != nil {
		id = rule.ID
	}
	r := aclRequest(http.MethodPut, "binding-rule", id).means(ErrNotFound, "cannot find binding rule")
	return aclWrite[ACLBindingRule](ctx, a.c, aclBody(r, rule), opts)
}

// BindingRuleDelete removes a binding rule. If there is none the error is ErrNotFound; Consul 1.10 returns none then.
//
// Route: DELETE /v1/acl/binding-rule/:id
func (a *ACL) BindingRuleDelete(ctx context.Context, id string, opts ...WriteOption) (*WriteMeta, error) {
	return send(ctx, a.c, aclRequest(http.MethodDelete, "binding-rule", id), opts)
}

// BindingRuleList reads all binding rules, or with WithAuthMethod those of one auth method. None is an empty list, also
// where there is no such auth method.
//
// Route: GET /v1/acl/binding-rules
func (a *ACL) BindingRuleList(ctx context.Context, opts ...QueryOption) ([]*ACLBindingRule, *QueryMeta, error) {
	return notNil(query[[]*ACLBindingRule](ctx, a.c, newRequest(http.MethodGet, "acl", "binding-rules"), opts))
}
