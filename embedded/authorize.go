package embedded

// This file says who a request comes from, and what it may do.

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lictor-go/consul/embedded/internal/acl"
)

// anonymousToken is the secret of the token that requests without one have.
const anonymousToken = "anonymous"

// identity is who a request comes from: what it may do, and how a refusal calls it.
type identity struct {
	*acl.Authorizer
	accessor string
	// terse has refusals say no more than that they are ones, as in Consul 1.10.
	terse bool
}

// denied is the refusal of a request for want of a permission. name is empty for resources without names.
func (i identity) denied(resource acl.Resource, access acl.Access, name string) error {
	if i.terse {
		return acl.ErrPermissionDenied
	}
	return acl.Denied{Accessor: i.accessor, Resource: resource, Access: access, Name: name}
}

var (
	// errUnknownToken refuses a token that is none.
	errUnknownToken = errors.New("ACL not found")
	// errRootToken refuses the names that tokens had for what they may do in Consul's first releases.
	errRootToken = errors.New("Cannot resolve root ACL")
)

func isRoot(token string) bool { return token == "allow" || token == "deny" || token == "manage" }

// isDenied reports whether an error is answered with 403.
func isDenied(err error) bool {
	return errors.Is(err, acl.ErrPermissionDenied) || errors.Is(err, errUnknownToken)
}

// everyone is who asks a server without ACLs.
var everyone = identity{Authorizer: acl.ManageAll()}

// authorize says who the request comes from.
func (c *call) authorize() (identity, error) { return c.s.resolve(c.token) }

// resolve says who has a token.
func (s *Server) resolve(token string) (identity, error) {
	if !s.config.acl.enabled() {
		return everyone, nil
	}
	switch {
	case token == "":
		token = anonymousToken
	case isRoot(token):
		return identity{}, errRootToken
	case token == s.agentTokens.Load().recovery:
		return s.identify(acl.Recovery(s.config.node), "agent-recovery:"+s.config.node), nil
	}
	version := s.store.ACLVersion() // before what it stands for is read, lest what is older be kept under it
	known, ok := s.resolved.get(version, token)
	if !ok {
		var err error
		if known, err = s.resolveStored(token); err != nil {
			return identity{}, err
		}
		s.resolved.put(version, token, known)
	}
	if known.ends != nil && known.ends.Before(time.Now()) {
		return identity{}, s.unknownToken()
	}
	return known.identity, nil
}

func (s *Server) identify(a *acl.Authorizer, accessor string) identity {
	return identity{Authorizer: a, accessor: accessor, terse: s.config.acl.Legacy}
}

// unknownToken is the refusal of a token that is none.
func (s *Server) unknownToken() error {
	if s.store.Read().Bootstrapped() == 0 && !s.config.acl.Legacy {
		return fmt.Errorf("ACL system must be bootstrapped before making any requests that require authorization: %w",
			errUnknownToken)
	}
	return errUnknownToken
}

// resolveStored says who has a token that is in the store.
func (s *Server) resolveStored(secret string) (resolvedToken, error) {
	tx := s.store.Read()
	_, token := tx.TokenBySecret(nil, secret)
	if token == nil {
		return resolvedToken{}, s.unknownToken()
	}
	fallback := acl.DefaultDeny
	if s.config.acl.DefaultPolicy == "allow" {
		fallback = acl.DefaultAllow
	}
	policies, err := grantsOf(tx, nil, token).in(s.config.datacenter)
	if err != nil {
		return resolvedToken{}, err
	}
	r := resolvedToken{identity: s.identify(acl.New(fallback, policies...), token.AccessorID)}
	if token.Expires() {
		r.ends = token.ExpirationTime
	}
	return r, nil
}

// resolvedToken is who has a token, and until when.
type resolvedToken struct {
	identity
	ends *time.Time
}

// resolvedTokens keeps the tokens that were resolved since the last change of any token, policy or role.
type resolvedTokens struct {
	current atomic.Pointer[tokensOfVersion]
}

type tokensOfVersion struct {
	version  uint64
	bySecret sync.Map
}

func (r *resolvedTokens) get(version uint64, secret string) (resolvedToken, bool) {
	kept := r.current.Load()
	if kept == nil || kept.version != version {
		return resolvedToken{}, false
	}
	found, ok := kept.bySecret.Load(secret)
	if !ok {
		return resolvedToken{}, false
	}
	return found.(resolvedToken), true
}

func (r *resolvedTokens) put(version uint64, secret string, token resolvedToken) {
	kept := r.current.Load()
	if kept == nil || kept.version < version {
		fresh := &tokensOfVersion{version: version}
		if !r.current.CompareAndSwap(kept, fresh) {
			return // the next request will keep it
		}
		kept = fresh
	}
	if kept.version == version {
		kept.bySecret.Store(secret, token)
	}
}

// agentTokens are the secrets of the tokens that the agent uses. They do not change: others take their place.
type agentTokens struct {
	// user is that of requests that bring none, agent that of the agent's own doings, recovery what the agent itself accepts
	// when nothing else is to be had.
	user, agent, recovery string
	// replication and registration are kept for those who ask; nothing here uses them.
	replication, registration string
}

// defaultToken is the token of requests without one.
func (s *Server) defaultToken() string { return s.agentTokens.Load().user }

// agentToken is the token of what the agent does itself.
func (s *Server) agentToken() string {
	tokens := s.agentTokens.Load()
	if tokens.agent != "" {
		return tokens.agent
	}
	return tokens.user
}

// setAgentTokens changes the tokens that the agent uses.
func (s *Server) setAgentTokens(change func(*agentTokens)) {
	for {
		old := s.agentTokens.Load()
		tokens := *old
		change(&tokens)
		if s.agentTokens.CompareAndSwap(old, &tokens) {
			return
		}
	}
}
