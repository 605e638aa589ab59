package acl

// This file holds the policies that a server has from its start, and what it grants its own recovery token.

import (
	"fmt"
	"strings"
)

// A BuiltinPolicy is a policy that is there without being made, and can't be deleted.
type BuiltinPolicy struct{ ID, Name, Description, Rules string }

// ReservedIDPrefix is what the IDs of built-in policies, tokens and roles start with.
const ReservedIDPrefix = "00000000-0000-0000-0000-0000000000"

// ReservedNamePrefix is what the names of built-in policies and templates start with, save that of GlobalManagement.
const ReservedNamePrefix = "builtin/"

// GlobalManagement is the policy that allows everything.
func GlobalManagement() BuiltinPolicy {
	return BuiltinPolicy{
		ID:          ReservedIDPrefix + "01",
		Name:        "global-management",
		Description: "A built-in policy that grants read and write access to all Consul features",
		Rules:       globalRules("write"),
	}
}

// GlobalReadOnly is the policy that allows reading everything.
func GlobalReadOnly() BuiltinPolicy {
	return BuiltinPolicy{
		ID:          ReservedIDPrefix + "02",
		Name:        ReservedNamePrefix + "global-read-only",
		Description: "A built-in policy that grants read-only access to all Consul features",
		Rules:       globalRules("read"),
	}
}

// globalRules gives one level of access to everything. The order and the blanks are the server's.
func globalRules(level string) string {
	var b strings.Builder
	single := func(resource Resource) { fmt.Fprintf(&b, "\n%s = %q", resource, level) }
	prefix := func(resource Resource) { fmt.Fprintf(&b, "\n%s_prefix \"\" {\n\tpolicy = %q\n}", resource, level) }

	single(ResourceACL)
	prefix(ResourceAgent)
	prefix(ResourceEvent)
	prefix(ResourceKey)
	single(ResourceKeyring)
	prefix(ResourceNode)
	single(ResourceOperator)
	single(ResourceMesh)
	single(ResourcePeering)
	prefix(ResourceQuery)
	fmt.Fprintf(&b, "\nservice_prefix \"\" {\n\tpolicy = %[1]q\n\tintentions = %[1]q\n}", level)
	prefix(ResourceSession)
	return b.String()
}

// Recovery is the authorizer of an agent's recovery token: it may write to the agent of its own node, and see all nodes.
func Recovery(node string) *Authorizer {
	p := newPolicy()
	named{resource: ResourceAgent, exact: []rule{{name: node, policy: "write"}}}.addTo(p)
	named{resource: ResourceNode, prefix: []rule{{policy: "read"}}}.addTo(p)
	return New(DefaultDeny, p)
}
