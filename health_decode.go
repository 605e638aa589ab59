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
	field("Definition", func(r *reader, c *HealthCheck) { orEmpty(r, &c.Definition) }),
	field("CreateIndex", func(r *reader, c *HealthCheck) { c.CreateIndex = r.Uint() }),
	field("ModifyIndex", func(r *reader, c *HealthCheck) { c.ModifyIndex = r.Uint() }),
}

// A wireEntry is where an instance is read into before its parts get memory of the right size.
type wireEntry struct {
	node, service bool // whether there is one
	Node          Node
	Service       AgentService
	Checks        []HealthCheck
}

var entryFields = plainjson.Fields[wireEntry]{
	field("Node", func(r *reader, w *wireEntry) {
		if w.node = !r.Null(); w.node {
			nodeFields.Read(r, &w.Node)
		}
	}),
	field("Service", func(r *reader, w *wireEntry) {
		if w.service = !r.Null(); w.service {
			serviceFields.Read(r, &w.Service)
		}
	}),
	field("Checks", func(r *reader, w *wireEntry) { w.Checks = checkFields.Append(r, w.Checks) }),
}

// readEntries reads instances through one wireEntry, which they use in turn.
func readEntries(r *reader) []*ServiceEntry {
	w := new(wireEntry)
	return plainjson.List(r, func(r *reader) *ServiceEntry {
		*w = wireEntry{Checks: w.Checks[:0]}
		entryFields.Read(r, w)
		return w.entry()
	})
}

// entry gives w as the caller gets it: in two pieces of memory, one for the instance and one for its checks.
func (w *wireEntry) entry() *ServiceEntry {
	e := &struct {
		ServiceEntry
		node    Node
		service AgentService
	}{node: w.Node, service: w.Service}
	if w.node {
		e.Node = &e.node
	}
	if w.service {
		e.Service = &e.service
	}
	checks := append(make([]HealthCheck, 0, len(w.Checks)), w.Checks...)
	e.Checks = make(HealthChecks, len(checks))
	for i := range checks {
		e.Checks[i] = &checks[i]
	}
	return &e.ServiceEntry
}
