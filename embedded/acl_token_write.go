package embedded

// This file checks tokens and writes them.

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lictor-go/consul/embedded/internal/acl"
	"github.com/lictor-go/consul/embedded/internal/store"
)

// minLifetime is the least that a token may live. The real server has no most, whatever its documentation says.
const minLifetime = time.Minute

// decodeToken reads the token that is to be written, and how long it is to live, 0 where its end is not given so.
func (c *call) decodeToken() (*store.Token, time.Duration, error) {
	type Alias store.Token
	c.parseHere()
	// Errors show the names of types: hence the one without a name.
	request := struct {
		ExpirationTTL any
		Hash          string
		*Alias
	}{Alias: new(Alias)}
	const kind = "Token decoding failed"
	if err := c.decodeACL(kind, &request); err != nil {
		return nil, 0, err
	}
	lifetime, err := durationOf(request.ExpirationTTL)
	if err != nil {
		return nil, 0, badRequest("%s: %v", kind, err)
	}
	return (*store.Token)(request.Alias), lifetime, nil
}

// durationOf is a duration that was written as a text or as a number of nanoseconds. What is neither is none.
func durationOf(value any) (time.Duration, error) {
	switch value := value.(type) {
	case string:
		return time.ParseDuration(value)
	case float64:
		return time.Duration(value), nil
	}
	return 0, nil
}

func (s *Server) createToken(t *store.Token, lifetime time.Duration) (*store.Token, error) {
	if err := s.prepareToken(t, lifetime); err != nil {
		return nil, err
	}
	if t.AuthMethod != "" {
		return nil, errors.New("AuthMethod field is disallowed outside of login")
	}
	return s.writeToken(t)
}

// prepareToken completes a new token with its IDs and its end.
func (s *Server) prepareToken(t *store.Token, lifetime time.Duration) error {
	tx := s.store.Read()
	if t.AccessorID == "" {
		t.AccessorID = newUUID()
	} else if err := checkNewID(tx, t.AccessorID); err != nil {
		return fmt.Errorf("Invalid Token: AccessorID %w", err)
	}
	if t.SecretID == "" {
		t.SecretID = newUUID()
	} else if err := checkNewID(tx, t.SecretID); err != nil {
		return fmt.Errorf("Invalid Token: SecretID %w", err)
	}
	t.CreateTime = time.Now()
	return setEnd(t, lifetime)
}

// checkNewID says why a token can't have the ID.
func checkNewID(tx *store.Tx, id string) error {
	if strings.HasPrefix(id, acl.ReservedIDPrefix) {
		return fmt.Errorf("- UUIDs with the prefix %q are reserved", acl.ReservedIDPrefix)
	}
	if checkUUID(id) != nil {
		return errors.New("- not a valid UUID")
	}
	if tokenIDTaken(tx, id) {
		return errors.New("is already in use")
	}
	return nil
}

// tokenIDTaken reports whether a token has the ID, be it as its secret.
func tokenIDTaken(tx *store.Tx, id string) bool {
	_, same, err := tx.TokenByAccessor(nil, id)
	if err == nil && same != nil {
		return true
	}
	_, same = tx.TokenBySecret(nil, id)
	return same != nil
}

// setEnd sets when the token expires, if ever.
func setEnd(t *store.Token, lifetime time.Duration) error {
	ends := t.Expires()
	switch {
	case lifetime < 0:
		return fmt.Errorf("Token Expiration TTL '%s' should be > 0", lifetime)
	case lifetime > 0 && ends:
		return errors.New("Token Expiration TTL and Expiration Time cannot both be set")
	case lifetime > 0:
		end := t.CreateTime.Add(lifetime)
		t.ExpirationTime = &end
	case !ends:
		return nil
	}
	if t.ExpirationTime.Before(t.CreateTime) {
		return errors.New("ExpirationTime cannot be before CreateTime")
	}
	if in := t.ExpirationTime.Sub(t.CreateTime); in < minLifetime {
		return fmt.Errorf("ExpirationTime cannot be less than %s in the future (was %s)", minLifetime, in)
	}
	return nil
}

func (s *Server) updateToken(t *store.Token, lifetime time.Duration) (*store.Token, error) {
	if checkUUID(t.AccessorID) != nil {
		return nil, errors.New("AccessorID is not a valid UUID")
	}
	if isRoot(t.SecretID) {
		return nil, acl.Denied{Cause: "Cannot modify root ACL"}
	}
	_, old, err := s.store.Read().TokenByAccessor(nil, t.AccessorID)
	if err != nil {
		return nil, fmt.Errorf("Failed acl token lookup by accessor: %w", err)
	}
	if old == nil || old.Expired(time.Now()) {
		return nil, fmt.Errorf("Cannot find token %q", t.AccessorID)
	}
	if err := keepFixed(t, old, lifetime); err != nil {
		return nil, err
	}
	return s.writeToken(t)
}

// keepFixed takes from the old token what can't be changed, and refuses to change it.
func keepFixed(t, old *store.Token, lifetime time.Duration) error {
	ends := t.Expires()
	switch {
	case t.SecretID != "" && subtle.ConstantTimeCompare([]byte(t.SecretID), []byte(old.SecretID)) != 1:
		return errors.New("Changing a token's SecretID is not permitted")
	case t.Local != old.Local:
		return fmt.Errorf("Cannot toggle local mode of %s", t.AccessorID)
	case t.AuthMethod != "" && t.AuthMethod != old.AuthMethod:
		return fmt.Errorf("Cannot change AuthMethod of %s", t.AccessorID)
	case lifetime != 0, ends && (old.ExpirationTime == nil || !old.ExpirationTime.Equal(*t.ExpirationTime)):
		return fmt.Errorf("Cannot change expiration time of %s", t.AccessorID)
	}
	t.SecretID, t.AuthMethod, t.CreateTime = old.SecretID, old.AuthMethod, old.CreateTime
	if !ends {
		t.ExpirationTime = old.ExpirationTime
	}
	return nil
}

// writeToken checks what a token has its permissions from, stores it, and gives it as it is then.
func (s *Server) writeToken(t *store.Token) (*store.Token, error) {
	if err := s.settleToken(t); err != nil {
		return nil, err
	}
	err := s.store.Write(func(tx *store.Tx) error { return tx.SetToken(t) })
	if err != nil {
		return nil, fmt.Errorf("Failed to apply token write request: %w", err)
	}
	s.expireTokens()
	_, written := s.store.Read().TokenBySecret(nil, t.SecretID)
	if written == nil {
		return nil, errors.New("Failed to retrieve token after insertion")
	}
	return written, nil
}

// settleToken checks what the token links to and is.
func (s *Server) settleToken(t *store.Token) (err error) {
	tx := s.store.Read()
	if t.Roles, err = linkedRoles(tx).settle(t.Roles, true); err != nil {
		return err
	}
	if t.Policies, err = linkedPolicies(tx).settle(t.Policies, true); err != nil {
		return err
	}
	if t.ServiceIdentities, err = settleServices(acl.OwnerToken, t.ServiceIdentities, t.Local); err != nil {
		return err
	}
	if t.NodeIdentities, err = settleNodes(acl.OwnerToken, t.NodeIdentities); err != nil {
		return err
	}
	t.TemplatedPolicies, err = settleTemplates(acl.OwnerToken, t.TemplatedPolicies)
	return err
}
