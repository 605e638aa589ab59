package consul

// This file reads answers of health: checks, and instances with theirs.

import "github.com/lictor-go/consul/internal/plainjson"

var checkFields = plainjson.Fields[HealthCheck]{
	field("Node", func(r *reader, c *HealthCheck) { c.Node = r.Repeated() }),
	field("CheckID", func(r *reader, c *HealthCheck) { c.CheckID = r.Text() }),
	field("Name", func(r *reader, c *HealthCheck) { c.Name = r.Repeated() }),
	field("Status", func(r *reader, c *HealthCheck) { c.Status = r.Repeated() }),
	field("Notes", func(r *reader, c *HealthCheck) { c.Notes = r.Repeated() }),
	field("Output", func(r *reader, c *HealthCheck) { c.Output = r.Repeated() }),
	field("ServiceID", func(r *reader, c *HealthCheck) { c.ServiceID = r.Repeated() }),
	field("ServiceName", func(r *reader, c *HealthCheck) { c.ServiceName = r.Repeated() }),
	field("ServiceTags", func(r *reader, c *HealthCheck) { c.ServiceTags = readTags(r) }),
	field("Type", func(r *reader, c *HealthCheck) { c.Type = r.Repeated() }),
	field("Interval", func(r *reader, c *HealthCheck) { c.Interval = lenientDuration(r.Repeated()) }),
	field("Timeout", func(r *reader, c *HealthCheck) { c.Timeout = lenientDuration(r.Repeated()) }),
	field("ExposedPort", func(r *reader, c *HealthCheck) { c.ExposedPort = r.Int() }),
	field("PeerName", func(r *reader, c *HealthCheck) { c.PeerName = r.Repeated() }),
	field("Namespace", func(r *reader, c *HealthCheck) { c.Namespace = r.Repeated() }),
	field("Partition", func(r *reader, c *HealthCheck) { c.Partition = r.Repeated() }),
	field("Definition", func(r *reader, c *HealthCheck) {
		orEmpty(r, &c.Definition)
		c.Definition = orNil(c.Definition)
	}),
	field("CreateIndex", func(r *reader, c *HealthCheck) { c.CreateIndex = r.Uint() }),
	field("ModifyIndex", func(r *reader, c *HealthCheck) { c.ModifyIndex = r.Uint() }),
}

// An instance is a ServiceEntry with its parts in one piece of memory, the checks aside.
type instance struct {
	ServiceEntry
	node    Node
	service AgentService
}

var instanceFields = plainjson.Fields[instance]{
	field("Node", func(r *reader, i *instance) {
		if !r.Null() {
			nodeFields.Read(r, &i.node)
			i.Node = &i.node
		}
	}),
	field("Service", func(r *reader, i *instance) {
		if !r.Null() {
			serviceFields.Read(r, &i.service)
			i.Service = &i.service
		}
	}),
	field("Checks", func(r *reader, i *instance) { i.Checks = readChecks(r) }),
}

func readEntry(r *reader) *ServiceEntry {
	if i := instanceFields.New(r); i != nil {
		return &i.ServiceEntry
	}
	return nil
}

// readChecks reads the checks of one instance into one piece of memory.
func readChecks(r *reader) HealthChecks {
	checks := checkFields.Alike(r)
	if checks == nil {
		return nil
	}
	list := make(HealthChecks, len(checks))
	for i := range checks {
		list[i] = &checks[i]
	}
	return list
}
