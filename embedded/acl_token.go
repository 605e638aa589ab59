package embedded

// This file serves tokens.

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-memdb"

	"github.com/lictor-go/consul/embedded/internal/acl"
	"github.com/lictor-go/consul/embedded/internal/store"
)

// hidden stands for the secret of a token where who asks may not see it.
const hidden = "<hidden>"

func serveToken(c *call) (any, error) {
	put := updateToken
	if strings.HasSuffix(c.r.URL.Path, "/clone") {
		put = cloneToken
	}
	return c.serveByMethod("/v1/acl/token/", "Missing token AccessorID", readToken, put, deleteToken)
}

// expandedToken is a token with all that it has its permissions from.
type expandedToken struct {
	*store.Token
	ExpandedPolicies          []*store.Policy
	ExpandedRoles             []*store.Role
	NamespaceDefaultPolicyIDs []string
	NamespaceDefaultRoleIDs   []string
	AgentACLDefaultPolicy     string
	AgentACLDownPolicy        string
	ResolvedByAgent           string
}

func readToken(c *call, accessor string) (any, error) {
	var m meta
	var answer any
	err := c.readACL(&m, func(who identity, tx *store.Tx, ws memdb.WatchSet, m *meta) error {
		index, token, err := tx.TokenByAccessor(ws, accessor)
		if err == nil {
			err = c.checkLive(token)
		}
		if err != nil {
			return err
		}
		m.index = index
		shown := who.show(token)
		answer = shown
		if c.has("expanded") {
			answer = c.s.expand(tx, ws, shown)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	c.setMeta(&m)
	return answer, nil
}

// checkLive refuses a token that is not there, or no more.
func (c *call) checkLive(t *store.Token) error {
	switch {
	case c.legacy() && (t == nil || t.Expired(time.Now())):
		return errUnknownToken
	case t == nil:
		return fmt.Errorf("token does not exist: %w", errUnknownToken)
	case t.Expired(time.Now()):
		return fmt.Errorf("token has expired: %w", errUnknownToken)
	}
	return nil
}

// show is the token as who asks may see it.
func (i identity) show(t *store.Token) *store.Token {
	if i.ACLWrite() {
		return t
	}
	shown := *t
	shown.SecretID = hidden
	return &shown
}

func (s *Server) expand(tx *store.Tx, ws memdb.WatchSet, t *store.Token) *expandedToken {
	g := grantsOf(tx, ws, t)
	expanded := &expandedToken{
		Token: t, ExpandedRoles: g.roles, ExpandedPolicies: g.policies,
		AgentACLDefaultPolicy: s.config.acl.DefaultPolicy,
		AgentACLDownPolicy:    "extend-cache",
		ResolvedByAgent:       s.config.node,
	}
	for _, synthetic := range g.synthetic {
		p := &store.Policy{
			ID: synthetic.ID, Name: synthetic.Name, Description: synthetic.Description, Rules: synthetic.Rules,
			Datacenters: synthetic.datacenters,
		}
		if !slices.ContainsFunc(expanded.ExpandedPolicies, func(o *store.Policy) bool { return o.ID == p.ID }) {
			p.Hash = p.ContentHash()
			expanded.ExpandedPolicies = append(expanded.ExpandedPolicies, p)
		}
	}
	return expanded
}

func readOwnToken(c *call) (any, error) {
	if err := c.parse(); err != nil {
		return nil, err
	}
	var m meta
	var token *store.Token
	err := c.readMeta(&m, func(tx *store.Tx, ws memdb.WatchSet, m *meta) error {
		m.index, token = tx.TokenBySecret(ws, c.token)
		return c.checkLive(token)
	})
	if err != nil {
		c.setFailedMeta()
		return nil, err
	}
	c.setMeta(&m)
	return token, nil
}

func listTokens(c *call) (any, error) {
	filter := store.TokenFilter{
		Policy: c.params.Get("policy"), Role: c.params.Get("role"),
		Service: c.params.Get("servicename"), AuthMethod: c.params.Get("authmethod"),
	}
	if c.params.Get("authmethod-ns") != "" {
		return nil, badRequest("Invalid query parameter: \"authmethod-ns\" - Namespaces are a Consul Enterprise feature")
	}
	var m meta
	var shown []*store.Token
	err := c.readACL(&m, func(who identity, tx *store.Tx, ws memdb.WatchSet, m *meta) error {
		index, list, err := tx.Tokens(ws, filter)
		m.index, shown = index, []*store.Token{}
		now := time.Now()
		for _, token := range list {
			if !token.Expired(now) {
				shown = append(shown, who.show(token))
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	c.setMeta(&m)
	return shown, nil
}

func createToken(c *call) (any, error) {
	token, lifetime, err := c.decodeToken()
	if err != nil {
		return nil, err
	}
	if _, err := c.needACL(acl.AccessWrite); err != nil {
		return nil, err
	}
	return c.s.createToken(token, lifetime)
}

func updateToken(c *call, accessor string) (any, error) {
	token, lifetime, err := c.decodeToken()
	if err != nil {
		return nil, err
	}
	if token.AccessorID == "" {
		token.AccessorID = accessor
	}
	if token.AccessorID != accessor {
		return nil, badRequest("Token Accessor ID in URL and payload do not match")
	}
	if _, err := c.needACL(acl.AccessWrite); err != nil {
		return nil, err
	}
	if accessor == "" {
		return c.s.createToken(token, lifetime)
	}
	return c.s.updateToken(token, lifetime)
}

func cloneToken(c *call, path string) (any, error) {
	request, _, err := c.decodeToken()
	if err != nil {
		return nil, err
	}
	if _, err := c.needACL(acl.AccessWrite); err != nil {
		return nil, err
	}
	_, token, err := c.s.store.Read().TokenByAccessor(nil, strings.TrimSuffix(path, "/clone"))
	switch {
	case err != nil:
		return nil, err
	case token == nil:
		return nil, c.checkLive(token)
	case token.Expired(time.Now()):
		return nil, fmt.Errorf("token is expired: %w", errUnknownToken)
	case token.AuthMethod != "":
		return nil, errors.New("Cannot clone a token created from an auth method")
	case token.Legacy != nil && token.Legacy.Rules != "":
		return nil, errors.New("Cannot clone a legacy ACL with this endpoint")
	}
	clone := *token
	clone.Name, clone.AccessorID, clone.SecretID, clone.Legacy = "", "", "", nil
	if request.Description != "" {
		clone.Description = request.Description
	}
	return c.s.createToken(&clone, 0)
}

func deleteToken(c *call, accessor string) (any, error) {
	c.parseHere()
	return c.deleteACL("token", func(identity) error {
		if accessor == "" || checkUUID(accessor) != nil {
			return errors.New("Accessor ID is missing or an invalid UUID")
		}
		if accessor == acl.AnonymousAccessorID {
			return errors.New("Delete operation not permitted on the anonymous token")
		}
		_, token, err := c.s.store.Read().TokenByAccessor(nil, accessor)
		switch {
		case err != nil:
			return err
		case token == nil:
			return errUnknownToken
		case subtle.ConstantTimeCompare([]byte(c.token), []byte(token.SecretID)) == 1:
			return errors.New("Deletion of the request's authorization token is not permitted")
		}
		return c.s.apply("token delete", func(tx *store.Tx) error {
			tx.DeleteToken(accessor)
			return nil
		})
	})
}
