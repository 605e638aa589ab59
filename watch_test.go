package consul_test

// This file tests Watch: what it tells of, when it asks, and how it ends.

import (
	"context"
	"errors"
	"fmt"
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

// A seen is what a watch told of.
type seen struct {
	at    time.Time
	value string // "" is absent
	err   error
}

// watching runs a watch of the key "k": see following.
func watching(w *world, c *consul.Client, opts ...consul.WatchOption) func() []seen {
	w.Helper()
	return following(w, valueOf, func(ctx context.Context) iter.Seq2[*consul.KVPair, error] {
		return consul.Watch(ctx, consul.QueryOf(c.KV().Get, "k"), opts...)
	})
}

// following runs a loop until the function is called that it gives, which gives what the loop was told of, as show shows it.
func following[T any](w *world, show func(T) string, loop func(context.Context) iter.Seq2[T, error]) func() []seen {
	w.Helper()
	ctx, stop := context.WithCancel(w.Context())
	var all []seen
	done := make(chan struct{})
	go func() {
		defer close(done)
		for value, err := range loop(ctx) {
			s := seen{at: time.Now(), err: err}
			if err == nil {
				s.value = show(value)
			}
			all = append(all, s)
		}
	}()
	synctest.Wait()
	return func() []seen {
		stop()
		<-done
		return all
	}
}

// valueOf is the value of a pair, "" where there is none.
func valueOf(pair *consul.KVPair) string {
	if pair == nil {
		return ""
	}
	return string(pair.Value)
}

// put writes the key "k".
func (w *world) put(value string) {
	w.Helper()
	if _, err := w.client.KV().Put(w.Context(), &consul.KVPair{Key: "k", Value: []byte(value)}); err != nil {
		w.Fatal(err)
	}
	synctest.Wait()
}

// values are those that were told of, with "!" for an error.
func values(all []seen) []string {
	var list []string
	for _, s := range all {
		if s.err != nil {
			s.value = "!"
		}
		list = append(list, s.value)
	}
	return list
}

func wantValues(t testing.TB, all []seen, want ...string) {
	t.Helper()
	if got := values(all); !slices.Equal(got, want) {
		t.Errorf("the watch told of %q, want %q", got, want)
	}
}

// A watch tells of the state at its begin, absence included, and of each change, at once. It asks as seldom as it can.
func TestWatch(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		client, wire := w.process()
		end := watching(w, client)
		w.sleep(time.Hour)
		if asked := wire.count(); asked > 67 {
			w.Errorf("in an hour in which nothing happened it asked %d times", asked)
		}
		begin := time.Now()
		w.put("one")
		w.put("one")
		w.put("two")
		if _, err := w.client.KV().Put(w.Context(), &consul.KVPair{Key: "another"}); err != nil {
			w.Fatal(err)
		}
		w.sleep(time.Minute)
		w.put("three")
		if _, err := w.client.KV().Delete(w.Context(), "k"); err != nil {
			w.Fatal(err)
		}
		w.sleep(0)
		all := end()
		wantValues(w, all, "", "one", "two", "three", "")
		for i, after := range []time.Duration{1: 0, 2: 0, 3: time.Minute, 4: time.Minute} {
			if i > 0 && all[i].at.Sub(begin) != after {
				w.Errorf("change %d was told of after %v, want %v", i, all[i].at.Sub(begin), after)
			}
		}
	})
}

// The loop's end and the context's end a watch at once, whatever it waits for.
func TestWatchEnds(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]trouble{"in a question": fine, "in a hang": hangBefore, "in a pause": gateway} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(w *world) {
				client, wire := w.process()
				end := watching(w, client)
				wire.cut(fault)
				w.sleep(50 * time.Second)
				began := time.Now()
				end()
				if took := time.Since(began); took > 0 {
					w.Errorf("it ended after %v", took)
				}
				asked := wire.count()
				w.sleep(time.Hour)
				if wire.count() != asked {
					w.Error("it asks after its end")
				}
			})
		})
	}
	t.Run("by leaving the loop", func(t *testing.T) {
		t.Parallel()
		inWorld(t, func(w *world) {
			client, wire := w.process()
			for range client.WatchKey(w.Context(), "k") {
				break
			}
			asked := wire.count()
			w.sleep(time.Hour)
			if wire.count() != asked {
				w.Error("it asks after its end")
			}
		})
	})
}

