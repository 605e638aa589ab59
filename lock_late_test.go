package consul_test

// This file tests requests that take effect after they were given up: they waited at a server that was suspended, or on the
// way. With a session of the caller's they come upon a later hold of the same session.

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
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

// eachWithSession runs a test for each of them, in a world of its own: newOne makes contenders that share a session. At its
// end the session is closed, and nothing is left.
func eachWithSession(
	t *testing.T, test func(w *world, name string, session *consul.SessionHandle, newOne func(*consul.Client) *contender),
) {
	t.Helper()
	for name, makeOne := range withSession {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(w *world) {
				session := keepAlive(w, w.client, w.Context())
				test(w, name, session, func(c *consul.Client) *contender { return makeOne(w, c, session) })
				wantError(w, "close", session.Close(w.Context()), nil)
				w.wantNothingHeld()
			})
		})
	}
}

// A release that was tried again, since its answer did not come, ends no later hold.
func TestLateRelease(t *testing.T) {
	t.Parallel()
	eachWithSession(t, func(w *world, _ string, _ *consul.SessionHandle, newOne func(*consul.Client) *contender) {
		client, wire := w.process()
		c := newOne(client)
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
	})
}

// What was to be taken, and is taken after nobody waited for it any more, is given back.
func TestLateAcquisition(t *testing.T) {
	t.Parallel()
	eachWithSession(t, func(w *world, _ string, session *consul.SessionHandle, newOne func(*consul.Client) *contender) {
		client, wire := w.process()
		c := newOne(client)
		for _, patience := range []time.Duration{time.Second, time.Minute} { // the second has it in the end
			first := true
			wire.choose(func(r *http.Request) trouble {
				if kind := kindOf(r); first && (kind == "txn" || kind == "acquire") {
					first = false
					return hangLate
				}
				return fine
			})
			ctx, cancel := context.WithTimeout(w.Context(), patience)
			err := c.take(ctx)
			cancel()
			if patience == time.Second {
				wantError(w, "take", err, context.DeadlineExceeded)
			} else {
				wantError(w, "take", err, nil)
				wantError(w, "give back", c.give(w.Context()), nil)
			}
			if first {
				w.Fatal("no acquisition was late")
			}
			w.sleep(lateBy + ttl)
			wantLive(w, session.Context())
			for _, key := range w.keys("k") {
				if pair := w.key(key); pair.Session != "" {
					w.Errorf("after %v of patience %s is held", patience, key)
				}
			}
		}
	})
}

// A session of the caller's takes nothing again before it is known that an earlier hold was given back.
func TestTakeAgainWaitsForTheRelease(t *testing.T) {
	t.Parallel()
	eachWithSession(t, func(w *world, _ string, _ *consul.SessionHandle, newOne func(*consul.Client) *contender) {
		client, wire := w.process()
		c := newOne(client)
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
	})
}

// What no later try would change is not waited for.
func TestTakeAgainAfterARefusedRelease(t *testing.T) {
	t.Parallel()
	eachWithSession(t, func(w *world, _ string, _ *consul.SessionHandle, newOne func(*consul.Client) *contender) {
		client, wire := w.process()
		c := newOne(client)
		wantError(w, "take", c.take(w.Context()), nil)
		wire.cut(denied)
		wantError(w, "give back", c.give(w.Context()), consul.ErrPermissionDenied)
		wantError(w, "take again", c.take(w.Context()), consul.ErrPermissionDenied)
		wire.cut(fine)
		wantError(w, "take again", c.take(w.Context()), nil)
		wantError(w, "give back", c.give(w.Context()), nil)
	})
}

// A lagging wire has its next few reads, but for those that ask to make sure, answered by a leader that lags behind: what it
// knows is what was there when that was noted.
type lagging struct {
	to http.RoundTripper

	mu    sync.Mutex
	was   map[string]string // answers by path and query, less the index to wait for
	reads int               // how many are answered so
}

func (l *lagging) RoundTrip(r *http.Request) (*http.Response, error) {
	if answer := l.old(r); answer != nil {
		return answer, nil
	}
	return l.to.RoundTrip(r)
}

// old is the answer of the leader that lags behind, nil where it is not asked.
func (l *lagging) old(r *http.Request) *http.Response {
	l.mu.Lock()
	defer l.mu.Unlock()
	query := r.URL.Query()
	if r.Method != http.MethodGet || query.Has("consistent") || l.reads == 0 {
		return nil
	}
	l.reads--
	query.Del("index")
	query.Del("wait")
	answer := answerText(r, http.StatusNotFound, "")
	if text := l.was[r.URL.Path+"?"+query.Encode()]; text != "" {
		answer = answerText(r, http.StatusOK, text)
	}
	answer.Header.Set("X-Consul-Index", "1")
	return answer
}

// note notes what there is by now under a key.
func (l *lagging) note(w *world, key string) {
	w.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.was = map[string]string{}
	for _, url := range []string{"/v1/kv/" + key + "?", "/v1/kv/" + key + "/?recurse=", "/v1/kv/" + key + "/.lock?"} {
		r := must[*http.Request](w)(http.NewRequestWithContext(w.Context(), http.MethodGet, "http://consul"+url, nil))
		resp := must[*http.Response](w)(l.to.RoundTrip(r))
		if resp.StatusCode == http.StatusOK {
			l.was[url] = string(must[[]byte](w)(io.ReadAll(resp.Body)))
		}
		resp.Body.Close()
	}
}

func (l *lagging) lag(reads int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reads = reads
}

// What a leader that lags behind tells of an earlier hold of the same session is not taken for a hold.
func TestTakeAgainDoubtsALeaderThatLagsBehind(t *testing.T) {
	t.Parallel()
	eachWithSession(t, func(w *world, name string, _ *consul.SessionHandle, newOne func(*consul.Client) *contender) {
		link := &lagging{to: w.server.Transport()}
		c := newOne(clientWith(w, &consul.Config{Transport: link}))
		wantError(w, "take", c.take(w.Context()), nil)
		link.note(w, "k")
		wantError(w, "give back", c.give(w.Context()), nil)
		rival := recipes[name](w, w.client)
		wantError(w, "the rival", rival.take(w.Context()), nil)

		link.lag(2)
		taken := start(func() error { return c.take(w.Context()) })
		w.sleep(time.Minute)
		select {
		case got := <-taken:
			w.Fatalf("two hold at once: %v", got.err)
		default:
		}
		wantLive(w, rival.hold)
		wantError(w, "the rival gives back", rival.give(w.Context()), nil)
		wantError(w, "take again", (<-taken).err, nil)
		wantLive(w, c.hold)
		wantError(w, "give back again", c.give(w.Context()), nil)
	})
}

// What a leader that lags behind does not know of yet is given back all the same.
func TestGiveBackDoubtsALeaderThatLagsBehind(t *testing.T) {
	t.Parallel()
	eachWithSession(t, func(w *world, _ string, session *consul.SessionHandle, newOne func(*consul.Client) *contender) {
		link := &lagging{to: w.server.Transport()}
		c := newOne(clientWith(w, &consul.Config{Transport: link}))
		link.note(w, "k")
		wantError(w, "take", c.take(w.Context()), nil)
		synctest.Wait()
		link.lag(2)
		wantError(w, "give back", c.give(w.Context()), nil)
		link.lag(0)
		if doc := w.key("k/.lock"); doc != nil && strings.Contains(string(doc.Value), session.ID()) {
			w.Errorf("the slot was not given back: %s", doc.Value)
		}
	})
}
