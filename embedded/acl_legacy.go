package embedded

// This file serves the ACL routes from before Consul 1.4, as Consul 1.10.0 still does. Tokens have their rules in them
// there, and no ID but their secret.

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/hashicorp/go-memdb"

	"github.com/lictor-go/consul/embedded/internal/acl"
	"github.com/lictor-go/consul/embedded/internal/store"
)

var legacyACLRoutes = needingACLs([]route{
	{"/v1/acl/create", methods("PUT"), createLegacyToken},
	{"/v1/acl/update", methods("PUT"), updateLegacyToken},
	{"/v1/acl/destroy/", methods("PUT"), destroyLegacyToken},
	{"/v1/acl/info/", methods("GET"), readLegacyToken},
	{"/v1/acl/clone/", methods("PUT"), cloneLegacyToken},
	{"/v1/acl/list", methods("GET"), listLegacyTokens},
	{"/v1/acl/rules/translate", methods("POST"), translateRules},
})

// The types of legacy tokens.
const (
	legacyClient     = "client"
	legacyManagement = "management"
)

// legacyACL is a legacy token, as it is written and answered.
type legacyACL struct {
	ID, Name, Type, Rules    string
	CreateIndex, ModifyIndex uint64
}

type legacyID struct{ ID string }

// asLegacy gives the token as a legacy one, nil where it is none.
func asLegacy(t *store.Token) *legacyACL {
	if t == nil || t.Legacy == nil {
		return nil
	}
	return &legacyACL{t.SecretID, t.Description, t.Legacy.Type, t.Legacy.Rules, t.CreateIndex, t.ModifyIndex}
}

// legacy reports whether answers are to be those of Consul 1.10.
func (c *call) legacy() bool { return c.s.config.acl.Legacy }

// needLegacy checks that the caller may change ACLs, which legacy routes ask for whatever they do.
func (c *call) needLegacy() error {
	if err := c.needLeader(); err != nil {
		return err
	}
	who, err := c.authorize()
	if err == nil && !who.ACLWrite() {
		err = acl.ErrPermissionDenied
	}
	return err
}

var errNoLegacyID = badRequest("Missing ACL")

func createLegacyToken(c *call) (any, error) { return c.setLegacyToken(false) }
func updateLegacyToken(c *call) (any, error) { return c.setLegacyToken(true) }

func (c *call) setLegacyToken(named bool) (any, error) {
	c.parseTarget()
	request := legacyACL{Type: legacyClient}
	if c.r.ContentLength > 0 {
		type ACL legacyACL // errors show the name
		if err := c.decode((*ACL)(&request)); err != nil {
			return nil, badRequest("Request decode failed: %v", err)
		}
	}
	if named && request.ID == "" {
		return nil, badRequest("ACL ID must be set")
	}
	return c.writeLegacyToken(&request)
}

func (c *call) writeLegacyToken(request *legacyACL) (any, error) {
	if err := c.needLegacy(); err != nil {
		return nil, err
	}
	if request.ID == "" {
		request.ID = newUUID()
	}
	if request.Type != legacyClient && request.Type != legacyManagement {
		return nil, errors.New("Invalid ACL Type")
	}
	token := &store.Token{AccessorID: newUUID(), SecretID: request.ID, Description: request.Name}
	if _, old := c.s.store.Read().TokenBySecret(nil, request.ID); old != nil {
		if old.Legacy == nil || len(old.Policies) > 0 {
			return nil, errors.New("Cannot use legacy endpoint to modify a non-legacy token")
		}
		token.AccessorID = old.AccessorID
	}
	if isRoot(request.ID) {
		return nil, acl.Denied{Cause: "Cannot modify root ACL"}
	}
	policy, err := acl.ParseLegacy(request.Rules)
	if err == nil && request.Type == legacyManagement {
		policy, err = acl.Parse(acl.GlobalManagement().Rules)
	}
	if err != nil {
		return nil, fmt.Errorf("ACL rule compilation failed: %w", err)
	}
	token.Legacy = &store.LegacyToken{Type: request.Type, Rules: request.Rules, Policy: policy}
	if err := c.s.store.Write(func(tx *store.Tx) error { return tx.SetToken(token) }); err != nil {
		return nil, fmt.Errorf("raft apply failed: %w", err)
	}
	return legacyID{request.ID}, nil
}

