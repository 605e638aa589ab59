package consul_test

// This file tests View: what it gives through good times and bad ones, and how it ends.

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lictor-go/consul"
	"github.com/lictor-go/consul/embedded"
)

// wantView fails unless a view gives this value, and knows why the last question failed.
func wantView(w *world, view *consul.View[*consul.KVPair], value string, err error) {
	w.Helper()
	pair, ok := view.Get()
	if !ok || valueOf(pair) != value {
		w.Errorf("the view gives %q, %v, want %q", valueOf(pair), ok, value)
	}
	wantError(w, "the view", view.Err(), err)
}

// wantNoView fails if a view gives something.
func wantNoView(w *world, view *consul.View[*consul.KVPair]) {
	w.Helper()
	if pair, ok := view.Get(); ok {
		w.Errorf("the view gives %q, want nothing", valueOf(pair))
	}
}

func TestView(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		client, wire := w.process()
		w.server.Inject(embedded.Fault{Match: ofKey, Times: 1, Effect: embedded.Delay(time.Second)})
		view := client.ViewKey(w.Context(), "k")
		wantNoView(w, view)
		if view.Age() != 0 {
			w.Errorf("the age of nothing is %v", view.Age())
		}
		wantError(w, "ready", view.Ready(w.Context()), nil)
		wantView(w, view, "", nil)
		updated := view.Updated()
		w.put("one")
		<-updated
		wantView(w, view, "one", nil)
		updated = view.Updated()
		w.sleep(10 * time.Second)
		select {
		case <-updated:
			w.Error("it was updated though nothing has changed")
		default:
		}
		if age := view.Age(); age != 10*time.Second {
			w.Errorf("the age is %v, want 10 s", age)
		}
		w.sleep(time.Hour)
		if age, most := view.Age(), consul.DefaultWatchWait*17/16; age > most {
			w.Errorf("while all is well the age is %v, want at most %v", age, most)
		}
		view.Close()
		view.Close()
		wantView(w, view, "one", context.Canceled)
		wantError(w, "ready", view.Ready(w.Context()), nil)
		asked := wire.count()
		w.put("two")
		w.sleep(time.Hour)
		if wire.count() != asked {
			w.Error("it asks after its end")
		}
	})
}

// Through an outage it goes on with what it knows, for as long as KeepFor says.
func TestViewInAnOutage(t *testing.T) {
	t.Parallel()
	for _, f := range []trouble{gateway, eofBefore, hangBefore} {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(w *world) {
				client, wire := w.process()
				w.put("one")
				bounded := client.ViewKey(w.Context(), "k", consul.KeepFor(time.Minute))
				unbounded := client.ViewKey(w.Context(), "k")
				defer bounded.Close()
				defer unbounded.Close()
				w.sleep(time.Second)
				asked := wire.count()
				wire.cut(f)
				failed := bounded.Updated()
				<-failed
				if bounded.Err() == nil {
					w.Error("a question failed, and Err is nil")
				}
				w.put("two")
				w.sleep(59 * time.Second)
				wantView(w, bounded, "one", bounded.Err())
				w.sleep(2 * time.Second)
				wantNoView(w, bounded)
				w.sleep(time.Hour)
				wantView(w, unbounded, "one", unbounded.Err())
				if asked == wire.count() {
					w.Error("it asked no more")
				}
				wire.cut(fine)
				w.sleep(2 * time.Minute)
				wantView(w, bounded, "two", nil)
				wantView(w, unbounded, "two", nil)
			})
		})
	}
}

// The end of an outage in which nothing has changed is told of, too.
func TestViewAfterAnOutage(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		client, wire := w.process()
		view := client.ViewKey(w.Context(), "k")
		defer view.Close()
		w.sleep(time.Second)
		wire.cut(gateway)
		w.sleep(time.Hour)
		updated := view.Updated()
		wire.cut(fine)
		<-updated
		wantView(w, view, "", nil)
	})
}

// Ready tells at once of an error that would most likely come again. The view goes on all the same.
func TestViewReady(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		denied := embedded.Answer(http.StatusForbidden, "Permission denied")
		remove := w.server.Inject(embedded.Fault{Effect: denied})
		view := w.client.ViewKey(w.Context(), "k")
		defer view.Close()
		wantError(w, "ready", view.Ready(w.Context()), consul.ErrPermissionDenied)
		wantNoView(w, view)
		remove()
		remove = w.server.Inject(embedded.Fault{Effect: embedded.Answer(http.StatusBadGateway, "down")})
		w.sleep(time.Minute)
		ctx, cancel := context.WithTimeout(w.Context(), time.Second)
		defer cancel()
		err := view.Ready(ctx)
		wantError(w, "ready", err, context.DeadlineExceeded)
		if se, ok := errors.AsType[*consul.StatusError](err); !ok || se.Code != http.StatusBadGateway {
			w.Errorf("ready: %v, want the reason in it", err)
		}
		remove()
		wantError(w, "ready", view.Ready(w.Context()), nil)
		wantView(w, view, "", nil)
	})
}

