package consul

// This file reads sessions, which holders of locks read as often as they renew theirs.

import (
	"time"

	"github.com/lictor-go/consul/internal/plainjson"
)

var sessionFields = plainjson.Fields[SessionEntry]{
	field("ID", func(r *reader, e *SessionEntry) { e.ID = r.Text() }),
	field("Name", func(r *reader, e *SessionEntry) { e.Name = r.Repeated() }),
	field("Node", func(r *reader, e *SessionEntry) { e.Node = r.Repeated() }),
	field("LockDelay", func(r *reader, e *SessionEntry) { e.LockDelay = time.Duration(r.Int64()) }),
	field("Behavior", func(r *reader, e *SessionEntry) { e.Behavior = r.Repeated() }),
	field("TTL", func(r *reader, e *SessionEntry) { readDuration(r, &e.TTL) }),
	field("NodeChecks", func(r *reader, e *SessionEntry) { e.NodeChecks = readTags(r) }),
	field("ServiceChecks", func(r *reader, e *SessionEntry) { e.ServiceChecks = serviceCheckFields.List(r) }),
	field("Checks", func(r *reader, e *SessionEntry) { e.Checks = readTags(r) }),
	field("Namespace", func(r *reader, e *SessionEntry) { e.Namespace = r.Repeated() }),
	field("Partition", func(r *reader, e *SessionEntry) { e.Partition = r.Repeated() }),
	field("CreateIndex", func(r *reader, e *SessionEntry) { e.CreateIndex = r.Uint() }),
	field("ModifyIndex", func(r *reader, e *SessionEntry) { e.ModifyIndex = r.Uint() }),
}

var serviceCheckFields = plainjson.Fields[ServiceCheck]{
	field("ID", func(r *reader, c *ServiceCheck) { c.ID = r.Repeated() }),
	field("Namespace", func(r *reader, c *ServiceCheck) { c.Namespace = r.Repeated() }),
}

// readDuration reads a duration that servers write as text. In another form it is left to wireDuration.
func readDuration(r *reader, d *time.Duration) {
	if (*wireDuration)(d).parse(r.Text()) != nil {
		r.Fail()
	}
}
