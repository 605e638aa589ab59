package consul_test

// This file tests Semaphore. See lock_faults_test.go for what goes wrong on its way.

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lictor-go/consul"
)

func newSemaphore(t testing.TB, c *consul.Client, limit int) *consul.Semaphore {
	t.Helper()
	return newSemaphoreOpts(t, c, &consul.SemaphoreOptions{Prefix: "s", Limit: limit, Value: []byte("v"), SessionOpts: session()})
}

func newSemaphoreOpts(t testing.TB, c *consul.Client, opts *consul.SemaphoreOptions) *consul.Semaphore {
	t.Helper()
	s := must[*consul.Semaphore](t)(c.SemaphoreOpts(opts))
	t.Cleanup(func() { _ = s.Release(context.Background()) })
	return s
}

func TestSemaphoreExcludesOnTheServer(t *testing.T) {
	t.Parallel()
	client, prefix := newClient(t), unique(t)
	exclude(t, 20, 3, func() (func(context.Context) (context.Context, error), func(context.Context) error) {
		s := must[*consul.Semaphore](t)(client.SemaphorePrefix(prefix, 3))
		return s.Acquire, s.Release
	})
	s := must[*consul.Semaphore](t)(client.SemaphorePrefix(prefix, 3))
	keys, _, err := client.KV().Keys(testContext(t), prefix, "")
	if err != nil || !slices.Equal(keys, []string{prefix + "/.lock"}) {
		t.Errorf("left are %q, %v", keys, err)
	}
	for range 2 {
		wantError(t, "destroy", s.Destroy(testContext(t)), nil)
	}
}

func TestSemaphoreOnTheWire(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		a, b, c := newSemaphore(w, w.client, 2), newSemaphore(w, w.client, 2), newSemaphore(w, w.client, 2)
		wantError(w, "release before acquire", a.Release(w.Context()), consul.ErrSemaphoreNotHeld)
		hold := must[context.Context](w)(a.Acquire(w.Context()))
		must[context.Context](w)(b.TryAcquire(w.Context()))
		_, err := c.TryAcquire(w.Context())
		wantError(w, "a third", err, consul.ErrSemaphoreHeld)
		_, err = a.Acquire(w.Context())
		wantError(w, "again", err, consul.ErrSemaphoreHeld)
		wantError(w, "destroy while held", a.Destroy(w.Context()), consul.ErrSemaphoreHeld)
		wantError(w, "a third's destroy", c.Destroy(w.Context()), consul.ErrSemaphoreInUse)
		synctest.Wait()

		lock := w.key("s/.lock")
		var doc map[string]any
		if err := json.Unmarshal(lock.Value, &doc); err != nil {
			w.Fatal(err)
		}
		holders, _ := doc["Holders"].(map[string]any)
		if len(doc) != 2 || doc["Limit"] != 2.0 || len(holders) != 2 || lock.Flags != 0xe0f69a2baa414de0 {
			w.Errorf("the document is %s, with flags %#x", lock.Value, lock.Flags)
		}
		sessions := w.sessions()
		if len(sessions) != 2 {
			w.Fatalf("sessions %q", sessions)
		}
		for _, id := range sessions {
			own := w.key("s/" + id)
			if holders[id] != true || own.Session != id || own.Flags != 0xe0f69a2baa414de0 || string(own.Value) != "v" {
				w.Errorf("of %s the document says %v, and its key is %+v", id, holders[id], own)
			}
			if s := info(w, w.client, id); s.Behavior != consul.SessionBehaviorDelete || s.Name != "Consul API Semaphore" {
				w.Errorf("the session is %+v", s)
			}
		}
		for range 2 {
			wantError(w, "release", a.Release(w.Context()), nil)
		}
		wantEnded(w, hold, context.Canceled)
		must[context.Context](w)(c.TryAcquire(w.Context()))
		wantError(w, "release", b.Release(w.Context()), nil)
		wantError(w, "release", c.Release(w.Context()), nil)
		w.wantNothingHeld()
		wantError(w, "destroy", c.Destroy(w.Context()), nil)
		if left := w.keys(""); len(left) > 0 {
			w.Errorf("left are %q", left)
		}
	})
}

