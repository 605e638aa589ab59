package store

// This file reads services and checks as the catalog and health answer them.

import (
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/go-memdb"
)

// watchLimit is from how many rows on one table is watched as a whole.
const watchLimit = 2048

// narrow gives the watch set for the single rows of a read that touches count of them. Where these are many, it is none, and
// whole is watched instead.
func narrow[T any](tx *Tx, ws memdb.WatchSet, count int, whole table[T]) memdb.WatchSet {
	if ws == nil || count <= watchLimit {
		return ws
	}
	whole.watch(tx, ws, indexID+"_prefix", "")
	return nil
}

// NodeServices gives a node, named by its name or the beginning of its ID, and its services. The node is nil where there is
// none, or more than one with that beginning.
func (tx *Tx) NodeServices(ws memdb.WatchSet, nameOrID string) (uint64, *Node, []*NodeService) {
	n, absent := tx.findNode(ws, nameOrID)
	if n == nil {
		return absent, nil, nil
	}
	var list []*NodeService
	for _, i := range tx.instancesOf(ws, n.Node) {
		list = append(list, i.service)
	}
	return tx.lastChange(ofNode(n.Node)), n, list
}

// findNode finds a node by its name or the beginning of its ID. Where there is none it gives the index of the answer.
func (tx *Tx) findNode(ws memdb.WatchSet, nameOrID string) (*Node, uint64) {
	const shortest = 2 // of the beginnings of IDs
	byName := memdb.NewWatchSet()
	n := nodes.get(tx, byName, strings.ToLower(nameOrID))
	if n != nil || len(nameOrID) < shortest {
		merge(ws, byName)
		return n, 0
	}
	// A beginning of uneven length is cut: IDs are looked up by the byte.
	byID := memdb.NewWatchSet()
	prefix := idKey(nameOrID[:len(nameOrID)&^1])
	list := nodes.collect(tx, byID, indexUUID+"_prefix", prefix)
	switch len(list) {
	case 0:
		merge(ws, byName)
		return nil, tx.lastChange(nodeExtinction)
	case 1:
		merge(ws, byID)
		return list[0], 0
	}
	merge(ws, byName)
	return nil, 0
}

// merge adds to ws, which may be nil, what is in other.
func merge(ws, other memdb.WatchSet) {
	if ws != nil {
		maps.Copy(ws, other)
	}
}

// Services gives all services, of the nodes whose metadata has all pairs of meta, in the order of node and ID.
func (tx *Tx) Services(ws memdb.WatchSet, meta map[string]string) (uint64, []*ServiceNode) {
	last := tx.lastChange(string(instances))
	if len(meta) == 0 {
		return last, tx.withNodes(nil, instances.all(tx, ws))
	}
	var list []*instance
	matching := tx.nodesOfOnePair(ws, meta)
	each := narrow(tx, ws, len(matching), instances)
	for _, n := range matching {
		if HasMeta(n.Meta, meta) {
			list = append(list, tx.instancesOf(each, n.Node)...)
		}
	}
	return max(last, tx.lastChange(string(nodes))), tx.withNodes(nil, list)
}

// ServiceNodes gives the instances of a service that have all tags, in the order of node and ID.
func (tx *Tx) ServiceNodes(ws memdb.WatchSet, name string, tags []string) (uint64, []*ServiceNode) {
	list := instances.list(tx, ws, indexService, strings.ToLower(name))
	last, _ := tx.serviceIndex(nil, name, len(list) > 0, false)
	return last, tx.withNodes(ws, withTags(list, tags))
}

// ConnectServiceNodes gives what a service can be reached through over the mesh: its proxies and those of its instances that
// speak the mesh's language.
func (tx *Tx) ConnectServiceNodes(ws memdb.WatchSet, name string) (uint64, []*ServiceNode) {
	list := instances.list(tx, ws, indexConnect, strings.ToLower(name))
	// The index is the service's own, not that of its proxies, as on the real server.
	last, _ := tx.serviceIndex(nil, name, len(list) > 0, false)
	return last, tx.withNodes(ws, list)
}

// withTags gives those that have all tags, in whatever case.
func withTags(list []*instance, tags []string) []*instance {
	if len(tags) == 0 {
		return list
	}
	var kept []*instance
	for _, i := range list {
		if i.service.HasTags(tags) {
			kept = append(kept, i)
		}
	}
	return kept
}

// HasTags reports whether the service has all tags, in whatever case.
func (s *NodeService) HasTags(tags []string) bool {
	for _, tag := range tags {
		if !slices.ContainsFunc(s.Tags, func(t string) bool { return strings.EqualFold(t, tag) }) {
			return false
		}
	}
	return true
}

