package store

// This file holds auth methods, by which clients log in, and the binding rules that say what a login gives.

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/hashicorp/go-memdb"

	"github.com/lictor-go/consul/embedded/internal/acl"
)

// AuthMethod is an auth method, as it is answered.
type AuthMethod struct {
	Name            string
	Type            string
	DisplayName     string        `json:",omitempty"`
	Description     string        `json:",omitempty"`
	MaxTokenTTL     time.Duration `json:",omitempty"`
	TokenLocality   string        `json:",omitempty"`
	TokenNameFormat string        `json:",omitempty"`
	Config          map[string]any
	CreateIndex     uint64
	ModifyIndex     uint64
}

// MarshalJSON writes the duration as a text, and first.
func (m *AuthMethod) MarshalJSON() ([]byte, error) {
	type plain AuthMethod
	return json.Marshal(struct {
		MaxTokenTTL string `json:",omitempty"`
		*plain
	}{m.MaxTokenTTLText(), (*plain)(m)})
}

// MaxTokenTTLText is the duration as a text, empty for none.
func (m *AuthMethod) MaxTokenTTLText() string {
	if m.MaxTokenTTL == 0 {
		return ""
	}
	return m.MaxTokenTTL.String()
}

// BindingRule is a binding rule, as it is answered.
type BindingRule struct {
	ID          string
	Description string
	AuthMethod  string
	Selector    string
	BindType    string
	BindName    string
	BindVars    *acl.Variables `json:",omitempty"`
	CreateIndex uint64
	ModifyIndex uint64
}

func authMethodTable() *memdb.TableSchema {
	return authMethods.schema(unique(func(m *AuthMethod) string { return strings.ToLower(m.Name) }))
}

func bindingRuleTable() *memdb.TableSchema {
	return bindingRules.schema(
		unique(func(r *BindingRule) string { return idKey(r.ID) }),
		shared(indexAuthMethod, func(r *BindingRule) (string, bool) { return strings.ToLower(r.AuthMethod), true }),
	)
}

func (tx *Tx) authMethod(name string) *AuthMethod {
	return authMethods.get(tx, nil, strings.ToLower(name))
}

// AuthMethod gives the auth method of the name, nil where there is none, with the index of the last change of any.
func (tx *Tx) AuthMethod(ws memdb.WatchSet, name string) (uint64, *AuthMethod) {
	return tx.lastChange(string(authMethods)), authMethods.get(tx, ws, strings.ToLower(name))
}

// AuthMethods lists the auth methods, in the order of their names.
func (tx *Tx) AuthMethods(ws memdb.WatchSet) (uint64, []*AuthMethod) {
	return tx.lastChange(string(authMethods)), authMethods.all(tx, ws)
}

// SetAuthMethod adds an auth method or replaces the one of its name.
func (tx *Tx) SetAuthMethod(m *AuthMethod) {
	m.CreateIndex, m.ModifyIndex = tx.index, tx.index
	if old := tx.authMethod(m.Name); old != nil {
		m.CreateIndex = old.CreateIndex
	}
	authMethods.put(tx, m)
	tx.touch(string(authMethods))
}

// DeleteAuthMethod deletes an auth method with its binding rules and the tokens that it gave.
func (tx *Tx) DeleteAuthMethod(name string) {
	m := tx.authMethod(name)
	if m == nil {
		return
	}
	for _, rule := range bindingRules.list(tx, nil, indexAuthMethod, strings.ToLower(name)) {
		tx.DeleteBindingRule(rule.ID)
	}
	global := m.TokenLocality == "global"
	for _, t := range tokens.list(tx, nil, indexAuthMethod, strings.ToLower(name)) {
		if t.Local != global { // the others were given under another setting, and stay
			tx.DeleteToken(t.AccessorID)
		}
	}
	authMethods.remove(tx, m)
	tx.touch(string(authMethods))
}

// BindingRule gives the binding rule with the ID, nil where there is none, with the index of the last change of any.
func (tx *Tx) BindingRule(ws memdb.WatchSet, id string) (uint64, *BindingRule, error) {
	if err := ownWords.check("acl binding rule", id); err != nil {
		return 0, nil, err
	}
	return tx.lastChange(string(bindingRules)), bindingRules.get(tx, ws, idKey(id)), nil
}

// BindingRules lists the binding rules of an auth method, or all where the method is empty, in the order of their IDs.
func (tx *Tx) BindingRules(ws memdb.WatchSet, method string) (uint64, []*BindingRule) {
	index := tx.lastChange(string(bindingRules))
	if method == "" {
		return index, bindingRules.all(tx, ws)
	}
	return index, bindingRules.list(tx, ws, indexAuthMethod, strings.ToLower(method))
}

// SetBindingRule adds a binding rule or replaces the one with its ID. Its auth method must be there.
func (tx *Tx) SetBindingRule(r *BindingRule) error {
	if tx.authMethod(r.AuthMethod) == nil {
		return errors.New("failed inserting acl binding rule: auth method not found")
	}
	r.CreateIndex, r.ModifyIndex = tx.index, tx.index
	if old := bindingRules.get(tx, nil, idKey(r.ID)); old != nil {
		r.CreateIndex = old.CreateIndex
	}
	bindingRules.put(tx, r)
	tx.touch(string(bindingRules))
	return nil
}

// DeleteBindingRule deletes a binding rule, which may be gone already.
func (tx *Tx) DeleteBindingRule(id string) {
	if r := bindingRules.get(tx, nil, idKey(id)); r != nil {
		bindingRules.remove(tx, r)
		tx.touch(string(bindingRules))
	}
}
