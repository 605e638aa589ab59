package store

// This file holds policies and roles.

import (
	"fmt"
	"strings"

	"github.com/hashicorp/go-memdb"

	"github.com/lictor-go/consul/embedded/internal/acl"
)

// Policy is a policy, as it is answered.
type Policy struct {
	ID          string
	Name        string
	Description string
	Rules       string
	Datacenters []string `json:",omitempty"`
	Hash        []byte
	CreateIndex uint64
	ModifyIndex uint64

	// Parsed is what the rules say.
	Parsed *acl.Policy `json:"-"`
}

// Role is a role, as it is answered.
type Role struct {
	ID                string
	Name              string
	Description       string
	Policies          []Link             `json:",omitempty"`
	ServiceIdentities []*ServiceIdentity `json:",omitempty"`
	NodeIdentities    []*NodeIdentity    `json:",omitempty"`
	TemplatedPolicies []*TemplatedPolicy `json:",omitempty"`
	Hash              []byte
	CreateIndex       uint64
	ModifyIndex       uint64
}

func policyTable() *memdb.TableSchema {
	return policies.schema(
		unique(func(p *Policy) string { return idKey(p.ID) }),
		shared(indexName, func(p *Policy) (string, bool) { return strings.ToLower(p.Name), true }),
	)
}

func roleTable() *memdb.TableSchema {
	return roles.schema(
		unique(func(r *Role) string { return idKey(r.ID) }),
		shared(indexName, func(r *Role) (string, bool) { return strings.ToLower(r.Name), true }),
		several(indexPolicy, func(r *Role) []string {
			keys := make([]string, len(r.Policies))
			for i, link := range r.Policies {
				keys[i] = idKey(link.ID)
			}
			return keys
		}),
	)
}

func (tx *Tx) policy(id string) *Policy { return policies.get(tx, nil, idKey(id)) }
func (tx *Tx) role(id string) *Role     { return roles.get(tx, nil, idKey(id)) }

// Policy gives the policy with the ID, nil where there is none, with the index of the last change of any.
func (tx *Tx) Policy(ws memdb.WatchSet, id string) (uint64, *Policy, error) {
	if err := memdbWords.check("acl policy", id); err != nil {
		return 0, nil, err
	}
	return tx.lastChange(string(policies)), policies.get(tx, ws, idKey(id)), nil
}

// PolicyByName gives the policy of the name, in any case.
func (tx *Tx) PolicyByName(ws memdb.WatchSet, name string) (uint64, *Policy) {
	return tx.lastChange(string(policies)), policies.first(tx, ws, indexName, strings.ToLower(name))
}

// Policies lists the policies, in the order of their names.
func (tx *Tx) Policies(ws memdb.WatchSet) (uint64, []*Policy) {
	return tx.lastChange(string(policies)), policies.list(tx, ws, indexName+"_prefix", "")
}

// SetPolicy adds a policy or replaces the one with its ID.
func (tx *Tx) SetPolicy(p *Policy) error {
	if _, other := tx.PolicyByName(nil, p.Name); other != nil && idKey(other.ID) != idKey(p.ID) {
		return fmt.Errorf("A policy with name %q already exists", p.Name)
	}
	p.CreateIndex, p.ModifyIndex = tx.index, tx.index
	if old := tx.policy(p.ID); old != nil {
		p.CreateIndex = old.CreateIndex
	}
	p.Hash = p.ContentHash()
	policies.put(tx, p)
	tx.touchACL(string(policies))
	return nil
}

// ContentHash is the hash of what the policy says.
func (p *Policy) ContentHash() []byte {
	var d digest
	d.add(p.Name, p.Description, p.Rules)
	d.add(p.Datacenters...)
	return d.sum()
}

// DeletePolicy deletes a policy, which may be gone already.
func (tx *Tx) DeletePolicy(id string) {
	if p := tx.policy(id); p != nil {
		policies.remove(tx, p)
		tx.touchACL(string(policies))
	}
}

// policyLinks are the links to the policies that are there, with their present names.
func (tx *Tx) policyLinks(links []Link) []Link {
	var present []Link
	for _, link := range links {
		if p := tx.policy(link.ID); p != nil {
			present = append(present, Link{link.ID, p.Name})
		}
	}
	return present
}

// roleLinks are the links to the roles that are there, with their present names.
func (tx *Tx) roleLinks(links []Link) []Link {
	var present []Link
	for _, link := range links {
		if r := tx.role(link.ID); r != nil {
			present = append(present, Link{link.ID, r.Name})
		}
	}
	return present
}

func (tx *Tx) presentRole(r *Role) *Role {
	if r == nil || len(r.Policies) == 0 {
		return r
	}
	p := *r
	p.Policies = tx.policyLinks(r.Policies)
	return &p
}

// Role gives the role with the ID, nil where there is none, with the index of the last change of any.
func (tx *Tx) Role(ws memdb.WatchSet, id string) (uint64, *Role, error) {
	if err := memdbWords.check("acl role", id); err != nil {
		return 0, nil, err
	}
	return tx.lastChange(string(roles)), tx.presentRole(roles.get(tx, ws, idKey(id))), nil
}

// RoleByName gives the role of the name, in any case.
func (tx *Tx) RoleByName(ws memdb.WatchSet, name string) (uint64, *Role) {
	return tx.lastChange(string(roles)), tx.presentRole(roles.first(tx, ws, indexName, strings.ToLower(name)))
}

// Roles lists the roles with a policy, or all where the policy is empty: in the order of their IDs or of their names.
func (tx *Tx) Roles(ws memdb.WatchSet, policy string) (uint64, []*Role, error) {
	var list []*Role
	if policy == "" {
		list = roles.list(tx, ws, indexName+"_prefix", "")
	} else {
		if err := ownWords.check("acl role", policy); err != nil {
			return 0, nil, err
		}
		list = roles.list(tx, ws, indexPolicy, idKey(policy))
	}
	for i := range list {
		list[i] = tx.presentRole(list[i])
	}
	return tx.lastChange(string(roles)), list, nil
}

// SetRole adds a role or replaces the one with its ID. Its policies must be there.
func (tx *Tx) SetRole(r *Role) error {
	if _, other := tx.RoleByName(nil, r.Name); other != nil && idKey(other.ID) != idKey(r.ID) {
		return fmt.Errorf("A role with name %q already exists", r.Name)
	}
	for _, link := range r.Policies {
		if _, policy, err := tx.Policy(nil, link.ID); err != nil {
			return err
		} else if policy == nil {
			return fmt.Errorf("No such policy with ID: %s", link.ID)
		}
	}
	r.CreateIndex, r.ModifyIndex = tx.index, tx.index
	if old := tx.role(r.ID); old != nil {
		r.CreateIndex = old.CreateIndex
	}
	var d digest
	d.add(r.Name, r.Description)
	d.addLinks(r.Policies)
	d.addGrants(r.ServiceIdentities, r.NodeIdentities, r.TemplatedPolicies)
	r.Hash = d.sum()
	roles.put(tx, r)
	tx.touchACL(string(roles))
	return nil
}

// DeleteRole deletes a role, which may be gone already.
func (tx *Tx) DeleteRole(id string) {
	if r := tx.role(id); r != nil {
		roles.remove(tx, r)
		tx.touchACL(string(roles))
	}
}
