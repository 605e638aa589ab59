package embedded

// This file looks after the agent's services and checks as time passes: it compares them with the catalog, and
// deregisters services that are critical for too long.

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/lictor-go/consul/embedded/internal/store"
)

const (
	// reapInterval is how often services are looked for that are critical for too long.
	reapInterval = 30 * time.Second
	// syncInterval is how often all is compared with the catalog, and up to as much longer each time; syncRetry the same
	// where it could not be.
	syncInterval = time.Minute
	syncRetry    = 15 * time.Second
	// reconcileInterval is how often the leader looks whether its own node is registered.
	reconcileInterval = time.Minute
)

// tend looks after the agent until the server is closed.
func (a *agent) tend() {
	reap, reconcile := time.NewTicker(reapInterval), time.NewTicker(reconcileInterval)
	defer reap.Stop()
	defer reconcile.Stop()
	full := time.NewTimer(a.untilFullSync())
	defer full.Stop()
	for {
		select {
		case <-reap.C:
			a.reap()
		case <-reconcile.C:
			if err := a.s.reconcile(); err != nil {
				a.s.log.Error("agent: the node can't be registered", "error", err)
			}
		case <-full.C:
			a.fullSync()
			full.Reset(a.untilFullSync())
		case <-a.s.ctx.Done():
			return
		}
	}
}

// reap deregisters services that are critical for too long.
func (a *agent) reap() {
	a.editing.Lock()
	defer a.editing.Unlock()
	late := map[string]bool{}
	a.mu.Lock()
	for id, c := range a.checks {
		after := a.runs[id].reapAfter
		if !c.gone && c.check.ServiceID != "" && after > 0 && !c.criticalAt.IsZero() && time.Since(c.criticalAt) > after {
			late[c.check.ServiceID] = true
		}
	}
	a.mu.Unlock()
	for _, id := range sortedKeys(late) {
		a.dropService(id)
		a.s.log.Info("agent: deregistered service with critical health due to exceeding health check's "+
			"'deregister_critical_service_after' timeout", "service", id)
	}
	if len(late) > 0 {
		a.sync()
	}
}

// fullSync compares everything with the catalog, and tells it what differs there. What the agent does not know goes,
// what is missing comes back.
func (a *agent) fullSync() {
	if err := a.compare(); err != nil {
		a.s.log.Error("agent.anti_entropy: failed to sync remote state", "error", err)
		return
	}
	a.sync()
}

// untilFullSync is how long it is to the next full sync.
func (a *agent) untilFullSync() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	wait := syncInterval
	if !a.nodeSynced {
		wait = syncRetry
	}
	return wait + jitter(wait)
}

// compare finds out what the catalog is to be told, as far as the agent's token lets it see.
func (a *agent) compare() error {
	who, err := a.s.resolve(a.s.agentToken())
	if err != nil {
		a.mu.Lock()
		a.nodeSynced = false // for all that is known
		a.mu.Unlock()
		return err
	}
	tx := a.s.store.Read()
	_, node, services := tx.NodeServices(nil, a.s.config.node)
	_, checks := tx.NodeChecks(nil, a.s.config.node)
	if !who.NodeRead(a.s.config.node) {
		node, services, checks = nil, nil, nil
	}
	services = keep(services, func(s *store.NodeService) bool { return who.ServiceRead(s.Service) })
	checks = keep(checks, func(c *store.HealthCheck) bool { return c.ServiceName == "" || who.ServiceRead(c.ServiceName) })
	a.mu.Lock()
	defer a.mu.Unlock()
	own := a.s.ownNode()
	a.nodeSynced = a.nodeSynced && node != nil && node.ID == own.ID &&
		reflect.DeepEqual(node.TaggedAddresses, own.TaggedAddresses) && reflect.DeepEqual(node.Meta, own.Meta)
	a.compareServices(services)
	a.compareChecks(checks)
	return nil
}

// compareServices notes which services the catalog has otherwise, or not, or too many. mu is held.
func (a *agent) compareServices(list []*store.NodeService) {
	for _, s := range a.services {
		s.synced = false
	}
	for _, told := range list {
		switch s := a.services[told.ID]; {
		case s == nil && told.ID == consulService: // which is not the agent's
		case s == nil:
			a.services[told.ID] = &agentService{gone: true}
		case !s.gone:
			s.service = withCatalogs(s.service, told)
			s.synced = sameService(s.service, told)
		}
	}
}

// withCatalogs is a service with what the catalog may decide about it: its tags, where it says so, and the addresses that
// servers add.
func withCatalogs(s, told *store.NodeService) *store.NodeService {
	s = copyOf(s)
	if s.EnableTagOverride {
		s.Tags = slices.Clone(told.Tags)
	}
	if !reflect.DeepEqual(s.TaggedAddresses, told.TaggedAddresses) {
		addresses := map[string]store.ServiceAddress{}
		maps.Copy(addresses, s.TaggedAddresses)
		for kind, address := range told.TaggedAddresses {
			if strings.HasPrefix(kind, "consul-") {
				addresses[kind] = address
			}
		}
		s.TaggedAddresses = addresses
	}
	return s
}

// compareChecks does the same for checks. Output that is told late makes no difference. mu is held.
func (a *agent) compareChecks(list []*store.HealthCheck) {
	for _, c := range a.checks {
		c.synced = false
	}
	for _, told := range list {
		switch c := a.checks[told.CheckID]; {
		case c == nil && told.CheckID == serfHealth: // which is not the agent's
		case c == nil:
			a.checks[told.CheckID] = &agentCheck{gone: true}
		case !c.gone:
			own := c.check
			if c.late != nil {
				own = copyOf(own)
				own.Output = told.Output
			}
			c.synced = sameCheck(own, told)
		}
	}
}
