package consul_test

// This file tests FairLock. See lock_faults_test.go for what goes wrong on its way.

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lictor-go/consul"
)

func newFairLock(t testing.TB, c *consul.Client, key string) *consul.FairLock {
	t.Helper()
	l := must[*consul.FairLock](t)(c.FairLockOpts(&consul.LockOptions{Key: key, Value: []byte("v"), SessionOpts: session()}))
	t.Cleanup(func() { _ = l.Unlock(context.Background()) })
	return l
}

func TestFairLockExcludesOnTheServer(t *testing.T) {
	t.Parallel()
	client, key := newClient(t), unique(t)
	exclude(t, 30, 1, func() (func(context.Context) (context.Context, error), func(context.Context) error) {
		l := must[*consul.FairLock](t)(client.FairLockKey(key))
		return l.Lock, l.Unlock
	})
	if keys, _, err := client.KV().Keys(testContext(t), key, ""); err != nil || len(keys) > 0 {
		t.Errorf("left are %q, %v", keys, err)
	}
}

func TestFairLockOnTheWire(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		l := newFairLock(w, w.client, "k")
		hold := must[context.Context](w)(l.Lock(w.Context()))
		keys := w.keys("k")
		if len(keys) != 1 || keys[0] != "k/"+w.sessions()[0] {
			w.Fatalf("keys %q", keys)
		}
		pair := w.key(keys[0])
		if pair.Flags != consul.FairLockFlagValue || string(pair.Value) != "v" || pair.CreateIndex != l.Fence() {
			w.Errorf("the contender's key is %+v, the fence %d", pair, l.Fence())
		}
		_, err := newFairLock(w, w.client, "k").TryLock(w.Context())
		wantError(w, "a rival's TryLock", err, consul.ErrLockHeld)
		synctest.Wait()
		nested := newFairLock(w, w.client, "k/nested") // another lock
		if _, err := nested.TryLock(w.Context()); err != nil {
			w.Errorf("the lock of a key below: %v", err)
		}
		wantLive(w, hold)
		late := must[consul.TxnOps](w)(l.Guard())
		if _, _, err := w.client.Txn().Txn(w.Context(), late); err != nil {
			w.Errorf("the holder's transaction: %v", err)
		}
		wantError(w, "unlock", l.Unlock(w.Context()), nil)
		_, _, err = w.client.Txn().Txn(w.Context(), late)
		wantError(w, "a transaction that comes late", err, consul.ErrTxnRolledBack)
		if _, err := newFairLock(w, w.client, "k").TryLock(w.Context()); err != nil {
			w.Errorf("with only a nested lock held: %v", err)
		}
	})
}

// queue has contenders come one after another, and gives a function that tells who has had the lock.
func queue(w *world, names ...string) (locks map[string]*consul.FairLock, wires map[string]*wire, order func() []string) {
	locks, wires = map[string]*consul.FairLock{}, map[string]*wire{}
	var mu sync.Mutex
	var had []string
	for _, name := range names {
		client, wire := w.process()
		l := newFairLock(w, client, "k")
		locks[name], wires[name] = l, wire
		go func() {
			if _, err := l.Lock(w.Context()); err == nil {
				mu.Lock()
				defer mu.Unlock()
				had = append(had, name)
			}
		}()
		synctest.Wait()
	}
	return locks, wires, func() []string {
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(had)
	}
}

func TestFairLockServesInTheOrderOfArrival(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		names := []string{"a", "b", "c", "d", "e"}
		locks, _, order := queue(w, names...)
		var fence uint64
		for i, name := range names {
			if got := order(); !slices.Equal(got, names[:i+1]) {
				w.Fatalf("had the lock: %q, want %q", got, names[:i+1])
			}
			if locks[name].Fence() <= fence {
				w.Errorf("fence %d after %d", locks[name].Fence(), fence)
			}
			fence = locks[name].Fence()
			w.sleep(time.Minute) // which is longer than a wait
			wantError(w, "unlock", locks[name].Unlock(w.Context()), nil)
		}
		w.wantNothingHeld()
		if left := w.keys(""); len(left) > 0 {
			w.Errorf("left are %q", left)
		}
	})
}

