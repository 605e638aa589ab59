package consul_test

// This file tests Election.

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lictor-go/consul"
)

// A candidate runs an election, and notes when it led.
type candidate struct {
	*consul.Election
	name string
	wire *wire
	done <-chan outcome // of Run
	stop context.CancelFunc

	mu    sync.Mutex
	terms []context.Context
}

// leading is the context of its last leadership.
func (c *candidate) leading() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.terms) == 0 {
		return nil
	}
	return c.terms[len(c.terms)-1]
}

// leads waits for its leadership to end, as a leader's function does that has nothing else to do.
func leads(ctx context.Context) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

// stand has a candidate stand for election, until the test ends.
func stand(w *world, name string, lead func(context.Context) error) *candidate {
	w.Helper()
	client, wire := w.process()
	e, err := client.Election("leader", &consul.ElectionOptions{Value: []byte(name), SessionOpts: session(), Grace: 5 * time.Second})
	if err != nil {
		w.Fatal(err)
	}
	ctx, stop := context.WithCancel(w.Context())
	c := &candidate{Election: e, name: name, wire: wire, stop: stop}
	c.done = start(func() error {
		return e.Run(ctx, func(leading context.Context) error {
			c.mu.Lock()
			c.terms = append(c.terms, leading)
			c.mu.Unlock()
			return lead(leading)
		})
	})
	synctest.Wait()
	return c
}

func status(e *consul.Election) int {
	w := httptest.NewRecorder()
	e.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	return w.Code
}

// wantLeader fails unless c leads, and all agree on that.
func (w *world) wantLeader(c *candidate, others ...*candidate) {
	w.Helper()
	synctest.Wait()
	leader, err := c.Leader(w.Context())
	if err != nil || string(leader.Value) != c.name || leader.Session == "" || leader.Index != c.Fence() {
		w.Fatalf("the leader is %+v, %v, want %s", leader, err, c.name)
	}
	if !c.IsLeader() || status(c.Election) != http.StatusOK || c.Fence() == 0 {
		w.Errorf("%s does not know that it leads", c.name)
	}
	for _, other := range others {
		if other.IsLeader() || status(other.Election) != http.StatusServiceUnavailable || other.Fence() != 0 {
			w.Errorf("%s believes that it leads", other.name)
		}
	}
}

func TestElectionHandsOff(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		a := stand(w, "a", leads)
		b := stand(w, "b", leads)
		w.wantLeader(a, b)
		wantError(w, "a candidate resigns", b.Resign(w.Context()), consul.ErrNotLeader)
		wantError(w, "run twice", a.Run(w.Context(), leads), consul.ErrLockHeld)
		wantError(w, "run nothing", a.Run(w.Context(), nil), consul.ErrInvalidOption)
		if _, err := a.Guard(); err != nil {
			w.Errorf("guard: %v", err)
		}
		fence := a.Fence()

		w.sleep(time.Minute)
		wantError(w, "resign", a.Resign(w.Context()), nil)
		wantEnded(w, a.leading(), context.Canceled)
		w.wantLeader(b, a)
		if b.Fence() <= fence {
			w.Errorf("fence %d after %d", b.Fence(), fence)
		}
		w.sleep(time.Minute) // in which a stands again
		b.stop()
		wantError(w, "the end of the context", (<-b.done).err, context.Canceled)
		w.wantLeader(a, b)
		a.stop()
		wantError(w, "the end of the context", (<-a.done).err, context.Canceled)
		if _, err := a.Leader(w.Context()); !errors.Is(err, consul.ErrNotFound) {
			w.Errorf("without a leader: %v", err)
		}
		w.wantNothingHeld()
	})
}

// What the function returns while it leads ends the election.
func TestElectionEndsWithItsFunction(t *testing.T) {
	t.Parallel()
	for _, want := range []error{nil, errors.New("because")} {
		inWorld(t, func(w *world) {
			a := stand(w, "a", func(context.Context) error { time.Sleep(time.Minute); return want })
			if got := <-a.done; got.err != want {
				w.Errorf("run: %v, want %v", got.err, want)
			}
			wantEnded(w, a.leading(), context.Canceled)
			w.wantNothingHeld()
		})
	}
}

// A leader that is cut off ceases to lead before another does, and stands again when the network is back.
func TestElectionIsLost(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		a := stand(w, "a", leads)
		b := stand(w, "b", leads)
		w.sleep(time.Minute)
		a.wire.cut(hangBefore)
		<-a.leading().Done()
		wantEnded(w, a.leading(), consul.ErrLockLost)
		if a.IsLeader() || b.IsLeader() {
			w.Error("one leads too early or too late")
		}
		w.sleep(time.Minute)
		w.wantLeader(b)
		a.wire.cut(fine)
		w.sleep(time.Minute)
		b.stop()
		wantError(w, "the end of the context", (<-b.done).err, context.Canceled)
		w.wantLeader(a, b)
		if len(a.terms) != 2 {
			w.Errorf("a led %d times", len(a.terms))
		}
		a.stop()
		<-a.done
	})
}

