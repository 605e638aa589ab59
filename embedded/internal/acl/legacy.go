package acl

// This file reads the rules of Consul before 1.4, which Consul 1.10.0 still takes at its legacy endpoints.

import "github.com/hashicorp/hcl"

// legacyDocument is legacy rules as they are decoded.
type legacyDocument struct {
	Agents   []*nodeRule    `hcl:"agent"`
	Keys     []*prefixRule  `hcl:"key"`
	Nodes    []*nameRule    `hcl:"node"`
	Services []*serviceRule `hcl:"service"`
	Sessions []*nodeRule    `hcl:"session"`
	Events   []*eventRule   `hcl:"event"`
	Queries  []*prefixRule  `hcl:"query"`
	Keyring  string         `hcl:"keyring"`
	Operator string         `hcl:"operator"`
}

// ParseLegacy reads legacy rules. Every name in them is a prefix. Errors are those of Consul 1.10.0, word for word, but
// where a value is missing or is an empty object: its HCL decoder gives an error for the former that names another
// place, and ends the request without an answer for the latter.
func ParseLegacy(text string) (*Policy, error) {
	if text == "" {
		return newPolicy(), nil
	}
	var d legacyDocument
	if err := decode(hcl.Decode, &d, text); err != nil {
		return nil, err
	}
	return newPolicyOf(
		legacy{ResourceAgent, collect(d.Agents), nil},
		legacy{ResourceKey, collect(d.Keys), nil},
		legacy{ResourceNode, collect(d.Nodes), nil},
		legacy{ResourceService, collect(d.Services), nil},
		legacy{ResourceSession, collect(d.Sessions), nil},
		legacy{ResourceEvent, collect(d.Events), nil},
		legacy{ResourceQuery, collect(d.Queries), nil},
		single{ResourceKeyring, d.Keyring},
		single{ResourceOperator, d.Operator},
	)
}

// legacy is rules that were written as exact ones, and are errors as such, but mean prefixes.
type legacy named

func (l legacy) check() error { return named(l).check() }

func (l legacy) addTo(p *Policy) { p.named[l.resource] = named{resource: l.resource, prefix: l.exact} }