// A waiter that dies is skipped at once when it is its turn, and one that has left makes no odds.
func TestFairLockSkipsTheDead(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		locks, wires, order := queue(w, "a", "b", "c", "d")
		wires["b"].cut(hangBefore) // dead
		w.sleep(3 * ttl)           // and its session too
		before := time.Now()
		wantError(w, "unlock", locks["a"].Unlock(w.Context()), nil)
		if got := order(); !slices.Equal(got, []string{"a", "c"}) || time.Since(before) > 0 {
			w.Errorf("had the lock: %q, %v after it was given up", got, time.Since(before))
		}
		if _, err := locks["d"].TryLock(w.Context()); err == nil {
			w.Error("one that waits has the lock")
		}
		for _, key := range w.keys("k") {
			if w.key(key).Session == "" {
				w.Errorf("the dead one's key %s is left", key)
			}
		}
		wantError(w, "unlock", locks["c"].Unlock(w.Context()), nil)
		if got := order(); !slices.Equal(got, []string{"a", "c", "d"}) {
			w.Errorf("had the lock: %q", got)
		}
	})
}

// A holder that dies is succeeded after its lock-delay, and soon then, by the first that lives.
func TestFairLockHonoursTheLockDelay(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		entry := session()
		entry.LockDelay = 5 * time.Second
		first := must[*consul.FairLock](w)(w.client.FairLockOpts(&consul.LockOptions{Key: "k", SessionOpts: entry}))
		hold := must[context.Context](w)(first.Lock(w.Context()))
		holder := w.sessions()[0]
		_, wires, order := queue(w, "b", "c")
		wires["b"].cut(hangBefore)
		w.sleep(3 * ttl)
		must[*consul.WriteMeta](w)(w.client.Session().Destroy(w.Context(), holder))
		w.sleep(5 * time.Second)
		wantEnded(w, hold, consul.ErrLockLost)
		if got := order(); len(got) > 0 {
			w.Errorf("%q had the lock within the lock-delay", got)
		}
		w.sleep(250 * time.Millisecond)
		if got := order(); !slices.Equal(got, []string{"c"}) {
			w.Errorf("%q had the lock 250 ms after the lock-delay", got)
		}
		wantError(w, "unlock after the loss", first.Unlock(w.Context()), consul.ErrLockLost)
	})
}

// However many wait, a hand-off costs three reads and two writes at most.
func TestFairLockCostsTheSameForAnyNumber(t *testing.T) {
	t.Parallel()
	for _, contenders := range []int{2, 10, 100} {
		t.Run(fmt.Sprint(contenders), func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(w *world) {
				client, wire := w.process()
				var all sync.WaitGroup
				for range contenders {
					l := newFairLock(w, client, "k")
					all.Go(func() {
						if _, err := l.Lock(w.Context()); err != nil {
							w.Error(err)
						}
						time.Sleep(10 * time.Millisecond)
						wantError(w, "unlock", l.Unlock(w.Context()), nil)
					})
				}
				all.Wait()
				reads, writes := wire.count("read", "wait", "verify"), wire.count("txn", "acquire", "release", "delete", "put")
				if reads > 3*contenders || writes > 2*contenders {
					w.Errorf("%d contenders: %d reads, %d writes", contenders, reads, writes)
				}
			})
		})
	}
}

// A contender whose key was deleted while it waited comes again, at the end.
func TestFairLockComesAgain(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		locks, _, order := queue(w, "a", "b", "c")
		var pairs consul.KVPairs
		for _, key := range w.keys("k") {
			pairs = append(pairs, w.key(key))
		}
		slices.SortFunc(pairs, func(a, b *consul.KVPair) int { return int(a.CreateIndex) - int(b.CreateIndex) })
		must[*consul.WriteMeta](w)(w.client.KV().Delete(w.Context(), pairs[1].Key))
		wantError(w, "unlock", locks["a"].Unlock(w.Context()), nil)
		w.sleep(time.Second)
		wantError(w, "unlock", locks["c"].Unlock(w.Context()), nil)
		w.sleep(time.Second)
		if got := strings.Join(order(), ""); got != "acb" {
			w.Errorf("had the lock: %q", got)
		}
	})
}

// A session whose keys go with it leaves no sign that its holder may still be inside, so that it is refused, whoever made it.
func TestFairLockRefusesASessionThatDeletes(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		entry := session()
		entry.Behavior = consul.SessionBehaviorDelete
		h := must[*consul.SessionHandle](w)(w.client.Session().KeepAlive(w.Context(), entry))
		for _, opts := range []*consul.LockOptions{{Key: "k", Session: h}, {Key: "k", SessionOpts: entry}} {
			_, err := w.client.FairLockOpts(opts)
			wantRefused(w, err)
		}
		wantError(w, "close", h.Close(w.Context()), nil)
	})
}
