package consul_test

// This file tests Lock: its states, on the real server and in virtual time. What goes wrong on the way is in
// lock_faults_test.go.

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lictor-go/consul"
)

// newLock makes a lock with the sessions of these tests, which is given up at the end of the test.
func newLock(t testing.TB, c *consul.Client, key string) *consul.Lock {
	t.Helper()
	return newLockOpts(t, c, &consul.LockOptions{Key: key, SessionOpts: session()})
}

func newLockOpts(t testing.TB, c *consul.Client, opts *consul.LockOptions) *consul.Lock {
	t.Helper()
	l := must[*consul.Lock](t)(c.LockOpts(opts))
	t.Cleanup(func() { _ = l.Unlock(context.Background()) })
	return l
}

func take(t testing.TB, l *consul.Lock) context.Context {
	t.Helper()
	return must[context.Context](t)(l.Lock(t.Context()))
}

func TestLockOnTheServer(t *testing.T) {
	t.Parallel()
	client, key := newClient(t), unique(t)
	ctx, cancel := context.WithCancel(testContext(t))
	opts := &consul.LockOptions{Key: key, Value: []byte("me")}
	lock, rival := newLockOpts(t, client, opts), must[*consul.Lock](t)(client.LockKey(key))
	opts.Value[0], opts.Key = 'b', "other" // which changes nothing
	wantError(t, "unlock before lock", lock.Unlock(ctx), consul.ErrLockNotHeld)

	var fence uint64
	for range 3 {
		hold := must[context.Context](t)(lock.Lock(ctx))
		pair := mustGet(t, client.KV(), key)
		if pair.Flags != 0x2ddccbc058a50c18 || string(pair.Value) != "me" || pair.Session == "" {
			t.Errorf("the key is %+v", pair)
		}
		if s := info(t, client, pair.Session); s.Name != "Consul API Lock" || s.TTL != 15*time.Second || s.LockDelay != 15*time.Second {
			t.Errorf("the session is %+v", s)
		}
		if lock.Fence() <= fence || lock.Fence() != pair.ModifyIndex {
			t.Errorf("fence %d after %d, with the key at %d", lock.Fence(), fence, pair.ModifyIndex)
		}
		fence = lock.Fence()
		if left := time.Until(lock.Deadline()); left <= 0 || left > 15*time.Second {
			t.Errorf("the deadline is in %v", left)
		}
		_, err := lock.Lock(ctx)
		wantError(t, "lock while held", err, consul.ErrLockHeld)
		_, err = rival.TryLock(ctx)
		wantError(t, "a rival's TryLock", err, consul.ErrLockHeld)
		wantError(t, "destroy while held", lock.Destroy(ctx), consul.ErrLockHeld)
		wantError(t, "a rival's destroy", rival.Destroy(ctx), consul.ErrLockInUse)
		wantLive(t, hold)

		for range 2 {
			wantError(t, "unlock", lock.Unlock(ctx), nil)
		}
		wantEnded(t, hold, context.Canceled)
		if errors.Is(context.Cause(hold), consul.ErrLockLost) {
			t.Error("a hold that was given up ended as one that was lost")
		}
		if lock.Fence() != 0 || !lock.Deadline().IsZero() {
			t.Errorf("after unlock the fence is %d, the deadline %v", lock.Fence(), lock.Deadline())
		}
		if _, _, err := client.Session().Info(ctx, pair.Session); !errors.Is(err, consul.ErrNotFound) {
			t.Errorf("the session after unlock: %v, want ErrNotFound", err)
		}
		must[*consul.WriteMeta](t)(client.KV().Delete(ctx, key)) // the fence grows all the same
	}

	hold := must[context.Context](t)(lock.Lock(ctx))
	cancel()
	wantLive(t, hold) // whatever becomes of the context of Lock
	wantError(t, "unlock with a context that has ended", lock.Unlock(ctx), context.Canceled)
	wantEnded(t, hold, context.Canceled)
	ctx = testContext(t)
	wantError(t, "unlock", lock.Unlock(ctx), nil)
	for range 2 {
		wantError(t, "destroy", lock.Destroy(ctx), nil)
	}
}

