package consul_test

// This file tests how instances are held back that failed their callers.

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lictor-go/consul"
)

var errBroken = errors.New("it does not work")

// failThose has the instances with these ports fail, once each.
func (w *world) failThose(s *consul.Service, ports ...string) {
	for _, i := range s.Instances() {
		if slices.Contains(ports, strings.TrimPrefix(i.Address, "10.0.0.1:")) {
			i.Done(errBroken)
		}
	}
}

// An instance that failed its caller is left alone for a second, and longer each time, while there are others.
func TestFailedInstancesAreHeldBack(t *testing.T) {
	t.Parallel()
	for _, balance := range balances {
		t.Run(balance.String(), func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(w *world) {
				w.provide(1)
				s := w.web(balance)
				w.provide(2)
				w.provide(3)
				failed := s.Instances()[0]
				for n := range 8 {
					for { // until it is picked again
						i, err := s.Pick()
						if err != nil {
							w.Fatal(err)
						}
						if i == failed {
							i.Done(errBroken)
							break
						}
						i.Done(context.Canceled) // which says nothing
					}
					heldFor := min(time.Minute, time.Second<<n)
					for range 20 {
						w.sleep(heldFor/20 - time.Millisecond)
						if i, _ := s.Pick(); i == failed {
							w.Fatalf("it was picked within %v", heldFor)
						} else {
							i.Done(nil)
						}
					}
					w.sleep(20 * time.Millisecond)
				}
				for _, i := range s.Instances() {
					i.Done(errBroken)
				}
				if _, err := s.Pick(); err != nil {
					w.Errorf("when all have failed: %v", err)
				}
			})
		})
	}
}

// When an instance's time is up, one caller gets it, and the others do when that one has told of a success.
func TestOneCallerTriesAgain(t *testing.T) {
	t.Parallel()
	for _, balance := range balances {
		t.Run(balance.String(), func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(w *world) {
				w.provide(1)
				w.provide(2)
				s := w.web(balance)
				failed := s.Instances()[0]
				failed.Done(errBroken)
				w.sleep(time.Second)
				gets := func() (n int) {
					for range 100 {
						i, err := s.Pick()
						if err != nil {
							w.Fatal(err)
						}
						if i == failed {
							n++
						}
						defer i.Done(context.Canceled)
					}
					return n
				}
				if n := gets(); n != 1 {
					w.Errorf("it was picked %d times before anyone knew how it is", n)
				}
				failed.Done(nil)
				if n := gets(); n < 2 {
					w.Errorf("it was picked %d times after it had succeeded", n)
				}
			})
		})
	}
}

// That many calls fail at once is one failure, and it is forgotten when the instance succeeds.
func TestManyFailuresAtOnce(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.provide(1)
		w.provide(2)
		s := w.web(consul.Nearest)
		failed := s.Instances()[0]
		for range 2 {
			for range 50 {
				failed.Done(errBroken)
			}
			w.sleep(time.Second - 1)
			if i, _ := s.Pick(); i == failed {
				w.Error("it was picked too soon")
			}
			w.sleep(1)
			if i, _ := s.Pick(); i != failed {
				w.Error("it was not picked after a second")
			}
			failed.Done(nil)
		}
	})
}

// Where all are held back they are picked nevertheless, the one first whose time is up first.
func TestAllHeldBack(t *testing.T) {
	t.Parallel()
	for _, balance := range balances {
		t.Run(balance.String(), func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(w *world) {
				for port := 1; port <= 3; port++ {
					w.provide(port)
				}
				s := w.web(balance)
				for _, i := range s.Instances() {
					i.Done(errBroken)
					w.sleep(time.Millisecond)
				}
				for n := range 12 {
					i, err := s.Pick()
					if err != nil {
						w.Fatal(err)
					}
					if want := s.Instances()[n%3]; i != want {
						w.Errorf("pick %d was %s, want %s", n, i, want)
					}
					i.Done(errBroken)
					w.sleep(time.Millisecond)
				}
			})
		})
	}
}

// What an instance did is known as long as it is there, whatever else changes, and forgotten when it goes.
func TestHoldBackAndChanges(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.provide(1)
		w.provide(2)
		s := w.web()
		w.failThose(s, "1")
		w.provide(3)
		w.provide(1, weights(7, 7))
		wantPicks(w, picks(w, s, 10), map[string]int{"2": 5, "3": 5})
		if _, err := w.client.Agent().ServiceDeregister(w.Context(), "web-1"); err != nil {
			w.Fatal(err)
		}
		w.sleep(0)
		wantPicks(w, picks(w, s, 10), map[string]int{"2": 5, "3": 5})
		w.provide(1)
		wantPicks(w, picks(w, s, 9), map[string]int{"1": 3, "2": 3, "3": 3})
	})
}

// A caller whose time is up already gets no instance, and so has none held back.
func TestLateCallersHoldBackNone(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.provide(1)
		w.provide(2)
		r, dialer := w.resolver()
		s, _ := r.Service("web.service.consul")
		wantError(w, "ready", s.Ready(w.Context()), nil)
		late, cancel := context.WithTimeout(w.Context(), 0)
		defer cancel()
		_, err := dialIt(late, r)
		wantError(w, "dial", err, context.DeadlineExceeded)
		req, err := http.NewRequestWithContext(late, http.MethodGet, "http://web.service.consul/", nil)
		if err != nil {
			w.Fatal(err)
		}
		_, err = r.RoundTripper(nil).RoundTrip(req)
		wantError(w, "GET", err, context.DeadlineExceeded)
		if dialed := dialer.seen(); len(dialed) > 0 {
			w.Errorf("it dialed %q", dialed)
		}
		wantPicks(w, picks(w, s, 10), map[string]int{"1": 5, "2": 5})
	})
}

// Whatever comes and goes, and however it does, there is an instance for every caller.
func TestPicksAmongChanges(t *testing.T) {
	t.Parallel()
	for _, balance := range balances {
		t.Run(balance.String(), func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(w *world) {
				w.provide(1)
				s := w.web(balance)
				results := []error{nil, errBroken, context.Canceled}
				var callers sync.WaitGroup
				for range 4 {
					callers.Go(func() {
						for n := range 500 {
							i, err := s.Pick()
							if err != nil {
								w.Error(err)
								return
							}
							time.Sleep(10 * time.Millisecond)
							i.Done(results[n%len(results)])
						}
					})
				}
				for port := 2; port < 100; port++ {
					w.provide(port)
					if _, err := w.client.Agent().ServiceDeregister(w.Context(), fmt.Sprintf("web-%d", port-1)); err != nil {
						w.Error(err)
					}
					w.sleep(30 * time.Millisecond)
				}
				callers.Wait()
			})
		})
	}
}
