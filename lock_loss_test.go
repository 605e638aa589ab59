package consul_test

// This file tests how a Lock is lost, and when the next one has it.

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lictor-go/consul"
)

// The hold ends, and says why, when somebody or something takes the lock away.
func TestLockIsLost(t *testing.T) {
	t.Parallel()
	for name, takeAway := range map[string]func(w *world, held *consul.KVPair) (context.Context, error){
		"session destroyed": func(w *world, held *consul.KVPair) (context.Context, error) {
			_, err := w.client.Session().Destroy(w.Context(), held.Session)
			return nil, err
		},
		"key deleted": func(w *world, held *consul.KVPair) (context.Context, error) {
			_, err := w.client.KV().Delete(w.Context(), held.Key)
			return nil, err
		},
		"key released": func(w *world, held *consul.KVPair) (context.Context, error) {
			_, _, err := w.client.KV().Release(w.Context(), held)
			return nil, err
		},
		"key deleted and taken": func(w *world, held *consul.KVPair) (context.Context, error) {
			if _, err := w.client.KV().Delete(w.Context(), held.Key); err != nil {
				return nil, err
			}
			return newLock(w, w.client, held.Key).Lock(w.Context())
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(w *world) {
				client, wire := w.process()
				l := newLock(w, client, "k")
				hold := take(w, l)
				w.sleep(time.Minute)
				wantLive(w, hold)
				if _, err := takeAway(w, w.key("k")); err != nil {
					w.Fatal(err)
				}
				lost := time.Now()
				synctest.Wait()
				wantEnded(w, hold, consul.ErrLockLost)
				for range 2 {
					wantError(w, "unlock after the loss", l.Unlock(w.Context()), consul.ErrLockLost)
				}
				if l.Fence() != 0 || !l.Deadline().IsZero() {
					w.Error("a lock that was lost has a fence or a deadline")
				}
				_, err := l.Guard()
				wantError(w, "guard", err, consul.ErrLockNotHeld)
				w.sleep(time.Minute)
				for _, s := range wire.sent() {
					if s.kind == "renew" && s.at.After(lost) {
						w.Error("a renewal after the loss")
					}
				}
				if name != "key deleted and taken" {
					w.wantNothingHeld()
					again := take(w, l) // it can be used again
					wantLive(w, again)
					wantError(w, "unlock", l.Unlock(w.Context()), nil)
					w.wantNothingHeld()
				}
			})
		})
	}
}

// The monitor does not take a leader at its word that has not caught up yet.
func TestLockDoubtsALeaderThatLagsBehind(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		client, wire := w.process()
		l := newLock(w, client, "k")
		hold := take(w, l)
		knows, lags := wire.to, newWorld(w.T).server.Transport()
		wire.mu.Lock()
		wire.to = roundTripFunc(func(r *http.Request) (*http.Response, error) {
			if kindOf(r) == "wait" { // answered by a server that has never heard of the key
				r = r.Clone(r.Context())
				r.URL.RawQuery = ""
				return lags.RoundTrip(r)
			}
			return knows.RoundTrip(r)
		})
		wire.mu.Unlock()
		w.sleep(time.Minute)
		wantLive(w, hold)
		if wire.count("verify") == 0 {
			w.Error("nobody was asked to make sure")
		}
		wantError(w, "unlock", l.Unlock(w.Context()), nil)
	})
}

