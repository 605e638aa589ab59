package consul_test

// This file tests how a Lock call is cancelled, and how an Unlock goes on that nobody waits for.

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lictor-go/consul"
)

// Wherever the waiting stands, it ends at once with its context, and leaves nothing.
func TestLockCancelled(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(w *world, wire *wire){
		"waiting":              func(w *world, _ *wire) { take(w, newLock(w, w.client, "k")) },
		"in a lock-delay":      func(w *world, _ *wire) { crash(w, newLock(w, w.client, "k")) },
		"creating":             func(_ *world, wire *wire) { wire.meet(hangBefore, "create", 0, 1) },
		"created, unanswered":  func(_ *world, wire *wire) { wire.meet(hangAfter, "create", 0, 1) },
		"reading":              func(_ *world, wire *wire) { wire.meet(hangBefore, "read", 0, 1) },
		"acquiring":            func(_ *world, wire *wire) { wire.meet(hangBefore, "txn", 0, 1) },
		"acquired, unanswered": func(_ *world, wire *wire) { wire.meet(hangAfter, "txn", 0, 1) },
		"failing":              func(_ *world, wire *wire) { wire.meet(internal, "txn", 0, 1000) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(w *world) {
				client, wire := w.process()
				prepare(w, wire)
				held := len(w.sessions())
				l := newLock(w, client, "k")
				because := errors.New("because")
				ctx, cancel := context.WithCancelCause(w.Context())
				done := start(func() error { _, err := l.Lock(ctx); return err })
				w.sleep(5 * time.Second)
				_, err := l.Lock(ctx)
				wantError(w, "lock while waiting", err, consul.ErrLockHeld)
				wantError(w, "unlock while waiting", l.Unlock(ctx), consul.ErrLockNotHeld)
				cancelled := time.Now()
				cancel(because)
				got := <-done
				wantError(w, "lock", got.err, because)
				if name == "failing" && !strings.Contains(got.err.Error(), "something broke") {
					w.Errorf("the error tells no failure: %v", got.err)
				}
				if took := got.at.Sub(cancelled); took > 0 {
					w.Errorf("it returned %v after it was cancelled", took)
				}
				wire.choose(nil)
				w.sleep(time.Second)
				if name == "created, unanswered" {
					held++ // nobody knows of it: it ends with its TTL
				}
				if n := len(w.sessions()); n != held {
					w.Errorf("%d sessions, %d before", n, held)
				}
				if _, err := newLock(w, w.client, "k").TryLock(w.Context()); held == 0 && name != "in a lock-delay" && err != nil {
					w.Errorf("another can't have the lock: %v", err)
				}
			})
		})
	}
}

// crash has the lock taken and its session end, as if the holder's process had died.
func crash(w *world, l *consul.Lock) {
	w.Helper()
	take(w, l)
	must[*consul.WriteMeta](w)(w.client.Session().Destroy(w.Context(), w.key("k").Session))
}

// Unlock gives up waiting with its context, and giving back goes on.
func TestUnlockGoesOn(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		client, wire := w.process()
		l := newLock(w, client, "k")
		hold := take(w, l)
		wire.cut(hangBefore)
		ctx, cancel := context.WithTimeout(w.Context(), time.Second)
		defer cancel()
		start := time.Now()
		wantError(w, "unlock", l.Unlock(ctx), context.DeadlineExceeded)
		if took := time.Since(start); took != time.Second {
			w.Errorf("it took %v", took)
		}
		wantEnded(w, hold, context.Canceled)
		wire.cut(fine)
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() { wantError(w, "unlock again", l.Unlock(w.Context()), nil) })
		}
		all.Wait()
		w.wantNothingHeld()
		if _, err := newLock(w, w.client, "k").TryLock(w.Context()); err != nil {
			w.Errorf("it was given up with a lock-delay: %v", err)
		}
	})
}

// An Unlock that no server heard of fails within its bound, and can be called again.
func TestUnlockInAnOutage(t *testing.T) {
	t.Parallel()
	for _, own := range []bool{true, false} {
		t.Run(fmt.Sprintf("own session %v", own), func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(w *world) {
				client, wire := w.process()
				opts := &consul.LockOptions{Key: "k", SessionOpts: session()}
				if !own {
					opts.SessionOpts, opts.Session = nil, keepAlive(w, client, w.Context())
				}
				l := newLockOpts(w, client, opts)
				for _, again := range []func() error{
					func() error { return l.Unlock(w.Context()) },
					func() error {
						_, err := l.Lock(w.Context())
						return errors.Join(err, l.Unlock(w.Context()))
					},
				} {
					take(w, l)
					wire.cut(eofBefore)
					start := time.Now()
					if l.Unlock(w.Context()) == nil {
						w.Error("unlock succeeded without a server")
					}
					if took := time.Since(start); took > 15*time.Second {
						w.Errorf("it took %v", took)
					}
					wire.cut(fine)
					w.sleep(ttl)
					if !own && opts.Session.Context().Err() != nil {
						opts.Session = keepAlive(w, client, w.Context())
						l = newLockOpts(w, client, opts)
						continue
					}
					wantError(w, "again", again(), nil)
				}
				if !own {
					wantError(w, "close", opts.Session.Close(w.Context()), nil)
				}
				w.sleep(2 * ttl)
				w.wantNothingHeld()
			})
		})
	}
}
