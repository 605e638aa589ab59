package store

// This file registers and deregisters nodes.

import (
	"fmt"
	"maps"
	"strings"

	"github.com/hashicorp/go-memdb"
)

func (tx *Tx) node(name string) *Node { return nodes.get(tx, nil, strings.ToLower(name)) }

func (tx *Tx) nodeByID(id string) *Node {
	if list := nodes.list(tx, nil, indexUUID, idKey(id)); len(list) > 0 {
		return list[0]
	}
	return nil
}

// Node gives a node, nil where there is none, with the index of the last change of any.
func (tx *Tx) Node(ws memdb.WatchSet, name string) (uint64, *Node) {
	return tx.lastChange(string(nodes)), nodes.get(tx, ws, strings.ToLower(name))
}

// NodeByID gives the first node whose ID begins with id, nil where there is none.
func (tx *Tx) NodeByID(id string) (*Node, error) {
	if why := ownWords.malformedPart(id); why != "" {
		return nil, fmt.Errorf("node lookup by ID failed: index error: %s", why)
	}
	if list := nodes.collect(tx, nil, indexUUID+"_prefix", idKey(id)); len(list) > 0 {
		return list[0], nil
	}
	return nil, nil
}

// Nodes gives the nodes whose metadata has all pairs of meta, in the order of their names.
func (tx *Tx) Nodes(ws memdb.WatchSet, meta map[string]string) (uint64, []*Node) {
	last := tx.lastChange(string(nodes))
	if len(meta) == 0 {
		return last, nodes.all(tx, ws)
	}
	var list []*Node
	for _, n := range tx.nodesOfOnePair(ws, meta) {
		if HasMeta(n.Meta, meta) {
			list = append(list, n)
		}
	}
	return last, list
}

// nodesOfOnePair gives the nodes whose metadata has one of the pairs, so that only changes among them are watched.
func (tx *Tx) nodesOfOnePair(ws memdb.WatchSet, meta map[string]string) []*Node {
	for key, value := range meta {
		return nodes.list(tx, ws, indexMeta, metaKey(key, value))
	}
	return nil
}

// HasMeta reports whether the metadata of a node has all pairs that are wanted.
func HasMeta(meta, wanted map[string]string) bool {
	for key, value := range wanted {
		if have, ok := meta[key]; !ok || have != value {
			return false
		}
	}
	return true
}

// same reports whether the two say the same, whenever they were registered. The real server leaves out where they are.
func (n *Node) same(other *Node) bool {
	return n.ID == other.ID && strings.EqualFold(n.Node, other.Node) && n.Address == other.Address &&
		n.Datacenter == other.Datacenter && equalMaps(n.TaggedAddresses, other.TaggedAddresses) &&
		equalMaps(n.Meta, other.Meta)
}

// equalMaps takes an empty map for another than none: clients can tell them apart.
func equalMaps(a, b map[string]string) bool { return (a == nil) == (b == nil) && maps.Equal(a, b) }

// EnsureNode registers a node, or changes it. A node with an ID may come under another name: the old one is deregistered
// then. The store keeps the maps that node refers to.
func (tx *Tx) EnsureNode(node *Node) error {
	n := *node
	n.Partition = ""
	old, err := tx.settleName(&n)
	if err != nil {
		return err
	}
	if old == nil {
		old = tx.node(n.Node)
	}
	n.CreateIndex, n.ModifyIndex = tx.index, tx.index
	if old != nil {
		if n.same(old) {
			return nil
		}
		n.CreateIndex = old.CreateIndex
	}
	nodes.put(tx, &n)
	tx.touch(string(nodes), ofNode(n.Node))
	tx.touchServicesOf(n.Node)
	return nil
}

// settleName makes sure that the node may have its name, and gives what its ID had before, if anything.
func (tx *Tx) settleName(n *Node) (*Node, error) {
	if n.ID == "" {
		return nil, nil
	}
	old := tx.nodeByID(n.ID)
	if old == nil {
		// A node without an ID may be given one.
		if err := tx.nameTaken(n, true); err != nil {
			return nil, fmt.Errorf("Error while renaming Node ID: %q: %w", n.ID, err)
		}
		return nil, nil
	}
	if strings.EqualFold(old.Node, n.Node) {
		return old, nil
	}
	if err := tx.nameTaken(n, false); err != nil {
		return nil, fmt.Errorf("Error while renaming Node ID: %q (%s): %w", n.ID, n.Address, err)
	}
	if err := tx.DeregisterNode(old.Node); err != nil {
		return nil, fmt.Errorf("Error while renaming Node ID: %q (%s) from %s to %s: %w",
			n.ID, n.Address, old.Node, n.Node, err)
	}
	return old, nil
}

// nameTaken tells that the name is of another node, which is alive.
func (tx *Tx) nameTaken(n *Node, fromNoID bool) error {
	other := tx.node(n.Node)
	if other == nil || other.ID == n.ID || other.ID == "" && fromNoID {
		return nil
	}
	if alive := tx.check(other.Node, SerfHealth); alive == nil || alive.Status == HealthCritical {
		return nil
	}
	return fmt.Errorf("Node name %s is reserved by node %s with name %s (%s)",
		n.Node, other.ID, other.Node, other.Address)
}

// EnsureNodeCAS is EnsureNode if the node was not changed since its ModifyIndex, or is not there where that is 0.
func (tx *Tx) EnsureNodeCAS(node *Node) (bool, error) {
	old := tx.node(node.Node)
	if (old == nil) != (node.ModifyIndex == 0) || old != nil && old.ModifyIndex != node.ModifyIndex {
		return false, nil
	}
	return true, tx.EnsureNode(node)
}

// DeregisterNode deregisters a node, which may be absent, with its services and checks, and ends its sessions.
func (tx *Tx) DeregisterNode(name string) error {
	n := tx.node(name)
	if n == nil {
		return nil
	}
	for _, i := range tx.instancesOf(nil, name) {
		if err := tx.DeregisterService(name, i.service.ID); err != nil {
			return err
		}
	}
	for _, c := range checks.list(tx, nil, indexNode, strings.ToLower(name)) {
		if err := tx.DeregisterCheck(name, c.CheckID); err != nil {
			return err
		}
	}
	tx.removeCoordinates(name)
	nodes.remove(tx, n)
	tx.forget(ofNode(name))
	tx.touch(string(nodes), nodeExtinction)
	return tx.endSessionsOfNode(name)
}

// DeregisterNodeCAS deregisters a node if it was not changed since index.
func (tx *Tx) DeregisterNodeCAS(name string, index uint64) (bool, error) {
	if n := tx.node(name); n == nil || n.ModifyIndex != index {
		return false, nil
	}
	return true, tx.DeregisterNode(name)
}
