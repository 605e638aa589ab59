package embedded

// This file tells the catalog of the agent's services and checks.

import (
	"slices"

	"github.com/lictor-go/consul/embedded/internal/store"
)

// sync tells the catalog what it is yet to be told. What ACLs do not allow counts as told until the next full sync, but
// for what is gone: that is tried each time.
func (a *agent) sync() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.nodeSynced && !a.syncNode() {
		return
	}
	for _, id := range keysOf(a.services, func(s *agentService) bool { return s.gone || !s.synced }) {
		if s := a.services[id]; s.gone {
			a.deregisterService(id)
		} else {
			a.syncService(s)
		}
	}
	for _, id := range keysOf(a.checks, func(c *agentCheck) bool { return c.gone || !c.synced }) {
		if c := a.checks[id]; c.gone {
			a.deregisterCheck(id)
		} else {
			c.tellNow()
			a.syncCheck(c)
		}
	}
}

// keysOf gives the keys of the values that f holds for, in order.
func keysOf[V any](m map[string]V, f func(V) bool) []string {
	var keys []string
	for key, value := range m {
		if f(value) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// tokenOr is the token of a registration, else the one of requests without.
func (a *agent) tokenOr(token string) string {
	if token == "" {
		return a.s.defaultToken()
	}
	return token
}

// syncNode tells the catalog of the node itself, and reports whether there was nothing amiss but ACLs.
func (a *agent) syncNode() bool {
	err := a.register(a.s.agentToken(), &registerBody{})
	a.nodeSynced = a.told("Node info", "node", a.s.config.node, err)
	return a.nodeSynced
}

// syncService tells the catalog of a service, with those of its checks that have the same token.
func (a *agent) syncService(s *agentService) {
	token := a.tokenOr(s.token)
	body := &registerBody{Service: copyOf(s.service), SkipNodeUpdate: a.nodeSynced}
	its := keysOf(a.checks, func(c *agentCheck) bool {
		return !c.gone && !c.synced && c.check.ServiceID == s.service.ID && a.tokenOr(c.token) == token
	})
	for _, id := range its {
		body.Checks = append(body.Checks, copyOf(a.checks[id].check))
	}
	if a.told("Service", "service", s.service.ID, a.register(token, body)) {
		s.synced = true
		for _, id := range its {
			a.checks[id].synced = true
		}
	}
}

// syncCheck tells the catalog of a check, and of its service, which may have been deregistered there.
func (a *agent) syncCheck(c *agentCheck) {
	body := &registerBody{Check: copyOf(c.check), SkipNodeUpdate: a.nodeSynced}
	if s := a.services[c.check.ServiceID]; s != nil && !s.gone {
		body.Service = copyOf(s.service)
	}
	c.synced = a.told("Check", "check", c.check.CheckID, a.register(a.tokenOr(c.token), body))
}

func copyOf[T any](value *T) *T {
	c := *value
	return &c
}

// told logs how telling the catalog of something went, and reports whether there is nothing more to do for now.
func (a *agent) told(what, key, id string, err error) bool {
	switch {
	case err == nil:
		a.s.log.Info("agent: Synced "+what, key, id)
	case isDenied(err):
		a.s.log.Warn("agent: "+what+" registration blocked by ACLs", key, id)
	default:
		a.s.log.Warn("agent: Syncing "+what+" failed.", key, id, "error", err)
		return false
	}
	return true
}

// register registers in the catalog what the body says, of the agent's own node, as who has the token.
func (a *agent) register(token string, body *registerBody) error {
	node := a.s.ownNode()
	body.ID, body.Node, body.Address, body.Datacenter = node.ID, node.Node, node.Address, node.Datacenter
	body.TaggedAddresses, body.NodeMeta = node.TaggedAddresses, node.Meta
	who, err := a.s.resolve(token)
	if err != nil {
		return err
	}
	if err := body.complete(who); err != nil {
		return err
	}
	registration := body.registration()
	if err := who.mayRegister(registration, a.s.store.Read()); err != nil {
		return err
	}
	return a.s.store.Write(func(tx *store.Tx) error { return tx.Register(registration) })
}

// deregisterService has the catalog forget a service, and its checks with it. The agent's token is used, since that of
// the service may be gone as well.
func (a *agent) deregisterService(id string) {
	if _, s := a.s.store.Read().NodeService(nil, a.s.config.node, id); s != nil {
		if !a.deregister("Service", &deregisterBody{Node: a.s.config.node, ServiceID: id}) {
			return
		}
	}
	delete(a.services, id)
	for checkID, c := range a.checks {
		if c.gone && c.check != nil && c.check.ServiceID == id {
			a.prune(checkID)
		}
	}
}

// deregisterCheck has the catalog forget a check.
func (a *agent) deregisterCheck(id string) {
	if _, c := a.s.store.Read().NodeCheck(nil, a.s.config.node, id); c != nil {
		if !a.deregister("Check", &deregisterBody{Node: a.s.config.node, CheckID: id}) {
			return
		}
	}
	a.prune(id)
}

// prune forgets a check of which the catalog knows no more.
func (a *agent) prune(id string) {
	a.checks[id].tellNow()
	delete(a.checks, id)
}

// deregister deregisters from the catalog what the body says, as the agent, and reports whether it did.
func (a *agent) deregister(what string, body *deregisterBody) bool {
	err := a.deregisterAs(a.s.agentToken(), body)
	id := body.ServiceID + body.CheckID
	switch {
	case err == nil:
		a.s.log.Info("agent: Deregistered "+what, "id", id)
	case isDenied(err):
		a.s.log.Warn("agent: "+what+" deregistration blocked by ACLs", "id", id)
	default:
		a.s.log.Warn("agent: Deregistering "+what+" failed.", "id", id, "error", err)
	}
	return err == nil
}

func (a *agent) deregisterAs(token string, body *deregisterBody) error {
	who, err := a.s.resolve(token)
	if err != nil {
		return err
	}
	if err := who.mayDeregister(body, a.s.store.Read()); err != nil {
		return err
	}
	return a.s.store.Write(func(tx *store.Tx) error { return tx.Deregister(body.Node, body.ServiceID, body.CheckID) })
}
