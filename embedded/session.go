package embedded

// This file serves /v1/session/.

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/go-memdb"

	"github.com/lictor-go/consul/embedded/internal/acl"
	"github.com/lictor-go/consul/embedded/internal/store"
)

var sessionRoutes = []route{
	{"/v1/session/create", methods("PUT"), createSession},
	{"/v1/session/destroy/", methods("PUT"), destroySession},
	{"/v1/session/renew/", methods("PUT"), renewSession},
	{"/v1/session/info/", methods("GET"), readSession},
	{"/v1/session/node/", methods("GET"), listNodeSessions},
	{"/v1/session/list", methods("GET"), listSessions},
}

// serfHealth is the check that says whether a node is alive.
const serfHealth = "serfHealth"

// defaultLockDelay is that of a session which does not say.
const defaultLockDelay = 15 * time.Second

// sessionRequest is what a session is created from. A field that is not known is passed over, unlike elsewhere.
type sessionRequest struct {
	ID, Name, Node, Behavior, TTL string
	LockDelay                     time.Duration
	NodeChecks, Checks            []string
	ServiceChecks                 []store.SessionCheck
}

// secondsBelow is what a lock-delay has to be below to be taken for one in seconds.
const secondsBelow = 1000

// UnmarshalJSON implements json.Unmarshaler. The lock-delay is a duration's text, or a number: of nanoseconds, or of seconds
// where it is a small one.
func (r *sessionRequest) UnmarshalJSON(data []byte) error {
	type Alias sessionRequest // as the real server calls it, which errors tell
	aux := &struct {
		LockDelay any
		*Alias
	}{Alias: (*Alias)(r)}
	if err := json.Unmarshal(data, aux); err != nil {
		return err
	}
	var delay time.Duration
	switch value := aux.LockDelay.(type) {
	case nil:
		return nil
	case string:
		var err error
		if delay, err = time.ParseDuration(value); err != nil {
			return err
		}
	case float64:
		delay = time.Duration(value)
	}
	if delay < secondsBelow {
		delay *= time.Duration(time.Second)
	}
	r.LockDelay = delay
	return nil
}

func createSession(c *call) (any, error) {
	c.parseTarget()
	if err := c.refuseEnterprise(); err != nil {
		return nil, err
	}
	session, err := c.readNewSession()
	if err != nil {
		return nil, err
	}
	if err := c.forward(); err != nil {
		return nil, err
	}
	if session.Node == "" {
		return nil, fmt.Errorf("Must provide Node")
	}
	if err := c.needSessionWrite(session.Node); err != nil {
		return nil, err
	}
	if err := validateSession(session); err != nil {
		return nil, err
	}
	session.ID = newUUID()
	if err := c.s.store.Write(func(tx *store.Tx) error { return tx.CreateSession(session) }); err != nil {
		return nil, fmt.Errorf("apply failed: %w", err)
	}
	c.s.keepSession(session)
	return struct{ ID string }{session.ID}, nil
}

// readNewSession reads the body, which may be missing: the session is then of this node and ends with its health.
func (c *call) readNewSession() (*store.Session, error) {
	request := sessionRequest{
		Node:       c.s.config.node,
		NodeChecks: []string{serfHealth},
		Checks:     []string{serfHealth},
		LockDelay:  defaultLockDelay,
	}
	if c.r.ContentLength > 0 {
		if err := c.decode(&request); err != nil {
			return nil, badRequest("Request decode failed: %s", strings.ReplaceAll(err.Error(), "embedded.", "structs."))
		}
	}
	session := &store.Session{
		Name: request.Name, Node: request.Node, Behavior: request.Behavior, TTL: request.TTL,
		LockDelay: request.LockDelay, NodeChecks: request.NodeChecks,
		Checks: request.Checks, ServiceChecks: request.ServiceChecks,
	}
	settleChecks(session)
	return session, nil
}

// settleChecks makes out which checks the session means. Old clients send Checks only, new ones NodeChecks and
// ServiceChecks, and what is not sent is the node's health: a session without any check says so by an empty Checks.
func settleChecks(s *store.Session) {
	switch {
	case len(s.Checks) == 0:
		s.NodeChecks = []string{}
	case len(s.Checks) == 1 && s.Checks[0] == serfHealth, len(s.NodeChecks) == 0:
		s.Checks = nil
	}
}

