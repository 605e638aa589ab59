package embedded

// This file checks what tokens and roles have their permissions from.

import (
	"fmt"
	"slices"

	"github.com/lictor-go/consul/embedded/internal/acl"
	"github.com/lictor-go/consul/embedded/internal/store"
)

// linked is the kind of thing that links point to: how it is found.
type linked struct {
	kind   string
	byName func(name string) (id string)
	byID   func(id string) (found bool, err error)
}

func linkedPolicies(tx *store.Tx) linked {
	return linked{
		kind: "policy",
		byName: func(name string) string {
			if _, p := tx.PolicyByName(nil, name); p != nil {
				return p.ID
			}
			return ""
		},
		byID: func(id string) (bool, error) {
			_, p, err := tx.Policy(nil, id)
			return p != nil, err
		},
	}
}

func linkedRoles(tx *store.Tx) linked {
	return linked{
		kind: "role",
		byName: func(name string) string {
			if _, r := tx.RoleByName(nil, name); r != nil {
				return r.ID
			}
			return ""
		},
		byID: func(id string) (bool, error) {
			_, r, err := tx.Role(nil, id)
			return r != nil, err
		},
	}
}

// settle gives the links by ID alone, each once. Those by name must lead to something, and where all is set the others too.
func (l linked) settle(links []store.Link, all bool) ([]store.Link, error) {
	var settled []store.Link
	for _, link := range links {
		if link.ID == "" {
			if link.ID = l.byName(link.Name); link.ID == "" {
				return nil, fmt.Errorf("No such ACL %s with name %q", l.kind, link.Name)
			}
		} else if all {
			found, err := l.byID(link.ID)
			if err != nil {
				return nil, fmt.Errorf("Error looking up %s for ID: %q: %w", l.kind, link.ID, err)
			}
			if !found {
				return nil, fmt.Errorf("No such ACL %s with ID %q", l.kind, link.ID)
			}
		}
		if link.Name = ""; !slices.Contains(settled, link) {
			settled = append(settled, link)
		}
	}
	return settled, nil
}

// settleServices checks the identities and makes those of one service one, for the datacenters of all.
func settleServices(owner acl.Owner, list []*store.ServiceIdentity, local bool) ([]*store.ServiceIdentity, error) {
	var settled []*store.ServiceIdentity
	for _, s := range withoutNil(list) {
		if err := acl.CheckServiceIdentity(owner, s.ServiceName, s.Datacenters, local); err != nil {
			return nil, err
		}
		i := slices.IndexFunc(settled, func(o *store.ServiceIdentity) bool { return o.ServiceName == s.ServiceName })
		if i < 0 {
			i = len(settled)
			settled = append(settled, &store.ServiceIdentity{ServiceName: s.ServiceName})
		}
		datacenters := append(settled[i].Datacenters, s.Datacenters...)
		slices.Sort(datacenters)
		settled[i].Datacenters = slices.Compact(datacenters)
	}
	return settled, nil
}

// settleNodes checks the identities and keeps each once.
func settleNodes(owner acl.Owner, list []*store.NodeIdentity) ([]*store.NodeIdentity, error) {
	var settled []*store.NodeIdentity
	for _, n := range withoutNil(list) {
		if err := acl.CheckNodeIdentity(owner, n.NodeName, n.Datacenter); err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(settled, func(o *store.NodeIdentity) bool { return *o == *n }) {
			settled = append(settled, n)
		}
	}
	return settled, nil
}

// settleTemplates checks the templated policies and keeps each once.
func settleTemplates(owner acl.Owner, list []*store.TemplatedPolicy) ([]*store.TemplatedPolicy, error) {
	var settled []*store.TemplatedPolicy
	for _, t := range withoutNil(list) {
		template, err := acl.CheckTemplatedPolicy(owner, t.TemplateName, t.TemplateVariables)
		if err != nil {
			return nil, err
		}
		own := *t // that given may be another token's
		if owner == acl.OwnerToken || own.TemplateID == "" {
			own.TemplateID = template.ID
		}
		if !slices.ContainsFunc(settled, func(o *store.TemplatedPolicy) bool { return sameTemplate(template, o, t) }) {
			settled = append(settled, &own)
		}
	}
	return settled, nil
}

// sameTemplate reports whether two templated policies, of which one is of the template, come to the same.
func sameTemplate(template acl.Template, a, b *store.TemplatedPolicy) bool {
	return a.TemplateName == b.TemplateName && (template.Schema == "" || *a.TemplateVariables == *b.TemplateVariables)
}

// withoutNil has the zero value where there is none at all: "null" in JSON, over which the real server ends the request
// without an answer.
func withoutNil[T any](list []*T) []*T {
	for i := range list {
		if list[i] == nil {
			list[i] = new(T)
		}
	}
	return list
}
