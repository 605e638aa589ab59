package embedded

// This file holds the agent's own services and checks, which it keeps the catalog true to.

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/lictor-go/consul/embedded/internal/checks"
	"github.com/lictor-go/consul/embedded/internal/store"
)

// agent is the part of a server that looks after its node. Services and checks are never changed once they are in the maps:
// others take their place.
type agent struct {
	s *Server

	// editing lets one registration or deregistration through at a time. Checks are started and stopped with it held, and
	// without mu, which they take when they notify.
	editing sync.Mutex

	mu       sync.Mutex
	services map[string]*agentService
	checks   map[string]*agentCheck
	// gone are the IDs of what the catalog is yet to forget.
	goneServices, goneChecks map[string]bool
	// changed is closed at the next change; nil while nobody waits for one.
	changed chan struct{}
}

// agentService is a service of the agent's.
type agentService struct {
	service *store.NodeService
	token   string
	sidecar bool // it was registered as a part of another
	synced  bool
}

// agentCheck is a check of the agent's.
type agentCheck struct {
	check      *store.HealthCheck
	token      string
	runner     checks.Runner // nil for checks that nothing runs
	reapAfter  time.Duration // how long it may be critical until its service is deregistered; 0 for ever
	criticalAt time.Time     // since when it is critical; zero if it is not
	synced     bool
	// Output that changes while the status does not is told late: from outputAt on, and until then the catalog has told.
	outputAt time.Time
	told     string
}

func newAgent(s *Server) *agent {
	a := &agent{s: s}
	a.clear()
	return a
}

func (a *agent) clear() {
	a.services, a.checks = map[string]*agentService{}, map[string]*agentCheck{}
	a.goneServices, a.goneChecks = map[string]bool{}, map[string]bool{}
}

// forget drops everything, and tells nobody.
func (a *agent) forget() {
	a.editing.Lock()
	defer a.editing.Unlock()
	a.mu.Lock()
	old := a.checks
	a.clear()
	a.announce()
	a.mu.Unlock()
	for _, c := range old {
		c.stop()
	}
}

// close ends all checks.
func (a *agent) close() { a.forget() }

func (c *agentCheck) stop() {
	if c.runner != nil {
		c.runner.Stop()
	}
}

// announce wakes those who wait for a change. mu is held.
func (a *agent) announce() {
	if a.changed != nil {
		close(a.changed)
		a.changed = nil
	}
}

// watch gives what is closed at the next change. mu is held.
func (a *agent) watch() <-chan struct{} {
	if a.changed == nil {
		a.changed = make(chan struct{})
	}
	return a.changed
}

func (a *agent) service(id string) *store.NodeService {
	a.mu.Lock()
	defer a.mu.Unlock()
	if s := a.services[id]; s != nil {
		return s.service
	}
	return nil
}

func (a *agent) check(id string) *store.HealthCheck {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.checks[id]; c != nil {
		return c.check
	}
	return nil
}

// checkOf is a check that is to be registered, with what runs it.
type checkOf struct {
	check      *store.HealthCheck
	definition *checks.Definition // nil for checks that nothing runs
}

// addService registers a service with its checks, in the place of what was there. Where replace is true, those checks of the
// service go that are not among them.
func (a *agent) addService(service *store.NodeService, list []checkOf, token string, sidecar, replace bool) error {
	a.editing.Lock()
	defer a.editing.Unlock()
	isNew := a.service(service.ID) == nil
	keep := map[string]bool{}
	a.mu.Lock()
	a.services[service.ID] = &agentService{service: service, token: token, sidecar: sidecar}
	delete(a.goneServices, service.ID)
	a.announce()
	var others []string
	for _, c := range list {
		keep[c.check.CheckID] = true
	}
	for id, c := range a.checks {
		if c.check.ServiceID == service.ID && !keep[id] {
			others = append(others, id)
		}
	}
	a.mu.Unlock()
	var added []string
	for _, c := range list {
		old := a.check(c.check.CheckID)
		if old != nil { // it goes on as it was
			c.check.Status, c.check.Output = old.Status, old.Output
		}
		if err := a.putCheck(c, token); err != nil {
			a.undo(service.ID, isNew, added)
			return err
		}
		if old == nil {
			added = append(added, c.check.CheckID)
		}
	}
	if replace {
		for _, id := range others {
			a.dropCheck(id)
		}
	}
	return nil
}

// undo takes back what a registration has added that failed.
func (a *agent) undo(service string, isNew bool, checks []string) {
	for _, id := range checks {
		a.dropCheck(id)
	}
	if isNew {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.services, service)
		a.announce()
	}
}

// addCheck registers a check. One that is there keeps its status.
func (a *agent) addCheck(c checkOf, token string) error {
	a.editing.Lock()
	defer a.editing.Unlock()
	if id := c.check.ServiceID; id != "" {
		service := a.service(id)
		if service == nil {
			return fmt.Errorf("ServiceID %q does not exist", id)
		}
		c.check.ServiceName, c.check.ServiceTags = service.Service, service.Tags
	}
	if old := a.check(c.check.CheckID); old != nil {
		c.check.Status, c.check.Output = old.Status, old.Output
	}
	return a.putCheck(c, token)
}

