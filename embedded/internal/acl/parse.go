package acl

// This file reads rules, written in HCL or JSON. The server decodes them into Go structs whose names show in its errors.

import (
	"fmt"

	"github.com/hashicorp/hcl"
)

// The rules of named resources, as they are decoded. What the name is called differs, and shows in errors.
type (
	nodeRule struct {
		Node   string `hcl:",key"`
		Policy string
	}
	eventRule struct {
		Event  string `hcl:",key"`
		Policy string
	}
	prefixRule struct {
		Prefix string `hcl:",key"`
		Policy string
	}
	nameRule struct {
		Name   string `hcl:",key"`
		Policy string
	}
	serviceRule struct {
		Name       string `hcl:",key"`
		Policy     string
		Intentions string
	}
)

func (r *nodeRule) rule() rule    { return rule{name: r.Node, policy: r.Policy} }
func (r *eventRule) rule() rule   { return rule{name: r.Event, policy: r.Policy} }
func (r *prefixRule) rule() rule  { return rule{name: r.Prefix, policy: r.Policy} }
func (r *nameRule) rule() rule    { return rule{name: r.Name, policy: r.Policy} }
func (r *serviceRule) rule() rule { return rule{r.Name, r.Policy, r.Intentions} }

// document is rules as they are decoded: what is not named here is ignored, without a word. The order of the fields is
// the server's, and decides which of several errors is given.
type document struct {
	ACL             string         `hcl:"acl"`
	Agents          []*nodeRule    `hcl:"agent"`
	AgentPrefixes   []*nodeRule    `hcl:"agent_prefix"`
	Keys            []*prefixRule  `hcl:"key"`
	KeyPrefixes     []*prefixRule  `hcl:"key_prefix"`
	Nodes           []*nameRule    `hcl:"node"`
	NodePrefixes    []*nameRule    `hcl:"node_prefix"`
	Services        []*serviceRule `hcl:"service"`
	ServicePrefixes []*serviceRule `hcl:"service_prefix"`
	Sessions        []*nodeRule    `hcl:"session"`
	SessionPrefixes []*nodeRule    `hcl:"session_prefix"`
	Events          []*eventRule   `hcl:"event"`
	EventPrefixes   []*eventRule   `hcl:"event_prefix"`
	Queries         []*prefixRule  `hcl:"query"`
	QueryPrefixes   []*prefixRule  `hcl:"query_prefix"`
	Keyring         string         `hcl:"keyring"`
	Operator        string         `hcl:"operator"`
	Mesh            string         `hcl:"mesh"`
	Peering         string         `hcl:"peering"`

	// Rules for workload identities must be well formed, and mean nothing.
	Identities       []*serviceRule `hcl:"identity"`
	IdentityPrefixes []*serviceRule `hcl:"identity_prefix"`
}

// Parse reads the rules of a policy. No text is a policy without rules. Errors are the server's, word for word.
func Parse(text string) (*Policy, error) {
	if text == "" {
		return newPolicy(), nil
	}
	var d document
	if err := decode(hcl.DecodeErrorOnDuplicates, &d, text); err != nil {
		return nil, err
	}
	return newPolicyOf(
		single{ResourceACL, d.ACL},
		named{ResourceAgent, collect(d.Agents), collect(d.AgentPrefixes)},
		named{ResourceKey, collect(d.Keys), collect(d.KeyPrefixes)},
		named{ResourceNode, collect(d.Nodes), collect(d.NodePrefixes)},
		named{ResourceService, collect(d.Services), collect(d.ServicePrefixes)},
		named{ResourceSession, collect(d.Sessions), collect(d.SessionPrefixes)},
		named{ResourceEvent, collect(d.Events), collect(d.EventPrefixes)},
		named{ResourceQuery, collect(d.Queries), collect(d.QueryPrefixes)},
		single{ResourceKeyring, d.Keyring},
		single{ResourceOperator, d.Operator},
		single{ResourceMesh, d.Mesh},
		single{ResourcePeering, d.Peering},
	)
}

// decode reads text into a document, with one of the functions of package hcl.
func decode(with func(any, string) error, document any, text string) error {
	if err := guard(text, func() error { return with(document, text) }); err != nil {
		return fmt.Errorf("Failed to parse ACL rules: %w", err)
	}
	return nil
}

func collect[R interface{ rule() rule }](decoded []R) []rule {
	rules := make([]rule, len(decoded))
	for i, d := range decoded {
		rules[i] = d.rule()
	}
	return rules
}
