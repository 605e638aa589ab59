package consul

// This file holds SessionHandle, a session that is kept alive, and that knows until when it is sure to live.

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	// DefaultSessionTTL is the TTL of a session that KeepAlive makes without one.
	DefaultSessionTTL = 15 * time.Second

	// defaultLockDelay is the server's.
	defaultLockDelay = 15 * time.Second

	// ttlMargin is the part of the TTL by which a handle ends before the session could: clocks may run at different speeds,
	// and those who act on the session's end need a moment for it.
	ttlMargin = 20

	maxRenewalRetry = time.Second // longest pause after a renewal that failed, before its jitter
)

// Why the context of a handle ended whose owner was done with it. What comes first counts.
var (
	errSessionClosed   = fmt.Errorf("consul: the session was closed: %w", context.Canceled)
	errSessionOrphaned = fmt.Errorf("consul: the session was left: %w", context.Canceled)
)

// A SessionHandle is a session that is kept alive. Its context ends when the session does: at the latest when the session
// could have expired, reckoned from the start of the last renewal that succeeded, whether the network says so or not. It
// is safe for concurrent use; one can hold many locks.
type SessionHandle struct {
	s     *Session
	id    string
	write WriteOptions

	behavior string // as it was asked for

	ctx context.Context
	end context.CancelCauseFunc

	mu       sync.Mutex
	ttl      time.Duration
	deadline time.Time
	expiry   *time.Timer      // ends ctx at the deadline
	users    map[string]*hold // by key
	holds    map[*hold]bool   // that last as long as the session, at most

	done    chan struct{} // closed when nothing runs any more
	destroy error         // of the session's destruction, once done is closed
}

// KeepAlive makes a session from entry and keeps it alive until ctx ends, Close is called, or the session is lost. Then it
// destroys it, unless Orphan was called. A nil entry is one with the defaults; where its TTL is 0 it is DefaultSessionTTL,
// and where its LockDelay is 0 it is the server's 15 s or the TTL, whichever is more: nobody can take a lock over from a
// holder that is cut off before that one has noticed. (Servers make a lock-delay last 60 s at most, so that this does not
// hold for a longer TTL where something but the TTL ends the session.)
//
// The session is renewed after a third of its TTL, with jitter, and again sooner where that fails. A TTL that the server
// raises is honoured. The context of the handle ends, with the cause that context.Cause tells,
//
//   - when a renewal finds the session gone: ErrSessionExpired;
//   - when a renewal finds the client closed: ErrClosed;
//   - when no renewal has succeeded for the TTL less a twentieth of it: ErrSessionExpired and the last failure;
//   - when ctx ended: its cause;
//   - after Close: context.Canceled.
//
// The errors are those of Create. Of a session whose creation was not answered in time nothing is known: it ends by itself,
// with its TTL.
//
// Routes: PUT /v1/session/create, PUT /v1/session/renew/:id, PUT /v1/session/destroy/:id
func (s *Session) KeepAlive(ctx context.Context, entry *SessionEntry, opts ...WriteOption) (*SessionHandle, error) {
	return s.keepAlive(ctx, ctx, entry, opts)
}

// keepAlive is KeepAlive with a context for the making of the session and one for its life.
func (s *Session) keepAlive(
	ctx, life context.Context, entry *SessionEntry, opts []WriteOption,
) (*SessionHandle, error) {
	var e SessionEntry
	if entry != nil {
		e = *entry
	}
	if e.TTL == 0 {
		e.TTL = DefaultSessionTTL
	}
	if e.LockDelay == 0 {
		e.LockDelay = max(defaultLockDelay, e.TTL)
	}
	start := time.Now()
	id, _, err := s.Create(ctx, &e, opts...)
	if err != nil {
		return nil, err
	}
	h := &SessionHandle{s: s, id: id, behavior: e.Behavior, ttl: e.TTL, done: make(chan struct{})}
	for _, opt := range inPlace(e.Namespace, e.Partition, opts) {
		if opt != nil {
			opt.applyWrite(&h.write)
		}
	}
	h.ctx, h.end = context.WithCancelCause(life)
	h.deadline = h.deadlineAfter(start)
	h.expiry = time.AfterFunc(time.Until(h.deadline), func() { h.expire(nil) })
	go h.keep()
	return h, nil
}

// ID is the session's ID.
func (h *SessionHandle) ID() string { return h.id }

// Context ends with the session. It carries the values of the context that KeepAlive was called with.
func (h *SessionHandle) Context() context.Context { return h.ctx }

// Deadline is until when the session is sure to live unless something but its TTL ends it: the start of the last renewal
// that succeeded, plus the TTL, less the margin. The handle's context ends then, unless another renewal succeeds before.
func (h *SessionHandle) Deadline() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.deadline
}

// Close ends the handle and destroys the session, which frees what it holds, with its lock-delay: release locks first. It
// waits for that, at most until ctx ends, and returns the error of the destruction: the session then ends with its TTL.
// More calls give the same. After Orphan, and of a session that was gone already, it is nil.
func (h *SessionHandle) Close(ctx context.Context) error {
	h.end(errSessionClosed)
	select {
	case <-h.done:
		return h.destroy
	case <-ctx.Done():
		return fmt.Errorf("consul: waiting for session %s to be destroyed: %w", h.id, context.Cause(ctx))
	}
}

