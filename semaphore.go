package consul

// This file holds Semaphore: a number of slots, each held by a session.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"
)

// SemaphoreFlagValue is in the flags of each key of a semaphore. All Consul clients use this value.
const SemaphoreFlagValue = 0xe0f69a2baa414de0

// DefaultSemaphoreKey is the key, under the prefix, of the document that says who holds a slot.
const DefaultSemaphoreKey = ".lock"

// What using a Semaphore can end with.
var (
	// ErrSemaphoreHeld says that no slot is free, for TryAcquire, or that this Semaphore has one already.
	ErrSemaphoreHeld = errors.New("semaphore held")

	// ErrSemaphoreNotHeld says that this Semaphore has no slot, and never had.
	ErrSemaphoreNotHeld = errors.New("semaphore not held")

	// ErrSemaphoreLost says that this Semaphore had a slot and lost it before it was released.
	ErrSemaphoreLost = errors.New("semaphore lost")

	// ErrSemaphoreConflict says that what is under the prefix is no semaphore, or one with another limit.
	ErrSemaphoreConflict = errors.New("not this semaphore")

	// ErrSemaphoreInUse says that the semaphore can't be destroyed, because somebody has a slot.
	ErrSemaphoreInUse = errors.New("semaphore in use")
)

// SemaphoreOptions say which semaphore, and how a slot is held.
type SemaphoreOptions struct {
	Prefix string // of its keys; needs the right to write and to read them
	Limit  int    // of slots; all who use the semaphore have to agree on it
	Value  []byte // written into the contender's key: who and where

	// FirstComeFirstServed has this contender wait for those that came before. Without it, those go first as a rule, but not
	// for long: one that does not take the slot it could have is overtaken.
	FirstComeFirstServed bool

	// Session is the session to hold the slot with: one of the caller's, which the Semaphore neither renews nor ends. Where
	// it is nil, each Acquire makes one from SessionOpts and destroys it after the hold.
	Session *SessionHandle

	// SessionOpts is what the session is made from; nil is the defaults of Session.KeepAlive with SessionBehaviorDelete.
	SessionOpts *SessionEntry

	SemaphoreWaitTime time.Duration // how long one question may be held; 0: DefaultLockWaitTime

	Datacenter string // of the semaphore; empty: the agent's
	Token      string // for all calls; empty: the client's
	Namespace  string // Consul Enterprise
	Partition  string // Consul Enterprise
}

// A Semaphore lets as many as its limit in at a time, on any machine: those of this package and those of the Consul API
// package of HashiCorp. Taking a slot gives a context, the hold, as Lock.Lock does. The slot of a holder whose session has
// ended is free once the session's lock-delay has passed, for those of this package: the others don't wait for that.
//
// It is safe for concurrent use, has one slot at most, and can be used again after Release and after a loss.
type Semaphore struct {
	holder
	prefix string // with the slash at its end
	limit  int
	value  []byte
	fifo   bool
}

// SemaphorePrefix makes a Semaphore with the default options. The error is ErrInvalidKey or ErrInvalidOption.
func (c *Client) SemaphorePrefix(prefix string, limit int) (*Semaphore, error) {
	return c.SemaphoreOpts(&SemaphoreOptions{Prefix: prefix, Limit: limit})
}

// SemaphoreOpts makes a Semaphore. Nothing is sent before it is used. The options are copied. The error is ErrInvalidKey or
// ErrInvalidOption.
func (c *Client) SemaphoreOpts(opts *SemaphoreOptions) (*Semaphore, error) {
	if opts == nil {
		return nil, fmt.Errorf("consul: semaphore: the options are nil, and have to name a prefix: %w", ErrInvalidOption)
	}
	prefix := strings.TrimSuffix(opts.Prefix, "/")
	if r := keyRequest(http.MethodGet, prefix); r.err != nil {
		return nil, fmt.Errorf("consul: semaphore: %w", r.err)
	}
	s := &Semaphore{prefix: prefix + "/", limit: opts.Limit, value: bytes.Clone(opts.Value), fifo: opts.FirstComeFirstServed}
	name := fmt.Sprintf("semaphore %q", opts.Prefix)
	if opts.Limit < 1 {
		return nil, fmt.Errorf("consul: %s: the limit is %d, and has to be 1 at least: %w", name, opts.Limit, ErrInvalidOption)
	}
	err := s.init(c, "semaphore", "Consul API Semaphore", sentinels{ErrSemaphoreHeld, ErrSemaphoreNotHeld, ErrSemaphoreLost}, &LockOptions{
		Key: opts.Prefix, Session: opts.Session, SessionOpts: opts.SessionOpts, LockWaitTime: opts.SemaphoreWaitTime,
		Datacenter: opts.Datacenter, Token: opts.Token, Namespace: opts.Namespace, Partition: opts.Partition,
	})
	if err != nil {
		return nil, err
	}
	if s.entry.Behavior == "" {
		s.entry.Behavior = SessionBehaviorDelete // so that the key of a contender that died goes with it
	}
	s.claim = slotClaim{s}
	return s, nil
}

