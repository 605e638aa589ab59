package embedded

// This file adds services and checks to the agent, with what runs the checks, and removes them.

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/lictor-go/consul/embedded/internal/checks"
	"github.com/lictor-go/consul/embedded/internal/store"
)

// checkRunner runs a check.
type checkRunner struct {
	checks.Runner
	// reapAfter is how long the check may be critical until its service is deregistered; 0 for ever.
	reapAfter time.Duration
	// looked is closed when an alias check has looked for the first time, which is before the catalog is told of it:
	// one of the node would follow itself. It is nil for other checks.
	looked chan struct{}
}

// checkOf is a check that is to be registered, with what runs it.
type checkOf struct {
	check      *store.HealthCheck
	definition *checks.Definition // nil for checks that nothing runs
}

// addService registers a service with its checks, in the place of what was there. Where replace is true, those checks
// of the service go that are not among them.
func (a *agent) addService(s *agentService, list []checkOf, replace bool) error {
	a.editing.Lock()
	defer a.editing.Unlock()
	if a.closed {
		return errServerClosed
	}
	old := a.service(s.service.ID)
	runners, err := a.newRunners(list, s.token)
	fresh, left := a.place(s, list)
	if err != nil { // what was there before stays, as the registration has it that failed
		for _, id := range fresh {
			a.dropCheck(id)
		}
		if old == nil {
			a.dropService(s.service.ID)
		}
		return err
	}
	for i, c := range list {
		a.start(c.check.CheckID, runners[i])
	}
	if replace {
		for _, id := range left {
			a.dropCheck(id)
		}
	}
	return nil
}

// place puts a service and its checks among the agent's. Checks that are there keep their status. It gives the IDs of
// those that are new, and of the service's others.
func (a *agent) place(s *agentService, list []checkOf) (fresh, left []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	listed := map[string]bool{}
	for _, c := range list {
		id := c.check.CheckID
		listed[id] = true
		if old := a.liveCheck(id); old != nil {
			c.check.Status, c.check.Output = old.check.Status, old.check.Output
		} else {
			fresh = append(fresh, id)
		}
	}
	for _, id := range a.checksOf(s.service.ID) {
		if !listed[id] {
			left = append(left, id)
		}
	}
	a.setService(s)
	for _, c := range list {
		a.setCheck(c.check, s.token)
	}
	return fresh, left
}

// addCheck registers a check. One that is there keeps its status, unless the new one is refused: then it is gone, too.
func (a *agent) addCheck(c checkOf, token string) error {
	a.editing.Lock()
	defer a.editing.Unlock()
	if a.closed {
		return errServerClosed
	}
	check := c.check
	if id := check.ServiceID; id != "" {
		service := a.service(id)
		if service == nil {
			return fmt.Errorf("ServiceID %q does not exist", id)
		}
		check.ServiceName, check.ServiceTags = service.Service, service.Tags
	}
	runner, err := a.newRunner(c, token)
	a.mu.Lock()
	if err != nil {
		a.loseCheck(check.CheckID)
		a.mu.Unlock()
		return err
	}
	old := a.liveCheck(check.CheckID)
	a.setCheck(check, token)
	if old != nil {
		a.updateCheck(check.CheckID, old.check.Status, old.check.Output)
	}
	a.mu.Unlock()
	a.start(check.CheckID, runner)
	return nil
}

// newRunners makes what runs the checks.
func (a *agent) newRunners(list []checkOf, token string) ([]checkRunner, error) {
	runners := make([]checkRunner, len(list))
	for i, c := range list {
		var err error
		if runners[i], err = a.newRunner(c, token); err != nil {
			return nil, err
		}
	}
	return runners, nil
}

// newRunner makes what runs a check, which is nothing for some.
func (a *agent) newRunner(c checkOf, token string) (checkRunner, error) {
	id := c.check.CheckID
	if id == "" {
		return checkRunner{}, errors.New("CheckID missing")
	}
	if c.definition == nil {
		return checkRunner{}, nil
	}
	env := checks.Env{Scripts: a.s.config.scripts, Aliases: aliasSource{a, token}}
	runner := checkRunner{reapAfter: c.definition.DeregisterAfter()}
	var looked sync.Once
	if c.definition.Type() == "alias" {
		runner.looked = make(chan struct{})
	}
	var err error
	runner.Runner, err = checks.New(*c.definition, env, func(status, output string) {
		a.notify(id, status, output)
		if runner.looked != nil {
			looked.Do(func() { close(runner.looked) })
		}
	})
	return runner, err
}

// start starts what runs a check, and ends what ran it before. editing is held.
func (a *agent) start(id string, runner checkRunner) {
	a.stop(id)
	if runner.Runner != nil {
		a.runs[id] = runner
		runner.Start()
	}
	if runner.looked != nil {
		<-runner.looked
	}
}

// stop ends what runs a check. editing is held.
func (a *agent) stop(id string) {
	if runner, ok := a.runs[id]; ok {
		delete(a.runs, id)
		runner.Stop()
	}
}

// removeService deregisters a service, with its checks and the sidecar that was registered with it.
func (a *agent) removeService(id string) {
	a.editing.Lock()
	defer a.editing.Unlock()
	a.dropService(id)
}

// dropService is removeService for who holds editing.
func (a *agent) dropService(id string) {
	a.mu.Lock()
	s := a.services[id]
	if s == nil || s.gone {
		a.mu.Unlock()
		return
	}
	a.loseService(s)
	itsChecks := a.checksOf(id)
	for _, check := range itsChecks {
		a.loseCheck(check)
	}
	sidecar := a.services[id+sidecarSuffix]
	a.mu.Unlock()
	for _, check := range itsChecks {
		a.stop(check)
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

// dropCheck is removeCheck for who holds editing.
func (a *agent) dropCheck(id string) {
	a.mu.Lock()
	a.loseCheck(id)
	a.mu.Unlock()
	a.stop(id)
}

// forget drops everything, and tells nobody.
func (a *agent) forget() {
	a.editing.Lock()
	defer a.editing.Unlock()
	a.mu.Lock()
	a.clear()
	a.mu.Unlock()
	for id := range a.runs {
		a.stop(id)
	}
}

// close ends all checks for good.
func (a *agent) close() {
	a.editing.Lock()
	a.closed = true
	a.editing.Unlock()
	a.forget()
}

// stats are how many of what there is.
func (a *agent) stats() map[string]string {
	a.editing.Lock()
	defer a.editing.Unlock()
	kinds := map[string]int{}
	for _, c := range a.allChecks() {
		if _, runs := a.runs[c.CheckID]; runs {
			kinds[c.Type]++
		}
	}
	return map[string]string{
		"services": strconv.Itoa(len(a.allServices())), "checks": strconv.Itoa(len(a.allChecks())),
		"check_ttls": strconv.Itoa(kinds["ttl"]), "check_monitors": strconv.Itoa(kinds["script"]),
	}
}

// setTTL sets the status of a TTL check.
func (a *agent) setTTL(id, status, output string) error {
	a.editing.Lock()
	defer a.editing.Unlock()
	ttl, ok := a.runs[id].Runner.(*checks.TTL)
	if !ok {
		return fmt.Errorf("CheckID %q does not have associated TTL", id)
	}
	ttl.SetStatus(status, output)
	return nil
}