// Orphan ends the handle and leaves the session: it lives for as long as its TTL lets it, or somebody else renews it. It
// waits for a renewal under way, which is cut short. After Close it does nothing.
func (h *SessionHandle) Orphan() {
	h.end(errSessionOrphaned)
	<-h.done
}

// keep renews the session until the handle's context ends, and destroys it then, unless it is gone or to be left.
func (h *SessionHandle) keep() {
	defer close(h.done)
	gone := false
	for pause := h.renewalPause(); !gone && sleep(h.ctx, pause); {
		failure := h.renew()
		switch {
		case failure == nil:
			pause = h.renewalPause()
		case h.ctx.Err() != nil: // it was cut short, and says nothing of the session but why it was
		case errors.Is(failure, ErrSessionExpired), errors.Is(failure, ErrClosed):
			gone = true // or out of reach for good
			h.end(fmt.Errorf("consul: session %s can't be kept: %w", h.id, failure))
		default:
			h.remember(failure)
			pause = h.retryPause()
		}
	}
	h.expiry.Stop()
	h.endHolds() // first: another may have what they hold as soon as the session is destroyed
	if !gone && context.Cause(h.ctx) != errSessionOrphaned {
		h.destroy = h.finish()
	}
}

// renew renews the session once. It takes no longer than until the deadline, nor than a fifth of the TTL, so that a
// connection that has gone silent leaves time for two more attempts.
func (h *SessionHandle) renew() error {
	h.mu.Lock()
	limit := min(time.Until(h.deadline), h.ttl/5)
	h.mu.Unlock()
	ctx, cancel := context.WithTimeout(h.ctx, limit)
	defer cancel()
	start := time.Now()
	entry, err := h.s.renewOnce(ctx, h.id, []WriteOption{&h.write})
	switch {
	case errors.Is(err, ErrSessionExpired):
		return h.verify(ctx, err)
	case err != nil:
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if entry.TTL > 0 {
		h.ttl = entry.TTL
	}
	// What the server grants counts from when it was asked, not from when its answer arrived. A timer that can't be stopped
	// has ended the handle, and what has ended stays so.
	if h.expiry.Stop() {
		h.deadline = h.deadlineAfter(start)
		h.expiry = time.AfterFunc(time.Until(h.deadline), func() { h.expire(nil) })
	}
	return nil
}

// verify gives what a renewal has found, that the session is gone, unless it is not. A new leader may not know yet of a
// session that was acknowledged, unless it is asked to make sure.
func (h *SessionHandle) verify(ctx context.Context, gone error) error {
	_, _, err := h.s.Info(ctx, h.id, h.write.reads(), Consistent())
	switch {
	case errors.Is(err, ErrNotFound):
		return gone
	case err == nil:
		return errors.New("it was said to be gone, by a server that lags behind: it is there")
	}
	return fmt.Errorf("it was said to be gone, which could not be made sure: %w", err)
}

func (h *SessionHandle) deadlineAfter(start time.Time) time.Time {
	return start.Add(h.ttl - h.ttl/ttlMargin)
}

// remember has the handle's end, if it comes to that, tell of the failure.
func (h *SessionHandle) remember(failure error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.expiry.Stop() {
		h.expiry = time.AfterFunc(time.Until(h.deadline), func() { h.expire(failure) })
	}
}

// expire ends the handle at its deadline.
func (h *SessionHandle) expire(failure error) {
	err := fmt.Errorf("consul: session %s was not renewed for its TTL and may be gone: %w", h.id, ErrSessionExpired)
	if failure != nil {
		err = fmt.Errorf("%w (last failure: %w)", err, failure)
	}
	h.end(err)
}

// finish destroys the session. It can be repeated, unlike other writes, and so it is.
func (h *SessionHandle) finish() error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(h.ctx), destroyTimeout)
	defer cancel()
	for {
		_, err := h.s.Destroy(ctx, h.id, &h.write)
		if err == nil || settled(err) || !sleep(ctx, lockPause()) {
			return err
		}
	}
}

// reserve makes key the hold's alone among those who use the session: the servers tell sessions apart, not their users.
func (h *SessionHandle) reserve(key string, by *hold) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.users == nil {
		h.users = map[string]*hold{}
	}
	if user := h.users[key]; user != nil && user != by {
		return false
	}
	h.users[key] = by
	return true
}

// bind has the hold end with the session. It reports false where the session has ended.
func (h *SessionHandle) bind(to *hold) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ctx.Err() != nil {
		return false
	}
	if h.holds == nil {
		h.holds = map[*hold]bool{}
	}
	h.holds[to] = true
	return true
}

// endHolds ends all holds. It is called after the session's context has ended, so that there will be no more.
func (h *SessionHandle) endHolds() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for hold := range h.holds {
		hold.lose(context.Cause(h.ctx))
	}
}

// free takes back what reserve and bind did.
func (h *SessionHandle) free(by *hold) {
	h.mu.Lock()
	defer h.mu.Unlock()
	maps.DeleteFunc(h.users, func(_ string, user *hold) bool { return user == by })
	delete(h.holds, by)
}

// renewalPause is how long after a renewal the next one starts: a third of the TTL, a tenth more or less, so that sessions
// made together are not renewed together.
func (h *SessionHandle) renewalPause() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	third := h.ttl / 3
	return third - third/10 + rand.N(third/5+1)
}

// retryPause is how long after a renewal that failed the next one starts.
func (h *SessionHandle) retryPause() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	d := min(h.ttl/50, maxRenewalRetry)
	return d + rand.N(d+1)
}
