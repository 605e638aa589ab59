package embedded

// This file holds the agent's own services and checks, and what of them the catalog is yet to be told.

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lictor-go/consul/embedded/internal/store"
)

// agent is the part of a server that looks after its node. What services and checks refer to is never changed: others
// take their place.
type agent struct {
	s *Server

	// editing lets one registration or deregistration through at a time. Checks are started and stopped with it held, and
	// without mu, which they take when they notify.
	editing sync.Mutex
	// runs are the checks that something runs. They belong to editing, as does closed.
	runs   map[string]checkRunner
	closed bool

	mu         sync.Mutex
	services   map[string]*agentService
	checks     map[string]*agentCheck
	nodeSynced bool
	// followers are closed when those should look again who follow the service of that ID.
	followers map[string]chan struct{}
}

// agentService is a service of the agent's. One that is gone stays until the catalog has forgotten it, and has no service
// where the agent never knew it.
type agentService struct {
	service      *store.NodeService
	token        string
	sidecar      bool // it was registered as a part of another
	synced, gone bool
	replaced     chan struct{} // closed when it is replaced or gone
}

// agentCheck is a check of the agent's. One that is gone stays until the catalog has forgotten it, and has no check
// where the agent never knew it.
type agentCheck struct {
	check        *store.HealthCheck
	token        string
	criticalAt   time.Time // since when it was told to be critical; zero if it was not
	synced, gone bool
	late         *time.Timer // goes off when the catalog is to be told of output that changed alone; nil if none did
}

func newAgent(s *Server) *agent {
	a := &agent{s: s, runs: map[string]checkRunner{}}
	a.clear()
	return a
}

// clear drops all services and checks.
func (a *agent) clear() {
	for _, s := range a.services {
		s.wake()
	}
	for _, c := range a.checks {
		c.tellNow()
	}
	for service := range a.followers {
		a.wake(service)
	}
	a.services, a.checks = map[string]*agentService{}, map[string]*agentCheck{}
	a.followers = map[string]chan struct{}{}
	a.nodeSynced = false
}

// service gives a service, nil where there is none.
func (a *agent) service(id string) *store.NodeService {
	a.mu.Lock()
	defer a.mu.Unlock()
	if s := a.services[id]; s != nil && !s.gone {
		return s.service
	}
	return nil
}

// check gives a check, nil where there is none.
func (a *agent) check(id string) *store.HealthCheck {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.liveCheck(id); c != nil {
		return c.check
	}
	return nil
}

// liveCheck is check for who holds mu.
func (a *agent) liveCheck(id string) *agentCheck {
	if c := a.checks[id]; c != nil && !c.gone {
		return c
	}
	return nil
}

// allServices gives all services, in the order of their IDs.
func (a *agent) allServices() []*store.NodeService {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := make([]*store.NodeService, 0, len(a.services))
	for _, s := range a.services {
		if !s.gone {
			list = append(list, s.service)
		}
	}
	slices.SortFunc(list, func(x, y *store.NodeService) int { return strings.Compare(x.ID, y.ID) })
	return list
}

// allChecks gives all checks, in the order of their IDs.
func (a *agent) allChecks() []*store.HealthCheck {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := make([]*store.HealthCheck, 0, len(a.checks))
	for _, c := range a.checks {
		if !c.gone {
			list = append(list, c.check)
		}
	}
	slices.SortFunc(list, func(x, y *store.HealthCheck) int { return strings.Compare(x.CheckID, y.CheckID) })
	return list
}

// checksOf gives the IDs of a service's checks. mu is held.
func (a *agent) checksOf(service string) []string {
	var ids []string
	for id, c := range a.checks {
		if !c.gone && c.check.ServiceID == service {
			ids = append(ids, id)
		}
	}
	return ids
}

// setService puts a service in the place of the one that has its ID. The catalog is not told of one that says the same,
// even if somebody has deregistered it there: that is for the next full sync to find. mu is held.
func (a *agent) setService(s *agentService) {
	id := s.service.ID
	s.replaced = make(chan struct{})
	if old := a.services[id]; old != nil {
		s.synced = sameService(s.service, old.service)
		old.wake()
	} else {
		a.wake(id)
	}
	a.services[id] = s
}