// Acquire takes a slot, and waits for one until ctx ends. What it gives is the hold: see Lock.Lock, with ErrSemaphoreLost as
// the cause of a loss. Errors: the cause of ctx, ErrSemaphoreHeld if this Semaphore has a slot or is about to take one,
// ErrSemaphoreConflict, ErrPermissionDenied, ErrBadRequest, and ErrSessionExpired if a Session of the caller's is gone.
//
// Routes: PUT /v1/session/create, PUT /v1/kv/:key?acquire=, GET /v1/kv/:key?recurse, PUT /v1/kv/:key?cas=
func (s *Semaphore) Acquire(ctx context.Context) (context.Context, error) {
	return s.holder.take(ctx, false)
}

// TryAcquire takes a slot if one is free; else the error is ErrSemaphoreHeld. A call that fails is its error.
func (s *Semaphore) TryAcquire(ctx context.Context) (context.Context, error) {
	return s.holder.take(ctx, true)
}

// Release gives the slot back: see Lock.Unlock, with ErrSemaphoreLost and ErrSemaphoreNotHeld.
//
// Routes: GET /v1/kv/:key, PUT /v1/txn, PUT /v1/session/destroy/:id
func (s *Semaphore) Release(ctx context.Context) error { return s.giveUp(ctx) }

// Deadline is when the hold ends unless the session is renewed before. It is the zero time where no slot is held.
func (s *Semaphore) Deadline() time.Time { return s.deadline() }

// Destroy deletes the document of a semaphore of which nobody has a slot. ErrSemaphoreInUse is that somebody does,
// ErrSemaphoreHeld that it is this one, ErrSemaphoreConflict that there is something else. Where there is nothing it is no
// error.
//
// Routes: GET /v1/kv/:key?recurse, DELETE /v1/kv/:key?cas=
func (s *Semaphore) Destroy(ctx context.Context) error {
	errorf := func(err error) error { return fmt.Errorf("consul: destroy %s: %w", s.name, err) }
	if err := checkContext(ctx); err != nil {
		return errorf(err)
	}
	if s.inUse() {
		return errorf(ErrSemaphoreHeld)
	}
	state, err := s.read(ctx, 0, 0)
	switch {
	case err != nil:
		return errorf(err)
	case len(state.doc.Holders) > len(state.dead):
		return errorf(ErrSemaphoreInUse)
	case state.index == 0:
		return nil
	}
	pair := &KVPair{Key: s.prefix + DefaultSemaphoreKey, ModifyIndex: state.index}
	deleted, _, err := s.c.KV().DeleteCAS(ctx, pair, s.writeOptions()...)
	switch {
	case err != nil:
		return errorf(err)
	case !deleted:
		return errorf(ErrSemaphoreInUse)
	}
	return nil
}

// slotClaim takes a slot: it adds the session to the document of those that have one.
type slotClaim struct{ *Semaphore }

func (s slotClaim) key(h *hold) string { return s.prefix + h.session.ID() }

// overtake bounds for how long a contender leaves a slot to those that came before it.
const overtakeMin, overtakeMax = 250 * time.Millisecond, 500 * time.Millisecond

// take adds a contender's key, and the session to the document once there is room.
func (s slotClaim) take(ctx context.Context, h *hold, once bool) error {
	if err := s.enter(ctx, h); err != nil {
		return err
	}
	var index uint64
	wait, spread := s.wait, spreadMin
	for {
		state, err := s.read(ctx, index, wait)
		if err != nil {
			return err
		}
		own, ahead := state.place(h.session.ID())
		free := s.limit - len(state.doc.Holders)
		open := free + len(state.dead)
		patient := s.fifo || index == 0 || state.last != index // it has not waited for those ahead yet
		had := own != nil && state.doc.Holders[own.Session]
		switch {
		case own == nil:
			return errTaken // somebody has deleted its key
		case had: // by a call whose answer was lost, or a leader lags behind that knows of an earlier hold only: the swap tells
		case once && (open <= 0 || s.fifo && ahead >= open):
			return ErrSemaphoreHeld
		case open <= 0:
			index, wait = state.last, s.wait
			continue
		case ahead >= open && patient && !once:
			index, wait = state.last, overtakeMin+rand.N(overtakeMax-overtakeMin)
			continue
		}
		var dead string
		if free <= 0 && !had {
			dead = state.dead[rand.N(len(state.dead))]
		}
		taken, err := s.swap(ctx, h, state, dead)
		switch {
		case err != nil || taken:
			h.index = own.ModifyIndex
			return err
		case dead != "" && once:
			return ErrSemaphoreHeld
		case dead != "":
			index, wait = state.last, probeMin+rand.N(probeMax-probeMin)
		default:
			// Another was quicker. One of them at least has a slot now.
			sleep(ctx, rand.N(spread))
			index, spread = 0, min(2*spread, spreadMax)
		}
	}
}

