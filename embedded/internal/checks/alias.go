package checks

// This file holds alias checks, which follow the checks of a service or a node.

import (
	"fmt"
	"time"
)

// aliasRefresh is when an alias check looks again though nobody told it of a change.
const aliasRefresh = time.Minute

// AliasSource is where alias checks look.
type AliasSource interface {
	// Aliased gives the state that an alias check of this node and this service's ID goes by now, and a channel that is
	// closed when the check should look again. node is empty for the agent's own.
	Aliased(node, serviceID string) (AliasState, <-chan struct{})
}

// AliasState is what an alias check goes by.
type AliasState struct {
	// Checks are those of the node: at the least those of the service and those of no service. The first one that is
	// critical gives the output.
	Checks []AliasedCheck
	// ServiceExists is whether the node has the service. The real server takes it for true of nodes that do not exist: their
	// aliases are passing.
	ServiceExists bool
}

// AliasedCheck is a check that an alias check may follow.
type AliasedCheck struct {
	Name, ServiceID, Status, Output string
}

type alias struct {
	node, service string
	source        AliasSource
	notify        Notify

	stop chan struct{}
	done chan struct{}
}

func newAlias(def Definition, env Env, notify Notify) *alias {
	return &alias{
		node: def.AliasNode, service: def.AliasService, source: env.Aliases, notify: notify,
		stop: make(chan struct{}), done: make(chan struct{}),
	}
}

func (a *alias) Start() { go a.run() }

func (a *alias) Stop() {
	close(a.stop)
	<-a.done
}

// run looks at once, unlike the kinds that have an interval.
func (a *alias) run() {
	defer close(a.done)
	refresh := time.NewTimer(aliasRefresh)
	defer refresh.Stop()
	for {
		state, changed := a.source.Aliased(a.node, a.service)
		a.notify(a.judge(state))
		refresh.Reset(aliasRefresh)
		select {
		case <-a.stop:
			return
		case <-changed:
		case <-refresh.C:
		}
	}
}

// judge finds the worst of the checks that are the service's, or the node's own.
func (a *alias) judge(state AliasState) (status, output string) {
	status, output = Passing, "No checks found."
	found := false
	for _, c := range state.Checks {
		if c.ServiceID != "" && c.ServiceID != a.service {
			continue
		}
		found = found || c.ServiceID == a.service
		switch {
		case c.Status == Critical || c.Status == Warning:
			status, output = c.Status, fmt.Sprintf("Aliased check %q failing: %s", c.Name, c.Output)
		case status == Passing:
			output = "All checks passing."
		}
		if status == Critical {
			break
		}
	}
	if !found && !state.ServiceExists {
		return Critical, fmt.Sprintf("Service %s could not be found on node %s", a.service, a.node)
	}
	return status, output
}