// setCheck puts a check in the place of the one that has its ID. As with services, the catalog is not told of one that
// says the same. mu is held.
func (a *agent) setCheck(check *store.HealthCheck, token string) {
	c := &agentCheck{check: check, token: token}
	if old := a.checks[check.CheckID]; old != nil {
		c.late = old.late
		c.synced = c.late == nil && sameCheck(check, old.check)
	}
	a.checks[check.CheckID] = c
	a.wake(check.ServiceID)
}

// loseService has a service be gone. mu is held.
func (a *agent) loseService(s *agentService) {
	s.gone = true
	s.wake()
	a.wake(s.service.ID)
}

// loseCheck has a check be gone, if it is there. mu is held.
func (a *agent) loseCheck(id string) {
	if c := a.liveCheck(id); c != nil {
		c.gone = true
		a.wake(c.check.ServiceID)
	}
}

// notify is told of a check's results. A change of status is told the catalog at once.
func (a *agent) notify(id, status, output string) {
	a.mu.Lock()
	changed := a.updateCheck(id, status, output)
	a.mu.Unlock()
	if changed {
		a.sync()
	}
}

// checkUpdateInterval is about how long output is kept back that changes while the status does not: half of it at the
// least, and up to the whole of it longer.
const checkUpdateInterval = 5 * time.Minute

// updateCheck changes what a check says, and reports whether its status changed. mu is held.
func (a *agent) updateCheck(id, status, output string) bool {
	c := a.liveCheck(id)
	if c == nil {
		return false
	}
	switch {
	case status != store.HealthCritical:
		c.criticalAt = time.Time{}
	case c.criticalAt.IsZero():
		c.criticalAt = time.Now()
	}
	if c.check.Status == status && c.check.Output == output {
		return false
	}
	updated := *c.check
	updated.Status, updated.Output = status, output
	sameStatus := c.check.Status == status
	c.check = &updated
	if sameStatus {
		if c.late == nil {
			c.late = time.AfterFunc(checkUpdateInterval/2+jitter(checkUpdateInterval), func() { a.tellLate(id) })
		}
		return false
	}
	c.synced = false
	a.wake(updated.ServiceID)
	return true
}

func jitter(d time.Duration) time.Duration { return rand.N(d) }

// tellLate tells the catalog of the output of a check that was kept back.
func (a *agent) tellLate(id string) {
	a.mu.Lock()
	c := a.checks[id]
	if c == nil { // it was forgotten, or the server closed
		a.mu.Unlock()
		return
	}
	c.late, c.synced = nil, false
	a.mu.Unlock()
	a.sync()
}

// tellNow ends the wait for telling of output alone.
func (c *agentCheck) tellNow() {
	if c.late != nil {
		c.late.Stop()
		c.late = nil
	}
}

// wake tells those who wait for the service to change. The channel of one that is gone is closed already.
func (s *agentService) wake() {
	if s.replaced != nil {
		close(s.replaced)
		s.replaced = nil
	}
}

// wake has those look again who follow a service. mu is held.
func (a *agent) wake(service string) {
	if ch := a.followers[service]; ch != nil {
		close(ch)
		delete(a.followers, service)
	}
}

// follow gives what is closed when those should look again who follow the service. mu is held.
func (a *agent) follow(service string) <-chan struct{} {
	ch := a.followers[service]
	if ch == nil {
		ch = make(chan struct{})
		a.followers[service] = ch
	}
	return ch
}

// sameService reports whether two services say the same. Either may be nil.
func sameService(a, b *store.NodeService) bool {
	if a == nil || b == nil {
		return a == b
	}
	x, y := *a, *b
	x.RaftIndex, y.RaftIndex = store.RaftIndex{}, store.RaftIndex{}
	return reflect.DeepEqual(&x, &y)
}

// sameCheck reports whether two checks say the same, as the real server has it: their type and how often they run is no
// part of it. Either may be nil.
func sameCheck(a, b *store.HealthCheck) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.CheckID == b.CheckID && a.Name == b.Name && a.Status == b.Status && a.Notes == b.Notes && a.Output == b.Output &&
		a.ServiceID == b.ServiceID && a.ServiceName == b.ServiceName && slices.Equal(a.ServiceTags, b.ServiceTags) &&
		reflect.DeepEqual(a.Definition, b.Definition)
}
