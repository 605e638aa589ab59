package grpcresolver_test

// This file tests connections to real gRPC servers.

import (
	"strings"
	"sync"
	"testing"

	"github.com/lictor-go/consul"
	"github.com/lictor-go/consul/contrib/grpcresolver"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/status"
)

func TestConnectionFollowsTheInstances(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.serve("a"), w.serve("b")
	conn := w.dial("consul:///web", grpc.WithResolvers(grpcresolver.New(w.client)))
	w.await(conn, a, b)

	c := w.serve("c")
	w.await(conn, a, b, c)
	w.deregister(a)
	w.await(conn, b, c)
	w.setHealth(b, consul.HealthCritical)
	w.await(conn, c)
	w.setHealth(c, consul.HealthWarning) // which is not passing
	w.await(conn)
	w.setHealth(b, consul.HealthPassing)
	w.await(conn, b)
}

func TestTargetChooses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	resolve := grpc.WithResolvers(grpcresolver.New(w.client))
	a, b, c := w.serve("a", "v1", "blue"), w.serve("b", "v2", "blue"), w.serve("c", "v2")
	w.setHealth(c, consul.HealthCritical)
	for target, want := range map[string][]*instance{
		"consul:///web":                                         {a, b},
		"consul:web":                                            {a, b},
		"consul:///web?tag=v2":                                  {b},
		"consul:///web?tag=v1&tag=blue":                         {a},
		"consul:///web?tag=v1&tag=v2":                           {},
		"consul:///web?tag=v2&healthy=false":                    {b, c},
		"consul:///web?healthy=true":                            {a, b},
		"consul:///web?filter=Service.ID+%21%3D+%22a%22":        {b},
		"consul:///web?near=_agent&dc=" + w.server.Datacenter(): {a, b},
		"consul:///webs":                                        {},
	} {
		w.await(w.dial(target, resolve), want...)
	}
}

// A call that waits for an instance is made when there is one.
func TestCallWaitsForAnInstance(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	conn := w.dial("consul:///web", grpc.WithResolvers(grpcresolver.New(w.client)))
	w.await(conn)
	type answer struct {
		addr string
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		addr, err := w.call(conn, grpc.WaitForReady(true))
		answers <- answer{addr, err}
	}()
	a := w.serve("a")
	if got := <-answers; got.err != nil || got.addr != a.addr {
		t.Errorf("got %+v, want an answer of %s", got, a.addr)
	}
}

// While Consul is gone, the connection goes on with what it knew. (That it catches up afterwards is TestOutage's.)
func TestConnectionOutlivesConsul(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.serve("a"), w.serve("b")
	conn := w.dial("consul:///web", grpc.WithResolvers(grpcresolver.New(w.client)))
	w.await(conn, a, b)
	if err := w.server.Stop(); err != nil {
		t.Fatal(err)
	}
	w.await(conn, a, b)
}

// Where Consul can't be asked from the start, calls say why.
func TestCallsTellWhatIsWrong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client, err := consul.NewClient(&consul.Config{Address: "127.0.0.1:1", Retry: consul.RetryPolicy{MaxAttempts: 1}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for target, want := range map[string]string{
		"consul:///web":                "is a Consul agent listening there?",
		"consul:///web?color=red":      `"color": it is not known, want one of dc, filter, healthy, near, ns, partition, peer, port, tag`,
		"consul:///web?tag=":           `parameter "tag": it has no value`,
		"consul:///web?near=a&near=b":  `parameter "near": it is given twice: "a" and "b"`,
		"consul:///web?healthy=yes":    `parameter "healthy": "yes" is neither true nor false`,
		"consul:///web?tag=a%zz":       "its parameters can't be read",
		"consul:///web?token=a5ec3e7":  "a token must not be in a target",
		"consul:///web/v1":             "has a slash in it",
		"consul:///":                   "names no service",
		"consul:///web#v1":             "it has a fragment",
		"consul://me:a5ec3e7@host/web": "a user name or a password",
		"consul://127.0.0.1:1/web":     "the resolver has a client: want consul:///service",
	} {
		wantUnavailable(w, target, grpcresolver.New(client), want)
	}
	wantUnavailable(w, "consul:///web", grpcresolver.New(nil), "the resolver was made without a client")
}

func wantUnavailable(w *world, target string, builder resolver.Builder, want string) {
	w.Helper()
	_, err := w.call(w.dial(target, grpc.WithResolvers(builder)))
	if status.Code(err) != codes.Unavailable || !strings.Contains(status.Convert(err).Message(), want) {
		w.Errorf("%s: %v, want %q", target, err, want)
	}
	if err != nil && strings.Contains(err.Error(), "a5ec3e7") {
		w.Errorf("%s: the error tells a secret: %v", target, err)
	}
}

// Connections may be closed at any time, and be told to resolve as often as they like.
func TestCloseAndResolveNow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.serve("a")
	builder := grpcresolver.New(w.client)
	var all sync.WaitGroup
	for range 20 {
		r, cc := build(t, builder, "consul:///web")
		all.Go(func() {
			for range 100 {
				r.ResolveNow(resolver.ResolveNowOptions{})
			}
			if s := <-cc.states; len(s.Addresses) != 1 || s.Addresses[0].Addr != a.addr {
				t.Errorf("resolved to %+v", s)
			}
			r.Close()
			r.ResolveNow(resolver.ResolveNowOptions{})
		})
	}
	all.Wait() // that nothing is left behind is TestMain's to see
}
