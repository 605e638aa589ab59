package consul

// This file holds ACL, the client of access control: what its parts have in common, bootstrapping, and the state of
// replication. Tokens, policies, roles and so on each have a file, acl_*.go. See
// https://developer.hashicorp.com/consul/api-docs/acl

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// ACL is the client of access control: /v1/acl.
//
// IDs (of policies, roles and binding rules, and the accessor IDs of tokens) are UUIDs: another text is refused with
// ErrInvalidOption. The rest of what a method is given is the server's to judge: it answers most of what it refuses,
// such as a name that is taken or a rule that does not parse, with a 500 whose text says what is wrong, a *StatusError
// without a sentinel.
//
// ErrPermissionDenied is what every method returns where the caller's own token may not do this, where the server does
// not know that token, and where the agent runs without ACLs. ErrNotFound is for the thing that the method names. In
// three cases the server does not tell the two apart. A deletion made with a token that the server does not know is
// ErrNotFound. On Consul 1.10 a policy, role or token that is read and does not exist is ErrPermissionDenied. So is a
// legacy token that Clone does not find.
//
// The server says no index for things that do not exist: LastIndex is then 0 or 1, and of no use to Wait.
type ACL struct{ c *Client }

// ACL gives the client of access control.
func (c *Client) ACL() *ACL { return &ACL{c} }

// ErrBootstrapped says that ACL.Bootstrap came too late: the cluster has had its first management token.
var ErrBootstrapped = errors.New("ACLs are bootstrapped already")

// An ACLLink names a policy or a role that a token or a role is linked to. On a write one of the two is enough; the ID
// counts where both are there. The server answers with both.
type ACLLink struct {
	ID   string `json:",omitempty"`
	Name string `json:",omitempty"`
}

// The links of tokens and roles.
type (
	ACLTokenPolicyLink = ACLLink
	ACLTokenRoleLink   = ACLLink
	ACLRolePolicyLink  = ACLLink
)

// An ACLServiceIdentity allows what a service and its sidecar proxy need: to write that service, to read all others
// and all nodes.
type ACLServiceIdentity struct {
	ServiceName string   // lowercase letters, digits, "-" and "_"
	Datacenters []string `json:",omitempty"` // where it counts; none: everywhere. Not for local tokens
}

// An ACLNodeIdentity allows what the agent of a node needs: to write that node, to read all services.
type ACLNodeIdentity struct {
	NodeName   string // lowercase letters, digits, "-" and "_"
	Datacenter string // where it counts; required
}

// An ACLTemplatedPolicy allows what a template of the server's gives for some variables; see ACL.TemplatedPolicyList.
type ACLTemplatedPolicy struct {
	TemplateName      string                       // such as ACLTemplatedPolicyServiceName
	TemplateVariables *ACLTemplatedPolicyVariables `json:",omitempty"` // what the template's schema asks for
	Datacenters       []string                     `json:",omitempty"` // where it counts; none: everywhere. Not for local tokens
}

// ACLTemplatedPolicyVariables is what a template is filled with.
type ACLTemplatedPolicyVariables struct {
	Name string `json:"name,omitempty"` // of the service or the node
}

// WithPolicy keeps, in TokenList and RoleList, what is linked to the policy with this ID; "" keeps all.
func WithPolicy(id string) QueryOption { return paramOption("policy", id) }

// WithRole keeps, in TokenList, tokens that are linked to the role with this ID; "" keeps all.
func WithRole(id string) QueryOption { return paramOption("role", id) }

// WithAuthMethod keeps, in TokenList, tokens from logins by the auth method of this name, and in BindingRuleList the
// rules that belong to it; "" keeps all.
func WithAuthMethod(name string) QueryOption { return paramOption("authmethod", name) }

// WithServiceName keeps, in TokenList, tokens with a service identity of this name; "" keeps all.
func WithServiceName(name string) QueryOption { return paramOption("servicename", name) }

func paramOption(name, value string) QueryOption {
	return queryFunc(func(o *QueryOptions) { o.Params = merge(o.Params, map[string]string{name: value}) })
}

// Bootstrap makes the first management token of a cluster whose ACLs are on and that has none. Secret becomes its
// SecretID, a UUID; with "" the server makes one up. The client needs no token for it. It works once: after that, and
// where the configuration sets an initial management token, it is ErrBootstrapped, whose text says the reset index that
// an operator would need to start over.
//
// Route: PUT /v1/acl/bootstrap
func (a *ACL) Bootstrap(ctx context.Context, secret string, opts ...WriteOption) (*ACLToken, *WriteMeta, error) {
	r := newRequest(http.MethodPut, "acl", "bootstrap").means(ErrBootstrapped, "ACL bootstrap no longer allowed")
	if secret != "" {
		r.conceal(secret).json(struct{ BootstrapSecret string }{secret})
	}
	return aclWrite[ACLToken](ctx, a.c, r, opts)
}

// ACLReplicationStatus is how the replication of ACLs from the primary datacenter stands, in the datacenter that is
// asked. In the primary datacenter itself, and where replication is off, all of it is zero.
type ACLReplicationStatus struct {
	Enabled              bool   // whether this datacenter replicates
	Running              bool   // whether its leader is doing so now
	SourceDatacenter     string // the primary datacenter
	ReplicationType      string // "policies" or "tokens", which includes policies and roles
	ReplicatedIndex      uint64 // how far policies have come, in the primary's index
	ReplicatedRoleIndex  uint64 // how far roles have come
	ReplicatedTokenIndex uint64 // how far tokens have come
	LastSuccess          time.Time
	LastError            time.Time
	LastErrorMessage     string
}

// Replication says how the replication of ACLs stands. It needs no token. The answer carries no index: it can't be
// waited for.
//
// Route: GET /v1/acl/replication
func (a *ACL) Replication(ctx context.Context, opts ...QueryOption) (*ACLReplicationStatus, *QueryMeta, error) {
	return aclRead[ACLReplicationStatus](ctx, a.c, newRequest(http.MethodGet, "acl", "replication"), opts)
}

// aclRequest describes a call on the thing of a kind that has an ID. An ID that is no UUID could reach another route:
// GET /v1/acl/token/self reads the caller's token.
func aclRequest(method, kind, id string, more ...string) *request {
	r := newRequest(method, append([]string{"acl", kind, id}, more...)...)
	if !isUUID(id) {
		r.fail(ErrInvalidOption, "the ID is not a UUID")
	}
	return r
}

// isUUID reports whether s looks like 8f3b0c12-0123-4567-89ab-0123456789ab.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F') {
				return false
			}
		}
	}
	return true
}

// aclBody makes v the body; there has to be one.
func aclBody[T any](r *request, v *T) *request {
	if v == nil {
		return r.fail(ErrInvalidOption, "the %T is nil", *new(T))
	}
	return r.json(v)
}

// aclRead reads one thing; null instead of it says that it does not exist.
func aclRead[T any](ctx context.Context, c *Client, r *request, opts []QueryOption) (*T, *QueryMeta, error) {
	v, meta, err := query[*T](ctx, c, r, opts)
	if err == nil && v == nil {
		return nil, meta, r.notFound("ACL object")
	}
	return v, meta, err
}

// aclWrite writes one thing and gives what the server made of it.
func aclWrite[T any](ctx context.Context, c *Client, r *request, opts []WriteOption) (*T, *WriteMeta, error) {
	v, meta, err := write[*T](ctx, c, r, opts)
	if err == nil && v == nil {
		return nil, nil, r.badResponse(http.StatusOK, errors.New("null instead of what was written"))
	}
	return v, meta, err
}
