package embedded

// This file is the table of the ACL routes, and what they have in common.

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/hashicorp/go-memdb"

	"github.com/lictor-go/consul/embedded/internal/acl"
	"github.com/lictor-go/consul/embedded/internal/store"
)

var aclRoutes = needingACLs([]route{
	{"/v1/acl/bootstrap", methods("PUT"), bootstrapACLs},
	{"/v1/acl/replication", methods("GET"), readReplication},
	{"/v1/acl/token", methods("PUT"), createToken},
	{"/v1/acl/token/", methods("GET", "PUT", "DELETE"), serveToken},
	{"/v1/acl/token/self", methods("GET"), readOwnToken},
	{"/v1/acl/tokens", methods("GET"), listTokens},
	{"/v1/acl/policy", methods("PUT"), createPolicy},
	{"/v1/acl/policy/", methods("GET", "PUT", "DELETE"), servePolicy},
	{"/v1/acl/policy/name/", methods("GET"), readPolicyByName},
	{"/v1/acl/policies", methods("GET"), listPolicies},
	{"/v1/acl/role", methods("PUT"), createRole},
	{"/v1/acl/role/", methods("GET", "PUT", "DELETE"), serveRole},
	{"/v1/acl/role/name/", methods("GET"), readRoleByName},
	{"/v1/acl/roles", methods("GET"), listRoles},
	{"/v1/acl/auth-method", methods("PUT"), createAuthMethod},
	{"/v1/acl/auth-method/", methods("GET", "PUT", "DELETE"), serveAuthMethod},
	{"/v1/acl/auth-methods", methods("GET"), listAuthMethods},
	{"/v1/acl/binding-rule", methods("PUT"), createBindingRule},
	{"/v1/acl/binding-rule/", methods("GET", "PUT", "DELETE"), serveBindingRule},
	{"/v1/acl/binding-rules", methods("GET"), listBindingRules},
	{"/v1/acl/templated-policies", methods("GET"), listTemplates},
	{"/v1/acl/templated-policy/name/", methods("GET"), readTemplate},
	{"/v1/acl/templated-policy/preview/", methods("POST"), previewTemplate},
	{"/v1/acl/login", methods("POST"), login},
	{"/v1/acl/logout", methods("POST"), logout},
	{"/v1/internal/acl/authorize", methods("POST"), decideRequests},
})

var errACLsOff = &httpError{status: http.StatusUnauthorized, text: "ACL support disabled"}

// needingACLs has the routes refuse all requests to a server without ACLs.
func needingACLs(routes []route) []route {
	for i := range routes {
		serve := routes[i].serve
		routes[i].serve = func(c *call) (any, error) {
			if !c.s.config.acl.enabled() {
				return nil, errACLsOff
			}
			return serve(c)
		}
	}
	return routes
}

// serveByMethod serves what the path names after prefix, which a PUT need not. missing is the answer where it must.
func (c *call) serveByMethod(prefix, missing string, get, put, remove func(c *call, id string) (any, error)) (any, error) {
	id := c.rest(prefix)
	if c.r.Method == http.MethodPut {
		return put(c, id)
	}
	if id == "" {
		return nil, badRequest("%s", missing)
	}
	if c.r.Method == http.MethodDelete {
		return remove(c, id)
	}
	return get(c, id)
}

// needACL says who the request comes from, who must have the access to the ACL system. What writes must be able to.
func (c *call) needACL(access acl.Access) (identity, error) {
	if access == acl.AccessWrite {
		if err := c.needLeader(); err != nil {
			return identity{}, err
		}
	}
	who, err := c.authorize()
	if err != nil {
		return identity{}, err
	}
	allowed := who.ACLRead
	if access == acl.AccessWrite {
		allowed = who.ACLWrite
	}
	if !allowed() {
		return identity{}, who.denied(acl.ResourceACL, access, "")
	}
	return who, nil
}

// readACL runs a read that needs acl:read.
func (c *call) readACL(
	m *meta, f func(who identity, tx *store.Tx, ws memdb.WatchSet, m *meta) error,
) error {
	if err := c.parse(); err != nil {
		return err
	}
	if err := c.refuseEnterprise(); err != nil {
		return err
	}
	err := c.forward()
	var who identity
	if err == nil {
		who, err = c.needACL(acl.AccessRead)
	}
	if err == nil {
		err = c.readMeta(m, func(tx *store.Tx, ws memdb.WatchSet, m *meta) error { return f(who, tx, ws, m) })
	}
	if err != nil {
		c.setFailedMeta()
	}
	return err
}

