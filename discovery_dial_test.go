package consul_test

// This file tests Resolver: the names that it knows, and how it connects to instances.

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lictor-go/consul"
)

// A dialer connects to nothing: to some addresses at once, to others never, or not before the context ends.
type dialer struct {
	mu     sync.Mutex
	silent []string // connecting to them takes for ever
	refuse []string
	dialed []string // in order
}

func (d *dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	d.mu.Lock()
	d.dialed = append(d.dialed, address)
	silent, refused := slices.Contains(d.silent, address), slices.Contains(d.refuse, address)
	d.mu.Unlock()
	switch {
	case silent:
		<-ctx.Done()
		return nil, &net.OpError{Op: "dial", Net: network, Err: ctx.Err()}
	case refused:
		return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("connection refused")}
	}
	here, there := net.Pipe()
	there.Close()
	return here, nil
}

// seen gives what was dialed since it was last asked.
func (d *dialer) seen() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	seen := d.dialed
	d.dialed = nil
	return seen
}

// resolver gives a Resolver with its dialer.
func (w *world) resolver(opts ...consul.ServiceOption) (*consul.Resolver, *dialer) {
	w.Helper()
	r, d := w.client.Resolver(w.Context(), opts...), &dialer{}
	r.Dialer = d
	w.Cleanup(r.Close)
	return r, d
}

// dialIt connects to "web", and gives the error and how long it took.
func dialIt(ctx context.Context, r *consul.Resolver) (time.Duration, error) {
	began := time.Now()
	conn, err := r.DialContext(ctx, "tcp", "web.service.consul:80")
	if conn != nil {
		conn.Close()
	}
	return time.Since(began), err
}

// asked gives what a wire was first asked of each service, less what comes before the service and after its options.
func asked(w *wire) (list []string) {
	for _, p := range w.sent() {
		_, url, _ := strings.Cut(p.url, "/v1/health/service/")
		url, _, _ = strings.Cut(url, "&wait=")
		if !strings.Contains(url, "index=") && !slices.Contains(list, url) {
			list = append(list, url)
		}
	}
	return list
}

// What is a service's name is asked for, once, and nothing else is.
func TestServiceNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"web.service.consul":            "web?passing",
		"web.service.consul.":           "web?passing",
		"Web.Service.Consul":            "web?passing",
		"v2.web.service.consul":         "web?tag=v2&passing",
		"a.b.web.service.consul":        "web?tag=a.b&passing",
		"web.service.eu.consul":         "web?dc=eu&passing",
		"v2.web.service.eu.consul":      "web?dc=eu&tag=v2&passing",
		"service.service.consul":        "service?passing",
		"a-b.service.service.eu.consul": "service?dc=eu&tag=a-b&passing",

		"web.service.consul.example": "",
		"web.service":                "",
		"service.consul":             "",
		".service.consul":            "",
		"v2..service.consul":         "",
		"service.eu.consul":          "",
		"web.service.a.b.consul":     "",
		"web.node.consul":            "",
		"consul":                     "",
		"example.com":                "",
		"10.0.0.1":                   "",
		"":                           "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(w *world) {
				client, wire := w.process()
				r := client.Resolver(w.Context())
				defer r.Close()
				first, ok := r.Service(name)
				if again, okAgain := r.Service(name); again != first || okAgain != ok {
					w.Errorf("the second time it is %v, %v", again, okAgain)
				}
				w.sleep(time.Millisecond)
				var wanted []string
				if want != "" {
					wanted = []string{want}
				}
				if got := asked(wire); ok != (want != "") || !slices.Equal(got, wanted) {
					w.Errorf("it is one: %v; it asked %q, want %q", ok, got, wanted)
				}
			})
		})
	}
}