// withNodes adds what the catalog tells of the nodes. Tags and metadata are never nil here.
func (tx *Tx) withNodes(ws memdb.WatchSet, list []*instance) []*ServiceNode {
	var full []*ServiceNode
	each := narrow(tx, ws, len(list), nodes)
	for _, i := range list {
		n, s := nodes.get(tx, each, strings.ToLower(i.node)), i.service
		full = append(full, &ServiceNode{
			ID:                       n.ID,
			Node:                     i.node,
			Address:                  n.Address,
			Datacenter:               n.Datacenter,
			TaggedAddresses:          n.TaggedAddresses,
			NodeMeta:                 n.Meta,
			ServiceKind:              s.Kind,
			ServiceID:                s.ID,
			ServiceName:              s.Service,
			ServiceTags:              append([]string{}, s.Tags...),
			ServiceAddress:           s.Address,
			ServiceTaggedAddresses:   s.TaggedAddresses,
			ServiceWeights:           *s.Weights,
			ServiceMeta:              notNil(s.Meta),
			ServicePort:              s.Port,
			ServicePorts:             s.Ports,
			ServiceSocketPath:        s.SocketPath,
			ServiceEnableTagOverride: s.EnableTagOverride,
			ServiceProxy:             s.Proxy,
			ServiceConnect:           s.Connect,
			ServiceLocality:          s.Locality,
			PeerName:                 s.PeerName,
			RaftIndex:                s.RaftIndex,
		})
	}
	return full
}

func notNil(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

// CheckServiceNodes gives the instances of a service that have all tags, with their nodes and checks, in the order of node
// and ID.
func (tx *Tx) CheckServiceNodes(ws memdb.WatchSet, name string, tags []string) (uint64, []CheckServiceNode) {
	if len(tags) > 0 {
		list := instances.list(tx, ws, indexService, strings.ToLower(name))
		last, _ := tx.serviceIndex(nil, name, len(list) > 0, true)
		return last, tx.withChecks(ws, withTags(list, tags))
	}
	var all memdb.WatchSet
	if ws != nil {
		all = memdb.NewWatchSet()
	}
	list := instances.list(tx, all, indexService, strings.ToLower(name))
	last, watched := tx.serviceIndex(ws, name, len(list) > 0, true)
	if watched {
		return last, tx.withChecks(nil, list)
	}
	merge(ws, all)
	return last, tx.withChecks(ws, list)
}

// WatchService adds to ws what tells of instances of a service that come or go, also where these only change their names,
// which no index shows.
func (tx *Tx) WatchService(ws memdb.WatchSet, name string) {
	instances.watch(tx, ws, indexService, strings.ToLower(name))
}

// CatalogIndex is the index of the last change of any node, service or check.
func (tx *Tx) CatalogIndex() uint64 {
	return tx.lastChange(string(nodes), string(instances), string(checks))
}

// CheckConnectServiceNodes gives what a service can be reached through over the mesh, with nodes and checks.
func (tx *Tx) CheckConnectServiceNodes(ws memdb.WatchSet, name string) (uint64, []CheckServiceNode) {
	list := instances.list(tx, ws, indexConnect, strings.ToLower(name))
	if len(list) == 0 {
		last, _ := tx.serviceIndex(nil, name, false, true)
		return last, nil
	}
	var last uint64
	for _, i := range list {
		of, _ := tx.serviceIndex(ws, i.service.Service, true, true)
		last = max(last, of)
	}
	return last, tx.withChecks(nil, list)
}

// withChecks adds the node, and the checks of it and of the service, in this order.
func (tx *Tx) withChecks(ws memdb.WatchSet, list []*instance) []CheckServiceNode {
	var full []CheckServiceNode
	eachNode := narrow(tx, ws, len(list), nodes)
	eachCheck := narrow(tx, ws, len(list), checks)
	for _, i := range list {
		full = append(full, CheckServiceNode{
			Node:    nodes.get(tx, eachNode, strings.ToLower(i.node)),
			Service: i.service,
			Checks: append(
				checks.list(tx, eachCheck, indexNodeService, join(i.node, "")),
				checks.list(tx, eachCheck, indexNodeService, join(i.node, i.service.ID))...),
		})
	}
	return full
}

// NodeChecks gives the checks of a node and of its services.
func (tx *Tx) NodeChecks(ws memdb.WatchSet, node string) (uint64, []*HealthCheck) {
	return tx.lastChange(string(checks)), checks.list(tx, ws, indexNode, strings.ToLower(node))
}

// ServiceChecks gives the checks of all instances of a service, on the nodes whose metadata has all pairs of meta.
func (tx *Tx) ServiceChecks(ws memdb.WatchSet, name string, meta map[string]string) (uint64, []*HealthCheck) {
	list := checks.list(tx, ws, indexService, strings.ToLower(name))
	if len(meta) == 0 {
		return tx.lastChange(string(checks)), list
	}
	last, _ := tx.serviceIndex(nil, name, true, true)
	return last, tx.onNodesWith(ws, list, meta)
}

// ChecksInState gives the checks in a state, or in any, on the nodes whose metadata has all pairs of meta.
func (tx *Tx) ChecksInState(ws memdb.WatchSet, state string, meta map[string]string) (uint64, []*HealthCheck) {
	var list []*HealthCheck
	if state == HealthAny {
		list = checks.all(tx, ws)
	} else {
		list = checks.list(tx, ws, indexStatus, strings.ToLower(state))
	}
	return tx.lastChange(string(checks)), tx.onNodesWith(ws, list, meta)
}

// onNodesWith gives the checks of nodes whose metadata has all pairs of meta.
func (tx *Tx) onNodesWith(ws memdb.WatchSet, list []*HealthCheck, meta map[string]string) []*HealthCheck {
	if len(meta) == 0 {
		return list
	}
	var kept []*HealthCheck
	each := narrow(tx, ws, len(list), nodes)
	for _, c := range list {
		if HasMeta(nodes.get(tx, each, strings.ToLower(c.Node)).Meta, meta) {
			kept = append(kept, c)
		}
	}
	return kept
}