// readOne serves the one of a kind that find gives.
func readOne[T any](
	c *call, kind string, find func(tx *store.Tx, ws memdb.WatchSet) (uint64, *T, error),
) (any, error) {
	var m meta
	var found *T
	err := c.readACL(&m, func(_ identity, tx *store.Tx, ws memdb.WatchSet, m *meta) (err error) {
		m.index, found, err = find(tx, ws)
		if err == nil && found == nil {
			err = errAbsent
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if found == nil && c.legacy() {
		return c.absentLegacy(kind, &m)
	}
	if found == nil {
		return nil, notFound("Requested %s does not exist: %v", kind, errUnknownToken)
	}
	c.setMeta(&m)
	return found, nil
}

// readAll serves those that find gives, each as show shows it.
func readAll[T, S any](
	c *call, find func(tx *store.Tx, ws memdb.WatchSet) (uint64, []*T, error), show func(*T) S,
) (any, error) {
	var m meta
	var list []*T
	err := c.readACL(&m, func(_ identity, tx *store.Tx, ws memdb.WatchSet, m *meta) (err error) {
		m.index, list, err = find(tx, ws)
		return err
	})
	if err != nil {
		return nil, err
	}
	c.setMeta(&m)
	shown := make([]S, len(list))
	for i, one := range list {
		shown[i] = show(one)
	}
	return shown, nil
}

func same[T any](v *T) *T { return v }

// decodeACL reads the body of a write, and what else all writes say. A failure is worded as that of kind.
func (c *call) decodeACL(kind string, value any) error {
	c.parseTarget()
	if err := c.refuseEnterprise(); err != nil {
		return err
	}
	err := c.decode(value)
	if err == nil {
		return nil
	}
	text := err.Error()
	if text == `json: unknown field "Namespace"` {
		text += " - Namespaces are a Consul Enterprise feature"
	}
	return badRequest("%s: %s", kind, text)
}

// deleteACL deletes by remove, which gives errUnknownToken where there is nothing to delete.
func (c *call) deleteACL(kind string, remove func(who identity) error) (any, error) {
	if err := c.refuseEnterprise(); err != nil {
		return nil, err
	}
	who, err := c.mayDelete()
	if err != nil && c.legacy() {
		return nil, err
	}
	if err == nil {
		err = remove(who)
	}
	// The real server does not tell the one from the other, and so answers the same where it is the caller's token that is
	// unknown.
	unknown := errors.Is(err, errUnknownToken)
	switch {
	case unknown && c.legacy():
		return true, nil
	case unknown:
		return nil, notFound("Cannot find %s to delete", kind)
	case err != nil:
		return nil, err
	}
	return true, nil
}

func (c *call) mayDelete() (identity, error) {
	if err := c.forward(); err != nil {
		return identity{}, err
	}
	return c.needACL(acl.AccessWrite)
}

// parseHere is parseTarget for writes that are of this datacenter, whichever the request names.
func (c *call) parseHere() {
	c.parseTarget()
	c.datacenter = c.s.config.datacenter
}

// replication is the state of the replication of ACLs from another datacenter, which there isn't.
type replication struct {
	Enabled, Running                                           bool
	SourceDatacenter, ReplicationType                          string
	ReplicatedIndex, ReplicatedRoleIndex, ReplicatedTokenIndex uint64
	LastSuccess, LastError                                     string
	LastErrorMessage                                           string
}

func readReplication(c *call) (any, error) {
	if err := c.parse(); err != nil {
		return nil, err
	}
	if err := c.forward(); err != nil {
		return nil, err
	}
	const never = "0001-01-01T00:00:00Z"
	return replication{LastSuccess: never, LastError: never}, nil
}

const maxDecisions = 64

// decision is a question about what a token may do, and the answer to it.
type decision struct {
	Resource acl.Resource
	Segment  string `json:",omitempty"`
	Access   string
	Allow    bool
}

func decideRequests(c *call) (any, error) {
	c.parseTarget()
	var questions []struct {
		Resource acl.Resource
		Segment  string
		Access   string
	}
	if err := c.decode(&questions); err != nil {
		return nil, badRequest("Failed to decode request body: %v", err)
	}
	if len(questions) > maxDecisions {
		return nil, badRequest("Refusing to process more than %d authorizations at once", maxDecisions)
	}
	decisions := make([]decision, len(questions))
	if len(questions) == 0 {
		return decisions, nil
	}
	if err := c.forward(); err != nil {
		return nil, err
	}
	who, err := c.authorize()
	if err != nil {
		return nil, err
	}
	for i, q := range questions {
		allowed, err := who.Enforce(q.Resource, q.Segment, q.Access)
		if err != nil {
			return nil, badRequest("%v", err)
		}
		decisions[i] = decision{q.Resource, q.Segment, q.Access, allowed}
	}
	return decisions, nil
}

// apply runs a write of the ACL tables. Its failures are those of a race with another write, what can be checked before
// having been; they are worded as those of kind.
func (s *Server) apply(kind string, f func(tx *store.Tx) error) error {
	if err := s.store.Write(f); err != nil {
		return fmt.Errorf("Failed to apply %s request: %w", kind, err)
	}
	return nil
}