// putCheck makes, keeps and starts a check, in the place of the one that has its ID. editing is held.
func (a *agent) putCheck(c checkOf, token string) error {
	if c.check.CheckID == "" {
		return errors.New("CheckID missing")
	}
	kept := &agentCheck{check: c.check, token: token}
	if c.definition != nil {
		id := c.check.CheckID
		runner, err := checks.New(*c.definition, a.checkEnv(), func(status, output string) { a.notify(id, kept, status, output) })
		if err != nil {
			return err
		}
		kept.runner, kept.reapAfter = runner, c.definition.DeregisterAfter()
	}
	if c.check.Status == store.HealthCritical {
		kept.criticalAt = time.Now()
	}
	a.mu.Lock()
	old := a.checks[c.check.CheckID]
	a.mu.Unlock()
	if old != nil {
		old.stop()
	}
	a.mu.Lock()
	a.checks[c.check.CheckID] = kept
	delete(a.goneChecks, c.check.CheckID)
	a.announce()
	a.mu.Unlock()
	if kept.runner != nil {
		kept.runner.Start()
	}
	return nil
}

// checkEnv is what checks need of the agent.
func (a *agent) checkEnv() checks.Env {
	return checks.Env{Scripts: a.s.config.scripts, Aliases: aliasSource{a}}
}

// removeService deregisters a service, with its checks and the sidecar that was registered with it.
func (a *agent) removeService(id string) {
	a.editing.Lock()
	defer a.editing.Unlock()
	a.dropService(id)
}

func (a *agent) dropService(id string) {
	a.mu.Lock()
	if a.services[id] == nil {
		a.mu.Unlock()
		return
	}
	delete(a.services, id)
	a.goneServices[id] = true
	a.announce()
	var itsChecks []string
	for checkID, c := range a.checks {
		if c.check.ServiceID == id {
			itsChecks = append(itsChecks, checkID)
		}
	}
	sidecar := a.services[id+sidecarSuffix]
	a.mu.Unlock()
	for _, checkID := range itsChecks {
		a.dropCheck(checkID)
	}
	if sidecar != nil && sidecar.sidecar {
		a.dropService(id + sidecarSuffix)
	}
}

// removeCheck deregisters a check.
func (a *agent) removeCheck(id string) {
	a.editing.Lock()
	defer a.editing.Unlock()
	a.dropCheck(id)
}

func (a *agent) dropCheck(id string) {
	a.mu.Lock()
	c := a.checks[id]
	if c != nil {
		delete(a.checks, id)
		a.goneChecks[id] = true
		a.announce()
	}
	a.mu.Unlock()
	if c != nil {
		c.stop()
	}
}

const (
	// outputDelay is how long output is kept back that changes while the status does not, and as long again at random.
	outputDelay = 2*time.Minute + 30*time.Second
)

// notify is told of a check's results.
func (a *agent) notify(id string, c *agentCheck, status, output string) {
	a.mu.Lock()
	if a.checks[id] != c || c.check.Status == status && c.check.Output == output {
		a.mu.Unlock()
		return
	}
	updated := *c.check
	updated.Status, updated.Output = status, output
	sameStatus := c.check.Status == status
	if sameStatus && c.outputAt.IsZero() {
		c.told, c.outputAt = c.check.Output, time.Now().Add(outputDelay+jitter(2*outputDelay))
	}
	if !sameStatus {
		c.outputAt, c.synced = time.Time{}, false
		c.criticalAt = time.Time{}
		if status == store.HealthCritical {
			c.criticalAt = time.Now()
		}
	}
	c.check = &updated
	a.announce()
	a.mu.Unlock()
	if !sameStatus {
		a.sync()
	}
}

// aliasSource tells alias checks of what they follow.
type aliasSource struct{ a *agent }

// Aliased implements checks.AliasSource.
func (s aliasSource) Aliased(node, service string) (checks.AliasState, <-chan struct{}) {
	if node != "" && !s.a.s.isOwn(node) {
		return s.a.aliasedElsewhere(node, service)
	}
	s.a.mu.Lock()
	defer s.a.mu.Unlock()
	state := checks.AliasState{ServiceExists: s.a.services[service] != nil}
	for _, c := range s.a.checks {
		if c.check.ServiceID == service || c.check.ServiceID == "" {
			state.Checks = append(state.Checks, aliased(c.check))
		}
	}
	return state, s.a.watch()
}

func aliased(c *store.HealthCheck) checks.AliasedCheck {
	return checks.AliasedCheck{Name: c.Name, ServiceID: c.ServiceID, Status: c.Status, Output: c.Output}
}

// aliasedElsewhere looks at another node, in the catalog, which is looked at again after a while and not watched.
func (a *agent) aliasedElsewhere(node, service string) (checks.AliasState, <-chan struct{}) {
	tx := a.s.store.Read()
	_, found := tx.NodeService(nil, node, service)
	state := checks.AliasState{ServiceExists: found != nil}
	_, list := tx.NodeChecks(nil, node)
	for _, c := range list {
		state.Checks = append(state.Checks, aliased(c))
	}
	return state, nil
}
