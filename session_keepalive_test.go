package consul_test

// This file tests Session.KeepAlive.

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lictor-go/consul"
)

const (
	ttl   = 10 * time.Second
	lease = ttl - ttl/20 // for how long a session that is not renewed is sure to live
)

func keepAlive(t testing.TB, client *consul.Client, ctx context.Context) *consul.SessionHandle {
	t.Helper()
	return must[*consul.SessionHandle](t)(client.Session().KeepAlive(ctx, session()))
}

func TestKeepAliveOnTheServer(t *testing.T) {
	t.Parallel()
	client := newClient(t)
	ctx := testContext(t)
	h := must[*consul.SessionHandle](t)(client.Session().KeepAlive(ctx, nil))
	got := info(t, client, h.ID())
	if got.TTL != consul.DefaultSessionTTL || got.LockDelay != 15*time.Second {
		t.Errorf("by default the TTL is %v and the lock-delay %v", got.TTL, got.LockDelay)
	}
	wantLive(t, h.Context())
	for range 2 {
		wantError(t, "close", h.Close(ctx), nil)
	}
	wantEnded(t, h.Context(), context.Canceled)
	if _, _, err := client.Session().Info(ctx, h.ID()); !errors.Is(err, consul.ErrNotFound) {
		t.Errorf("after Close: %v, want ErrNotFound", err)
	}
}

func TestKeepAliveLockDelay(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		for _, test := range []struct{ ttl, delay, want time.Duration }{
			{10 * time.Second, 0, 15 * time.Second},
			{40 * time.Second, 0, 40 * time.Second}, // at least the TTL
			{40 * time.Second, time.Second, time.Second},
			{40 * time.Second, consul.NoLockDelay, 0},
		} {
			entry := &consul.SessionEntry{TTL: test.ttl, LockDelay: test.delay, NodeChecks: []string{}}
			before := *entry
			h := must[*consul.SessionHandle](w)(w.client.Session().KeepAlive(w.Context(), entry))
			if got := info(w, w.client, h.ID()).LockDelay; got != test.want {
				w.Errorf("TTL %v, lock-delay %v: got a lock-delay of %v, want %v", test.ttl, test.delay, got, test.want)
			}
			if entry.TTL != before.TTL || entry.LockDelay != before.LockDelay {
				w.Errorf("the caller's entry was changed: %+v", entry)
			}
			wantError(w, "close", h.Close(w.Context()), nil)
		}
	})
}

// A renewal starts a third of the TTL after the one before, a tenth of that more or less.
func TestKeepAliveRenews(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		client, wire := w.process()
		h := keepAlive(w, client, w.Context())
		w.sleep(10 * time.Minute)
		wantLive(w, h.Context())
		different := map[time.Duration]bool{}
		log := wire.sent()
		for i, s := range log[1:] {
			pause := s.at.Sub(log[i].at)
			different[pause] = true
			if s.kind != "renew" || pause < ttl*3/10 || pause > ttl*11/30+time.Millisecond {
				w.Errorf("%s after %v, want a renewal after about %v", s.kind, pause, ttl/3)
			}
			if i == len(log)-2 && !h.Deadline().Equal(s.at.Add(lease)) {
				w.Errorf("the deadline is %v after the last renewal, want %v", h.Deadline().Sub(s.at), lease)
			}
		}
		if len(log) < 150 || len(different) < 50 {
			w.Errorf("%d renewals after %d different pauses", len(log), len(different))
		}
		wantError(w, "close", h.Close(w.Context()), nil)
		w.wantNothingHeld()
	})
}

// What fails is tried again soon, within the lease, and no failure ends the session that is shorter than that.
func TestKeepAliveRidesOutFailures(t *testing.T) {
	t.Parallel()
	for _, f := range allTroubles {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(w *world) {
				client, wire := w.process()
				h := keepAlive(w, client, w.Context())
				for range 20 {
					wire.cut(f)
					w.sleep(4 * time.Second)
					wire.cut(fine)
					w.sleep(4 * time.Second)
				}
				wantLive(w, h.Context())
				w.sleep(time.Minute)
				wantLive(w, h.Context())
				wantError(w, "close", h.Close(w.Context()), nil)
				w.wantNothingHeld()
			})
		})
	}
}

