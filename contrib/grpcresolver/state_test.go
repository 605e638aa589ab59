package grpcresolver_test

// This file tests what gRPC is told, on the embedded Consul in virtual time.

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lictor-go/consul"
	"github.com/lictor-go/consul/contrib/grpcresolver"
	"github.com/lictor-go/consul/embedded"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/serviceconfig"
)

// A recorder is a connection that keeps what it is told.
type recorder struct {
	resolver.ClientConn
	states chan resolver.State
	errs   chan error
}

func (r *recorder) UpdateState(s resolver.State) error {
	r.states <- s
	return errors.New("gRPC does not like it") // which is no reason to tell it again
}

func (r *recorder) ReportError(err error) { r.errs <- err }

func (r *recorder) ParseServiceConfig(string) *serviceconfig.ParseResult { return nil }

// build makes a resolver, which ends with the test.
func build(t *testing.T, builder resolver.Builder, target string) (resolver.Resolver, *recorder) {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	cc := &recorder{states: make(chan resolver.State, 100), errs: make(chan error, 100)}
	r, err := builder.Build(resolver.Target{URL: *u}, cc, resolver.BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r, cc
}

// want compares what was told since the last time.
func (r *recorder) want(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	var got []string
	for len(r.states) > 0 {
		got = append(got, stateText(<-r.states))
	}
	for len(r.errs) > 0 {
		got = append(got, "error: "+(<-r.errs).Error())
	}
	if !slices.Equal(got, want) {
		t.Errorf("gRPC was told %q, want %q", got, want)
	}
}

func stateText(s resolver.State) string {
	var parts []string
	for i, e := range s.Endpoints {
		if len(s.Addresses) != len(s.Endpoints) || len(e.Addresses) != 1 || !s.Addresses[i].Equal(e.Addresses[0]) {
			return fmt.Sprintf("addresses %v, endpoints %v", s.Addresses, s.Endpoints)
		}
		parts = append(parts, fmt.Sprintf("%s=%s*%d", grpcresolver.ID(e), e.Addresses[0].Addr, grpcresolver.Weight(e)))
	}
	return strings.Join(parts, " ")
}

// inBubble runs a test with a Consul in memory, which can be cut off.
func inBubble(t *testing.T, test func(t *testing.T, client *consul.Client, cutOff *atomic.Bool)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		server, err := embedded.Start()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { server.Close() })
		var cutOff atomic.Bool
		client, err := consul.NewClient(&consul.Config{Transport: roundTripFunc(func(r *http.Request) (*http.Response, error) {
			if cutOff.Load() {
				return nil, errors.New("cut off")
			}
			return server.Transport().RoundTrip(r)
		})})
		if err != nil {
			t.Fatal(err)
		}
		test(t, client, &cutOff)
	})
}

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func register(t *testing.T, client *consul.Client, service *consul.AgentServiceRegistration) {
	t.Helper()
	service.Name = "web"
	if _, err := client.Agent().ServiceRegister(t.Context(), service); err != nil {
		t.Fatal(err)
	}
}

func TestEndpointsTellOfInstances(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, client *consul.Client, _ *atomic.Bool) {
		_, cc := build(t, grpcresolver.New(client), "consul:///web?healthy=false")
		cc.want(t, "")
		register(t, client, &consul.AgentServiceRegistration{ID: "plain", Port: 80})
		cc.want(t, "plain=127.0.0.1:80*1")
		register(t, client, &consul.AgentServiceRegistration{
			ID: "ipv6", Address: "2001:db8::1", Port: 81, Weights: &consul.AgentWeights{Passing: 9, Warning: 2},
			Check: &consul.AgentServiceCheck{CheckID: "c", TTL: time.Hour, Status: consul.HealthPassing},
		})
		cc.want(t, "ipv6=[2001:db8::1]:81*9 plain=127.0.0.1:80*1")
		if _, err := client.Agent().WarnTTL(t.Context(), "c", ""); err != nil {
			t.Fatal(err)
		}
		cc.want(t, "ipv6=[2001:db8::1]:81*2 plain=127.0.0.1:80*1")
		register(t, client, &consul.AgentServiceRegistration{ID: "none"}) // has no port
		cc.want(t)
		register(t, client, &consul.AgentServiceRegistration{ID: "socket", SocketPath: "/run/web"})
		cc.want(t, "ipv6=[2001:db8::1]:81*2 plain=127.0.0.1:80*1 socket=unix:/run/web*1")
	})
}

func TestPortsHaveNames(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, client *consul.Client, _ *atomic.Bool) {
		register(t, client, &consul.AgentServiceRegistration{ID: "several", Ports: []consul.ServicePort{
			{Name: "http", Port: 80, Default: true}, {Name: "grpc", Port: 90},
		}})
		register(t, client, &consul.AgentServiceRegistration{ID: "single", Port: 70})
		for target, want := range map[string][]string{
			"consul:///web":           {"several=127.0.0.1:80*1 single=127.0.0.1:70*1"},
			"consul:///web?port=grpc": {"several=127.0.0.1:90*1"},
			"consul:///web?port=admin": {"",
				`error: grpcresolver: target "consul:///web": of the 2 instances of "web" none has a port "admin"`},
		} {
			_, cc := build(t, grpcresolver.New(client), target)
			cc.want(t, want...)
		}
	})
}

// An outage is told only to a connection that knows nothing yet.
func TestOutage(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, client *consul.Client, cutOff *atomic.Bool) {
		register(t, client, &consul.AgentServiceRegistration{ID: "a", Port: 80})
		_, knows := build(t, grpcresolver.New(client), "consul:///web")
		knows.want(t, "a=127.0.0.1:80*1")
		cutOff.Store(true)
		_, sharesIt := build(t, grpcresolver.New(client), "consul:///web")
		sharesIt.want(t, "a=127.0.0.1:80*1")
		_, knowsNothing := build(t, grpcresolver.New(client), "consul:///web?near=_agent")
		time.Sleep(5 * time.Minute)
		knows.want(t)
		synctest.Wait()
		if err := <-knowsNothing.errs; !strings.Contains(err.Error(), "cut off") {
			t.Errorf("told %v", err)
		}
		cutOff.Store(false)
		time.Sleep(time.Minute)
		synctest.Wait()
		if s := <-knowsNothing.states; stateText(s) != "a=127.0.0.1:80*1" {
			t.Errorf("told %s", stateText(s))
		}
		register(t, client, &consul.AgentServiceRegistration{ID: "b", Port: 81})
		knows.want(t, "a=127.0.0.1:80*1 b=127.0.0.1:81*1")
	})
}

// What others have made of an endpoint has no weight and no ID.
func TestAttributesOfOtherEndpoints(t *testing.T) {
	t.Parallel()
	if id, weight := grpcresolver.ID(resolver.Endpoint{}), grpcresolver.Weight(resolver.Endpoint{}); id != "" || weight != 0 {
		t.Errorf("ID %q, weight %d", id, weight)
	}
}
