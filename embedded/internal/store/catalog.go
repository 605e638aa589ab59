package store

// This file holds the tables of nodes, services and checks, and the indexes that reads of them go by.

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/go-memdb"
)

var (
	// ErrMissingNode tells that what was to be registered is of a node that is not.
	ErrMissingNode = errors.New("Missing node registration")
	// ErrMissingService tells that a check was to be registered for a service that is not.
	ErrMissingService = errors.New("Missing service registration")
	// ErrNoCheckID tells that a check has neither an ID nor a name to take for one. The text is the real server's.
	ErrNoCheckID = errors.New("failed health check lookup: index error: object is missing a value for this index")
)

// instance is a service on a node. The service is never changed: answers share it.
type instance struct {
	node    string
	service *NodeService
}

const (
	nodes     table[Node]        = "nodes"
	instances table[instance]    = "services"
	checks    table[HealthCheck] = "checks"

	indexUUID        = "uuid"
	indexMeta        = "meta"
	indexService     = "service"
	indexConnect     = "connect"
	indexStatus      = "status"
	indexNodeService = "node_service"
)

func catalogTables() []*memdb.TableSchema {
	return []*memdb.TableSchema{
		nodes.schema(
			unique(func(n *Node) string { return strings.ToLower(n.Node) }),
			shared(indexUUID, func(n *Node) (string, bool) { return idKey(n.ID), n.ID != "" }),
			several(indexMeta, func(n *Node) []string {
				var pairs []string
				for key, value := range n.Meta {
					pairs = append(pairs, metaKey(key, value))
				}
				return pairs
			}),
		),
		instances.schema(
			unique(func(i *instance) string { return join(i.node, i.service.ID) }),
			shared(indexNode, func(i *instance) (string, bool) { return strings.ToLower(i.node), true }),
			shared(indexService, func(i *instance) (string, bool) { return strings.ToLower(i.service.Service), true }),
			shared(indexConnect, func(i *instance) (string, bool) {
				name, ok := i.service.connects()
				return strings.ToLower(name), ok
			}),
		),
		checks.schema(
			unique(func(c *HealthCheck) string { return join(c.Node, c.CheckID) }),
			shared(indexNode, func(c *HealthCheck) (string, bool) { return strings.ToLower(c.Node), true }),
			shared(indexNodeService, func(c *HealthCheck) (string, bool) { return join(c.Node, c.ServiceID), true }),
			shared(indexService, func(c *HealthCheck) (string, bool) {
				return strings.ToLower(c.ServiceName), c.ServiceName != ""
			}),
			shared(indexStatus, func(c *HealthCheck) (string, bool) { return strings.ToLower(c.Status), true }),
		),
		coordinates.schema(
			unique(func(c *Coordinate) string { return join(c.Node, c.Segment) }),
			shared(indexNode, func(c *Coordinate) (string, bool) { return strings.ToLower(c.Node), true }),
		),
		virtualIPs.schema(unique(func(ip *virtualIP) string { return strings.ToLower(ip.service) })),
		freeIPs.schema(unique(func(ip *freeIP) string { return fmt.Sprintf("%010d", ip.offset) })),
	}
}

// connects is the name of the service that can be reached over the mesh through s, if any.
func (s *NodeService) connects() (string, bool) {
	switch {
	case s.Kind == KindConnectProxy:
		return s.Proxy.DestinationServiceName, true
	case s.Connect.Native:
		return s.Service, true
	}
	return "", false
}

func metaKey(key, value string) string { return key + "\x00" + value }

// The names of indexes that are of less than a table.
const (
	// serviceExtinction is when the last instance of any service went, which answers about services that are not there go
	// by: those who wait for one are not woken by others that come.
	serviceExtinction = "service_last_extinction"
	nodeExtinction    = "node_last_extinction"
)

func ofNode(name string) string    { return "node." + strings.ToLower(name) }
func ofService(name string) string { return "service." + strings.ToLower(name) }

// forget removes the index of what is gone.
func (tx *Tx) forget(name string) {
	if c := changes.get(tx, nil, name); c != nil {
		changes.remove(tx, c)
	}
}

// touchServicesOf notes a change that shows in all services of a node.
func (tx *Tx) touchServicesOf(node string) {
	for _, i := range tx.instancesOf(nil, node) {
		tx.touch(ofService(i.service.Service))
	}
}

func (tx *Tx) instancesOf(ws memdb.WatchSet, node string) []*instance {
	return instances.list(tx, ws, indexNode, strings.ToLower(node))
}

// serviceIndex is the index of answers about a service, which other services do not move. What it is taken from is added to
// ws, and reports a change of anything that the answer shows, nodes and checks included; where watched is false there is
// no such thing, and all that is read has to be watched.
func (tx *Tx) serviceIndex(ws memdb.WatchSet, name string, exists, withChecks bool) (last uint64, watched bool) {
	if !exists {
		if c := changes.get(tx, nil, serviceExtinction); c != nil {
			return c.index, false
		}
	}
	if c := changes.get(tx, ws, ofService(name)); c != nil {
		return c.index, true
	}
	tables := []string{string(nodes), string(instances)}
	if withChecks {
		tables = append(tables, string(checks))
	}
	return tx.lastChange(tables...), false
}
