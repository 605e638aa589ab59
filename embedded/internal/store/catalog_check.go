package store

// This file registers and deregisters checks.

import (
	"reflect"
	"strings"

	"github.com/hashicorp/go-memdb"
)

func (tx *Tx) check(node, id string) *HealthCheck { return checks.get(tx, nil, join(node, id)) }

// NodeCheck gives a check of a node, nil where there is none, with the index of the last change of any check.
func (tx *Tx) NodeCheck(ws memdb.WatchSet, node, id string) (uint64, *HealthCheck) {
	return tx.lastChange(string(checks)), checks.get(tx, ws, join(node, id))
}

// EnsureCheck registers a check of a node or service that is there, or changes it. Where it is critical, the sessions end
// that depend on it, whether it was so before or not. The store keeps what check refers to.
func (tx *Tx) EnsureCheck(check *HealthCheck) error {
	if check.Node == "" || check.CheckID == "" {
		return ErrNoCheckID
	}
	c := *check
	if c.Status == "" {
		c.Status = HealthCritical
	}
	if tx.node(c.Node) == nil {
		return ErrMissingNode
	}
	if c.ServiceID != "" {
		i := tx.instance(c.Node, c.ServiceID)
		if i == nil {
			return ErrMissingService
		}
		c.ServiceName, c.ServiceTags = i.service.Service, i.service.Tags
	}
	old := tx.check(c.Node, c.CheckID)
	changed := old == nil || !c.same(old)
	c.CreateIndex, c.ModifyIndex = tx.index, tx.index
	if old != nil {
		c.CreateIndex = old.CreateIndex
	}
	if changed {
		tx.touchServicesWith(&c)
	}
	if c.Status == HealthCritical {
		if err := tx.endSessionsOfCheck(c.Node, c.CheckID); err != nil {
			return err
		}
	}
	if changed {
		checks.put(tx, &c)
		tx.touch(string(checks))
	}
	return nil
}

// same reports whether the two say the same, whenever they were registered. The real server leaves out the type and how often
// the check runs.
func (c *HealthCheck) same(other *HealthCheck) bool {
	return strings.EqualFold(c.Node, other.Node) && c.CheckID == other.CheckID && c.Name == other.Name &&
		c.Status == other.Status && c.Notes == other.Notes && c.Output == other.Output &&
		c.ServiceID == other.ServiceID && c.ServiceName == other.ServiceName &&
		reflect.DeepEqual(c.ServiceTags, other.ServiceTags) &&
		reflect.DeepEqual(c.Definition, other.Definition)
}

// touchServicesWith notes a change of the check, which shows in its service, or in all services of its node.
func (tx *Tx) touchServicesWith(c *HealthCheck) {
	if c.ServiceID == "" {
		tx.touchServicesOf(c.Node)
		return
	}
	tx.touch(ofService(c.ServiceName))
}

// EnsureCheckCAS is EnsureCheck if the check was not changed since its ModifyIndex, or is not there where that is 0.
func (tx *Tx) EnsureCheckCAS(check *HealthCheck) (bool, error) {
	old := tx.check(check.Node, check.CheckID)
	if (old == nil) != (check.ModifyIndex == 0) || old != nil && old.ModifyIndex != check.ModifyIndex {
		return false, nil
	}
	return true, tx.EnsureCheck(check)
}

// DeregisterCheck deregisters a check, which may be absent, and ends the sessions that depend on it.
func (tx *Tx) DeregisterCheck(node, id string) error {
	c := tx.check(node, id)
	if c == nil {
		return nil
	}
	tx.touchServicesWith(c)
	if c.ServiceID == "" {
		tx.touch(string(instances))
	}
	checks.remove(tx, c)
	tx.touch(string(checks))
	return tx.endSessionsOfCheck(node, id)
}

// DeregisterCheckCAS deregisters a check if it was not changed since index.
func (tx *Tx) DeregisterCheckCAS(node, id string, index uint64) (bool, error) {
	if c := tx.check(node, id); c == nil || c.ModifyIndex != index {
		return false, nil
	}
	return true, tx.DeregisterCheck(node, id)
}