// A name adds to what the options say, and goes before them.
func TestNamesAndOptions(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		client, wire := w.process()
		r := client.Resolver(w.Context(), consul.WithTags("prod"), consul.WithDatacenter("us"), consul.Stale())
		defer r.Close()
		for _, name := range []string{"v2.web.service.eu.consul", "web.service.consul"} {
			r.Service(name)
			w.sleep(time.Millisecond)
		}
		want := []string{"web?dc=eu&stale&tag=prod&tag=v2&passing", "web?dc=us&stale&tag=prod&passing"}
		if got := asked(wire); !slices.Equal(got, want) {
			w.Errorf("it asked %q, want %q", got, want)
		}
	})
}

func TestDialContext(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.provide(1)
		w.provide(2)
		r, d := w.resolver()
		for range 4 {
			_, err := dialIt(w.Context(), r)
			wantError(w, "dial", err, nil)
		}
		got := d.seen()
		slices.Sort(got)
		if want := []string{"10.0.0.1:1", "10.0.0.1:1", "10.0.0.1:2", "10.0.0.1:2"}; !slices.Equal(got, want) {
			w.Errorf("it dialed %q, want %q", got, want)
		}
		for _, other := range []string{"example.com:80", "10.1.1.1:80", "web.node.consul:1"} {
			if _, err := r.DialContext(w.Context(), "tcp", other); err != nil {
				w.Error(err)
			}
			if got := d.seen(); !slices.Equal(got, []string{other}) {
				w.Errorf("for %s it dialed %q", other, got)
			}
		}
		if _, err := r.Dial(w.Context(), "web.service.consul"); err != nil {
			w.Error(err)
		}
	})
}

// A dial that fails is one for another instance, without an error for the caller, and later dials avoid the one that failed.
func TestDialFailsOver(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		for port := 1; port <= 3; port++ {
			w.provide(port)
		}
		r, d := w.resolver()
		d.refuse = []string{"10.0.0.1:1", "10.0.0.1:2"}
		for range 10 {
			_, err := dialIt(w.Context(), r)
			wantError(w, "dial", err, nil)
		}
		if got := d.seen(); len(got) > 12 {
			w.Errorf("it dialed %q", got)
		}
		d.refuse = append(d.refuse, "10.0.0.1:3")
		_, err := dialIt(w.Context(), r)
		for _, want := range []string{`"web"`, `"web-1"`, `"web-2"`, `"web-3"`, "10.0.0.1:3", "refused"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				w.Errorf("when all refuse, the error lacks %s: %v", want, err)
			}
		}
		if got := d.seen(); len(got) != 3 {
			w.Errorf("when all refuse it dialed %q", got)
		}
	})
}

// An instance that says nothing takes its part of the time, not all of it.
func TestDialSilence(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		for port := 1; port <= 3; port++ {
			w.provide(port)
		}
		r, d := w.resolver(consul.Nearest)
		s, _ := r.Service("web.service.consul")
		wantError(w, "ready", s.Ready(w.Context()), nil)
		first := s.Instances()[0]
		d.silent = []string{first.Address}
		took, err := dialIt(w.Context(), r)
		if wantError(w, "dial", err, nil); took != 5*time.Second {
			w.Errorf("without a limit it took %v", took)
		}
		took, err = dialIt(w.Context(), r)
		if wantError(w, "dial", err, nil); took != 0 {
			w.Errorf("the second time it took %v", took)
		}
		first.Done(nil)
		ctx, cancel := context.WithTimeout(w.Context(), 3*time.Second)
		defer cancel()
		took, err = dialIt(ctx, r)
		if wantError(w, "dial", err, nil); took != time.Second {
			w.Errorf("with three seconds for three instances it took %v", took)
		}
	})
}

// A caller that loses interest is let go at once, and nobody is held back for it.
func TestDialIsCancelled(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.provide(1)
		w.provide(2)
		r, d := w.resolver(consul.Nearest)
		s, _ := r.Service("web.service.consul")
		wantError(w, "ready", s.Ready(w.Context()), nil)
		d.silent = []string{s.Instances()[0].Address}
		ctx, cancel := context.WithCancel(w.Context())
		time.AfterFunc(time.Second, cancel)
		took, err := dialIt(ctx, r)
		if wantError(w, "dial", err, context.Canceled); took != time.Second {
			w.Errorf("it took %v", took)
		}
		if i, _ := s.Pick(); i != s.Instances()[0] {
			w.Error("the instance is held back")
		}
		if got := d.seen(); len(got) != 1 {
			w.Errorf("it dialed %q", got)
		}
	})
}

