package consul_test

// This file tests Service: which instances there are, and which is chosen.

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lictor-go/consul"
)

// provide registers an instance of "web" with the agent, at a port.
func (w *world) provide(port int, change ...func(*consul.AgentServiceRegistration)) {
	w.Helper()
	reg := &consul.AgentServiceRegistration{ID: fmt.Sprintf("web-%d", port), Name: "web", Address: "10.0.0.1", Port: port}
	for _, c := range change {
		c(reg)
	}
	if _, err := w.client.Agent().ServiceRegister(w.Context(), reg); err != nil {
		w.Fatal(err)
	}
	synctest.Wait()
}

// unhealthy gives the instance a check with this status.
func unhealthy(status string) func(*consul.AgentServiceRegistration) {
	return func(reg *consul.AgentServiceRegistration) {
		reg.Check = &consul.AgentServiceCheck{TTL: time.Hour, Status: status}
	}
}

func weights(passing, warning int) func(*consul.AgentServiceRegistration) {
	return func(reg *consul.AgentServiceRegistration) {
		reg.Weights = &consul.AgentWeights{Passing: passing, Warning: warning}
	}
}

// web follows "web" and waits until it is known.
func (w *world) web(opts ...consul.ServiceOption) *consul.Service {
	w.Helper()
	s := w.client.Service(w.Context(), "web", opts...)
	w.Cleanup(s.Close)
	if err := s.Ready(w.Context()); err != nil {
		w.Fatal(err)
	}
	return s
}

// pick picks an instance, tells how it did, and gives its port.
func pick(t testing.TB, s *consul.Service, result error) string {
	t.Helper()
	i, err := s.Pick()
	if err != nil {
		t.Fatal(err)
	}
	i.Done(result)
	return strings.TrimPrefix(i.Address, "10.0.0.1:")
}

// picks counts how often each port was picked.
func picks(t testing.TB, s *consul.Service, n int) map[string]int {
	t.Helper()
	count := map[string]int{}
	for range n {
		count[pick(t, s, nil)]++
	}
	return count
}

func addresses(s *consul.Service) []string {
	var list []string
	for _, i := range s.Instances() {
		list = append(list, i.Address)
	}
	slices.Sort(list)
	return list
}

func TestServiceFollowsItsInstances(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		s := w.web()
		if _, err := s.Pick(); !errors.Is(err, consul.ErrNoInstances) || !strings.Contains(err.Error(), `"web"`) {
			w.Errorf("without an instance: %v", err)
		}
		changed := s.Updated()
		w.provide(1)
		w.provide(2, unhealthy(consul.HealthWarning))
		w.provide(3, unhealthy(consul.HealthCritical))
		<-changed
		if got := addresses(s); !slices.Equal(got, []string{"10.0.0.1:1"}) {
			w.Errorf("the instances are %q", got)
		}
		if got := addresses(w.web(consul.WithWarning())); !slices.Equal(got, []string{"10.0.0.1:1", "10.0.0.1:2"}) {
			w.Errorf("with those that warn they are %q", got)
		}
		if _, err := w.client.Agent().PassTTL(w.Context(), "service:web-3", ""); err != nil {
			w.Fatal(err)
		}
		synctest.Wait()
		if got := addresses(s); !slices.Equal(got, []string{"10.0.0.1:1", "10.0.0.1:3"}) {
			w.Errorf("when another has recovered they are %q", got)
		}
		first := s.Instances()[0]
		if entry := first.Entry(); entry.Service.Service != "web" || entry.Node.Node == "" {
			w.Errorf("the entry is %+v", entry)
		}
	})
}

func TestServiceAddresses(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.provide(1, func(reg *consul.AgentServiceRegistration) {
			reg.TaggedAddresses = map[string]consul.ServiceAddress{"wan": {Address: "192.0.2.1", Port: 99}}
		})
		w.provide(2, func(reg *consul.AgentServiceRegistration) { reg.Address = "" })
		w.provide(3, func(reg *consul.AgentServiceRegistration) { reg.Address = "::1" })
		w.provide(0)
		if got := addresses(w.web()); !slices.Equal(got, []string{"10.0.0.1:1", "127.0.0.1:2", "[::1]:3"}) {
			w.Errorf("the addresses are %q", got)
		}
		wan := addresses(w.web(&consul.ServiceOptions{TaggedAddress: "wan"}))
		if !slices.Equal(wan, []string{"127.0.0.1:2", "192.0.2.1:99", "[::1]:3"}) {
			w.Errorf("those for the wide area are %q", wan)
		}
	})
}

