package embedded

// This file serves binding rules.

import (
	"errors"
	"fmt"

	"github.com/hashicorp/go-bexpr"
	"github.com/hashicorp/go-memdb"

	"github.com/lictor-go/consul/embedded/internal/acl"
	"github.com/lictor-go/consul/embedded/internal/store"
)

func serveBindingRule(c *call) (any, error) {
	return c.serveByMethod("/v1/acl/binding-rule/", "Missing binding rule ID",
		readBindingRule, writeBindingRule, deleteBindingRule)
}

func readBindingRule(c *call, id string) (any, error) {
	return readOne(c, "binding rule", func(tx *store.Tx, ws memdb.WatchSet) (uint64, *store.BindingRule, error) {
		return tx.BindingRule(ws, id)
	})
}

func listBindingRules(c *call) (any, error) {
	method := c.params.Get("authmethod")
	find := func(tx *store.Tx, ws memdb.WatchSet) (uint64, []*store.BindingRule, error) {
		index, list := tx.BindingRules(ws, method)
		return index, list, nil
	}
	return readAll(c, find, same)
}

func createBindingRule(c *call) (any, error) { return writeBindingRule(c, "") }

func writeBindingRule(c *call, id string) (any, error) {
	rule := &store.BindingRule{}
	if err := c.decodeACL("BindingRule decoding failed", rule); err != nil {
		return nil, err
	}
	if rule.ID != "" && rule.ID != id {
		return nil, badRequest("BindingRule ID in URL and payload do not match")
	}
	rule.ID = id
	if err := c.forward(); err != nil {
		return nil, err
	}
	if _, err := c.needACL(acl.AccessWrite); err != nil {
		return nil, err
	}
	if err := c.s.identifyBindingRule(rule); err != nil {
		return nil, err
	}
	if err := c.s.checkBindingRule(rule); err != nil {
		return nil, err
	}
	if err := c.s.apply("binding rule upsert", func(tx *store.Tx) error { return tx.SetBindingRule(rule) }); err != nil {
		return nil, err
	}
	return rule, nil
}

// identifyBindingRule gives a new rule its ID, or checks that there is one with the ID, of the same auth method.
func (s *Server) identifyBindingRule(r *store.BindingRule) error {
	if r.ID == "" {
		r.ID = newUUID()
		return nil
	}
	if checkUUID(r.ID) != nil {
		return errors.New("Binding Rule ID invalid UUID")
	}
	_, old, err := s.store.Read().BindingRule(nil, r.ID)
	switch {
	case err != nil:
		return fmt.Errorf("acl binding rule lookup failed: %w", err)
	case old == nil:
		return fmt.Errorf("cannot find binding rule %s", r.ID)
	case r.AuthMethod == "":
		r.AuthMethod = old.AuthMethod
	case r.AuthMethod != old.AuthMethod:
		return errors.New("the AuthMethod field of an Binding Rule is immutable")
	}
	return nil
}

// checkBindingRule says what is wrong with a rule.
func (s *Server) checkBindingRule(r *store.BindingRule) error {
	if r.AuthMethod == "" {
		return errors.New("Invalid Binding Rule: no AuthMethod is set")
	}
	_, method := s.store.Read().AuthMethod(nil, r.AuthMethod)
	if method == nil {
		return fmt.Errorf("cannot find auth method with name %q", r.AuthMethod)
	}
	authenticator, err := newAuthenticator(method)
	if err != nil {
		return fmt.Errorf("auth method validator for %q could not be initialized: %w", method.Name, err)
	}
	blank := authenticator.blank()
	if r.Selector != "" {
		if _, err := bexpr.CreateEvaluatorForType(r.Selector, nil, blank.selectable); err != nil {
			return fmt.Errorf("invalid Binding Rule: Selector is invalid: %w", err)
		}
	}
	switch {
	case r.BindType == "":
		return errors.New("Invalid Binding Rule: no BindType is set")
	case r.BindName == "":
		return errors.New("Invalid Binding Rule: no BindName is set")
	case r.BindType != bindTemplate && r.BindVars != nil:
		return errors.New("invalid Binding Rule: BindVars cannot be set when bind type is not templated-policy.")
	}
	if err := tryBinding(r, blank); err != nil {
		return fmt.Errorf("Invalid Binding Rule: invalid BindName or BindVars: %w", err)
	}
	return nil
}

// tryBinding says why the rule can't be applied to anyone, by applying it to one whose every claim is the same.
func tryBinding(r *store.BindingRule, blank verified) error {
	for name := range blank.variables {
		blank.variables[name] = "fake"
	}
	var err error
	switch valid, ok := bindNames[r.BindType]; {
	case r.BindType == bindTemplate:
		_, err = boundTemplate(r, blank)
	case ok:
		_, err = boundName(r, blank, valid)
	default:
		return fmt.Errorf("invalid Binding Rule: unknown BindType %q", r.BindType)
	}
	if err != nil {
		return fmt.Errorf("failed to validate bindType %q: %w", r.BindType, err)
	}
	return nil
}

func deleteBindingRule(c *call, id string) (any, error) {
	c.parseTarget()
	return c.deleteACL("binding rule", func(identity) error {
		_, rule, err := c.s.store.Read().BindingRule(nil, id)
		switch {
		case err != nil:
			return err
		case rule == nil:
			return errUnknownToken
		}
		return c.s.apply("binding rule delete", func(tx *store.Tx) error {
			tx.DeleteBindingRule(id)
			return nil
		})
	})
}