// Many take turns, and no two are inside at once.
func TestLockExcludesOnTheServer(t *testing.T) {
	t.Parallel()
	client, key := newClient(t), unique(t)
	exclude(t, 30, 1, func() (func(context.Context) (context.Context, error), func(context.Context) error) {
		l := must[*consul.Lock](t)(client.LockKey(key))
		return l.Lock, l.Unlock
	})
}

// exclude has contenders take something once each, and fails if more than limit have it at once.
func exclude(
	t *testing.T, contenders, limit int, newOne func() (func(context.Context) (context.Context, error), func(context.Context) error),
) {
	t.Helper()
	ctx := testContext(t)
	var inside atomic.Int32
	var wg sync.WaitGroup
	for range contenders {
		take, give := newOne()
		wg.Go(func() {
			if _, err := take(ctx); err != nil {
				t.Error(err)
				return
			}
			if n := inside.Add(1); int(n) > limit {
				t.Errorf("%d are inside", n)
			}
			inside.Add(-1)
			if err := give(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestLockPermissions(t *testing.T) {
	t.Parallel()
	client, key := newACLClient(t), unique(t)
	ctx := testContext(t)
	deny := newLockOpts(t, client, &consul.LockOptions{Key: key, Token: randomUUID()})
	_, err := deny.Lock(ctx)
	wantError(t, "with an unknown token", err, consul.ErrPermissionDenied)

	for rules, want := range map[string]error{
		`session_prefix "" { policy = "write" } key_prefix "" { policy = "read" }`:  consul.ErrPermissionDenied,
		`session_prefix "" { policy = "write" }`:                                    consul.ErrPermissionDenied,
		`session_prefix "" { policy = "write" } key_prefix "" { policy = "write" }`: nil,
	} {
		policy, _, err := client.ACL().PolicyCreate(ctx, &consul.ACLPolicy{Name: unique(t), Rules: rules})
		if err != nil {
			t.Fatal(err)
		}
		token, _, err := client.ACL().TokenCreate(ctx, &consul.ACLToken{Policies: []*consul.ACLLink{{ID: policy.ID}}})
		if err != nil {
			t.Fatal(err)
		}
		lock := newLockOpts(t, client, &consul.LockOptions{Key: key, Token: token.SecretID})
		_, err = lock.Lock(ctx)
		wantError(t, rules, err, want)
		if want == nil {
			wantError(t, "unlock", lock.Unlock(ctx), nil)
		}
	}
}

func TestLockOptionsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	client := offlineClient(t)
	for _, opts := range []*consul.LockOptions{
		nil, {Key: "k", LockWaitTime: -1},
		{Key: "k", Session: new(consul.SessionHandle), SessionOpts: &consul.SessionEntry{}},
		{Key: "k", Session: new(consul.SessionHandle)},
	} {
		_, err := client.LockOpts(opts)
		wantRefused(t, err)
		_, err = client.FairLockOpts(opts)
		wantRefused(t, err)
	}
	for _, key := range []string{"", "/a", "a//b", "a/../b", "\xff"} {
		if _, err := client.LockKey(key); !errors.Is(err, consul.ErrInvalidKey) {
			t.Errorf("key %q: %v", key, err)
		}
		if _, err := client.FairLockKey(key); !errors.Is(err, consul.ErrInvalidKey) {
			t.Errorf("fair lock with key %q: %v", key, err)
		}
	}
	_, err := client.FairLockOpts(&consul.LockOptions{Key: "k", SessionOpts: &consul.SessionEntry{Behavior: "delete"}})
	wantRefused(t, err)
}

// A TTL that the servers don't take is told at once, rather than tried until the context ends.
func TestLockWithATTLThatTheServerRefuses(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		l := newLockOpts(w, w.client, &consul.LockOptions{Key: "k", SessionOpts: &consul.SessionEntry{TTL: time.Second}})
		_, err := l.Lock(w.Context())
		wantAnswer(w, err, 500, "Session TTL")
	})
}

func TestLockOnAKeyThatIsNoLock(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		put(w, w.client.KV(), "k")
		l := newLock(w, w.client, "k")
		_, err := l.Lock(w.Context())
		wantError(w, "lock", err, consul.ErrLockConflict)
		_, err = l.TryLock(w.Context())
		wantError(w, "try", err, consul.ErrLockConflict)
		wantError(w, "destroy", l.Destroy(w.Context()), consul.ErrLockConflict)
		synctest.Wait()
		w.wantNothingHeld()
	})
}