func TestRoundRobin(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		for port := 1; port <= 3; port++ {
			w.provide(port)
		}
		for port, n := range picks(w, w.web(), 300) {
			if n != 100 {
				w.Errorf("%s was picked %d times of 300", port, n)
			}
		}
	})
}

// What is drawn comes as often as it should, within six standard deviations.
func TestRandomBalances(t *testing.T) {
	t.Parallel()
	for balance, want := range map[consul.Balance][]float64{
		consul.Random:   {1. / 3, 1. / 3, 1. / 3},
		consul.Weighted: {6. / 10, 3. / 10, 1. / 10},
	} {
		t.Run(balance.String(), func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(w *world) {
				w.provide(0)
				w.provide(1, weights(6, 1))
				w.provide(2, weights(3, 1))
				w.provide(3, weights(7, 1), unhealthy(consul.HealthWarning))
				const n = 10000
				got := picks(w, w.web(balance, consul.WithWarning()), n)
				for at, p := range want {
					port := fmt.Sprint(at + 1)
					if off := math.Abs(float64(got[port]) - n*p); off > 6*math.Sqrt(n*p*(1-p)) {
						w.Errorf("%s was picked %d times of %d, want about %.0f", port, got[port], n, n*p)
					}
				}
			})
		})
	}
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

// An instance that failed its caller is left alone for a second, and longer each time, while there are others.
func TestFailedInstancesAreHeldBack(t *testing.T) {
	t.Parallel()
	for _, balance := range []consul.Balance{consul.RoundRobin, consul.Random, consul.Weighted, consul.LeastPending, consul.Nearest} {
		t.Run(balance.String(), func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(w *world) {
				w.provide(1)
				s := w.web(balance)
				w.provide(2)
				w.provide(3)
				failed := s.Instances()[0]
				failure := errors.New("it does not work")
				for n := range 8 {
					for { // until it is picked again
						i, err := s.Pick()
						if err != nil {
							w.Fatal(err)
						}
						if i == failed {
							i.Done(failure)
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
					i.Done(failure)
				}
				if _, err := s.Pick(); err != nil {
					w.Errorf("when all have failed: %v", err)
				}
			})
		})
	}
}

// Through an outage a service goes on with what it knows, for as long as it is told to.
func TestServiceInAnOutage(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.provide(1)
		client, wire := w.process()
		s := client.Service(w.Context(), "web", consul.KeepFor(10*time.Minute))
		defer s.Close()
		wantError(w, "ready", s.Ready(w.Context()), nil)
		wire.cut(gateway)
		w.sleep(9 * time.Minute)
		if pick(w, s, nil) != "1" || s.Err() == nil {
			w.Errorf("in an outage: %v", s.Err())
		}
		w.sleep(5 * time.Minute)
		_, err := s.Pick()
		wantError(w, "after that", err, consul.ErrNoInstances)
		if se := (*consul.StatusError)(nil); !errors.As(err, &se) || se.Code != http.StatusServiceUnavailable {
			w.Errorf("the error does not tell why: %v", err)
		}
		wire.cut(fine)
		w.sleep(time.Minute)
		if pick(w, s, nil) != "1" || s.Err() != nil {
			w.Errorf("after the outage: %v", s.Err())
		}
	})
}

func BenchmarkPick(b *testing.B) {
	const n = 1000
	var body strings.Builder
	for i := range n {
		fmt.Fprintf(&body, `,{"Node":{"Node":"n%d","Address":"10.0.0.1"},"Service":{"ID":"web","Service":"web","Port":%d,"Weights":{"Passing":%d}},"Checks":[]}`, i, i+1, i%7+1)
	}
	answer := "[" + body.String()[1:] + "]"
	for b1 := consul.RoundRobin; b1 <= consul.Nearest; b1++ {
		b.Run(b1.String(), func(b *testing.B) {
			client := clientWith(b, &consul.Config{Transport: answerOnce(answer)})
			s := client.Service(b.Context(), "web", b1)
			defer s.Close()
			if err := s.Ready(b.Context()); err != nil || len(s.Instances()) != n {
				b.Fatal(err, len(s.Instances()))
			}
			b.ReportAllocs()
			for b.Loop() {
				i, err := s.Pick()
				if err != nil {
					b.Fatal(err)
				}
				i.Done(nil)
			}
		})
	}
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
