package acl

// This file holds the Authorizer: who asks it a question gets yes or no.

// Default says what holds where no rule applies.
type Default int

const (
	DefaultDeny   Default = iota
	DefaultAllow          // everything but ACLs and snapshots
	DefaultManage         // everything
)

// An Authorizer decides what a token may do. It does not change, and may be asked by several goroutines.
type Authorizer struct {
	fallback Default

	acl, keyring, mesh, operator, peering Access

	agent, event, intention, key, node, query, service, session ruleset
}

// New makes the authorizer of a token with policies, which are merged. The server takes them in the order of their IDs,
// which decides where two levels in capitals meet.
func New(fallback Default, policies ...*Policy) *Authorizer {
	m := merge(policies)
	level := func(r Resource) Access { return accessOf(m.single[r]) }
	rules := func(r Resource, of func(rule) Access) ruleset { return newRuleset(m.exact[r], m.prefix[r], of) }
	policy := func(r rule) Access { return accessOf(r.policy) }

	a := &Authorizer{
		fallback: fallback,

		acl: level(ResourceACL), keyring: level(ResourceKeyring), mesh: level(ResourceMesh),
		operator: level(ResourceOperator), peering: level(ResourcePeering),

		agent: rules(ResourceAgent, policy), event: rules(ResourceEvent, policy), key: rules(ResourceKey, policy),
		node: rules(ResourceNode, policy), query: rules(ResourceQuery, policy), service: rules(ResourceService, policy),
		session: rules(ResourceSession, policy), intention: rules(ResourceService, intentionLevel),
	}
	if a.mesh == 0 {
		a.mesh = a.operator
	}
	if a.peering == 0 {
		a.peering = a.operator
	}
	return a
}

// intentionLevel is what a rule for a service says of the intentions towards it. One that speaks only of the service
// lets who may see it read them; as in merging, a level in capitals is not recognised.
func intentionLevel(r rule) Access {
	switch {
	case r.intentions != "":
		return accessOf(r.intentions)
	case r.policy == "read", r.policy == "write":
		return AccessRead
	default:
		return AccessDeny
	}
}

// ManageAll allows everything.
func ManageAll() *Authorizer { return New(DefaultManage) }

// AllowAll allows everything but what concerns ACLs and snapshots.
func AllowAll() *Authorizer { return New(DefaultAllow) }

// DenyAll allows nothing.
func DenyAll() *Authorizer { return New(DefaultDeny) }

// answer applies the default where rules leave it open.
func (a *Authorizer) answer(d decision) bool {
	return d == allowed || d == undecided && a.fallback != DefaultDeny
}

// manages decides a request that the default must allow expressly.
func (a *Authorizer) manages(want Access) bool {
	d := decide(a.acl, want)
	return d == allowed || d == undecided && a.fallback == DefaultManage
}

// ACLRead allows reading tokens, policies, roles and the rest of the ACL system.
func (a *Authorizer) ACLRead() bool { return a.manages(AccessRead) }

// ACLWrite allows changing the ACL system.
func (a *Authorizer) ACLWrite() bool { return a.manages(AccessWrite) }

// Snapshot allows saving and restoring snapshots.
func (a *Authorizer) Snapshot() bool { return a.manages(AccessWrite) }

// AgentRead allows reading what concerns the agent of a node.
func (a *Authorizer) AgentRead(node string) bool { return a.answer(a.agent.one(node, AccessRead)) }

// AgentWrite allows changing the agent of a node.
func (a *Authorizer) AgentWrite(node string) bool { return a.answer(a.agent.one(node, AccessWrite)) }

// EventRead allows seeing user events of a name.
func (a *Authorizer) EventRead(name string) bool { return a.answer(a.event.one(name, AccessRead)) }

// EventWrite allows firing user events of a name.
func (a *Authorizer) EventWrite(name string) bool { return a.answer(a.event.one(name, AccessWrite)) }

// IntentionRead allows reading the intentions towards a service, with "*" those towards at least one.
func (a *Authorizer) IntentionRead(service string) bool {
	if service == "*" {
		return a.answer(a.intention.any(AccessRead))
	}
	return a.answer(a.intention.one(service, AccessRead))
}

// IntentionWrite allows changing the intentions towards a service, with "*" those towards all.
func (a *Authorizer) IntentionWrite(service string) bool {
	if service == "*" {
		return a.answer(a.intention.all(AccessWrite))
	}
	return a.answer(a.intention.one(service, AccessWrite))
}