// A silent partition ends the hold at its deadline, before anyone else can have the lock, and the lock goes on to the
// rival after the lock-delay.
func TestLockInASilentPartition(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		client, wire := w.process()
		l := newLock(w, client, "k")
		hold := take(w, l)
		w.sleep(time.Minute)
		cut := time.Now()
		wire.cut(hangBefore)
		rival := newLock(w, w.client, "k")
		taken := start(func() error { _, err := rival.Lock(w.Context()); return err })

		<-hold.Done()
		if after := time.Since(cut); after > ttl {
			w.Errorf("the hold ended %v after the cut", after)
		}
		if !time.Now().Equal(l.Deadline()) && !l.Deadline().IsZero() {
			w.Error("the hold did not end at its deadline")
		}
		wantEnded(w, hold, consul.ErrLockLost)
		wantEnded(w, hold, consul.ErrSessionExpired)
		ended := time.Now()
		got := <-taken
		wantError(w, "the rival", got.err, nil)
		if got.at.Before(ended) {
			w.Error("the rival had the lock before the hold had ended")
		}
		if after := got.at.Sub(cut); after < 15*time.Second || after > 2*ttl+16*time.Second {
			w.Errorf("the rival had the lock %v after the cut", after)
		}
		if rival.Fence() <= 1 {
			w.Error("the rival has no fence")
		}
		wire.cut(fine)
		wantError(w, "unlock after the loss", l.Unlock(w.Context()), consul.ErrLockLost)
		wantError(w, "the rival's unlock", rival.Unlock(w.Context()), nil)
		w.sleep(2 * ttl)
		w.wantNothingHeld()
	})
}

// A session that can't be renewed is destroyed, which lets others in at once: its hold has ended before that is asked for.
func TestHoldsEndBeforeTheirSessionIsDestroyed(t *testing.T) {
	t.Parallel()
	for name, newOne := range recipes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(w *world) {
				client, wire := w.process()
				c := newOne(w, client)
				for range 100 {
					wantError(w, "take", c.take(w.Context()), nil)
					destroyed := 0
					wire.choose(func(r *http.Request) trouble {
						switch kindOf(r) {
						case "renew":
							return gateway
						case "destroy":
							destroyed++
							if c.hold.Err() == nil {
								w.Error("the session is destroyed, and its hold goes on")
							}
						}
						return fine
					})
					<-c.hold.Done()
					w.sleep(time.Minute)
					wire.choose(nil)
					if destroyed != 1 {
						w.Fatalf("the session was destroyed %d times", destroyed)
					}
				}
			})
		})
	}
}

// Those who wait for a lock-delay to pass have the lock soon after.
func TestLockAfterALockDelay(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		for range 50 {
			entry := session()
			entry.LockDelay = 2 * time.Second
			holder := newLockOpts(w, w.client, &consul.LockOptions{Key: "k", SessionOpts: entry})
			take(w, holder)
			rival := newLock(w, w.client, "k")
			taken := start(func() error { _, err := rival.Lock(w.Context()); return err })
			w.sleep(time.Second)
			must[*consul.WriteMeta](w)(w.client.Session().Destroy(w.Context(), w.key("k").Session))
			crashed := time.Now()
			got := <-taken
			wantError(w, "the rival", got.err, nil)
			if after := got.at.Sub(crashed); after < 2*time.Second || after > 2250*time.Millisecond {
				w.Errorf("the rival had the lock after %v, with a lock-delay of 2 s", after)
			}
			wantError(w, "unlock", rival.Unlock(w.Context()), nil)
			wantError(w, "unlock after the loss", holder.Unlock(w.Context()), consul.ErrLockLost)
			synctest.Wait()
		}
		_, err := newLock(w, w.client, "k").TryLock(w.Context())
		wantError(w, "the lock is free", err, nil)
	})
}

// Within a lock-delay TryLock does not wait.
func TestTryLockWithinALockDelay(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		take(w, newLock(w, w.client, "k"))
		must[*consul.WriteMeta](w)(w.client.Session().Destroy(w.Context(), w.key("k").Session))
		before := time.Now()
		l := newLock(w, w.client, "k")
		_, err := l.TryLock(w.Context())
		wantError(w, "try", err, consul.ErrLockHeld)
		if time.Since(before) > 0 {
			w.Errorf("it took %v", time.Since(before))
		}
		synctest.Wait()
		w.wantNothingHeld()
	})
}