// Errors are told of and do not end a watch. What happened meanwhile is told of after them.
func TestWatchGoesOnAfterErrors(t *testing.T) {
	t.Parallel()
	for _, f := range []trouble{internal, limited, gateway, eofBefore, eofAfter, hangBefore, hangAfter} {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(w *world) {
				client, wire := w.process()
				w.put("one")
				end := watching(w, client)
				wire.cut(f)
				w.put("two")
				w.sleep(10 * time.Minute)
				asked := wire.count()
				if asked > 1000 {
					w.Errorf("in 10 minutes it asked %d times", asked)
				}
				wire.cut(fine)
				w.sleep(2 * time.Minute) // a question that hangs is given up by then
				all := end()
				told := slices.DeleteFunc(slices.Clone(all), func(s seen) bool { return s.err != nil })
				wantValues(w, told, "one", "two")
				if len(all) == len(told) {
					w.Error("no error was told of")
				}
			})
		})
	}
}

// An error that would come again is the last, unless asked for otherwise.
func TestWatchEndsWithPermanentErrors(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		remove := w.server.Inject(embedded.Fault{Effect: embedded.Answer(http.StatusForbidden, "Permission denied")})
		last := error(nil)
		for _, err := range w.client.WatchKey(w.Context(), "k") {
			last = err
		}
		wantError(w, "the watch", last, consul.ErrPermissionDenied)
		end := watching(w, w.client, consul.Persistent())
		w.sleep(time.Minute)
		remove()
		w.sleep(time.Minute)
		all := end()
		if n := len(all); n < 2 || all[0].err == nil || all[n-1].err != nil {
			w.Errorf("a persistent watch told of %q", values(all))
		}
	})
}

func TestWatchRefusesOptions(t *testing.T) {
	t.Parallel()
	client := clientWith(t, &consul.Config{Transport: roundTripFunc(func(*http.Request) (*http.Response, error) {
		return nil, errors.New("something was sent")
	})})
	for _, o := range []*consul.WatchOptions{{Wait: -1}, {Settle: -1}, {Rate: -1}, {KeepFor: -1}} {
		n := 0
		for _, err := range client.WatchKey(t.Context(), "k", o) {
			wantError(t, fmt.Sprintf("%+v", o), err, consul.ErrInvalidOption)
			n++
		}
		if n != 1 {
			t.Errorf("%d errors, want 1", n)
		}
		view := client.ViewKey(t.Context(), "k", o)
		wantError(t, "the view", view.Ready(t.Context()), consul.ErrInvalidOption)
		view.Close()
	}
}

// Several changes in quick succession come as one, those that go on come now and then, and what was changed back not at all.
func TestWatchSettles(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		end := watching(w, w.client, consul.Settle(2*time.Second))
		w.put("0")
		began := time.Now()
		for i := range 5 {
			w.sleep(time.Second)
			w.put(strconv.Itoa(i + 1))
		}
		w.sleep(time.Minute)
		w.put("x")
		w.put("5")
		w.sleep(time.Minute)
		for i := range 60 {
			w.put(strconv.Itoa(100 + i))
			w.sleep(time.Second)
		}
		w.sleep(time.Minute)
		all := end()
		if n := len(all); n < 5 || n > 7 || all[0].value != "" || all[1].value != "5" || all[n-1].value != "159" {
			w.Fatalf("the watch told of %q", values(all))
		}
		if after := all[1].at.Sub(began); after < 7*time.Second || after > 8*time.Second {
			w.Errorf("what had settled was told of after %v, want 7 s", after)
		}
	})
}

func TestWatchEveryAnswer(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.put("one")
		end := watching(w, w.client, consul.EveryAnswer())
		w.sleep(10 * time.Minute)
		if n := len(end()); n < 9 || n > 11 {
			w.Errorf("in 10 minutes it told of %d answers", n)
		}
	})
}

// An agent that forgets everything, and one whose servers are restored, are followed to what is there then.
func TestWatchOfAServerThatForgets(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		for i := range 100 {
			w.put(strconv.Itoa(i))
		}
		end := watching(w, w.client)
		w.server.Forget()
		w.sleep(2 * time.Minute)
		w.put("anew")
		w.sleep(2 * time.Minute)
		all := end()
		if n := len(all); all[0].value != "99" || all[n-1].value != "anew" {
			w.Errorf("the watch told of %q", values(all))
		}
	})
}