// KeyRead allows reading a key.
func (a *Authorizer) KeyRead(key string) bool { return a.answer(a.key.one(key, AccessRead)) }

// KeyList allows listing the keys with a prefix, where the server wants that permission for it
// (acl.enable_key_list_policy).
func (a *Authorizer) KeyList(prefix string) bool { return a.answer(a.key.one(prefix, AccessList)) }

// KeyWrite allows writing a key.
func (a *Authorizer) KeyWrite(key string) bool { return a.answer(a.key.one(key, AccessWrite)) }

// KeyWritePrefix allows writing all keys with a prefix at once.
func (a *Authorizer) KeyWritePrefix(prefix string) bool {
	return a.answer(a.key.under(prefix, AccessWrite))
}

// KeyringRead allows reading the gossip encryption keys.
func (a *Authorizer) KeyringRead() bool { return a.answer(decide(a.keyring, AccessRead)) }

// KeyringWrite allows changing the gossip encryption keys.
func (a *Authorizer) KeyringWrite() bool { return a.answer(decide(a.keyring, AccessWrite)) }

// MeshRead allows reading what concerns the service mesh. Where no rule says, that of the operator does.
func (a *Authorizer) MeshRead() bool { return a.answer(decide(a.mesh, AccessRead)) }

// MeshWrite allows changing what concerns the service mesh. Where no rule says, that of the operator does.
func (a *Authorizer) MeshWrite() bool { return a.answer(decide(a.mesh, AccessWrite)) }

// NodeRead allows seeing a node.
func (a *Authorizer) NodeRead(name string) bool { return a.answer(a.node.one(name, AccessRead)) }

// NodeReadAll allows seeing every node.
func (a *Authorizer) NodeReadAll() bool { return a.answer(a.node.all(AccessRead)) }

// NodeWrite allows registering, changing and removing a node.
func (a *Authorizer) NodeWrite(name string) bool { return a.answer(a.node.one(name, AccessWrite)) }

// OperatorRead allows reading the operator's endpoints.
func (a *Authorizer) OperatorRead() bool { return a.answer(decide(a.operator, AccessRead)) }

// OperatorWrite allows using the operator's endpoints.
func (a *Authorizer) OperatorWrite() bool { return a.answer(decide(a.operator, AccessWrite)) }

// PeeringRead allows reading peerings. Where no rule says, that of the operator does.
func (a *Authorizer) PeeringRead() bool { return a.answer(decide(a.peering, AccessRead)) }

// PeeringWrite allows changing peerings. Where no rule says, that of the operator does.
func (a *Authorizer) PeeringWrite() bool { return a.answer(decide(a.peering, AccessWrite)) }

// PreparedQueryRead allows reading the definition of a prepared query, not running it.
func (a *Authorizer) PreparedQueryRead(name string) bool {
	return a.answer(a.query.one(name, AccessRead))
}

// PreparedQueryWrite allows defining a prepared query.
func (a *Authorizer) PreparedQueryWrite(name string) bool {
	return a.answer(a.query.one(name, AccessWrite))
}

// ServiceRead allows seeing a service.
func (a *Authorizer) ServiceRead(name string) bool { return a.answer(a.service.one(name, AccessRead)) }

// ServiceReadAll allows seeing every service.
func (a *Authorizer) ServiceReadAll() bool { return a.answer(a.service.all(AccessRead)) }

// ServiceReadPrefix allows seeing every service with a prefix.
func (a *Authorizer) ServiceReadPrefix(prefix string) bool {
	return a.answer(a.service.under(prefix, AccessRead))
}

// ServiceWrite allows registering, changing and removing a service.
func (a *Authorizer) ServiceWrite(name string) bool {
	return a.answer(a.service.one(name, AccessWrite))
}

// ServiceWriteAny allows what every service that may register itself may do.
func (a *Authorizer) ServiceWriteAny() bool { return a.answer(a.service.any(AccessWrite)) }

// SessionRead allows seeing the sessions of a node.
func (a *Authorizer) SessionRead(node string) bool { return a.answer(a.session.one(node, AccessRead)) }

// SessionWrite allows creating, renewing and destroying sessions of a node.
func (a *Authorizer) SessionWrite(node string) bool {
	return a.answer(a.session.one(node, AccessWrite))
}