// A function that does not return within the grace ends Run. What it had is kept while it can be, so that nobody else
// leads beside it.
func TestElectionGrace(t *testing.T) {
	t.Parallel()
	for _, end := range []string{"context", "resign", "loss"} {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(w *world) {
				finish := make(chan struct{})
				a := stand(w, "a", func(context.Context) error { <-finish; return nil })
				b := stand(w, "b", leads)
				w.wantLeader(a, b)
				ended := time.Now()
				switch end {
				case "context":
					a.stop()
				case "resign":
					wantError(w, "resign", a.Resign(w.Context()), consul.ErrGraceExceeded)
				case "loss":
					must[*consul.WriteMeta](w)(w.client.KV().Delete(w.Context(), "leader"))
				}
				got := <-a.done
				wantError(w, "run", got.err, consul.ErrGraceExceeded)
				if took := got.at.Sub(ended); took != 5*time.Second {
					w.Errorf("run ended after %v, want the grace of 5 s", took)
				}
				if lost := errors.Is(got.err, consul.ErrLockLost); lost != (end == "loss") {
					w.Errorf("run: %v", got.err)
				}
				if a.IsLeader() {
					w.Error("it leads after the end")
				}
				w.sleep(time.Minute)
				if b.IsLeader() != (end == "loss") {
					w.Errorf("b leads: %v", b.IsLeader())
				}
				close(finish)
				w.wantLeader(b, a)
				b.stop()
				<-b.done
				w.wantNothingHeld()
			})
		})
	}
}

// A function that goes on past a loss and its grace, and returns when this process leads again, leaves the new term alone.
func TestElectionLateReturnEndsNoLaterTerm(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		finish := make(chan struct{})
		a := stand(w, "a", func(context.Context) error { <-finish; return nil })
		w.wantLeader(a)
		must[*consul.WriteMeta](w)(w.client.KV().Delete(w.Context(), "leader"))
		wantError(w, "run", (<-a.done).err, consul.ErrGraceExceeded)

		var terms []context.Context
		ctx, stop := context.WithCancel(w.Context())
		done := start(func() error {
			return a.Run(ctx, func(leading context.Context) error { terms = append(terms, leading); return leads(leading) })
		})
		w.wantLeader(a)
		close(finish)
		w.sleep(time.Minute)
		if len(terms) != 1 {
			w.Fatalf("it led %d times, want once", len(terms))
		}
		wantLive(w, terms[0])
		stop()
		wantError(w, "the end of the context", (<-done).err, context.Canceled)
		w.wantNothingHeld()
	})
}

// A function that ends its goroutine ends the election, as one that returns does.
func TestElectionFunctionExits(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		a := stand(w, "a", func(context.Context) error { runtime.Goexit(); return nil })
		w.sleep(time.Minute)
		select {
		case got := <-a.done:
			if got.err == nil || errors.Is(got.err, context.Canceled) {
				w.Errorf("run: %v, want an error that says what happened", got.err)
			}
		default:
			w.Error("the election goes on without its function")
			a.stop()
			<-a.done
		}
		w.wantNothingHeld()
	})
}

// The function may resign by itself.
func TestElectionResignFromWithin(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		var a *candidate
		ready := make(chan struct{})
		a = stand(w, "a", func(leading context.Context) error {
			<-ready
			if err := a.Resign(leading); err != nil {
				return fmt.Errorf("resign: %w", err)
			}
			return nil
		})
		b := stand(w, "b", leads)
		close(ready)
		w.wantLeader(b, a)
		b.stop()
		<-b.done
		a.stop()
		wantError(w, "run", (<-a.done).err, context.Canceled)
	})
}

func TestElectionObserve(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		client, wire := w.process()
		e, err := client.Election("leader", nil)
		if err != nil {
			w.Fatal(err)
		}
		ctx, cancel := context.WithCancel(w.Context())
		var seen []string
		failures := 0
		watched := make(chan struct{})
		go func() {
			defer close(watched)
			for leader, err := range e.Observe(ctx) {
				switch {
				case err != nil:
					failures++
				case leader.Session == "":
					seen = append(seen, "nobody")
				default:
					seen = append(seen, string(leader.Value))
				}
			}
		}()
		synctest.Wait()
		a := stand(w, "a", leads)
		w.sleep(time.Minute)
		wire.cut(internal)
		w.sleep(20 * time.Second)
		wire.cut(fine)
		w.sleep(20 * time.Second)
		a.stop()
		<-a.done
		w.sleep(time.Second)
		b := stand(w, "b", leads)
		w.sleep(time.Second)
		cancel()
		<-watched
		if want := []string{"nobody", "a", "nobody", "b"}; !slices.Equal(seen, want) {
			w.Errorf("seen: %q, want %q", seen, want)
		}
		if failures == 0 {
			w.Error("no failure was told")
		}
		if n := wire.count(); n > 200 {
			w.Errorf("%d requests", n)
		}
		b.stop()
		<-b.done
		put(w, w.client.KV(), "other")
		other, _ := client.Election("other", &consul.ElectionOptions{SessionOpts: session()})
		for _, err := range other.Observe(w.Context()) {
			wantError(w, "observe a key that is no lock", err, consul.ErrLockConflict)
		}
		wantError(w, "run on a key that is no lock", other.Run(w.Context(), leads), consul.ErrLockConflict)
	})
}

func TestElectionOnTheServer(t *testing.T) {
	t.Parallel()
	client, key := newClient(t), unique(t)
	ctx, cancel := context.WithCancel(testContext(t))
	defer cancel()
	var mu sync.Mutex
	leading, most := 0, 0
	var had []string
	var all sync.WaitGroup
	for _, name := range []string{"a", "b", "c"} {
		e, err := client.Election(key, &consul.ElectionOptions{Value: []byte(name)})
		if err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			err := e.Run(ctx, func(context.Context) error {
				mu.Lock()
				defer mu.Unlock()
				leading++
				most = max(most, leading)
				leader, err := e.Leader(ctx)
				if err == nil {
					had = append(had, string(leader.Value))
				}
				leading--
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	slices.Sort(had)
	if most != 1 || strings.Join(had, "") != "abc" {
		t.Errorf("%d led at once; those who led: %q", most, had)
	}
}
