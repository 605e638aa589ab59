package consul

// This file holds templated policies: the policies that Consul itself writes from a name. See
// https://developer.hashicorp.com/consul/api-docs/acl/templated-policies

import (
	"context"
	"fmt"
	"net/http"
)

// The templates of Consul 1.22.
const (
	ACLTemplatedPolicyServiceName     = "builtin/service"
	ACLTemplatedPolicyNodeName        = "builtin/node"
	ACLTemplatedPolicyDNSName         = "builtin/dns"
	ACLTemplatedPolicyNomadServerName = "builtin/nomad-server"
	ACLTemplatedPolicyNomadClientName = "builtin/nomad-client"
	ACLTemplatedPolicyAPIGatewayName  = "builtin/api-gateway"
)

// An ACLTemplatedPolicyResponse is a template that the server has.
type ACLTemplatedPolicyResponse struct {
	TemplateName string
	Schema       string // JSON schema of the variables; empty: it takes none
	Template     string // the rules, with {{.Name}} where a variable goes
	Description  string
}

// TemplatedPolicyList reads the templates that the server has, by their names. The answer carries no index.
//
// Route: GET /v1/acl/templated-policies
func (a *ACL) TemplatedPolicyList(ctx context.Context, opts ...QueryOption) (map[string]ACLTemplatedPolicyResponse, *QueryMeta, error) {
	r := newRequest(http.MethodGet, "acl", "templated-policies")
	return notNilMap(query[map[string]ACLTemplatedPolicyResponse](ctx, a.c, r, opts))
}

// TemplatedPolicyReadByName reads a template. If there is none of that name the error is ErrNotFound; an empty name is
// ErrInvalidOption.
//
// Route: GET /v1/acl/templated-policy/name/:name
func (a *ACL) TemplatedPolicyReadByName(ctx context.Context, name string, opts ...QueryOption) (*ACLTemplatedPolicyResponse, *QueryMeta, error) {
	// The server answers 400 for a name that it does not have.
	r := newRequest(http.MethodGet, "acl", "templated-policy", "name", name).means(ErrNotFound, "Invalid templated policy Name")
	return aclRead[ACLTemplatedPolicyResponse](ctx, a.c, r, opts)
}

// TemplatedPolicyPreview gives the policy that a template comes to, and changes nothing. Of tp, TemplateName and
// TemplateVariables are read. If there is no such template the error is ErrNotFound; variables that do not fit its
// schema are ErrBadRequest.
//
// Route: POST /v1/acl/templated-policy/preview/:name
func (a *ACL) TemplatedPolicyPreview(ctx context.Context, tp *ACLTemplatedPolicy, opts ...WriteOption) (*ACLPolicy, *WriteMeta, error) {
	var name string
	vars := &ACLTemplatedPolicyVariables{} // the server wants a body, also for a template without variables
	if tp != nil {
		name = tp.TemplateName
		if tp.TemplateVariables != nil {
			vars = tp.TemplateVariables
		}
	}
	r := newRequest(http.MethodPost, "acl", "templated-policy", "preview", name).json(vars)
	return aclWrite[ACLPolicy](ctx, a.c, r.means(ErrNotFound, fmt.Sprintf("templated policy %q does not exist", name)), opts)
}
