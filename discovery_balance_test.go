package consul_test

// This file tests the ways of choosing an instance.

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/lictor-go/consul"
)

func weights(passing, warning int) func(*consul.AgentServiceRegistration) {
	return func(reg *consul.AgentServiceRegistration) {
		reg.Weights = &consul.AgentWeights{Passing: passing, Warning: warning}
	}
}

var balances = []consul.Balance{
	consul.RoundRobin, consul.Random, consul.Weighted, consul.LeastPending, consul.Nearest,
}

func wantPicks(t testing.TB, got, want map[string]int) {
	t.Helper()
	if !maps.Equal(got, want) {
		t.Errorf("the picks were %v, want %v", got, want)
	}
}

// Each gets its turn, whatever the instances are when it begins, and those that come and go change little.
func TestRoundRobin(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		for port := 1; port <= 3; port++ {
			w.provide(port)
		}
		s := w.web()
		wantPicks(w, picks(w, s, 300), map[string]int{"1": 100, "2": 100, "3": 100})
		held, err := s.Pick()
		if err != nil {
			w.Fatal(err)
		}
		held.Done(errors.New("it does not work"))
		got := picks(w, s, 300)
		for port, n := range got {
			if n != 150 || strings.HasSuffix(held.Address, ":"+port) {
				w.Errorf("with %s held back the picks were %v", held.Address, got)
			}
		}
		held.Done(nil)
		w.provide(4)
		wantPicks(w, picks(w, s, 400), map[string]int{"1": 100, "2": 100, "3": 100, "4": 100})
	})
}

// Programs that begin together don't begin with the same instance.
func TestFirstPicksDiffer(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		for port := 1; port <= 10; port++ {
			w.provide(port)
		}
		first := map[string]int{}
		for range 100 {
			first[pick(w, w.web(), nil)]++
		}
		if len(first) < 5 {
			w.Errorf("the first picks of 100 programs were %v", first)
		}
	})
}

// Random picks come as often as they should, within six standard deviations.
func TestRandom(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		for port := 1; port <= 3; port++ {
			w.provide(port)
		}
		const n, p = 10000, 1. / 3
		got := picks(w, w.web(consul.Random), n)
		for port, count := range got {
			if off := math.Abs(float64(count) - n*p); off > 6*math.Sqrt(n*p*(1-p)) {
				w.Errorf("%s was picked %d times of %d", port, count, n)
			}
		}
		if len(got) != 3 {
			w.Errorf("picked were %v", got)
		}
	})
}

// Weights are kept exactly, from wherever one begins to count, and evenly: no instance waits for much longer than its share
// says.
func TestWeighted(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.provide(1, weights(60, 1))
		w.provide(2, weights(30, 1))
		w.provide(3, weights(70, 10), unhealthy(consul.HealthWarning))
		w.provide(4, weights(70, 0), unhealthy(consul.HealthWarning))
		s := w.web(consul.Weighted, consul.WithWarning())
		want := map[string]int{"1": 60, "2": 30, "3": 10}
		for range 20 {
			wantPicks(w, picks(w, s, 100), want)
			pick(w, s, nil)
		}
		last := map[string]int{}
		for n := range 1000 {
			port := pick(w, s, nil)
			if before, ok := last[port]; ok && (n-before)*want[port] > 300 {
				w.Errorf("%s, with a weight of %d of 100, was not picked for %d picks", port, want[port], n-before)
			}
			last[port] = n
		}
	})
}

// Those that are held back are replaced by all others in proportion, and at last by those without a weight.
func TestWeightedAroundTheHeld(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.provide(1, weights(60, 1))
		w.provide(2, weights(30, 1))
		w.provide(3, weights(10, 1))
		w.provide(4, weights(1, 0), unhealthy(consul.HealthWarning))
		s := w.web(consul.Weighted, consul.WithWarning())
		w.failThose(s, "1")
		wantPicks(w, picks(w, s, 40), map[string]int{"2": 30, "3": 10})
		w.failThose(s, "2", "3")
		wantPicks(w, picks(w, s, 10), map[string]int{"4": 10})
	})
}