func validateSession(s *store.Session) error {
	switch s.Behavior {
	case "":
		s.Behavior = store.Release
	case store.Release, store.Delete:
	default:
		return fmt.Errorf("Invalid Behavior setting '%s'", s.Behavior)
	}
	if s.TTL == "" {
		return nil
	}
	ttl, err := time.ParseDuration(s.TTL)
	if err != nil {
		return fmt.Errorf("Session TTL '%s' invalid: %v", s.TTL, err)
	}
	if ttl != 0 && (ttl < minTTL || ttl > maxTTL) {
		return fmt.Errorf("Invalid Session TTL '%d', must be between [%v=%v]", ttl, minTTL, maxTTL)
	}
	return nil
}

func (c *call) needSessionWrite(node string) error {
	who, err := c.authorize()
	if err != nil {
		return err
	}
	if !who.SessionWrite(node) {
		return who.denied(acl.ResourceSession, acl.AccessWrite, node)
	}
	return nil
}

func destroySession(c *call) (any, error) {
	c.parseTarget()
	session, id, err := c.sessionToChange("/v1/session/destroy/")
	if err != nil || session == nil {
		return true, err
	}
	if err := c.s.store.Write(func(tx *store.Tx) error { return tx.DestroySession(id) }); err != nil {
		return nil, fmt.Errorf("apply failed: %w", err)
	}
	return true, nil
}

func renewSession(c *call) (any, error) {
	if err := c.parse(); err != nil {
		return nil, err
	}
	session, id, err := c.sessionToChange("/v1/session/renew/")
	switch {
	case err != nil:
		return nil, err
	case session == nil:
		return nil, notFound("Session id '%s' not found", id)
	}
	c.s.keepSession(session)
	return []*store.Session{session}, nil
}

var errNoSession = badRequest("Missing session")

// sessionToChange gives the session that the path names, with the ID, if the caller may change it; nil where there is none.
func (c *call) sessionToChange(prefix string) (*store.Session, string, error) {
	if err := c.refuseEnterprise(); err != nil {
		return nil, "", err
	}
	id := c.rest(prefix)
	if id == "" {
		return nil, "", errNoSession
	}
	if err := c.forward(); err != nil {
		return nil, "", err
	}
	if _, err := c.authorize(); err != nil {
		return nil, "", err
	}
	_, session := c.s.store.Read().Session(nil, id)
	if session == nil {
		return nil, id, nil
	}
	return session, id, c.needSessionWrite(session.Node)
}

func readSession(c *call) (any, error) {
	id := c.rest("/v1/session/info/")
	return c.serveSessions(id, errNoSession, func(tx *store.Tx, ws memdb.WatchSet) (uint64, []*store.Session, error) {
		index, session := tx.Session(ws, id)
		if session == nil {
			return index, nil, errAbsent
		}
		return index, []*store.Session{session}, nil
	})
}

func listNodeSessions(c *call) (any, error) {
	node := c.rest("/v1/session/node/")
	return c.serveSessions(node, badRequest("Missing node name"),
		func(tx *store.Tx, ws memdb.WatchSet) (uint64, []*store.Session, error) {
			index, list := tx.NodeSessions(ws, node)
			return index, list, nil
		})
}

func listSessions(c *call) (any, error) {
	return c.serveSessions("all", nil, func(tx *store.Tx, ws memdb.WatchSet) (uint64, []*store.Session, error) {
		index, list := tx.Sessions(ws)
		return index, list, nil
	})
}

// serveSessions serves the sessions that find gives and that the caller may read. What is asked for must have a name.
func (c *call) serveSessions(
	name string, unnamed error, find func(*store.Tx, memdb.WatchSet) (uint64, []*store.Session, error),
) (any, error) {
	if err := c.parse(); err != nil {
		return nil, err
	}
	if err := c.refuseEnterprise(); err != nil {
		return nil, err
	}
	if name == "" {
		return nil, unnamed
	}
	list, m, err := c.readSessions(find)
	if err != nil {
		c.setFailedMeta()
		return nil, err
	}
	c.setMeta(&m)
	if list == nil {
		list = []*store.Session{}
	}
	return list, nil
}

func (c *call) readSessions(
	find func(*store.Tx, memdb.WatchSet) (uint64, []*store.Session, error),
) (list []*store.Session, m meta, err error) {
	if err := c.forward(); err != nil {
		return nil, m, err
	}
	who, err := c.authorize()
	if err != nil {
		return nil, m, err
	}
	err = c.readMeta(&m, func(tx *store.Tx, ws memdb.WatchSet, m *meta) error {
		var err error
		m.index, list, err = find(tx, ws)
		all := len(list)
		list = keep(list, func(s *store.Session) bool { return who.SessionRead(s.Node) })
		m.filtered = len(list) != all
		return err
	})
	return list, m, err
}
