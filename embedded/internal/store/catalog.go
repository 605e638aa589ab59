package store

// This file holds nodes, services and checks.

import (
	"errors"
	"strings"

	"github.com/hashicorp/go-memdb"
)

// The states of checks.
const (
	HealthPassing  = "passing"
	HealthWarning  = "warning"
	HealthCritical = "critical"
)

const checkTypeSession = "session"

// ErrMissingNode tells that what was to be registered is of a node that is not.
var ErrMissingNode = errors.New("Missing node registration")

// Node is a node.
type Node struct{ Node, Address string }

// Check is a check.
type Check struct {
	Node, CheckID, Status, Output, Type string
	Definition                          CheckDefinition
}

// CheckDefinition is a definition.
type CheckDefinition struct{ SessionName string }

const (
	nodes  table[Node]  = "nodes"
	checks table[Check] = "checks"
)

func catalogTables() []*memdb.TableSchema {
	return []*memdb.TableSchema{
		nodes.schema(unique(func(n *Node) string { return strings.ToLower(n.Node) })),
		checks.schema(unique(func(c *Check) string { return join(c.Node, c.CheckID) }),
			shared(indexNode, func(c *Check) (string, bool) { return strings.ToLower(c.Node), true })),
	}
}

func (tx *Tx) node(name string) *Node         { return nodes.get(tx, nil, strings.ToLower(name)) }
func (tx *Tx) check(node, id string) *Check   { return checks.get(tx, nil, join(node, id)) }
func (tx *Tx) EnsureCheck(check *Check) error { checks.put(tx, check); return nil }
func (tx *Tx) EnsureNode(node *Node) error    { nodes.put(tx, node); return nil }
