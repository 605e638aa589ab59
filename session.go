package consul

// This file holds Session, the client of sessions: what locks on keys are held with. See
// https://developer.hashicorp.com/consul/api-docs/session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Session is the client of sessions: /v1/session.
//
// A session belongs to a node and to checks on it. The server ends it when its TTL runs out, when one of its checks turns
// critical or goes away with its node, or when someone destroys it. The keys that it holds are then released or deleted.
type Session struct{ c *Client }

// Session gives the client of sessions.
func (c *Client) Session() *Session { return &Session{c} }

// What becomes of the keys that a session holds when it ends: SessionEntry.Behavior.
const (
	SessionBehaviorRelease = "release" // the keys stay and are free; the server's default
	SessionBehaviorDelete  = "delete"  // the keys are deleted
)

// NoLockDelay is the SessionEntry.LockDelay of a session without a lock-delay, since 0 asks for the server's default.
const NoLockDelay time.Duration = -1

// A SessionEntry is a session. Create reads all of it but the ID and the indexes, which the server gives.
type SessionEntry struct {
	CreateIndex uint64 `json:",omitempty"` // index of the write that created the session
	ModifyIndex uint64 `json:",omitempty"` // index of the write that last changed it
	ID          string `json:",omitempty"`
	Name        string `json:",omitempty"` // for people; need not be unique
	Node        string `json:",omitempty"` // node that it belongs to; empty: the agent's

	// LockDelay is how long nobody can acquire a key after this session lost it by ending, rather than released it. On
	// creation 0 means the server's 15 s, and NoLockDelay none; in an answer 0 is none. At least 1 µs: the server would
	// read less as seconds. Servers take any, answer with it, and apply 60 s at the most.
	LockDelay time.Duration `json:"-"`

	Behavior string `json:",omitempty"` // one of SessionBehavior…; empty: SessionBehaviorRelease

	// TTL is how long the session lives without a renewal; the server may let it live up to twice that. 0: without end.
	// Servers take 10 s to 24 h by default, and answer 500 to anything else.
	TTL time.Duration `json:"-"`

	// NodeChecks are IDs of checks on the node that have to pass, and ServiceChecks those of services on it. With
	// nil NodeChecks that is serfHealth, the node's own check; with an empty slice it is none, so that the session outlives
	// a node that can't be reached for a moment. A check that does not exist or is critical makes the server answer 500.
	NodeChecks    []string       `json:",omitzero"`
	ServiceChecks []ServiceCheck `json:",omitzero"`

	// Checks is the older way to name checks: these in addition to serfHealth, an empty slice for none at all. Create
	// refuses it beside NodeChecks, since the server would drop one or the other. Prefer NodeChecks.
	Checks []string `json:",omitzero"`

	Namespace string `json:",omitempty"` // Consul Enterprise
	Partition string `json:",omitempty"` // Consul Enterprise
}

// A ServiceCheck names a check of a service.
type ServiceCheck struct {
	ID        string // the check's ID
	Namespace string `json:",omitempty"` // Consul Enterprise
}

// MarshalJSON writes the entry as the API takes it. What says nothing is left out: the server's defaults apply where a
// field is absent, not where it is empty.
func (e SessionEntry) MarshalJSON() ([]byte, error) {
	type plain SessionEntry
	wire := struct {
		*plain
		LockDelay *wireDuration `json:",omitempty"`
		TTL       wireDuration  `json:",omitzero"`
	}{plain: (*plain)(&e), TTL: wireDuration(e.TTL)}
	if e.LockDelay != 0 {
		delay := wireDuration(max(0, e.LockDelay))
		wire.LockDelay = &delay
	}
	return json.Marshal(wire)
}

// UnmarshalJSON reads an entry as the API gives it: the lock-delay in nanoseconds, the TTL as text.
func (e *SessionEntry) UnmarshalJSON(b []byte) error {
	type plain SessionEntry
	wire := struct {
		*plain
		LockDelay *wireDuration
		TTL       *wireDuration
	}{(*plain)(e), (*wireDuration)(&e.LockDelay), (*wireDuration)(&e.TTL)}
	return json.Unmarshal(b, &wire)
}

// check refuses what no server can accept, and what one would accept as something else.
func (e *SessionEntry) check(r *request) {
	switch {
	case e.LockDelay < 0 && e.LockDelay != NoLockDelay:
		r.fail(ErrInvalidOption, "SessionEntry.LockDelay is negative (%v)", e.LockDelay)
	case e.LockDelay > 0 && e.LockDelay < time.Microsecond:
		r.fail(ErrInvalidOption, "SessionEntry.LockDelay is under 1µs (%v), which the server would read as seconds", e.LockDelay)
	case e.TTL < 0:
		r.fail(ErrInvalidOption, "SessionEntry.TTL is negative (%v)", e.TTL)
	case e.Behavior != "" && e.Behavior != SessionBehaviorRelease && e.Behavior != SessionBehaviorDelete:
		r.fail(ErrInvalidOption, "SessionEntry.Behavior %q is unknown", e.Behavior)
	case e.Checks != nil && e.NodeChecks != nil:
		r.fail(ErrInvalidOption, "SessionEntry has both Checks and NodeChecks, of which the server would drop some")
	}
}

