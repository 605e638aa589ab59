package embedded

// This file collects what a token has its permissions from.

import (
	"fmt"
	"slices"

	"github.com/hashicorp/go-memdb"

	"github.com/lictor-go/consul/embedded/internal/acl"
	"github.com/lictor-go/consul/embedded/internal/store"
)

// grants is what a token has its permissions from: its roles, its policies and those of its roles in the order of their
// IDs, and the policies that its and their identities and templates stand for.
type grants struct {
	roles     []*store.Role
	policies  []*store.Policy
	synthetic []syntheticPolicy
	// own is the policy that is the token's own, of tokens from before Consul 1.4.
	own *acl.Policy
}

// syntheticPolicy is a policy that is stored nowhere, for some datacenters, or for all where there are none.
type syntheticPolicy struct {
	acl.SyntheticPolicy
	datacenters []string
}

// grantsOf gives the grants of a token. ws learns of changes of what they are made of.
func grantsOf(tx *store.Tx, ws memdb.WatchSet, t *store.Token) *grants {
	g := &grants{}
	if t.Legacy != nil {
		g.own = t.Legacy.Policy
	}
	ids := idsOf(t.Policies)
	g.addIdentities(t.ServiceIdentities, t.NodeIdentities, t.TemplatedPolicies)
	for _, id := range idsOf(t.Roles) {
		_, role, err := tx.Role(ws, id)
		if err != nil || role == nil {
			continue
		}
		g.roles = append(g.roles, role)
		ids = append(ids, idsOf(role.Policies)...)
		g.addIdentities(role.ServiceIdentities, role.NodeIdentities, role.TemplatedPolicies)
	}
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		if _, policy, err := tx.Policy(ws, id); err == nil && policy != nil {
			g.policies = append(g.policies, policy)
		}
	}
	return g
}

func idsOf(links []store.Link) []string {
	ids := make([]string, len(links))
	for i, link := range links {
		ids[i] = link.ID
	}
	return ids
}

func (g *grants) addIdentities(
	services []*store.ServiceIdentity, nodes []*store.NodeIdentity, templates []*store.TemplatedPolicy,
) {
	for _, s := range services {
		g.add(acl.ServiceIdentity(s.ServiceName), s.Datacenters)
	}
	for _, n := range nodes {
		g.add(acl.NodeIdentity(n.NodeName), []string{n.Datacenter})
	}
	for _, t := range templates {
		if template, ok := acl.TemplateByName(t.TemplateName); ok {
			g.add(template.Policy(t.TemplateVariables), t.Datacenters)
		}
	}
}

func (g *grants) add(p acl.SyntheticPolicy, datacenters []string) {
	g.synthetic = append(g.synthetic, syntheticPolicy{p, datacenters})
}

// in gives the policies that hold in the datacenter.
func (g *grants) in(datacenter string) ([]*acl.Policy, error) {
	holds := func(datacenters []string) bool {
		return len(datacenters) == 0 || slices.Contains(datacenters, datacenter)
	}
	var list []*acl.Policy
	if g.own != nil {
		list = append(list, g.own)
	}
	for _, p := range g.policies {
		if holds(p.Datacenters) {
			list = append(list, p.Parsed)
		}
	}
	for _, p := range g.synthetic {
		if !holds(p.datacenters) {
			continue
		}
		parsed, err := acl.Parse(p.Rules)
		if err != nil { // a name may have a quote in it
			return nil, fmt.Errorf("failed to parse the ACL policies: failed to parse %q: %w", p.Name, err)
		}
		list = append(list, parsed)
	}
	return list, nil
}