// A view ends with its context, and tells the cause.
func TestViewEndsWithItsContext(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		client, wire := w.process()
		wire.cut(hangBefore)
		cause := errors.New("the program ends")
		ctx, end := context.WithCancelCause(w.Context())
		view := consul.NewView(ctx, consul.QueryOf(client.KV().Get, "k"))
		ready := start(func() error { return view.Ready(w.Context()) })
		w.sleep(time.Second)
		end(cause)
		wantError(w, "ready", (<-ready).err, cause)
		wantError(w, "the view", view.Err(), cause)
		for range view.All(w.Context()) {
			w.Error("it gives something after its end")
		}
	})
}

// All gives what there is, what comes, and what goes wrong, until the view is closed.
func TestViewAll(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		client, wire := w.process()
		w.put("one")
		view, other := client.ViewKey(w.Context(), "k"), client.ViewKey(w.Context(), "k")
		defer other.Close()
		end := following(w, valueOf, view.All)
		w.put("two")
		wire.cut(eofBefore)
		w.put("three")
		wire.cut(fine)
		w.sleep(time.Minute)
		view.Close()
		w.put("four")
		wantValues(w, end(), "one", "two", "!", "three")
		for range view.All(w.Context()) {
			w.Error("it gives something after its end")
		}
		wantView(w, other, "four", nil)

		// A reader who was busy gets the last state only.
		var got []string
		for pair, err := range other.All(w.Context()) {
			if err != nil {
				w.Fatal(err)
			}
			got = append(got, valueOf(pair))
			if valueOf(pair) == "seven" {
				break
			}
			w.put("five")
			w.put("six")
			w.put("seven")
		}
		if len(got) != 2 {
			w.Errorf("a busy reader got %q, want four and seven", got)
		}
	})
}

// The end of the client is that of its views and watches.
func TestClientCloseEndsViewsAndWatches(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		client, wire := w.process()
		w.put("one")
		view := client.ViewKey(w.Context(), "k", consul.KeepFor(time.Minute))
		end := following(w, valueOf, func(ctx context.Context) seqOfPairs {
			return client.WatchKey(ctx, "k", consul.Persistent())
		})
		client.Close()
		synctest.Wait()
		all := end()
		wantValues(w, all, "one", "!")
		wantError(w, "the watch", all[1].err, consul.ErrClosed)
		wantView(w, view, "one", consul.ErrClosed)
		w.sleep(2 * time.Minute)
		wantNoView(w, view)
		view.Close()

		asked := wire.count()
		late := client.ViewKey(w.Context(), "k")
		wantError(w, "a view of a closed client", late.Ready(w.Context()), consul.ErrClosed)
		late.Close()
		n := 0
		for _, err := range consul.Watch(w.Context(), consul.QueryOf(client.KV().Get, "k"), consul.Persistent()) {
			wantError(w, "a watch of a closed client", err, consul.ErrClosed)
			n++
		}
		if n != 1 || wire.count() != asked {
			w.Errorf("a watch of a closed client told of %d errors, and asked %d times", n, wire.count()-asked)
		}
	})
}

// What can't be asked ends a view and a watch with a reason, not with a panic.
func TestViewsAndWatchesOfNothing(t *testing.T) {
	t.Parallel()
	client := offlineClient(t)
	var noContext context.Context
	var noQuery consul.Query[string]
	for name, view := range map[string]interface {
		Ready(context.Context) error
		Err() error
		Close()
	}{
		"without a context":           client.ViewKey(noContext, "k"),
		"without a context, unshared": consul.NewView(noContext, consul.QueryOf(client.KV().Get, "k")),
		"without a query":             consul.NewView(t.Context(), noQuery),
	} {
		wantError(t, name, view.Ready(t.Context()), consul.ErrInvalidOption)
		wantError(t, name, view.Err(), consul.ErrInvalidOption)
		view.Close()
	}
	wantError(t, "of no key", client.ViewKey(t.Context(), "").Ready(t.Context()), consul.ErrInvalidKey)
	wantRefusal(t, client.WatchNodes(noContext))
	wantRefusal(t, consul.Watch(noContext, client.Catalog().Nodes))
	wantRefusal(t, consul.Watch(t.Context(), noQuery))
}