// enter adds the contender's key.
func (s slotClaim) enter(ctx context.Context, h *hold) error {
	ctx, cancel := limit(ctx, 0)
	defer cancel()
	h.dirty = true
	pair := &KVPair{Key: s.key(h), Value: s.value, Flags: SemaphoreFlagValue, Session: h.session.ID()}
	entered, _, err := s.c.KV().Acquire(ctx, pair, s.writeOptions()...)
	if err != nil || entered {
		return err
	}
	// The key bears the session's ID: what keeps it from being taken is the lock-delay after the session's end, or a stranger.
	_, _, err = s.c.Session().Info(ctx, h.session.ID(), s.queryOptions(Consistent())...)
	switch {
	case errors.Is(err, ErrNotFound):
		return fmt.Errorf("%w: %w", ErrSessionExpired, err)
	case err != nil:
		return err
	}
	return fmt.Errorf("key %q is another session's: %w", pair.Key, ErrSemaphoreConflict)
}

// swap writes the document with the session in it, unless it has changed or the session has ended. Where it takes the slot of
// a holder that is dead, that one's key has to be taken on the way, which the servers let nobody do before its lock-delay
// has passed: until then it may not have noticed.
func (s slotClaim) swap(ctx context.Context, h *hold, state *semaphoreState, dead string) (bool, error) {
	ctx, cancel := limit(ctx, 0)
	defer cancel()
	ops := TxnOps{s.op(KVCheckSession, s.key(h), h)}
	if dead != "" {
		ops = append(ops, s.op(KVLock, s.prefix+dead, h), s.op(KVDelete, s.prefix+dead, h))
		delete(state.doc.Holders, dead)
	}
	state.doc.Holders[h.session.ID()] = true
	write, err := s.document(h, state)
	if err != nil {
		return false, err
	}
	_, _, err = s.c.Txn().Txn(ctx, append(ops, write), s.queryOptions()...)
	if refuses(err) {
		return false, nil
	}
	return err == nil, err
}

// document is the operation that writes the document, in the place of the one that was read.
func (s slotClaim) document(h *hold, state *semaphoreState) (*TxnOp, error) {
	value, err := json.Marshal(state.doc)
	if err != nil {
		return nil, err
	}
	op := s.op(KVCAS, s.prefix+DefaultSemaphoreKey, h)
	op.KV.Value, op.KV.Flags, op.KV.Index, op.KV.Session = value, SemaphoreFlagValue, state.index, ""
	return op, nil
}

// release takes the session out of the document and deletes the contender's key, both at once, and both only as they were
// read: see withdraw.
func (s slotClaim) release(ctx context.Context, h *hold) (bool, error) {
	for index := h.index; ; index = 0 {
		state, err := s.readDocument(ctx)
		if errors.Is(err, ErrSemaphoreConflict) {
			state, err = &semaphoreState{}, nil // it is no semaphore's any more: only the key is left to delete
		}
		if err == nil && index == 0 {
			index, err = s.left(ctx, h)
		}
		if err != nil {
			return false, err
		}
		var ops TxnOps
		if index > 0 {
			remove := s.op(KVDeleteCAS, s.key(h), h)
			remove.KV.Index = index
			ops = append(ops, remove)
		}
		had := state.doc.Holders[h.session.ID()]
		if had {
			delete(state.doc.Holders, h.session.ID())
			write, err := s.document(h, state)
			if err != nil {
				return false, err
			}
			ops = append(ops, write)
		}
		if len(ops) == 0 {
			return false, nil
		}
		_, _, err = s.c.Txn().Txn(ctx, ops, s.queryOptions()...)
		switch {
		case err == nil:
			return had, nil
		case !refuses(err):
			return false, err
		case !sleep(ctx, rand.N(spreadMin)): // one of them has changed: once more
			return false, context.Cause(ctx)
		}
	}
}

// left gives the index of the last change of the contender's key; 0 where there is none to remove. It is there also when the
// session has ended that had it, if that was of SessionBehaviorRelease.
func (s slotClaim) left(ctx context.Context, h *hold) (uint64, error) {
	pair, _, err := s.c.KV().Get(ctx, s.key(h), s.queryOptions(Consistent())...)
	switch {
	case errors.Is(err, ErrNotFound), err == nil && pair.Session != "" && pair.Session != h.session.ID():
		return 0, nil
	case err != nil:
		return 0, err
	}
	return pair.ModifyIndex, nil
}
