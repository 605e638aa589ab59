package consul_test

// This file tests when a watch asks, and from where, at endpoints and servers that are not like most.

import (
	"context"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lictor-go/consul"
	"github.com/lictor-go/consul/embedded"
)

// A question carries the index of the answer before it, but none after an error and after one that has gone backwards, and
// never one below 1.
func TestWatchIndexes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		answers := []string{"7", "9", "9", "3", "4", "error", "18446744073709551615", "18446744073709551615", "0", "0"}
		wanted := []string{"", "7", "9", "9", "", "4", "", "18446744073709551615", "18446744073709551615", "", "1"}
		ctx, stop := context.WithCancel(t.Context())
		var asked []string
		client := clientWith(t, &consul.Config{Transport: roundTripFunc(func(r *http.Request) (*http.Response, error) {
			asked = append(asked, r.URL.Query().Get("index"))
			if len(asked) > len(answers) {
				stop()
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			index := answers[len(asked)-1]
			if index == "error" {
				return answerText(r, http.StatusInternalServerError, "an error"), nil
			}
			resp := answerText(r, http.StatusOK, "[]")
			resp.Header.Set("X-Consul-Index", index)
			return resp, nil
		})})
		for range client.WatchNodes(ctx) {
		}
		if !slices.Equal(asked, wanted) {
			t.Errorf("it asked from %q, want %q", asked, wanted)
		}
	})
}

// An endpoint that works by hash is waited at. Where the thing is absent there is nothing to wait on: that is an error,
// and asked for now and then.
func TestWatchByHash(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		client, wire := w.process()
		register := func(port int) {
			web := &consul.AgentServiceRegistration{Name: "web", Port: port}
			if _, err := w.client.Agent().ServiceRegister(w.Context(), web); err != nil {
				w.Fatal(err)
			}
			synctest.Wait()
		}
		register(1)
		port := func(s *consul.AgentService) string { return strconv.Itoa(s.Port) }
		end := following(w, port, func(ctx context.Context) iter.Seq2[*consul.AgentService, error] {
			return consul.Watch(ctx, consul.QueryOf(client.Agent().Service, "web"))
		})
		w.sleep(time.Hour)
		if n := wire.count(); n > 67 {
			w.Errorf("in an hour in which nothing happened it asked %d times", n)
		}
		register(2)
		w.sleep(time.Second)
		if _, err := w.client.Agent().ServiceDeregister(w.Context(), "web"); err != nil {
			w.Fatal(err)
		}
		asked := wire.count()
		w.sleep(time.Hour)
		if n := wire.count() - asked; n < 360 || n > 1500 {
			w.Errorf("in an hour in which there was no service it asked %d times", n)
		}
		register(3)
		w.sleep(time.Minute)
		var told []seen
		for _, s := range end() {
			if wantAbsence := len(told) == 2; s.err != nil && wantAbsence {
				wantError(w, "without the service", s.err, consul.ErrNotFound)
				continue
			}
			told = append(told, s)
		}
		wantValues(w, told, "1", "2", "3")
	})
}

// Where the server does not wait, and its answers say nothing new, it is asked ever more seldom.
func TestWatchOfAServerThatDoesNotWait(t *testing.T) {
	t.Parallel()
	few := func(w *world, wire *wire) {
		w.Helper()
		w.sleep(time.Minute)
		asked := wire.count()
		w.sleep(time.Hour)
		if n := wire.count() - asked; n < 360 || n > 1500 {
			w.Errorf("in an hour it asked %d times", n)
		}
	}
	t.Run("an endpoint without an index", func(t *testing.T) {
		t.Parallel()
		inWorld(t, func(w *world) {
			client, wire := w.process()
			end := following(w, func(dcs []string) string { return dcs[0] }, func(ctx context.Context) iter.Seq2[[]string, error] {
				return consul.Watch(ctx, client.Catalog().Datacenters)
			})
			few(w, wire)
			wantValues(w, end(), "dc1")
		})
	})
	for name, index := range map[string]uint64{"index 0": 0, "the same index": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(w *world) {
				client, wire := w.process()
				w.put("one")
				w.server.Inject(embedded.Fault{Match: ofKey, Effect: embedded.Index(index)})
				end := watching(w, client)
				few(w, wire)
				w.put("two")
				w.sleep(11 * time.Second)
				wantValues(w, end(), "one", "two")
			})
		})
	}
}

// A server that waits, but for less than it is asked to, is asked again at once.
func TestWatchOfAServerThatWaitsForLess(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		client, wire := w.process()
		w.put("one")
		const most = 20 * time.Second
		w.server.Inject(embedded.Fault{Match: ofKey, Effect: func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
			query := r.URL.Query()
			query.Set("wait", most.String())
			r.URL.RawQuery = query.Encode()
			next.ServeHTTP(rw, r)
		}})
		end := watching(w, client)
		w.sleep(time.Hour)
		wantValues(w, end(), "one")
		sent := wire.sent()
		for i := range sent[1:] {
			if took := sent[i+1].at.Sub(sent[i].at); took > most*17/16 {
				w.Fatalf("it asked again after %v, want %v and the server's jitter at most", took, most)
			}
		}
	})
}

// A 404 that does not come from Consul says nothing about the key.
func TestWatchTakesNoOther404ForAbsence(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.put("one")
		page := embedded.Answer(http.StatusNotFound, "no such page")
		w.server.Inject(embedded.Fault{Match: ofKey, Skip: 1, Effect: page})
		end := watching(w, w.client)
		w.sleep(time.Minute)
		all := end()
		wantValues(w, all[:2], "one", "!")
		for _, s := range all[1:] {
			wantError(w, "the page", s.err, consul.ErrNotFound)
		}
	})
}

// A server that names a time is left alone for so long.
func TestWatchHeedsRetryAfter(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		client, wire := w.process()
		later := func(rw http.ResponseWriter, _ *http.Request, _ http.Handler) {
			rw.Header().Set("Retry-After", "60")
			rw.WriteHeader(http.StatusTooManyRequests)
		}
		w.server.Inject(embedded.Fault{Match: ofKey, Effect: later})
		end := watching(w, client)
		w.sleep(time.Hour)
		end()
		if n := wire.count(); n < 50 || n > 60 {
			w.Errorf("in an hour it asked %d times", n)
		}
	})
}

// What has changed before an outage is told of, settled or not.
func TestWatchDoesNotSettleThroughAnOutage(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		client, wire := w.process()
		end := watching(w, client, consul.Settle(10*time.Second))
		w.put("one")
		wire.cut(eofBefore)
		w.put("two") // ends the question
		w.sleep(time.Second)
		wantValues(w, end()[:3], "", "one", "!")
	})
}
