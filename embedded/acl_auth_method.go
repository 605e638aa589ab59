package embedded

// This file serves auth methods.

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/hashicorp/go-memdb"

	"github.com/lictor-go/consul/embedded/internal/acl"
	"github.com/lictor-go/consul/embedded/internal/store"
)

// defaultTokenName is how tokens from logins are called where the auth method does not say.
const defaultTokenName = "${auth_method_type}-${auth_method_name}"

func serveAuthMethod(c *call) (any, error) {
	return c.serveByMethod("/v1/acl/auth-method/", "Missing auth method name",
		readAuthMethod, writeAuthMethod, deleteAuthMethod)
}

func readAuthMethod(c *call, name string) (any, error) {
	return readOne(c, "auth method", func(tx *store.Tx, ws memdb.WatchSet) (uint64, *store.AuthMethod, error) {
		index, method := tx.AuthMethod(ws, name)
		return index, method, nil
	})
}

// listedAuthMethod is an auth method in a list, which goes without the configuration.
type listedAuthMethod struct {
	MaxTokenTTL              string `json:",omitempty"`
	Name                     string
	Type                     string
	DisplayName              string `json:",omitempty"`
	Description              string `json:",omitempty"`
	TokenLocality            string `json:",omitempty"`
	TokenNameFormat          string `json:",omitempty"`
	CreateIndex, ModifyIndex uint64
}

func listAuthMethods(c *call) (any, error) {
	find := func(tx *store.Tx, ws memdb.WatchSet) (uint64, []*store.AuthMethod, error) {
		index, list := tx.AuthMethods(ws)
		return index, list, nil
	}
	return readAll(c, find, func(m *store.AuthMethod) listedAuthMethod {
		return listedAuthMethod{
			m.MaxTokenTTLText(), m.Name, m.Type, m.DisplayName, m.Description, m.TokenLocality, m.TokenNameFormat,
			m.CreateIndex, m.ModifyIndex,
		}
	})
}

func createAuthMethod(c *call) (any, error) { return writeAuthMethod(c, "") }

func writeAuthMethod(c *call, name string) (any, error) {
	method, err := c.decodeAuthMethod()
	if err != nil {
		return nil, err
	}
	if name != "" && method.Name != "" && method.Name != name {
		return nil, badRequest("AuthMethod Name in URL and payload do not match")
	}
	if method.Name == "" {
		method.Name = name
	}
	if err := c.forward(); err != nil {
		return nil, err
	}
	if _, err := c.needACL(acl.AccessWrite); err != nil {
		return nil, err
	}
	if err := c.s.checkAuthMethod(method); err != nil {
		return nil, err
	}
	err = c.s.apply("auth method upsert", func(tx *store.Tx) error {
		tx.SetAuthMethod(method)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return method, nil
}

func (c *call) decodeAuthMethod() (*store.AuthMethod, error) {
	type Alias store.AuthMethod
	request := struct { // without a name: errors show it
		MaxTokenTTL any
		*Alias
	}{Alias: new(Alias)}
	const kind = "AuthMethod decoding failed"
	if err := c.decodeACL(kind, &request); err != nil {
		return nil, err
	}
	method := (*store.AuthMethod)(request.Alias)
	var err error
	if method.MaxTokenTTL, err = durationOf(request.MaxTokenTTL); err != nil {
		return nil, badRequest("%s: %v", kind, err)
	}
	return method, nil
}

// checkAuthMethod says what is wrong with an auth method, and completes it.
func (s *Server) checkAuthMethod(m *store.AuthMethod) error {
	if err := acl.CheckAuthMethodName(m.Name); err != nil {
		return err
	}
	if _, old := s.store.Read().AuthMethod(nil, m.Name); old != nil {
		if m.Type == "" {
			m.Type = old.Type
		}
		if m.Type != old.Type {
			return errors.New("the Type field of an Auth Method is immutable")
		}
	}
	if authMethodTypes[m.Type] == nil {
		return errors.New("Invalid Auth Method: Type should be one of: [aws-iam jwt kubernetes]")
	}
	if m.MaxTokenTTL != 0 && m.MaxTokenTTL < minLifetime {
		return fmt.Errorf("MaxTokenTTL %s cannot be less than %s", m.MaxTokenTTL, minLifetime)
	}
	if m.TokenNameFormat == "" {
		m.TokenNameFormat = defaultTokenName
	}
	if _, err := loginName(m); err != nil {
		return fmt.Errorf("Failed to validate token-format-name: %w", err)
	}
	switch m.TokenLocality {
	case "", "local", "global":
	default:
		return errors.New("Invalid Auth Method: TokenLocality should be one of 'local' or 'global'")
	}
	if _, err := newAuthenticator(m); err != nil {
		return fmt.Errorf("Invalid Auth Method: %w", err)
	}
	return nil
}

// loginName makes the name of a token from a login.
func loginName(m *store.AuthMethod) (string, error) {
	name, err := interpolate(m.TokenNameFormat, func(name string) (string, bool) {
		switch name {
		case "auth_method_type":
			return m.Type, true
		case "auth_method_name":
			return m.Name, true
		}
		return "", false
	})
	if err != nil {
		return "", fmt.Errorf("failed to generate ACL token name: %w", err)
	}
	return fmt.Sprintf("%s-%d", name, rand.Uint64()), nil
}

func deleteAuthMethod(c *call, name string) (any, error) {
	c.parseTarget()
	return c.deleteACL("auth method", func(identity) error {
		if _, method := c.s.store.Read().AuthMethod(nil, name); method == nil {
			return errUnknownToken
		}
		return c.s.apply("auth method delete", func(tx *store.Tx) error {
			tx.DeleteAuthMethod(name)
			return nil
		})
	})
}
