package embedded

// This file tells alias checks of what they follow.

import (
	"github.com/hashicorp/go-memdb"

	"github.com/lictor-go/consul/embedded/internal/checks"
	"github.com/lictor-go/consul/embedded/internal/store"
)

// aliasSource tells alias checks that were registered with a token.
type aliasSource struct {
	a     *agent
	token string
}

// Aliased implements checks.AliasSource.
func (f aliasSource) Aliased(node, service string) (checks.AliasState, <-chan struct{}) {
	if node != "" {
		return f.ofNode(node, service)
	}
	f.a.mu.Lock()
	defer f.a.mu.Unlock()
	state := checks.AliasState{ServiceExists: f.a.services[service] != nil}
	for _, c := range f.a.checks {
		if !c.gone {
			state.Checks = append(state.Checks, aliased(c.check))
		}
	}
	return state, f.a.follow(service)
}

// ofNode looks at a node by its name, in the catalog, and sees there what the token may.
func (f aliasSource) ofNode(node, service string) (checks.AliasState, <-chan struct{}) {
	tx, ws := f.a.s.store.Read(), memdb.NewWatchSet()
	_, list := tx.NodeChecks(ws, node)
	_, found, services := tx.NodeServices(nil, node)
	who, err := f.a.s.resolve(f.a.tokenOr(f.token))
	var state checks.AliasState
	if err == nil && who.NodeRead(node) {
		for _, c := range list {
			if c.ServiceName == "" || who.ServiceRead(c.ServiceName) {
				state.Checks = append(state.Checks, aliased(c))
			}
		}
	}
	state.ServiceExists = found == nil // of a node that is not there the real server takes all to be
	for _, s := range services {
		if s.ID == service && err == nil && who.ServiceRead(s.Service) {
			state.ServiceExists = true
		}
	}
	var changed <-chan struct{}
	for ch := range ws { // a list of checks has but one
		changed = ch
	}
	return state, changed
}

func aliased(c *store.HealthCheck) checks.AliasedCheck {
	return checks.AliasedCheck{Name: c.Name, ServiceID: c.ServiceID, Status: c.Status, Output: c.Output}
}
