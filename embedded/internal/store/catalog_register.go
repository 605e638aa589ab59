package store

// This file registers a node, a service on it and checks of both in one write.

import (
	"fmt"
	"reflect"
	"strings"
)

// Registration is a node, with a service and checks of it where they are not nil.
type Registration struct {
	Node *Node
	// SkipNodeUpdate leaves the node as it is, if it is there.
	SkipNodeUpdate bool
	Service        *NodeService
	Checks         []*HealthCheck
}

// ChangesNode reports whether the registration would change the node, which is nil if it is not there.
func (r *Registration) ChangesNode(node *Node) bool {
	if node == nil {
		return true
	}
	return !r.SkipNodeUpdate && (!r.Node.same(node) || !reflect.DeepEqual(r.Node.Locality, node.Locality))
}

// Register registers all of it, or nothing.
func (tx *Tx) Register(r *Registration) error {
	if r.ChangesNode(tx.node(r.Node.Node)) {
		if err := tx.EnsureNode(r.Node); err != nil {
			return fmt.Errorf("failed inserting node: %w", err)
		}
	}
	if r.Service != nil {
		if err := tx.EnsureService(r.Node.Node, r.Service); err != nil {
			return fmt.Errorf("failed inserting service: %w", err)
		}
	}
	for _, check := range r.Checks {
		if !strings.EqualFold(check.Node, r.Node.Node) {
			return fmt.Errorf("check node %q does not match node %q", check.Node, r.Node.Node)
		}
		if err := tx.EnsureCheck(check); err != nil {
			return fmt.Errorf("failed inserting check on node %q: %w", check.Node, err)
		}
	}
	return nil
}

// Deregister deregisters a service of the node, else a check, else, where both are empty, the node.
func (tx *Tx) Deregister(node, service, check string) error {
	switch {
	case service != "":
		return tx.DeregisterService(node, service)
	case check != "":
		return tx.DeregisterCheck(node, check)
	}
	return tx.DeregisterNode(node)
}
