package store

// This file holds tokens.

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/go-memdb"

	"github.com/lictor-go/consul/embedded/internal/acl"
)

// Token is a token, as it is answered.
type Token struct {
	Name              string `json:",omitempty"`
	AccessorID        string
	SecretID          string
	Description       string
	Policies          []Link             `json:",omitempty"`
	Roles             []Link             `json:",omitempty"`
	ServiceIdentities []*ServiceIdentity `json:",omitempty"`
	NodeIdentities    []*NodeIdentity    `json:",omitempty"`
	TemplatedPolicies []*TemplatedPolicy `json:",omitempty"`
	Local             bool
	AuthMethod        string     `json:",omitempty"`
	ExpirationTime    *time.Time `json:",omitempty"`
	CreateTime        time.Time
	Hash              []byte
	CreateIndex       uint64
	ModifyIndex       uint64

	// Legacy is what a token has that was made as one of before Consul 1.4; nil for all others.
	Legacy *LegacyToken `json:"-"`
}

// LegacyToken is the type and the rules of a legacy token.
type LegacyToken struct {
	Type, Rules string
	Policy      *acl.Policy
}

// Expires reports whether the token's time will be over.
func (t *Token) Expires() bool { return t.ExpirationTime != nil && !t.ExpirationTime.IsZero() }

// Expired reports whether the token's time is over.
func (t *Token) Expired(now time.Time) bool { return t.Expires() && t.ExpirationTime.Before(now) }

func tokenTable() *memdb.TableSchema {
	links := func(links []Link) []string {
		keys := make([]string, len(links))
		for i, link := range links {
			keys[i] = idKey(link.ID)
		}
		return keys
	}
	return tokens.schema(
		unique(func(t *Token) string { return t.SecretID }),
		shared(indexAccessor, func(t *Token) (string, bool) { return idKey(t.AccessorID), true }),
		several(indexPolicy, func(t *Token) []string { return links(t.Policies) }),
		several(indexRole, func(t *Token) []string { return links(t.Roles) }),
		several(indexIdentity, (*Token).services),
		shared(indexExpires, (*Token).expiresKey),
		shared(indexAuthMethod, func(t *Token) (string, bool) { return strings.ToLower(t.AuthMethod), t.AuthMethod != "" }),
	)
}

// expiresKey is in the order of time.
func (t *Token) expiresKey() (string, bool) {
	if !t.Expires() {
		return "", false
	}
	return t.ExpirationTime.UTC().Format("2006-01-02T15:04:05.000000000"), true
}

// services are the services whose identity the token has, by either name for it.
func (t *Token) services() []string {
	var names []string
	for _, s := range t.ServiceIdentities {
		names = append(names, strings.ToLower(s.ServiceName))
	}
	for _, p := range t.TemplatedPolicies {
		if p.TemplateName == acl.TemplateService && p.TemplateVariables != nil {
			names = append(names, strings.ToLower(p.TemplateVariables.Name))
		}
	}
	return names
}

// TokenBySecret gives the token with the secret, nil where there is none, with the index of the last change of any.
func (tx *Tx) TokenBySecret(ws memdb.WatchSet, secret string) (uint64, *Token) {
	return tx.lastChange(string(tokens)), tx.present(tokens.get(tx, ws, secret))
}

// TokenByAccessor gives the token with the accessor ID, nil where there is none.
func (tx *Tx) TokenByAccessor(ws memdb.WatchSet, accessor string) (uint64, *Token, error) {
	if err := ownWords.check("acl token", accessor); err != nil {
		return 0, nil, err
	}
	return tx.lastChange(string(tokens)), tx.present(tokens.first(tx, ws, indexAccessor, idKey(accessor))), nil
}

// TokenFilter says which tokens to list: those with all of what is not empty, of which there can be one.
type TokenFilter struct{ Policy, Role, Service, AuthMethod string }

