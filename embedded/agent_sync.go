package embedded

// This file keeps the catalog true to the agent's services and checks.

import (
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/lictor-go/consul/embedded/internal/store"
)

const (
	// tendEvery is how often the agent looks for services to reap and for output to tell.
	tendEvery = 30 * time.Second
	// fullSyncEvery is how often it compares all with the catalog, in times of the former.
	fullSyncEvery = 2
)

func jitter(d time.Duration) time.Duration { return rand.N(d) }

// tend looks after the agent's services and checks until the server is closed.
func (a *agent) tend() {
	ticker := time.NewTicker(tendEvery)
	defer ticker.Stop()
	for i := 1; ; i++ {
		select {
		case <-ticker.C:
		case <-a.s.ctx.Done():
			return
		}
		a.reap()
		if i%fullSyncEvery == 0 {
			a.fullSync()
		} else {
			a.sync()
		}
	}
}

// reap deregisters services that have been critical for too long.
func (a *agent) reap() {
	a.mu.Lock()
	late := map[string]bool{}
	for _, c := range a.checks {
		if c.check.ServiceID != "" && c.reapAfter > 0 && !c.criticalAt.IsZero() && time.Since(c.criticalAt) > c.reapAfter {
			late[c.check.ServiceID] = true
		}
	}
	a.mu.Unlock()
	for id := range late {
		a.s.log.Info("deregistered a service that was critical for too long", "service", id)
		a.removeService(id)
	}
}

// fullSync compares everything with the catalog. What the agent does not know goes, what is missing or differs comes back, and
// so does the node itself.
func (a *agent) fullSync() {
	tx := a.s.store.Read()
	_, node, services := tx.NodeServices(nil, a.s.config.node)
	if node == nil {
		if err := a.s.store.Write(func(tx *store.Tx) error { return tx.Register(a.s.aliveNode()) }); err != nil {
			a.s.log.Error("the node can't be registered", "error", err)
			return
		}
	}
	if err := a.s.store.Write(func(tx *store.Tx) error { return tx.EnsureNode(a.s.ownNode()) }); err != nil {
		a.s.log.Error("the node can't be registered", "error", err)
	}
	_, checks := tx.NodeChecks(nil, a.s.config.node)
	a.mu.Lock()
	for _, s := range services {
		switch kept := a.services[s.ID]; {
		case kept == nil && s.ID != consulService:
			a.goneServices[s.ID] = true
		case kept != nil && kept.service.EnableTagOverride && !slices.Equal(kept.service.Tags, s.Tags):
			changed := *kept.service
			changed.Tags = s.Tags
			kept.service = &changed
		}
	}
	for _, c := range checks {
		if a.checks[c.CheckID] == nil && c.CheckID != serfHealth {
			a.goneChecks[c.CheckID] = true
		}
	}
	for _, s := range a.services {
		s.synced = false
	}
	for _, c := range a.checks {
		c.synced = false
	}
	a.mu.Unlock()
	a.sync()
}

// sync tells the catalog of what has changed. What the token of a registration does not allow is left for the next full
// sync.
func (a *agent) sync() {
	a.mu.Lock()
	goneServices, goneChecks := a.goneServices, a.goneChecks
	a.goneServices, a.goneChecks = map[string]bool{}, map[string]bool{}
	byToken := a.takeUnsynced()
	a.mu.Unlock()
	err := a.s.store.Write(func(tx *store.Tx) error {
		for _, id := range slices.Sorted(maps.Keys(goneServices)) {
			if err := tx.DeregisterService(a.s.config.node, id); err != nil {
				return err
			}
		}
		for _, id := range slices.Sorted(maps.Keys(goneChecks)) {
			if err := tx.DeregisterCheck(a.s.config.node, id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		a.s.log.Error("the catalog can't be synced", "error", err)
	}
	for _, r := range byToken {
		if err := a.register(r); err != nil {
			a.s.log.Error("a registration can't be synced", "error", err)
		}
	}
}

// unsynced is a service with checks of it, or checks of the node, that the catalog is to be told of.
type unsynced struct {
	token   string
	service *store.NodeService
	checks  []*store.HealthCheck
}

// takeUnsynced gives what the catalog is to be told of, services first, and takes it for told. mu is held.
func (a *agent) takeUnsynced() []unsynced {
	var list []unsynced
	ofService := map[string]int{}
	for _, id := range slices.Sorted(maps.Keys(a.services)) {
		if s := a.services[id]; !s.synced {
			s.synced = true
			ofService[id] = len(list)
			list = append(list, unsynced{token: s.token, service: s.service})
		}
	}
	now := time.Now()
	for _, id := range slices.Sorted(maps.Keys(a.checks)) {
		c := a.checks[id]
		if late := !c.outputAt.IsZero(); late && !now.Before(c.outputAt) {
			c.outputAt, c.synced = time.Time{}, false
		}
		if c.synced {
			continue
		}
		c.synced = true
		at, ok := ofService[c.check.ServiceID]
		if !ok || list[at].token != c.token {
			at = len(list)
			list = append(list, unsynced{token: c.token})
		}
		list[at].checks = append(list[at].checks, c.forCatalog())
	}
	return list
}

// forCatalog is the check as the catalog is told of it.
func (c *agentCheck) forCatalog() *store.HealthCheck {
	check := *c.check
	if !c.outputAt.IsZero() {
		check.Output = c.told
	}
	if check.ServiceTags == nil {
		check.ServiceTags = []string{}
	}
	return &check
}

// register tells the catalog, as the registration's token, else the agent's.
func (a *agent) register(r unsynced) error {
	token := r.token
	if token == "" {
		token = a.s.agentToken()
	}
	who, err := a.s.resolve(token)
	if err != nil {
		return err
	}
	registration := &store.Registration{Node: a.s.ownNode(), SkipNodeUpdate: true, Service: r.service, Checks: r.checks}
	if err := who.mayRegister(registration, a.s.store.Read()); err != nil {
		return err
	}
	return a.s.store.Write(func(tx *store.Tx) error { return tx.Register(registration) })
}
