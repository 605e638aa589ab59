package embedded

// This file serves policies.

import (
	"errors"
	"fmt"
	"net/url"

	"github.com/hashicorp/go-memdb"

	"github.com/lictor-go/consul/embedded/internal/acl"
	"github.com/lictor-go/consul/embedded/internal/store"
)

func servePolicy(c *call) (any, error) {
	return c.serveByMethod("/v1/acl/policy/", "Missing policy ID", readPolicy, updatePolicy, deletePolicy)
}

func readPolicy(c *call, id string) (any, error) {
	return readOne(c, "policy", func(tx *store.Tx, ws memdb.WatchSet) (uint64, *store.Policy, error) {
		return tx.Policy(ws, id)
	})
}

func readPolicyByName(c *call) (any, error) {
	name := c.rest("/v1/acl/policy/name/")
	if name == "" {
		return nil, badRequest("Missing policy Name")
	}
	name, err := url.QueryUnescape(name) // a second time: so that there can be a slash in it
	if err != nil {
		return nil, err
	}
	return readOne(c, "policy", func(tx *store.Tx, ws memdb.WatchSet) (uint64, *store.Policy, error) {
		index, policy := tx.PolicyByName(ws, name)
		return index, policy, nil
	})
}

// listedPolicy is a policy in a list, which goes without the rules.
type listedPolicy struct {
	ID, Name, Description    string
	Datacenters              []string
	Hash                     []byte
	CreateIndex, ModifyIndex uint64
}

func listPolicies(c *call) (any, error) {
	find := func(tx *store.Tx, ws memdb.WatchSet) (uint64, []*store.Policy, error) {
		index, list := tx.Policies(ws)
		return index, list, nil
	}
	return readAll(c, find, func(p *store.Policy) listedPolicy {
		return listedPolicy{p.ID, p.Name, p.Description, p.Datacenters, p.Hash, p.CreateIndex, p.ModifyIndex}
	})
}

func createPolicy(c *call) (any, error) {
	policy, err := c.decodePolicy()
	if err != nil {
		return nil, err
	}
	if policy.ID != "" {
		return nil, badRequest("Cannot specify the ID when creating a new policy")
	}
	return c.writePolicy(policy)
}

func updatePolicy(c *call, id string) (any, error) {
	policy, err := c.decodePolicy()
	if err != nil {
		return nil, err
	}
	if policy.ID != "" && policy.ID != id {
		return nil, badRequest("Policy ID in URL and payload do not match")
	}
	policy.ID = id
	return c.writePolicy(policy)
}

func (c *call) decodePolicy() (*store.Policy, error) {
	type Alias store.Policy
	c.parseHere()
	request := struct { // without a name: errors show it
		Hash string
		*Alias
	}{Alias: new(Alias)}
	if err := c.decodeACL("Policy decoding failed", &request); err != nil {
		return nil, err
	}
	return (*store.Policy)(request.Alias), nil
}

func (c *call) writePolicy(p *store.Policy) (any, error) {
	if _, err := c.needACL(acl.AccessWrite); err != nil {
		return nil, err
	}
	if err := acl.CheckPolicyName(p.Name); err != nil {
		return nil, err
	}
	if err := c.s.identifyPolicy(p); err != nil {
		return nil, err
	}
	var err error
	if p.Parsed, err = acl.Parse(p.Rules); err != nil {
		return nil, err
	}
	if err := c.s.apply("policy upsert", func(tx *store.Tx) error { return tx.SetPolicy(p) }); err != nil {
		return nil, err
	}
	return p, nil
}

// identifyPolicy gives a new policy its ID, or checks that there is one with the ID that can be changed so.
func (s *Server) identifyPolicy(p *store.Policy) error {
	if p.ID != "" && checkUUID(p.ID) != nil {
		return errors.New("Policy ID invalid UUID")
	}
	tx := s.store.Read()
	_, sameName := tx.PolicyByName(nil, p.Name)
	if p.ID == "" {
		p.ID = newUUID()
		if sameName != nil {
			return fmt.Errorf("Invalid Policy: A Policy with Name %q already exists", p.Name)
		}
		return nil
	}
	_, old, err := tx.Policy(nil, p.ID)
	switch {
	case err != nil:
		return fmt.Errorf("acl policy lookup by id failed: %w", err)
	case old == nil:
		return fmt.Errorf("cannot find policy %s", p.ID)
	case old.Name != p.Name && sameName != nil:
		return fmt.Errorf("Invalid Policy: A policy with name %q already exists", p.Name)
	}
	return keepBuiltin(p, old)
}

// keepBuiltin refuses to change what can't be changed of a policy that is there without being made.
func keepBuiltin(p, old *store.Policy) error {
	for _, builtin := range builtinPolicies() {
		switch {
		case p.ID != builtin.ID:
		case p.Datacenters != nil:
			return fmt.Errorf("Changing the Datacenters of the %s policy is not permitted", builtin.Name)
		case p.Rules != old.Rules:
			return fmt.Errorf("Changing the Rules for the builtin %s policy is not permitted", builtin.Name)
		}
	}
	return nil
}

func deletePolicy(c *call, id string) (any, error) {
	c.parseHere()
	return c.deleteACL("policy", func(identity) error {
		_, policy, err := c.s.store.Read().Policy(nil, id)
		switch {
		case err != nil:
			return err
		case policy == nil:
			return errUnknownToken
		}
		for _, builtin := range builtinPolicies() {
			if policy.ID == builtin.ID {
				return fmt.Errorf("Delete operation not permitted on the builtin %s policy", builtin.Name)
			}
		}
		return c.s.apply("policy delete", func(tx *store.Tx) error {
			tx.DeletePolicy(id)
			return nil
		})
	})
}
