package consul_test

// This file tests Service: which instances there are, and which is chosen.

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
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

// A service that the token may not see is told of at once, and found when the token may.
func TestServiceThatIsDenied(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.provide(1)
		var allowed atomic.Bool
		var asked atomic.Int64
		client := clientWith(w, &consul.Config{Transport: roundTripFunc(func(r *http.Request) (*http.Response, error) {
			asked.Add(1)
			if !allowed.Load() {
				return answerText(r, http.StatusForbidden, "Permission denied"), nil
			}
			return w.server.Transport().RoundTrip(r)
		})})
		s := client.Service(w.Context(), "web")
		defer s.Close()
		wantError(w, "ready", s.Ready(w.Context()), consul.ErrPermissionDenied)
		_, err := s.Pick()
		wantError(w, "pick", err, consul.ErrNoInstances)
		wantError(w, "pick", err, consul.ErrPermissionDenied)
		w.sleep(time.Hour)
		if n := asked.Load(); n > 3600 {
			w.Errorf("in an hour it asked %d times", n)
		}
		allowed.Store(true)
		w.sleep(time.Minute)
		wantError(w, "ready", s.Ready(w.Context()), nil)
		pick(w, s, nil)
	})
}

// A service ends with its Close, with its context and with its client, and so does who waits for it.
func TestServiceEnds(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		client, wire := w.process()
		wire.cut(hangBefore)
		ctx, cancel := context.WithCancel(w.Context())
		services := []*consul.Service{
			client.Service(w.Context(), "web"),
			client.Service(ctx, "web"),
			client.Service(w.Context(), "web"),
		}
		waiting := make([]<-chan outcome, len(services))
		for n, s := range services {
			waiting[n] = start(func() error { return s.Ready(w.Context()) })
		}
		synctest.Wait()
		if n := wire.count(); n != 1 {
			w.Errorf("three services that are the same asked %d times", n)
		}
		for n, end := range []func(){services[0].Close, cancel, func() { client.Close() }} {
			end()
			wantError(w, fmt.Sprintf("ready, %d", n), (<-waiting[n]).err, consul.ErrClosed)
		}
		wantError(w, "ready, anew", client.Service(w.Context(), "web").Ready(w.Context()), consul.ErrClosed)
		services[0].Close()
		w.sleep(time.Hour)
		if n := wire.count(); n != 1 {
			w.Errorf("after the end it asked %d times", n-1)
		}
	})
}
