package embedded

// This file serves roles.

import (
	"errors"
	"fmt"

	"github.com/hashicorp/go-memdb"

	"github.com/lictor-go/consul/embedded/internal/acl"
	"github.com/lictor-go/consul/embedded/internal/store"
)

func serveRole(c *call) (any, error) {
	return c.serveByMethod("/v1/acl/role/", "Missing role ID", readRole, writeRole, deleteRole)
}

func readRole(c *call, id string) (any, error) {
	return readOne(c, "role", func(tx *store.Tx, ws memdb.WatchSet) (uint64, *store.Role, error) {
		return tx.Role(ws, id)
	})
}

func readRoleByName(c *call) (any, error) {
	name := c.rest("/v1/acl/role/name/")
	if name == "" {
		return nil, badRequest("Missing role Name")
	}
	return readOne(c, "role", func(tx *store.Tx, ws memdb.WatchSet) (uint64, *store.Role, error) {
		index, role := tx.RoleByName(ws, name)
		return index, role, nil
	})
}

func listRoles(c *call) (any, error) {
	policy := c.params.Get("policy")
	find := func(tx *store.Tx, ws memdb.WatchSet) (uint64, []*store.Role, error) { return tx.Roles(ws, policy) }
	return readAll(c, find, same)
}

func createRole(c *call) (any, error) { return writeRole(c, "") }

func writeRole(c *call, id string) (any, error) {
	type Alias store.Role
	c.parseHere()
	request := struct { // without a name: errors show it
		Hash string
		*Alias
	}{Alias: new(Alias)}
	if err := c.decodeACL("Role decoding failed", &request); err != nil {
		return nil, err
	}
	role := (*store.Role)(request.Alias)
	if role.ID != "" && role.ID != id {
		return nil, badRequest("Role ID in URL and payload do not match")
	}
	role.ID = id
	if _, err := c.needACL(acl.AccessWrite); err != nil {
		return nil, err
	}
	if err := acl.CheckRoleName(role.Name); err != nil {
		return nil, err
	}
	if err := c.s.identifyRole(role); err != nil {
		return nil, err
	}
	if err := c.s.settleRole(role); err != nil {
		return nil, err
	}
	if err := c.s.apply("role upsert", func(tx *store.Tx) error { return tx.SetRole(role) }); err != nil {
		return nil, err
	}
	_, written, err := c.s.store.Read().Role(nil, role.ID)
	return written, err
}

// identifyRole gives a new role its ID, or checks that there is one with the ID.
func (s *Server) identifyRole(r *store.Role) error {
	tx := s.store.Read()
	_, sameName := tx.RoleByName(nil, r.Name)
	if r.ID == "" {
		r.ID = newUUID()
		if sameName != nil {
			return fmt.Errorf("Invalid Role: A Role with Name %q already exists", r.Name)
		}
		return nil
	}
	if checkUUID(r.ID) != nil {
		return errors.New("Role ID invalid UUID")
	}
	_, old, err := tx.Role(nil, r.ID)
	switch {
	case err != nil:
		return fmt.Errorf("acl role lookup failed: %w", err)
	case old == nil:
		return fmt.Errorf("cannot find role %s", r.ID)
	case old.Name != r.Name && sameName != nil:
		return fmt.Errorf("Invalid Role: A role with name %q already exists", r.Name)
	}
	return nil
}

// settleRole checks what the role links to and is.
func (s *Server) settleRole(r *store.Role) (err error) {
	if r.Policies, err = linkedPolicies(s.store.Read()).settle(r.Policies, false); err != nil {
		return err
	}
	if r.ServiceIdentities, err = settleServices(acl.OwnerRole, r.ServiceIdentities, false); err != nil {
		return err
	}
	if r.NodeIdentities, err = settleNodes(acl.OwnerRole, r.NodeIdentities); err != nil {
		return err
	}
	r.TemplatedPolicies, err = settleTemplates(acl.OwnerRole, r.TemplatedPolicies)
	return err
}

func deleteRole(c *call, id string) (any, error) {
	c.parseHere()
	return c.deleteACL("role", func(identity) error {
		_, role, err := c.s.store.Read().Role(nil, id)
		switch {
		case err != nil:
			return err
		case role == nil:
			return errUnknownToken
		}
		return c.s.apply("role delete", func(tx *store.Tx) error {
			tx.DeleteRole(id)
			return nil
		})
	})
}
