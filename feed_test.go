package consul_test

// This file tests that watches and views of one client which ask the same thing share their questions.

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lictor-go/consul"
	"github.com/lictor-go/consul/embedded"
)

type seqOfPairs = iter.Seq2[*consul.KVPair, error]

// wantRefusal fails unless a loop has one error for its only round, ErrInvalidOption.
func wantRefusal[T any](t testing.TB, loop iter.Seq2[T, error]) {
	t.Helper()
	n := 0
	for _, err := range loop {
		wantError(t, "the loop", err, consul.ErrInvalidOption)
		n++
	}
	if n != 1 {
		t.Errorf("the loop had %d rounds, want 1", n)
	}
}

// A thousand who follow one service ask once, and get each change.
func TestThousandWatchersAskOnce(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		client, wire := w.process()
		ctx, stop := context.WithCancel(w.Context())
		const followers = 1000
		var all sync.WaitGroup
		seen := make([]int, followers)
		views := make([]*consul.View[[]*consul.ServiceEntry], followers)
		for i := range followers {
			views[i] = client.ViewService(w.Context(), "web", consul.PassingOnly())
			all.Go(func() {
				for entries, err := range client.WatchService(ctx, "web", &consul.QueryOptions{PassingOnly: true}) {
					if err != nil {
						w.Error(err)
					}
					seen[i] = len(entries)
				}
			})
		}
		synctest.Wait()
		for i := range 3 {
			web := &consul.AgentServiceRegistration{ID: fmt.Sprint("web-", i), Name: "web"}
			if _, err := w.client.Agent().ServiceRegister(w.Context(), web); err != nil {
				w.Fatal(err)
			}
			w.sleep(time.Second)
		}
		for i := range followers {
			if entries, ok := views[i].Get(); seen[i] != 3 || !ok || len(entries) != 3 {
				w.Fatalf("watch %d has seen %d instances, its view %d, want 3", i, seen[i], len(entries))
			}
		}
		if asked := wire.count(); asked > 8 {
			w.Errorf("for %d watches and as many views, there were %d questions", followers, asked)
		}
		stop()
		all.Wait()
		for _, v := range views {
			v.Close()
		}
		asked := wire.count()
		w.sleep(time.Hour)
		if wire.count() != asked {
			w.Error("it asks though nobody follows")
		}
	})
}

// Those who come later get what is known, without a question.
func TestLateWatchersAskNothing(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		client, wire := w.process()
		w.put("one")
		view := client.ViewKey(w.Context(), "k")
		defer view.Close()
		w.sleep(time.Second)
		asked := wire.count()
		for pair, err := range client.WatchKey(w.Context(), "k") {
			if err != nil || valueOf(pair) != "one" {
				w.Errorf("got %q, %v", valueOf(pair), err)
			}
			break
		}
		later := client.ViewKey(w.Context(), "k")
		defer later.Close()
		wantView(w, later, "one", nil)
		if wire.count() != asked {
			w.Errorf("there were %d questions more", wire.count()-asked)
		}
	})
}

// What differs in more than what the follower decides for itself is asked for itself.
func TestDifferentWatchesAreNotShared(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		type options = []consul.WatchOption
		for name, tt := range map[string]struct {
			one, other options
			questions  int
		}{
			"the same":          {nil, options{nil, (*consul.WatchOptions)(nil), &consul.QueryOptions{}}, 1},
			"equal":             {options{consul.WithDatacenter("dc1")}, options{&consul.QueryOptions{Datacenter: "dc1"}}, 1},
			"said to be so":     {options{&consul.WatchOptions{Wait: consul.DefaultWatchWait}}, nil, 1},
			"how long it keeps": {options{consul.KeepFor(time.Minute)}, options{consul.Persistent()}, 1},
			"stale":             {options{consul.Stale()}, nil, 2},
			"settled":           {options{consul.Settle(time.Second)}, nil, 2},
			"as another": {
				options{consul.WithParam("a", "b c:d")}, options{consul.WithParam("a", "b"), consul.WithParam("c", "d")}, 2,
			},
		} {
			client, wire := w.process()
			one, other := client.ViewKey(w.Context(), "k", tt.one...), client.ViewKey(w.Context(), "k", tt.other...)
			wantError(w, name, one.Ready(w.Context()), nil)
			wantError(w, name, other.Ready(w.Context()), nil)
			synctest.Wait()
			if n := wire.count("read"); n != tt.questions {
				w.Errorf("%s: %d questions, want %d", name, n, tt.questions)
			}
			one.Close()
			other.Close()
		}
	})
}

// What is asked stays what it was, whatever becomes of the options that it was made of.
func TestWatchesKeepTheirOptions(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		tagged := func(tag string) func(*consul.AgentServiceRegistration) {
			return func(reg *consul.AgentServiceRegistration) { reg.Tags = []string{tag} }
		}
		opts := &consul.QueryOptions{Tags: []string{"v1"}}
		view := w.client.ViewService(w.Context(), "web", opts)
		defer view.Close()
		wantError(w, "ready", view.Ready(w.Context()), nil)
		opts.Tags[0] = "v2"
		w.provide(1, tagged("v1"))
		w.provide(2, tagged("v2"))
		w.sleep(2 * time.Minute)
		if entries, _ := view.Get(); len(entries) != 1 || entries[0].Service.Port != 1 {
			w.Errorf("got %d instances, want the one with the tag v1", len(entries))
		}
	})
}

// A permanent error ends the watches that are not persistent, and not those beside them that share the question.
func TestSharedQuestionOutlivesAWatch(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		client, _ := w.process()
		w.put("one")
		end := following(w, valueOf, func(ctx context.Context) seqOfPairs { return client.WatchKey(ctx, "k") })
		endPersistent := following(w, valueOf, func(ctx context.Context) seqOfPairs {
			return client.WatchKey(ctx, "k", consul.Persistent())
		})
		denied := embedded.Answer(http.StatusForbidden, "Permission denied")
		w.server.Inject(embedded.Fault{Effect: denied, For: 2 * time.Minute})
		w.sleep(2 * time.Minute)
		w.sleep(2 * time.Minute)
		w.put("two")
		wantValues(w, end(), "one", "!")
		if told := values(endPersistent()); told[len(told)-1] != "two" {
			w.Errorf("the persistent watch told of %q", told)
		}
	})
}