// A slot is lost with the session, or when somebody deletes the contender's key, and is free for others then.
func TestSemaphoreIsLost(t *testing.T) {
	t.Parallel()
	for name, takeAway := range map[string]func(w *world, id string) error{
		"session destroyed": func(w *world, id string) error {
			_, err := w.client.Session().Destroy(w.Context(), id)
			return err
		},
		"key deleted": func(w *world, id string) error {
			_, err := w.client.KV().Delete(w.Context(), "s/"+id)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(w *world) {
				s, waiter := newSemaphore(w, w.client, 1), newSemaphore(w, w.client, 1)
				hold := must[context.Context](w)(s.Acquire(w.Context()))
				id := w.sessions()[0]
				taken := start(func() error { _, err := waiter.Acquire(w.Context()); return err })
				w.sleep(time.Minute)
				wantLive(w, hold)
				wantError(w, name, takeAway(w, id), nil)
				synctest.Wait()
				wantEnded(w, hold, consul.ErrSemaphoreLost)
				wantError(w, "release after the loss", s.Release(w.Context()), consul.ErrSemaphoreLost)
				wantError(w, "the waiter", (<-taken).err, nil)
				wantError(w, "the waiter's release", waiter.Release(w.Context()), nil)
				w.wantNothingHeld()
			})
		})
	}
}

// The slot of a holder whose session was ended by something but its TTL is nobody's before the holder has noticed, however
// silent the network is to it.
func TestSemaphoreHonoursTheLockDelay(t *testing.T) {
	t.Parallel()
	for _, behavior := range []string{consul.SessionBehaviorDelete, consul.SessionBehaviorRelease} {
		t.Run(behavior, func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(w *world) {
				entry := session()
				entry.Behavior = behavior
				client, wire := w.process()
				silent := newSemaphoreOpts(w, client, &consul.SemaphoreOptions{Prefix: "s", Limit: 1, SessionOpts: entry})
				hold := must[context.Context](w)(silent.Acquire(w.Context()))
				id := w.sessions()[0]
				waiter := newSemaphore(w, w.client, 1)
				taken := start(func() error { _, err := waiter.Acquire(w.Context()); return err })
				synctest.Wait()
				wire.cut(hangBefore)
				ended := time.Now()
				must[*consul.WriteMeta](w)(w.client.Session().Destroy(w.Context(), id))
				_, err := newSemaphore(w, w.client, 1).TryAcquire(w.Context())
				wantError(w, "meanwhile", err, consul.ErrSemaphoreHeld)
				got := <-taken
				wantError(w, "the waiter", got.err, nil)
				wantEnded(w, hold, consul.ErrSemaphoreLost)
				const delay = 15 * time.Second // the default
				if took := got.at.Sub(ended); took < delay || took > delay+250*time.Millisecond {
					w.Errorf("the waiter has it after %v, want the lock-delay, %v", took, delay)
				}
				wantError(w, "release", waiter.Release(w.Context()), nil)
				if keys := w.keys("s/"); len(keys) != 1 {
					w.Errorf("left are %q", keys)
				}
			})
		})
	}
}

// A contender whose session ends while it waits goes on with another one.
func TestSemaphoreOutlivesItsSession(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		holder, waiter := newSemaphore(w, w.client, 1), newSemaphore(w, w.client, 1)
		must[context.Context](w)(holder.Acquire(w.Context()))
		first := w.sessions()[0]
		taken := start(func() error { _, err := waiter.Acquire(w.Context()); return err })
		synctest.Wait()
		for _, id := range w.sessions() {
			if id != first {
				must[*consul.WriteMeta](w)(w.client.Session().Destroy(w.Context(), id))
			}
		}
		w.sleep(time.Second)
		wantError(w, "release", holder.Release(w.Context()), nil)
		wantError(w, "the waiter", (<-taken).err, nil)
		wantError(w, "its release", waiter.Release(w.Context()), nil)
		w.wantNothingHeld()
	})
}

// A contender whose session was the caller's, and has ended and left its key, removes that, and asks no more than it takes.
func TestSemaphoreRemovesTheKeyThatItsSessionLeft(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		holder := newSemaphore(w, w.client, 1)
		must[context.Context](w)(holder.Acquire(w.Context()))
		client, wire := w.process()
		h := keepAlive(w, w.client, w.Context())
		waiter := newSemaphoreOpts(w, client, &consul.SemaphoreOptions{Prefix: "s", Limit: 1, Session: h})
		taken := start(func() error { _, err := waiter.Acquire(w.Context()); return err })
		synctest.Wait()
		before := wire.count()
		must[*consul.WriteMeta](w)(w.client.Session().Destroy(w.Context(), h.ID()))
		wantError(w, "the waiter", (<-taken).err, consul.ErrSessionExpired)
		w.sleep(time.Minute)
		if n := wire.count() - before; n > 20 {
			w.Errorf("%d requests after the end of the session", n)
		}
		if w.key("s/"+h.ID()) != nil {
			w.Error("a contender's key is left")
		}
		wantError(w, "release", holder.Release(w.Context()), nil)
		wantError(w, "close", h.Close(w.Context()), nil)
		w.wantNothingHeld()
	})
}