// The handle ends at its deadline whatever the network does, to the instant, and nothing is renewed after.
func TestKeepAliveEndsAtTheDeadline(t *testing.T) {
	t.Parallel()
	for _, f := range allTroubles {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(w *world) {
				client, wire := w.process()
				h := keepAlive(w, client, w.Context())
				var last time.Time // start of the last renewal that was answered
				wire.choose(func(r *http.Request) trouble {
					if kindOf(r) == "renew" {
						last = time.Now()
					}
					return fine
				})
				w.sleep(time.Minute)
				renewed := last
				wire.cut(f)
				<-h.Context().Done()
				ended := time.Now()
				if after := ended.Sub(renewed); after != lease {
					w.Errorf("ended %v after the last renewal, want %v", after, lease)
				}
				wantEnded(w, h.Context(), consul.ErrSessionExpired)
				if cause := context.Cause(h.Context()).Error(); !strings.Contains(cause, "last failure") {
					w.Errorf("the cause tells no failure: %v", cause)
				}
				w.sleep(time.Minute)
				for _, s := range wire.sent() {
					if s.kind == "renew" && s.at.After(ended) {
						w.Errorf("a renewal %v after the end", s.at.Sub(ended))
					}
				}
				wire.cut(fine)
				if h.Close(w.Context()) == nil && f != eofAfter && f != hangAfter {
					w.Error("the destruction, which failed, is told as done")
				}
				w.sleep(2 * ttl)
				w.wantNothingHeld()
			})
		})
	}
}

// A session that an operator ends is missed by the next renewal.
func TestKeepAliveNoticesThatTheSessionIsGone(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		client, wire := w.process()
		h := keepAlive(w, client, w.Context())
		w.sleep(time.Second)
		must[*consul.WriteMeta](w)(w.client.Session().Destroy(w.Context(), h.ID()))
		w.sleep(ttl / 2)
		wantEnded(w, h.Context(), consul.ErrSessionExpired)
		wantError(w, "close", h.Close(w.Context()), nil)
		if n := wire.count("renew"); n != 1 {
			w.Errorf("%d renewals, want 1", n)
		}
		if n := wire.count("destroy"); n != 0 {
			w.Errorf("%d destructions of a session that is gone", n)
		}
	})
}

// A server that has just become the leader may know less than its predecessor acknowledged, until it has caught up.
func TestKeepAliveDoubtsALeaderThatLagsBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lagging := 2
		c := clientWith(t, &consul.Config{Transport: respond(func(w http.ResponseWriter, r *http.Request) {
			switch kindOf(r) {
			case "create":
				answer(200, `{"ID":"s"}`)(w, r)
			case "renew":
				if lagging--; lagging >= 0 {
					answer(404, `Session id 's' not found`)(w, r)
					return
				}
				answer(200, `[{"ID":"s","TTL":"10s"}]`)(w, r)
			case "info":
				if !r.URL.Query().Has("consistent") {
					t.Error("the leader is not asked to make sure")
				}
				answer(200, `[{"ID":"s","TTL":"10s"}]`)(w, r)
			case "destroy":
				answer(200, `true`)(w, r)
			}
		})})
		h := keepAlive(t, c, t.Context())
		time.Sleep(time.Minute)
		wantLive(t, h.Context())
		wantError(t, "close", h.Close(t.Context()), nil)
	})
}