// A lock with a session of the caller's leaves it alone, and shares it with others.
func TestLockWithASessionOfTheCaller(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		h := keepAlive(w, w.client, w.Context())
		lockOf := func(key string) *consul.Lock {
			return newLockOpts(w, w.client, &consul.LockOptions{Key: key, Session: h})
		}
		a, b, twin := lockOf("a"), lockOf("b"), lockOf("a")
		holdA, holdB := take(w, a), take(w, b)
		if w.key("a").Session != h.ID() || w.key("b").Session != h.ID() {
			w.Error("the session is another")
		}
		if !a.Deadline().Equal(h.Deadline()) {
			w.Error("the deadline is not the session's")
		}
		// The servers would let the same session in twice.
		_, err := twin.TryLock(w.Context())
		wantError(w, "another lock of the key with the session", err, consul.ErrLockHeld)
		taken := start(func() error { _, err := twin.Lock(w.Context()); return err })
		w.sleep(time.Minute)
		wantError(w, "unlock", a.Unlock(w.Context()), nil)
		wantError(w, "the twin, then", (<-taken).err, nil)
		wantError(w, "unlock", twin.Unlock(w.Context()), nil)

		wantEnded(w, holdA, context.Canceled)
		wantLive(w, holdB)
		wantLive(w, h.Context())
		wantError(w, "close", h.Close(w.Context()), nil)
		synctest.Wait()
		wantEnded(w, holdB, consul.ErrLockLost)
		_, err = a.Lock(w.Context())
		wantError(w, "with a session that is gone", err, consul.ErrSessionExpired)
		w.wantNothingHeld()
	})
}

// One that waits while its session ends goes on with another.
func TestLockReplacesItsSession(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		holder := newLock(w, w.client, "k")
		take(w, holder)
		waiter := newLock(w, w.client, "k")
		taken := start(func() error { _, err := waiter.Lock(w.Context()); return err })
		synctest.Wait()
		for range 3 {
			for _, id := range w.sessions() {
				if id != w.key("k").Session {
					must[*consul.WriteMeta](w)(w.client.Session().Destroy(w.Context(), id))
				}
			}
			w.sleep(ttl)
			if n := len(w.sessions()); n != 2 {
				w.Fatalf("%d sessions", n)
			}
		}
		wantError(w, "unlock", holder.Unlock(w.Context()), nil)
		wantError(w, "the waiter", (<-taken).err, nil)
		wantError(w, "unlock", waiter.Unlock(w.Context()), nil)
		w.wantNothingHeld()
	})
}

// A guarded transaction of one that no longer holds the lock fails, whatever that one believes.
func TestLockGuard(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		l := newLock(w, w.client, "k")
		_, err := l.Guard()
		wantError(w, "guard before lock", err, consul.ErrLockNotHeld)
		take(w, l)
		write := func(value string) *consul.TxnOp {
			return &consul.TxnOp{KV: &consul.KVTxnOp{Verb: consul.KVSet, Key: "data", Value: []byte(value)}}
		}
		run := func(ops consul.TxnOps) error {
			_, _, err := w.client.Txn().Txn(w.Context(), ops)
			return err
		}
		wantError(w, "the holder's write", run(must[consul.TxnOps](w)(l.Guard(write("mine")))), nil)
		late := must[consul.TxnOps](w)(l.Guard(write("late")))
		wantError(w, "unlock", l.Unlock(w.Context()), nil)
		wantError(w, "a write that comes late", run(late), consul.ErrTxnRolledBack)
		take(w, newLock(w, w.client, "k"))
		wantError(w, "a write that comes later still", run(late), consul.ErrTxnRolledBack)
		if got := string(w.key("data").Value); got != "mine" {
			w.Errorf("data is %q", got)
		}
	})
}