func TestSemaphoreConflicts(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		h := keepAlive(w, w.client, w.Context())
		one := newSemaphoreOpts(w, w.client, &consul.SemaphoreOptions{Prefix: "s", Limit: 1, Session: h})
		must[context.Context](w)(newSemaphore(w, w.client, 2).Acquire(w.Context()))
		_, err := one.Acquire(w.Context())
		wantError(w, "another limit", err, consul.ErrSemaphoreConflict)
		wantError(w, "destroy", one.Destroy(w.Context()), consul.ErrSemaphoreConflict)
		synctest.Wait()
		if w.key("s/"+h.ID()) != nil {
			w.Error("a contender's key is left")
		}
		put(w, w.client.KV(), "s/.lock") // no document, and no flags
		_, err = one.TryAcquire(w.Context())
		wantError(w, "no document", err, consul.ErrSemaphoreConflict)
		wantError(w, "close", h.Close(w.Context()), nil)
	})
	client := offlineClient(t)
	for _, opts := range []*consul.SemaphoreOptions{
		nil, {Prefix: "s"}, {Prefix: "s", Limit: -1}, {Prefix: "s", Limit: 1, SemaphoreWaitTime: -1},
	} {
		_, err := client.SemaphoreOpts(opts)
		wantRefused(t, err)
	}
	if _, err := client.SemaphorePrefix("a//b", 1); !errors.Is(err, consul.ErrInvalidKey) {
		t.Errorf("a prefix that is no key: %v", err)
	}
}

// Whatever the document says, it is read or it is an error.
func FuzzSemaphoreDocument(f *testing.F) {
	for _, doc := range []string{
		`{"Limit":2,"Holders":{"a":true}}`, `{"Limit":2}`, `{"Limit":2,"Holders":null}`, `{"Limit":3,"Holders":{}}`, ``, `null`, `[]`,
		`{"Limit":-1}`, `{"Limit":2,"Holders":{"a":1}}`, `{"Limit":2,"Holders":["a"]}`, `{"Limit":1e99}`, `{"limit":2,"LIMIT":3}`, `{`,
	} {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			lock := &consul.KVPair{Key: "s/.lock", Value: doc, Flags: consul.SemaphoreFlagValue}
			must[*consul.WriteMeta](t)(w.client.KV().Put(t.Context(), lock))
			s := newSemaphore(t, w.client, 2)
			_, err := s.TryAcquire(t.Context())
			if err != nil && !errors.Is(err, consul.ErrSemaphoreConflict) {
				t.Fatalf("acquire: %v", err)
			}
			if err == nil {
				wantError(t, "release", s.Release(t.Context()), nil)
			}
			synctest.Wait()
			w.wantNothingHeld()
		})
	})
}

// 50 contenders for 3 slots, each once.
func TestSemaphoreCosts(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		client, wire := w.process()
		var all sync.WaitGroup
		var inside atomic.Int32
		for range 50 {
			s := newSemaphore(w, client, 3)
			all.Go(func() {
				if _, err := s.Acquire(w.Context()); err != nil {
					w.Error(err)
				}
				if n := inside.Add(1); n > 3 {
					w.Errorf("%d are inside", n)
				}
				time.Sleep(10 * time.Millisecond)
				inside.Add(-1)
				wantError(w, "release", s.Release(w.Context()), nil)
			})
		}
		all.Wait()
		if writes := wire.count("txn", "acquire", "release", "delete", "put"); writes > 250 {
			w.Errorf("%d writes", writes)
		}
		w.wantNothingHeld()
	})
}

func TestSemaphoreFirstComeFirstServed(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		var mu sync.Mutex
		var had []int
		var all []*consul.Semaphore
		for i := range 8 {
			s := newSemaphoreOpts(w, w.client, &consul.SemaphoreOptions{
				Prefix: "s", Limit: 2, FirstComeFirstServed: true, SessionOpts: session(),
			})
			all = append(all, s)
			go func() {
				if _, err := s.Acquire(w.Context()); err == nil {
					mu.Lock()
					defer mu.Unlock()
					had = append(had, i)
				}
			}()
			w.sleep(time.Second)
		}
		for i, s := range all {
			mu.Lock()
			if want := min(i+2, 8); len(had) != want || !slices.IsSorted(had) {
				w.Errorf("after %d releases had a slot: %v", i, had)
			}
			mu.Unlock()
			wantError(w, "release", s.Release(w.Context()), nil)
			w.sleep(time.Second)
		}
		w.wantNothingHeld()
	})
}