func TestKeepAliveGoesByTheTTLOfTheServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		link := &wire{to: respond(func(w http.ResponseWriter, r *http.Request) {
			switch kindOf(r) {
			case "create":
				answer(200, `{"ID":"s"}`)(w, r)
			case "renew":
				answer(200, `[{"ID":"s","TTL":"60s"}]`)(w, r)
			default:
				answer(200, `true`)(w, r)
			}
		})}
		h := keepAlive(t, clientWith(t, &consul.Config{Transport: link}), t.Context())
		time.Sleep(10 * time.Minute)
		log := link.sent()
		if n := len(log); n < 27 || n > 35 {
			t.Errorf("%d requests in 10 minutes, want one each 20 s", n)
		}
		if want := log[len(log)-1].at.Add(57 * time.Second); !h.Deadline().Equal(want) {
			t.Errorf("the deadline is %v, want %v", h.Deadline(), want)
		}
		wantError(t, "close", h.Close(t.Context()), nil)
	})
}

func TestKeepAliveEndsWithItsContext(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		type key struct{}
		because := errors.New("because")
		ctx, cancel := context.WithCancelCause(context.WithValue(w.Context(), key{}, "value"))
		h := keepAlive(w, w.client, ctx)
		if h.Context().Value(key{}) != "value" {
			w.Error("the context of the handle lacks a value of its parent")
		}
		w.sleep(time.Minute)
		cancel(because)
		synctest.Wait()
		wantEnded(w, h.Context(), because)
		w.wantNothingHeld()
		h.Orphan() // too late, and without effect
		wantError(w, "close", h.Close(w.Context()), nil)
	})
}

func TestKeepAliveOrphan(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		client, wire := w.process()
		h := keepAlive(w, client, w.Context())
		w.sleep(time.Minute)
		h.Orphan()
		h.Orphan()
		wantError(w, "close", h.Close(w.Context()), nil)
		wantEnded(w, h.Context(), context.Canceled)
		if sessions := w.sessions(); len(sessions) != 1 || sessions[0] != h.ID() {
			w.Errorf("sessions %q, want the orphan", sessions)
		}
		n := wire.count()
		w.sleep(2 * ttl)
		if wire.count() != n {
			w.Error("requests after the end")
		}
		w.wantNothingHeld()
	})
}

// The first of Close and Orphan counts, also while the destruction is under way.
func TestKeepAliveOrphanAfterClose(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		client, wire := w.process()
		h := keepAlive(w, client, w.Context())
		wire.meet(internal, "destroy", 0, 1)
		ctx, cancel := context.WithCancel(w.Context())
		cancel()
		wantError(w, "a close that does not wait", h.Close(ctx), context.Canceled)
		h.Orphan()
		w.wantNothingHeld()
	})
}

// Close waits no longer than its context, and the destruction goes on.
func TestKeepAliveCloseIsBounded(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		client, wire := w.process()
		h := keepAlive(w, client, w.Context())
		wire.cut(eofBefore)
		start := time.Now()
		ctx, cancel := context.WithTimeout(w.Context(), time.Second)
		defer cancel()
		wantError(w, "close", h.Close(ctx), context.DeadlineExceeded)
		if took := time.Since(start); took != time.Second {
			w.Errorf("Close took %v", took)
		}
		wire.cut(fine)
		wantError(w, "close", h.Close(w.Context()), nil)
		w.wantNothingHeld()
	})
}

func TestKeepAliveThatCanNotStart(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		client, wire := w.process()
		wire.cut(internal)
		if _, err := client.Session().KeepAlive(w.Context(), nil); err == nil {
			w.Error("a session that the server did not make")
		}
		if _, err := client.Session().KeepAlive(w.Context(), &consul.SessionEntry{TTL: -1}); !errors.Is(err, consul.ErrInvalidOption) {
			w.Errorf("a negative TTL: %v", err)
		}
		ctx, cancel := context.WithCancel(w.Context())
		cancel()
		if _, err := client.Session().KeepAlive(ctx, nil); !errors.Is(err, context.Canceled) {
			w.Errorf("a context that has ended: %v", err)
		}
	})
}

func TestKeepAliveOfAClosedClient(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		client, _ := w.process()
		h := keepAlive(w, client, w.Context())
		client.Close()
		w.sleep(ttl / 2)
		wantEnded(w, h.Context(), consul.ErrClosed)
		w.sleep(2 * ttl)
		w.wantNothingHeld()
	})
}
