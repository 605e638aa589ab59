package store

// This file holds sessions, and what their end does to keys.

import (
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/go-memdb"
)

// Session is a session, as it is answered.
type Session struct {
	ID            string
	Name          string
	Node          string
	LockDelay     time.Duration
	Behavior      string
	TTL           string
	NodeChecks    []string
	ServiceChecks []SessionCheck
	// Checks is what clients before Consul 1.7 send instead of NodeChecks and ServiceChecks.
	Checks      []string `json:",omitempty"`
	CreateIndex uint64
	ModifyIndex uint64
}

// SessionCheck names a check of a service.
type SessionCheck struct {
	ID        string
	Namespace string
}

// What becomes of the keys that a session holds when it ends.
const (
	Release = "release"
	Delete  = "delete"
)

// sessionCheck says that a session ends with a check.
type sessionCheck struct{ node, check, session string }

const (
	sessions      table[Session]      = "sessions"
	sessionChecks table[sessionCheck] = "session_checks"

	indexNode  = "node"
	indexCheck = "check"
)

func sessionTables() []*memdb.TableSchema {
	return []*memdb.TableSchema{
		sessions.schema(
			unique(func(s *Session) string { return strings.ToLower(s.ID) }),
			shared(indexNode, func(s *Session) (string, bool) { return strings.ToLower(s.Node), true }),
		),
		sessionChecks.schema(
			unique(func(c *sessionCheck) string { return join(c.node, c.check, c.session) }),
			shared(indexCheck, func(c *sessionCheck) (string, bool) { return join(c.node, c.check), true }),
			shared(indexSession, func(c *sessionCheck) (string, bool) { return c.session, true }),
		),
	}
}

// join makes one key of several names, which Consul takes for the same whatever their case.
func join(names ...string) string { return strings.ToLower(strings.Join(names, "\x00")) }

// CheckIDs are the IDs of all checks that the session ends with.
func (s *Session) CheckIDs() []string {
	ids := append(append([]string(nil), s.Checks...), s.NodeChecks...)
	for _, check := range s.ServiceChecks {
		ids = append(ids, check.ID)
	}
	return ids
}

func (tx *Tx) session(id string) *Session { return sessions.get(tx, nil, strings.ToLower(id)) }

// Session gives a session, nil where there is none, with the index of the last change of any.
func (tx *Tx) Session(ws memdb.WatchSet, id string) (uint64, *Session) {
	return tx.lastChange(string(sessions)), sessions.get(tx, ws, strings.ToLower(id))
}

// Sessions gives all sessions in the order of their IDs.
func (tx *Tx) Sessions(ws memdb.WatchSet) (uint64, []*Session) {
	return tx.lastChange(string(sessions)), sessions.all(tx, ws)
}

// NodeSessions gives the sessions of a node.
func (tx *Tx) NodeSessions(ws memdb.WatchSet, node string) (uint64, []*Session) {
	return tx.lastChange(string(sessions)), sessions.list(tx, ws, indexNode, strings.ToLower(node))
}

// CreateSession adds a session, whose node and checks must be there and whose checks must not be critical.
func (tx *Tx) CreateSession(s *Session) error {
	if err := tx.validateSession(s); err != nil {
		return err
	}
	s.CreateIndex, s.ModifyIndex = tx.index, tx.index
	sessions.put(tx, s)
	for _, id := range s.CheckIDs() {
		sessionChecks.put(tx, &sessionCheck{s.Node, id, s.ID})
	}
	tx.touch(string(sessions))
	return tx.updateSessionCheck(s, HealthPassing, fmt.Sprintf("Session '%s' in force", s.ID))
}

func (tx *Tx) validateSession(s *Session) error {
	if tx.node(s.Node) == nil {
		return ErrMissingNode
	}
	for _, id := range s.CheckIDs() {
		check := tx.check(s.Node, id)
		if check == nil {
			return fmt.Errorf("Missing check '%s' registration", id)
		}
		if check.Status == HealthCritical && check.Type != checkTypeSession {
			return fmt.Errorf("Check '%s' is in %s state", id, check.Status)
		}
	}
	return nil
}

// DestroySession ends a session, which may be gone already: its keys are released or deleted, as it says, and can't be
// taken for its lock-delay.
func (tx *Tx) DestroySession(id string) error {
	s := tx.session(id)
	if s == nil {
		return nil
	}
	sessions.remove(tx, s)
	tx.touch(string(sessions))
	for _, kv := range kvs.list(tx, nil, indexSession, s.ID) {
		tx.forfeit(kv, s)
	}
	for _, check := range sessionChecks.list(tx, nil, indexSession, strings.ToLower(s.ID)) {
		sessionChecks.remove(tx, check)
	}
	tx.onCommit(func() { tx.store.sessionEnded(s.ID) })
	return tx.updateSessionCheck(s, HealthCritical, fmt.Sprintf("Session '%s' is invalid", s.ID))
}

// forfeit takes a key from its session, which ends.
func (tx *Tx) forfeit(kv *KV, s *Session) {
	if s.Behavior == Delete {
		tx.DeleteKV(kv.Key)
	} else {
		released := *kv
		released.Session = ""
		tx.setKV(&released, true)
	}
	// At once, and so also where the write is rolled back: the real server does the same.
	if delay := min(s.LockDelay, maxLockDelay); delay > 0 {
		tx.store.delays.set(kv.Key, delay)
	}
}

// endSessionsOfCheck ends the sessions that end with a check: it is critical, or gone.
func (tx *Tx) endSessionsOfCheck(node, check string) error {
	for _, c := range sessionChecks.list(tx, nil, indexCheck, join(node, check)) {
		if err := tx.DestroySession(c.session); err != nil {
			return err
		}
	}
	return nil
}

// endSessionsOfNode ends the sessions of a node that is gone.
func (tx *Tx) endSessionsOfNode(node string) error {
	_, list := tx.NodeSessions(nil, node)
	for _, s := range list {
		if err := tx.DestroySession(s.ID); err != nil {
			return err
		}
	}
	return nil
}

// updateSessionCheck tells the node's checks of type session, which follow the session of a name.
func (tx *Tx) updateSessionCheck(s *Session, status, output string) error {
	for _, check := range checks.list(tx, nil, indexNode, strings.ToLower(s.Node)) {
		if check.Type != checkTypeSession || check.Definition.SessionName != s.Name {
			continue
		}
		updated := *check
		updated.Status, updated.Output = status, output
		if err := tx.EnsureCheck(&updated); err != nil {
			return err
		}
	}
	return nil
}