// Create makes a session and gives its ID. A nil entry is one with the server's defaults: on the agent's node, bound to
// serfHealth, with a lock-delay of 15 s and without a TTL. What no server takes (a negative TTL or lock-delay, an unknown
// behaviour) is ErrInvalidOption; a node or a check that the server does not know, or a TTL beyond its limits, is a
// StatusError with code 500 that says so.
//
// Route: PUT /v1/session/create
func (s *Session) Create(ctx context.Context, entry *SessionEntry, opts ...WriteOption) (string, *WriteMeta, error) {
	r := newRequest(http.MethodPut, "session", "create")
	if entry != nil {
		entry.check(r)
		e := *entry
		opts = inPlace(e.Namespace, e.Partition, opts)
		e.ID, e.CreateIndex, e.ModifyIndex, e.Namespace, e.Partition = "", 0, 0, "", ""
		r.json(e)
	}
	created, meta, err := write[struct{ ID string }](ctx, s.c, r, opts)
	if err == nil && created.ID == "" {
		return "", nil, r.badResponse(http.StatusOK, errors.New("no session ID in it"))
	}
	return created.ID, meta, err
}

// Destroy ends a session at once: its keys are released or deleted as its behaviour says, with its lock-delay. One that
// does not exist is no error.
//
// Route: PUT /v1/session/destroy/:id
func (s *Session) Destroy(ctx context.Context, id string, opts ...WriteOption) (*WriteMeta, error) {
	return send(ctx, s.c, newRequest(http.MethodPut, "session", "destroy", id), opts)
}

// Renew starts the TTL of a session anew and gives the session as it is; its TTL is the one to go by from now on, since
// the server may raise it. If the session is gone the error is both ErrSessionExpired and ErrNotFound.
//
// Route: PUT /v1/session/renew/:id
func (s *Session) Renew(ctx context.Context, id string, opts ...WriteOption) (*SessionEntry, *WriteMeta, error) {
	return s.renew(ctx, newRequest(http.MethodPut, "session", "renew", id), opts)
}

// renewOnce is Renew for those who keep a session alive, and for whom a pause that grows from attempt to attempt would end
// too late.
func (s *Session) renewOnce(ctx context.Context, id string, opts []WriteOption) (*SessionEntry, error) {
	r := newRequest(http.MethodPut, "session", "renew", id)
	r.once = true
	entry, _, err := s.renew(ctx, r, opts)
	return entry, err
}

func (s *Session) renew(ctx context.Context, r *request, opts []WriteOption) (*SessionEntry, *WriteMeta, error) {
	entries, meta, err := write[[]*SessionEntry](ctx, s.c, r, opts)
	if err == nil {
		var entry *SessionEntry
		if entry, err = onlySession(r, entries); err == nil {
			return entry, meta, nil
		}
	}
	if errors.Is(err, ErrNotFound) {
		err = fmt.Errorf("%w: %w", err, ErrSessionExpired)
	}
	return nil, nil, err
}

// Info reads a session. If it does not exist the error is ErrNotFound, and the QueryMeta is filled.
//
// Route: GET /v1/session/info/:id
func (s *Session) Info(ctx context.Context, id string, opts ...QueryOption) (*SessionEntry, *QueryMeta, error) {
	r := newRequest(http.MethodGet, "session", "info", id)
	entries, meta, err := query[[]*SessionEntry](ctx, s.c, r, opts)
	if err != nil {
		return nil, meta, err
	}
	entry, err := onlySession(r, entries)
	return entry, meta, err
}

// onlySession takes the one session out of an answer, which is an empty list where there is none.
func onlySession(r *request, entries []*SessionEntry) (*SessionEntry, error) {
	if len(entries) == 0 || entries[0] == nil {
		return nil, r.notFound("session")
	}
	return entries[0], nil
}

// Node lists the sessions that belong to a node. A node that does not exist has none.
//
// Route: GET /v1/session/node/:node
func (s *Session) Node(ctx context.Context, node string, opts ...QueryOption) ([]*SessionEntry, *QueryMeta, error) {
	return notNil(query[[]*SessionEntry](ctx, s.c, newRequest(http.MethodGet, "session", "node", node), opts))
}

// List lists all sessions.
//
// Route: GET /v1/session/list
func (s *Session) List(ctx context.Context, opts ...QueryOption) ([]*SessionEntry, *QueryMeta, error) {
	return notNil(query[[]*SessionEntry](ctx, s.c, newRequest(http.MethodGet, "session", "list"), opts))
}