func destroyLegacyToken(c *call) (any, error) {
	c.parseTarget()
	id := c.rest("/v1/acl/destroy/")
	if id == "" {
		return nil, errNoLegacyID
	}
	if err := c.needLegacy(); err != nil {
		return nil, err
	}
	if id == anonymousToken {
		return nil, acl.Denied{Cause: "Cannot delete anonymous token"}
	}
	err := c.s.store.Write(func(tx *store.Tx) error {
		if _, token := tx.TokenBySecret(nil, id); token != nil {
			tx.DeleteToken(token.AccessorID)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("raft apply failed: %w", err)
	}
	return true, nil
}

// parseLegacy is parse for reads, which are of this datacenter, whichever the request names.
func (c *call) parseLegacy() error {
	err := c.parse()
	c.datacenter = c.s.config.datacenter
	return err
}

// findLegacyToken finds a token by its secret: who knows it may see it.
func (c *call) findLegacyToken(id string) (*legacyACL, error) {
	var found *legacyACL
	err := c.read(func(tx *store.Tx, ws memdb.WatchSet, m *meta) error {
		index, token := tx.TokenBySecret(ws, id)
		m.index, found = index, asLegacy(token)
		return nil
	})
	return found, err
}

func readLegacyToken(c *call) (any, error) {
	if err := c.parseLegacy(); err != nil {
		return nil, err
	}
	id := c.rest("/v1/acl/info/")
	if id == "" {
		return nil, errNoLegacyID
	}
	found, err := c.findLegacyToken(id)
	if err != nil {
		return nil, err
	}
	if found == nil {
		return []*legacyACL{}, nil
	}
	return []*legacyACL{found}, nil
}

func cloneLegacyToken(c *call) (any, error) {
	if err := c.parseLegacy(); err != nil {
		return nil, err
	}
	id := c.rest("/v1/acl/clone/")
	if id == "" {
		return nil, errNoLegacyID
	}
	found, err := c.findLegacyToken(id)
	if err != nil {
		return nil, err
	}
	if found == nil {
		return nil, acl.ErrPermissionDenied // lest it be told which there are
	}
	found.ID = ""
	return c.writeLegacyToken(found)
}

func listLegacyTokens(c *call) (any, error) {
	if err := c.parseLegacy(); err != nil {
		return nil, err
	}
	var list []*legacyACL
	err := c.needLegacy()
	if err == nil {
		err = c.read(func(tx *store.Tx, ws memdb.WatchSet, m *meta) error {
			index, tokens, err := tx.Tokens(ws, store.TokenFilter{})
			m.index, list = index, []*legacyACL{}
			for _, token := range tokens {
				if one := asLegacy(token); one != nil {
					list = append(list, one)
				}
			}
			return err
		})
	}
	if err != nil {
		c.setFailedMeta()
		return nil, err
	}
	return list, nil
}

// translateRules rewrites legacy rules as those of today.
func translateRules(c *call) (any, error) {
	c.parseTarget()
	who, err := c.authorize()
	if err != nil {
		return nil, err
	}
	if !who.ACLRead() {
		return nil, acl.ErrPermissionDenied
	}
	rules, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, maxBody))
	if err != nil {
		return nil, badRequest("Bad request: Failed to read body: %v", err)
	}
	translated, err := acl.TranslateLegacy(string(rules))
	if err != nil {
		return nil, badRequest("Bad request: %v", err)
	}
	c.write(http.StatusOK, typePlain, []byte(translated))
	return nil, nil
}

// absentLegacy answers a read of what is not there as Consul 1.10 does.
func (c *call) absentLegacy(kind string, m *meta) (any, error) {
	if kind == "policy" {
		c.setMeta(m)
		return nil, errUnknownToken
	}
	c.empty(http.StatusNotFound)
	return nil, nil
}
