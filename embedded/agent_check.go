package embedded

// This file serves the agent's checks: registration, status, list.

import (
	"github.com/hashicorp/go-bexpr"

	"github.com/lictor-go/consul/embedded/internal/acl"
	"github.com/lictor-go/consul/embedded/internal/store"
)

func registerCheck(c *call) (any, error) {
	c.parseTarget()
	if err := c.refuseEnterprise(); err != nil {
		return nil, err
	}
	var definition CheckDefinition
	if err := c.decodeAgent(&definition); err != nil {
		return nil, err
	}
	if definition.Name == "" {
		return nil, badRequest("Missing check name")
	}
	if definition.Status != "" && !validStatus(definition.Status) {
		return nil, badRequest("Bad check status")
	}
	who, err := c.authorize()
	if err != nil {
		return nil, err
	}
	run := definition.definition()
	if err := run.Validate(); err != nil {
		return nil, badRequest("Invalid check: %v", err)
	}
	check := definition.healthCheck(c.s.config.node)
	check.Type = run.Type()
	if id := check.ServiceID; id != "" {
		service := c.s.agent.service(id)
		if service == nil {
			return nil, notFound("ServiceID %q does not exist", id)
		}
		check.ServiceName = service.Service
	}
	if err := c.mayRegisterCheck(who, check); err != nil {
		return nil, err
	}
	defer c.s.agent.sync() // also what has changed though it failed
	return nil, c.s.agent.addCheck(checkOf{check, run}, c.token)
}

// healthCheck is the check that the definition defines, as it is kept.
func (d *CheckDefinition) healthCheck(node string) *store.HealthCheck {
	run := d.definition()
	check := &store.HealthCheck{
		Node: node, CheckID: d.ID, Name: d.Name, Status: d.Status, Notes: d.Notes, ServiceID: d.ServiceID,
		Interval: run.Interval.String(), Timeout: run.Timeout.String(),
	}
	setDefault(&check.Status, store.HealthCritical)
	setDefault(&check.CheckID, check.Name)
	return check
}

// mayRegisterCheck refuses a check that the caller may not register, or not in the place of the one that is there.
func (c *call) mayRegisterCheck(who identity, check *store.HealthCheck) error {
	if err := c.mayWriteCheck(who, check); err != nil {
		return err
	}
	if old := c.s.agent.check(check.CheckID); old != nil {
		return c.mayWriteCheck(who, old)
	}
	return nil
}

// mayWriteCheck refuses what the caller may not do with a check, which is its service's or the node's.
func (c *call) mayWriteCheck(who identity, check *store.HealthCheck) error {
	switch {
	case check.ServiceName != "" && !who.ServiceWrite(check.ServiceName):
		return who.denied(acl.ResourceService, acl.AccessWrite, check.ServiceName)
	case check.ServiceName == "" && !who.NodeWrite(c.s.config.node):
		return who.denied(acl.ResourceNode, acl.AccessWrite, c.s.config.node)
	}
	return nil
}

// mayChangeCheck refuses changes of a check that is not there, or that the caller may not change.
func (c *call) mayChangeCheck(id string) error {
	c.parseTarget()
	if err := c.refuseEnterprise(); err != nil {
		return err
	}
	who, err := c.authorize()
	if err != nil {
		return err
	}
	check := c.s.agent.check(id)
	if check == nil {
		return notFound("Unknown check ID %q. Ensure that the check ID is passed, not the check name.", id)
	}
	return c.mayWriteCheck(who, check)
}

func deregisterCheck(c *call) (any, error) {
	id := c.rest("/v1/agent/check/deregister/")
	if err := c.mayChangeCheck(id); err != nil {
		return nil, err
	}
	c.s.agent.removeCheck(id)
	c.s.agent.sync()
	return nil, nil
}

func passCheck(c *call) (any, error) {
	return c.setCheck(c.rest("/v1/agent/check/pass/"), store.HealthPassing, c.params.Get("note"))
}

func warnCheck(c *call) (any, error) {
	return c.setCheck(c.rest("/v1/agent/check/warn/"), store.HealthWarning, c.params.Get("note"))
}

func failCheck(c *call) (any, error) {
	return c.setCheck(c.rest("/v1/agent/check/fail/"), store.HealthCritical, c.params.Get("note"))
}

func updateCheck(c *call) (any, error) {
	type checkUpdate struct{ Status, Output string } // as the real server calls it, which errors tell
	var update checkUpdate
	if err := c.decodeAgent(&update); err != nil {
		return nil, err
	}
	if !validStatus(update.Status) {
		return nil, badRequest("Invalid check status: '%s'", update.Status)
	}
	return c.setCheck(c.rest("/v1/agent/check/update/"), update.Status, update.Output)
}

// setCheck sets the status of a TTL check.
func (c *call) setCheck(id, status, output string) (any, error) {
	if err := c.mayChangeCheck(id); err != nil {
		return nil, err
	}
	if err := c.s.agent.setTTL(id, status, output); err != nil {
		return nil, err
	}
	c.s.agent.sync()
	return nil, nil
}

func listAgentChecks(c *call) (any, error) {
	who, err := c.startAgentRead()
	if err != nil {
		return nil, err
	}
	// Unlike other filters this one is not told the type of what it is for, so that it complains of what it does not know
	// only when it meets a check.
	bexprFilter, err := bexpr.CreateFilter(c.filter, nil, nil)
	if err != nil {
		return nil, err
	}
	all := c.s.agent.allChecks()
	list := map[string]*store.HealthCheck{}
	for _, check := range keep(all, func(check *store.HealthCheck) bool { return mayReadCheck(who, check) }) {
		if check.ServiceTags == nil {
			check = copyOf(check)
			check.ServiceTags = []string{}
		}
		list[check.CheckID] = check
	}
	c.markFiltered(len(list) != len(all))
	return filter[map[string]*store.HealthCheck]{bexprFilter}.apply(list)
}

// mayReadCheck reports whether a check is shown to the caller: by its service, else by its node.
func mayReadCheck(who identity, check *store.HealthCheck) bool {
	if check.ServiceName != "" {
		return who.ServiceRead(check.ServiceName)
	}
	return who.NodeRead(check.Node)
}
