package consul_test

// This file tests requests that take effect after they were given up: they waited at a server that was suspended, or on the
// way. With a session of the caller's they come upon a later hold of the same session.

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/lictor-go/consul"
)

// withSession makes contenders for one thing that excludes, with a session of the caller's.
var withSession = map[string]func(t testing.TB, c *consul.Client, session *consul.SessionHandle) *contender{
	"Lock": func(t testing.TB, c *consul.Client, session *consul.SessionHandle) *contender {
		l := newLockOpts(t, c, &consul.LockOptions{Key: "k", Session: session})
		return newContender(l.Lock, l.Unlock, l.Fence)
	},
	"FairLock": func(t testing.TB, c *consul.Client, session *consul.SessionHandle) *contender {
		l := must[*consul.FairLock](t)(c.FairLockOpts(&consul.LockOptions{Key: "k", Session: session}))
		return newContender(l.Lock, l.Unlock, l.Fence)
	},
	"Semaphore": func(t testing.TB, c *consul.Client, session *consul.SessionHandle) *contender {
		s := newSemaphoreOpts(t, c, &consul.SemaphoreOptions{Prefix: "k", Limit: 1, Session: session})
		return newContender(s.Acquire, s.Release, nil)
	},
}

// A release that was tried again, since its answer did not come, ends no later hold.
func TestLateRelease(t *testing.T) {
	t.Parallel()
	for name, newOne := range withSession {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(w *world) {
				client, wire := w.process()
				session := keepAlive(w, w.client, w.Context())
				c := newOne(w, client, session)
				wantError(w, "take", c.take(w.Context()), nil)
				first := true
				wire.choose(func(r *http.Request) trouble {
					if kind := kindOf(r); first && (kind == "txn" || kind == "release") {
						first = false
						return hangLate
					}
					return fine
				})
				wantError(w, "give back", c.give(w.Context()), nil)
				if first {
					w.Fatal("no release was late")
				}
				wantError(w, "take again", c.take(w.Context()), nil)
				w.sleep(lateBy + time.Second)
				wantLive(w, c.hold)
				wantError(w, "give back again", c.give(w.Context()), nil)
				wantError(w, "close", session.Close(w.Context()), nil)
				w.wantNothingHeld()
			})
		})
	}
}

// A session of the caller's takes nothing again before it is known that an earlier hold was given back.
func TestTakeAgainWaitsForTheRelease(t *testing.T) {
	t.Parallel()
	for name, newOne := range withSession {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(w *world) {
				client, wire := w.process()
				session := keepAlive(w, w.client, w.Context())
				c := newOne(w, client, session)
				wantError(w, "take", c.take(w.Context()), nil)
				wire.cut(hangLate)
				if c.give(w.Context()) == nil {
					w.Fatal("it was given back without a server")
				}
				soon, cancel := context.WithTimeout(w.Context(), 2*lateBy)
				defer cancel()
				wantError(w, "take again in the outage", c.take(soon), context.DeadlineExceeded)
				wire.cut(fine)
				wantError(w, "take again", c.take(w.Context()), nil)
				w.sleep(2 * lateBy)
				wantLive(w, c.hold)
				wantError(w, "give back", c.give(w.Context()), nil)
				wantError(w, "close", session.Close(w.Context()), nil)
				w.wantNothingHeld()
			})
		})
	}
}

// What no later try would change is not waited for.
func TestTakeAgainAfterARefusedRelease(t *testing.T) {
	t.Parallel()
	for name, newOne := range withSession {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(w *world) {
				client, wire := w.process()
				session := keepAlive(w, w.client, w.Context())
				c := newOne(w, client, session)
				wantError(w, "take", c.take(w.Context()), nil)
				wire.cut(denied)
				wantError(w, "give back", c.give(w.Context()), consul.ErrPermissionDenied)
				wantError(w, "take again", c.take(w.Context()), consul.ErrPermissionDenied)
				wire.cut(fine)
				wantError(w, "take again", c.take(w.Context()), nil)
				wantError(w, "give back", c.give(w.Context()), nil)
				wantError(w, "close", session.Close(w.Context()), nil)
				w.wantNothingHeld()
			})
		})
	}
}