// With LeastPending connections are spread by how many are open.
func TestDialLeastPending(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.provide(1)
		w.provide(2)
		r, d := w.resolver(consul.LeastPending)
		open := map[string][]net.Conn{}
		dial := func() {
			conn, err := r.Dial(w.Context(), "web.service.consul:80")
			if err != nil {
				w.Fatal(err)
			}
			to := d.seen()[0]
			open[to] = append(open[to], conn)
		}
		for range 10 {
			dial()
		}
		if len(open["10.0.0.1:1"]) != 5 || len(open["10.0.0.1:2"]) != 5 {
			w.Errorf("of 10 connections there are %d and %d", len(open["10.0.0.1:1"]), len(open["10.0.0.1:2"]))
		}
		for _, conn := range open["10.0.0.1:1"] {
			conn.Close()
			conn.Close() // which counts once
		}
		for range 5 {
			dial()
		}
		if n := len(open["10.0.0.1:1"]); n != 10 {
			w.Errorf("%d of 5 connections went where none was open", n-5)
		}
	})
}

// A dial waits for the first answer, but not for a Consul that can't be asked, and says so.
func TestDialWithoutConsul(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.provide(1)
		client, wire := w.process()
		wire.cut(gateway)
		r := client.Resolver(w.Context())
		defer r.Close()
		r.Dialer = &dialer{}
		took, err := dialIt(w.Context(), r)
		wantError(w, "without Consul", err, consul.ErrNoInstances)
		if se, ok := errors.AsType[*consul.StatusError](err); !ok || se.Code != http.StatusServiceUnavailable {
			w.Errorf("the error does not tell why: %v", err)
		}
		if took > time.Minute {
			w.Errorf("it took %v", took)
		}
		wire.cut(fine)
		w.sleep(time.Minute)
		_, err = dialIt(w.Context(), r)
		wantError(w, "with Consul again", err, nil)
	})
}

func TestDialWaitsForTheFirstAnswer(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		client, wire := w.process()
		wire.cut(hangBefore)
		r := client.Resolver(w.Context())
		defer r.Close()
		ctx, cancel := context.WithTimeout(w.Context(), time.Second)
		defer cancel()
		took, err := dialIt(ctx, r)
		if wantError(w, "dial", err, context.DeadlineExceeded); took != time.Second {
			w.Errorf("it took %v", took)
		}
		closed := start(func() error { _, err := dialIt(w.Context(), r); return err })
		w.sleep(time.Second)
		r.Close()
		wantError(w, "a dial when the Resolver is closed", (<-closed).err, consul.ErrClosed)
	})
}

// With the Resolver, or with its context, all ends that it began.
func TestResolverEnds(t *testing.T) {
	t.Parallel()
	for _, by := range []string{"Close", "its context"} {
		t.Run(by, func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(w *world) {
				w.provide(1)
				client, wire := w.process()
				ctx, cancel := context.WithCancel(w.Context())
				r := client.Resolver(ctx)
				r.Dialer = &dialer{}
				_, err := dialIt(w.Context(), r)
				wantError(w, "dial", err, nil)
				if by == "Close" {
					r.Close()
				}
				cancel()
				w.sleep(0)
				asked := wire.count()
				w.sleep(time.Hour)
				_, err = dialIt(w.Context(), r)
				wantError(w, "dial after the end", err, consul.ErrClosed)
				w.sleep(time.Hour)
				if n := wire.count(); n > asked {
					w.Errorf("after its end it asked %d times", n-asked)
				}
				r.Close()
			})
		})
	}
}
