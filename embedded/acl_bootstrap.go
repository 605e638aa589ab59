package embedded

// This file makes what a server with ACLs has from its start, and the first management token.

import (
	"errors"
	"fmt"
	"time"

	"github.com/lictor-go/consul/embedded/internal/acl"
	"github.com/lictor-go/consul/embedded/internal/store"
)

// beginACLs fills the ACL tables with what is there without being made.
func (s *Server) beginACLs() error {
	if !s.config.acl.enabled() {
		return nil
	}
	for _, builtin := range builtinPolicies() {
		parsed, err := acl.Parse(builtin.Rules)
		if err != nil {
			return err
		}
		policy := &store.Policy{
			ID: builtin.ID, Name: builtin.Name, Description: builtin.Description, Rules: builtin.Rules, Parsed: parsed,
		}
		if err := s.store.Write(func(tx *store.Tx) error { return tx.SetPolicy(policy) }); err != nil {
			return err
		}
	}
	if secret := s.config.acl.InitialManagement; secret != "" {
		token := s.managementToken(secret, s.initialDescription())
		if err := s.store.Write(func(tx *store.Tx) error { return tx.Bootstrap(token) }); err != nil {
			return err
		}
	}
	return s.store.Write(func(tx *store.Tx) error {
		return tx.SetToken(&store.Token{
			AccessorID: acl.AnonymousAccessorID, SecretID: anonymousToken, Description: "Anonymous Token",
			CreateTime: time.Now(),
		})
	})
}

func builtinPolicies() []acl.BuiltinPolicy {
	return []acl.BuiltinPolicy{acl.GlobalManagement(), acl.GlobalReadOnly()}
}

// managementToken is a token that may do everything.
func (s *Server) managementToken(secret, description string) *store.Token {
	token := &store.Token{
		AccessorID: newUUID(), SecretID: secret, Description: description,
		Policies:   []store.Link{{ID: acl.GlobalManagement().ID}},
		CreateTime: time.Now(),
	}
	if s.config.acl.Legacy {
		token.Legacy = &store.LegacyToken{Type: legacyManagement}
	}
	return token
}

// initialDescription is the description of the management token that the server was started with.
func (s *Server) initialDescription() string {
	if s.config.acl.Legacy {
		return "Master Token"
	}
	return "Initial Management Token"
}

// bootstrapAnswer is the first management token, with its secret once more under the name it had before Consul 1.4.
type bootstrapAnswer struct {
	ID string
	*store.Token
}

func bootstrapACLs(c *call) (any, error) {
	var request struct{ BootstrapSecret string }
	if c.r.ContentLength > 0 {
		if err := c.decode(&request); err != nil {
			return nil, badRequest("Request decoding failed: %v", err)
		}
	}
	if err := c.needLeader(); err != nil {
		return nil, err
	}
	if index := c.s.store.Read().Bootstrapped(); index > 0 {
		return nil, bootstrappedAlready(index)
	}
	secret := request.BootstrapSecret
	if err := checkUUID(secret); err != nil {
		return nil, err
	}
	if secret == "" {
		secret = newUUID()
	} else if tokenIDTaken(c.s.store.Read(), secret) {
		return nil, errors.New("Provided token cannot be used because a token with that secret already exists.")
	}
	token := c.s.managementToken(secret, "Bootstrap Token (Global Management)")
	err := c.s.store.Write(func(tx *store.Tx) error {
		if index := tx.Bootstrapped(); index > 0 {
			return bootstrappedAlready(index)
		}
		return tx.Bootstrap(token)
	})
	if err != nil {
		return nil, err
	}
	if _, token = c.s.store.Read().TokenBySecret(nil, secret); token == nil {
		return nil, errUnknownToken // another request deleted it already
	}
	return bootstrapAnswer{secret, token}, nil
}

func bootstrappedAlready(index uint64) error {
	return acl.Denied{Cause: fmt.Sprintf("ACL bootstrap no longer allowed (reset index: %d)", index)}
}