// Without any weight all are alike.
func TestWeightedWithoutWeights(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		for port := 1; port <= 3; port++ {
			w.provide(port, weights(1, 0), unhealthy(consul.HealthWarning))
		}
		s := w.web(consul.Weighted, consul.WithWarning())
		wantPicks(w, picks(w, s, 30), map[string]int{"1": 10, "2": 10, "3": 10})
	})
}

// With two instances both are always drawn, so that the one with fewer picks under way is certain to be taken.
func TestLeastPending(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.provide(1)
		w.provide(2)
		s := w.web(consul.LeastPending)
		busy, err := s.Pick()
		if err != nil {
			w.Fatal(err)
		}
		for range 100 {
			if got := pick(w, s, nil); strings.HasSuffix(busy.Address, ":"+got) {
				w.Fatal("the busy one was picked")
			}
		}
		busy.Done(nil)
		if got := picks(w, s, 1000); len(got) != 2 {
			w.Errorf("when none was busy, picked were %v", got)
		}
	})
}

func TestNearestAsksForTheOrder(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.provide(1)
		client, wire := w.process()
		s := client.Service(w.Context(), "web", consul.Nearest)
		defer s.Close()
		wantError(w, "ready", s.Ready(w.Context()), nil)
		if url := wire.sent()[0].url; !strings.Contains(url, "near=_agent") || !strings.Contains(url, "passing") {
			w.Errorf("asked was %s", url)
		}
		if got := pick(w, s, nil); got != "1" {
			w.Errorf("picked was %s", got)
		}
	})
}

// The nearest is the first of the server's answer, and those after it stand in for it.
func TestNearest(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		for port := 1; port <= 3; port++ {
			w.provide(port)
		}
		s := w.web(consul.Nearest)
		port := func(n int) string { return strings.TrimPrefix(s.Instances()[n].Address, "10.0.0.1:") }
		wantPicks(w, picks(w, s, 10), map[string]int{port(0): 10})
		w.failThose(s, port(0))
		wantPicks(w, picks(w, s, 10), map[string]int{port(1): 10})
	})
}

func TestUnknownBalance(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		s := w.client.Service(w.Context(), "web", consul.Balance(99))
		defer s.Close()
		wantError(w, "ready", s.Ready(w.Context()), consul.ErrInvalidOption)
		_, err := s.Pick()
		wantError(w, "pick", err, consul.ErrInvalidOption)
	})
}

// Picking allocates nothing.
func TestPickAllocations(t *testing.T) {
	for _, balance := range balances {
		s := serviceOf(t, 100, balance)
		if n := testing.AllocsPerRun(100, func() { pickOne(t, s) }); n != 0 {
			t.Errorf("%s: %v allocations", balance, n)
		}
	}
}

func pickOne(t testing.TB, s *consul.Service) {
	i, err := s.Pick()
	if err != nil {
		t.Fatal(err)
	}
	i.Done(nil)
}

// serviceOf gives a service with so many instances, whose weights go from 1 to 7.
func serviceOf(t testing.TB, n int, balance consul.Balance) *consul.Service {
	t.Helper()
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf(`{"Node":{"Node":"n%d","Address":"10.0.0.1"},"Checks":[],`+
			`"Service":{"ID":"web","Service":"web","Port":%d,"Weights":{"Passing":%d}}}`, i, i+1, i%7+1)
	}
	client := clientWith(t, &consul.Config{Transport: answerOnce("[" + strings.Join(list, ",") + "]")})
	s := client.Service(context.Background(), "web", balance)
	t.Cleanup(s.Close)
	if err := s.Ready(t.Context()); err != nil || len(s.Instances()) != n {
		t.Fatalf("there are %d instances: %v", len(s.Instances()), err)
	}
	return s
}

// answerOnce answers with a body, and holds back what waits for a change.
func answerOnce(body string) roundTripFunc {
	return func(r *http.Request) (*http.Response, error) {
		if r.URL.Query().Has("index") {
			<-r.Context().Done()
			return nil, context.Cause(r.Context())
		}
		resp := answerText(r, http.StatusOK, body)
		resp.Header.Set("X-Consul-Index", "7")
		return resp, nil
	}
}