// Tokens lists tokens, in the order of their secrets.
func (tx *Tx) Tokens(ws memdb.WatchSet, f TokenFilter) (uint64, []*Token, error) {
	var filters []func() ([]*Token, error)
	byID := func(index, id string) func() ([]*Token, error) {
		return func() ([]*Token, error) {
			if err := ownWords.check("acl token", id); err != nil {
				return nil, err
			}
			return tokens.list(tx, ws, index, idKey(id)), nil
		}
	}
	byName := func(index, name string) func() ([]*Token, error) {
		return func() ([]*Token, error) { return tokens.list(tx, ws, index, strings.ToLower(name)), nil }
	}
	if f.Policy != "" {
		filters = append(filters, byID(indexPolicy, f.Policy))
	}
	if f.Role != "" {
		filters = append(filters, byID(indexRole, f.Role))
	}
	if f.Service != "" {
		filters = append(filters, byName(indexIdentity, f.Service))
	}
	if f.AuthMethod != "" {
		filters = append(filters, byName(indexAuthMethod, f.AuthMethod))
	}
	var list []*Token
	var err error
	switch len(filters) {
	case 0:
		list = tokens.all(tx, ws)
	case 1:
		list, err = filters[0]()
	default:
		err = errors.New("can only filter by one of policy, role, serviceName, or methodName at a time")
	}
	if err != nil {
		return 0, nil, err
	}
	for i := range list {
		list[i] = tx.present(list[i])
	}
	return tx.lastChange(string(tokens)), list, nil
}

// present is the token with the names that its links have now, without those to what is gone.
func (tx *Tx) present(t *Token) *Token {
	if t == nil || len(t.Policies) == 0 && len(t.Roles) == 0 {
		return t
	}
	p := *t
	p.Policies, p.Roles = tx.policyLinks(t.Policies), tx.roleLinks(t.Roles)
	return &p
}

// SetToken adds a token or replaces the one with its accessor ID. Its policies and roles must be there.
func (tx *Tx) SetToken(t *Token) error {
	for _, link := range t.Policies {
		if tx.policy(link.ID) == nil {
			return fmt.Errorf("No such policy with ID: %s", link.ID)
		}
	}
	for _, link := range t.Roles {
		if tx.role(link.ID) == nil {
			return fmt.Errorf("No such role with ID: %s", link.ID)
		}
	}
	if t.AuthMethod != "" && tx.authMethod(t.AuthMethod) == nil {
		return fmt.Errorf("No such auth method with Name: %s", t.AuthMethod)
	}
	t.CreateIndex, t.ModifyIndex = tx.index, tx.index
	if old := tokens.first(tx, nil, indexAccessor, idKey(t.AccessorID)); old != nil {
		t.CreateIndex = old.CreateIndex
	}
	t.Hash = t.hash()
	tokens.put(tx, t)
	tx.touchACL(string(tokens))
	return nil
}

func (t *Token) hash() []byte {
	var d digest
	d.add(t.Description)
	if t.Local {
		d.add("local")
	} else {
		d.add("global")
	}
	d.addLinks(t.Policies)
	d.addLinks(t.Roles)
	d.addGrants(t.ServiceIdentities, t.NodeIdentities, t.TemplatedPolicies)
	return d.sum()
}

// DeleteToken deletes the token with the accessor ID, which may be gone already.
func (tx *Tx) DeleteToken(accessor string) {
	if t := tokens.first(tx, nil, indexAccessor, idKey(accessor)); t != nil {
		tokens.remove(tx, t)
		tx.touchACL(string(tokens))
	}
}

// FirstToExpire gives the token that expires before all others, nil where none does.
func (tx *Tx) FirstToExpire() *Token { return tokens.first(tx, nil, indexExpires+"_prefix", "") }

// bootstrapped is when the first management token was made.
const bootstrapped = "acl-token-bootstrap"

// Bootstrapped gives the index of the write that made the first management token, 0 where there was none.
func (tx *Tx) Bootstrapped() uint64 { return tx.lastChange(bootstrapped) }

// Bootstrap adds the first management token.
func (tx *Tx) Bootstrap(t *Token) error {
	tx.touch(bootstrapped)
	return tx.SetToken(t)
}
