package consul_test

// This file tests Registrar in virtual time.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lictor-go/consul"
	"github.com/lictor-go/consul/embedded"
)

// A registering is a Registrar that runs in a process of its own.
type registering struct {
	*consul.Registrar
	client *consul.Client
	wire   *wire
	done   <-chan outcome // of Run
	stop   context.CancelFunc
}

// register runs a Registrar, until the test ends.
func (w *world) register(opts consul.RegistrarOptions) *registering {
	w.Helper()
	client, wire := w.process()
	r, err := client.Registrar(&opts)
	if err != nil {
		w.Fatal(err)
	}
	ctx, stop := context.WithCancel(w.Context())
	w.Cleanup(stop)
	return &registering{r, client, wire, start(func() error { return r.Run(ctx) }), stop}
}

// web is a service with a TTL check of 15 s, heartbeaten every 5 s.
func web(health func(context.Context) error) consul.RegistrarOptions {
	return consul.RegistrarOptions{Services: []consul.RegistrarService{{
		Service: &consul.AgentServiceRegistration{Name: "web", Port: 8080}, Health: health,
	}}}
}

// health gives the status of a service as the catalog has it, empty where it has no such service, and the worst output.
func (w *world) health(service string) string {
	w.Helper()
	entries, _, err := w.client.Health().Service(w.Context(), service)
	if err != nil {
		w.Fatal(err)
	}
	if len(entries) == 0 {
		return ""
	}
	return entries[0].Checks.AggregatedStatus()
}

// wantHealth fails unless the catalog has the service with a status.
func (w *world) wantHealth(service, want string) {
	w.Helper()
	if got := w.health(service); got != want {
		w.Errorf("%v: %s is %q, want %q", time.Since(epoch), service, got, want)
	}
}

// epoch is when time begins in the tests that have their own.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// watch fails, until the time is over, whenever the service is not as it should be.
func (w *world) watch(service, want string, d time.Duration) {
	w.Helper()
	for range d / (100 * time.Millisecond) {
		w.sleep(100 * time.Millisecond)
		if w.wantHealth(service, want); w.Failed() {
			return
		}
	}
}

// wantEnd ends a Registrar, and fails unless its service is gone then.
func (w *world) wantEnd(r *registering, want error) {
	w.Helper()
	r.stop()
	wantError(w, "run", (<-r.done).err, want)
	services, _, err := w.client.Agent().Services(w.Context())
	if err != nil || len(services) > 0 {
		w.Errorf("left with the agent: %v, %v", services, err)
	}
	for _, s := range r.Status() {
		if s.Registered || !errors.Is(s.Err, want) {
			w.Errorf("at the end: %v", s)
		}
	}
}

// wantPage fails unless the page for people has a status and begins with a text.
func wantPage(w *world, r *registering, code int, text string) {
	w.Helper()
	page := httptest.NewRecorder()
	r.ServeHTTP(page, httptest.NewRequest("GET", "/", nil))
	if page.Code != code || !strings.HasPrefix(page.Body.String(), text) {
		w.Errorf("the page is %d %q", page.Code, page.Body)
	}
}

func TestRegistrar(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		r := w.register(web(well))
		if err := r.Ready(w.Context()); err != nil {
			w.Fatal(err)
		}
		w.wantHealth("web", consul.HealthPassing)
		w.watch("web", consul.HealthPassing, time.Minute)

		s := r.Status()[0]
		if !s.RegisteredAt.Equal(epoch) || time.Since(s.Heartbeat) > 5500*time.Millisecond {
			w.Errorf("registered at %v, heartbeat at %v", s.RegisteredAt, s.Heartbeat)
		}
		s.RegisteredAt, s.Heartbeat = time.Time{}, time.Time{}
		want := consul.ServiceStatus{ID: "web", Name: "web", Registered: true, Registrations: 1, Health: consul.HealthPassing}
		if s != want {
			w.Errorf("the status is %+v", s)
		}
		wantPage(w, r, http.StatusOK, "web: registered, passing, heartbeat ")
		// It asks, registers and reports once, and reports every 4.5 to 5.5 s.
		if n := r.wire.count(); n < 2+60*10/55 || n > 2+1+60*10/45 {
			w.Errorf("%d requests in a minute", n)
		}
		wantError(w, "a second run", r.Run(w.Context()), consul.ErrInvalidOption)
		w.wantEnd(r, nil)
		wantError(w, "ready after the end", r.Ready(w.Context()), context.Canceled)
		wantPage(w, r, http.StatusServiceUnavailable, "web: not registered")
	})
}

// A service that the agent has forgotten is visible again within two heartbeats, as it was, whether it has a TTL check or not.
func TestRegistrarWhenForgotten(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		opts := web(well)
		opts.Interval = 5 * time.Second
		opts.Services = append(opts.Services, consul.RegistrarService{Service: &consul.AgentServiceRegistration{Name: "plain"}})
		r := w.register(opts)
		for round := range 10 {
			w.sleep(time.Duration(round) * 777 * time.Millisecond)
			w.wantHealth("web", consul.HealthPassing)
			if err := w.server.Forget(); err != nil {
				w.Fatal(err)
			}
			w.wantHealth("web", "")
			w.sleep(10 * time.Second)
			w.wantHealth("web", consul.HealthPassing)
			w.wantHealth("plain", consul.HealthPassing)
		}
		for _, s := range r.Status() {
			if s.Registrations != 11 || s.Err != nil {
				w.Errorf("the status is %+v, want 11 registrations", s)
			}
		}
		w.wantEnd(r, nil)
	})
}

// An agent that was down is told again soon after it came back, and is not pestered meanwhile.
func TestRegistrarOutage(t *testing.T) {
	t.Parallel()
	for _, f := range allTroubles {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(w *world) {
				r := w.register(web(well))
				w.sleep(time.Minute)
				before := r.wire.count()
				r.wire.cut(f)
				w.sleep(10 * time.Minute)
				if s := r.Status()[0]; s.Err == nil || !s.Registered {
					w.Errorf("in the outage: %v", s)
				}
				wantPage(w, r, http.StatusServiceUnavailable, "web: registered, passing, heartbeat ")
				// The client itself tries what was turned away up to 8 times.
				if n := r.wire.count() - before; n > 10*60*3 {
					w.Errorf("%d requests in 10 minutes", n)
				}
				r.wire.cut(fine)
				w.sleep(10 * time.Second)
				w.wantHealth("web", consul.HealthPassing)
				w.wantEnd(r, nil)
			})
		})
	}
}

// A connection that goes silent for a while leaves time for the next heartbeat.
func TestRegistrarSilence(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		r := w.register(web(well))
		for range 20 {
			w.watch("web", consul.HealthPassing, 17*time.Second)
			r.wire.cut(hangBefore)
			w.watch("web", consul.HealthPassing, 5*time.Second)
			r.wire.cut(fine)
		}
		w.wantEnd(r, nil)
	})
}

func TestRegistrarUpdate(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		opts := web(well)
		opts.Services[0].Service.Checks = consul.AgentServiceChecks{
			{CheckID: "old", AliasNode: "embedded"}, {TTL: 15 * time.Second},
		}
		before := fmt.Sprintf("%+v", *opts.Services[0].Service.Checks[1])
		r := w.register(opts)
		w.sleep(time.Minute)
		_, err := w.client.Agent().EnableServiceMaintenance(w.Context(), "web", "an operator's reason")
		wantError(w, "maintenance", err, nil)

		update := &consul.AgentServiceRegistration{
			Name: "web", Port: 9090, Check: &consul.AgentServiceCheck{CheckID: "new", TTL: 30 * time.Second},
		}
		wantError(w, "update", r.Update(update), nil)
		wantError(w, "ready", r.Ready(w.Context()), nil)
		entries, _, err := w.client.Health().Service(w.Context(), "web")
		if err != nil || len(entries) != 1 || entries[0].Service.Port != 9090 {
			w.Fatalf("after the update: %+v, %v", entries, err)
		}
		got := map[string]string{}
		for _, c := range entries[0].Checks {
			got[c.CheckID] = c.Status
		}
		delete(got, "serfHealth")
		want := map[string]string{"new": consul.HealthPassing, "_service_maintenance:web": consul.HealthCritical}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			w.Errorf("the checks are %v, want %v", got, want)
		}
		if after := fmt.Sprintf("%+v", *opts.Services[0].Service.Checks[1]); after != before {
			w.Errorf("the caller's check was changed from %s to %s", before, after)
		}

		w.sleep(time.Second)
		n := r.wire.count()
		w.sleep(time.Minute) // heartbeats are fewer now
		if n = r.wire.count() - n; n < 5 || n > 7 {
			w.Errorf("%d heartbeats in a minute", n)
		}
		wantError(w, "update of another", r.Update(&consul.AgentServiceRegistration{Name: "db"}), consul.ErrNotFound)
		wantError(w, "update to nothing", r.Update(nil), consul.ErrInvalidOption)
		wantError(w, "update to nonsense", r.Update(&consul.AgentServiceRegistration{ID: "web"}), consul.ErrInvalidOption)
		w.wantEnd(r, nil)
	})
}

// A definition that the agent refuses ends Run if there never was another, and is else told of.
func TestRegistrarRefused(t *testing.T) {
	t.Parallel()
	nonsense := consul.AgentServiceRegistration{
		Name: "web", Check: &consul.AgentServiceCheck{TTL: time.Hour, HTTP: "http://localhost"},
	}
	inWorld(t, func(w *world) {
		r := w.register(consul.RegistrarOptions{Services: []consul.RegistrarService{{Service: &nonsense}}})
		wantError(w, "run", (<-r.done).err, consul.ErrBadRequest)
		wantError(w, "ready", r.Ready(w.Context()), consul.ErrBadRequest)

		r = w.register(web(well))
		wantError(w, "ready", r.Ready(w.Context()), nil)
		wantError(w, "update", r.Update(&nonsense), nil)
		wantError(w, "ready", r.Ready(w.Context()), consul.ErrBadRequest)
		w.watch("web", consul.HealthPassing, 5*time.Minute) // the former one is in force, and heartbeaten
		wantError(w, "update", r.Update(web(well).Services[0].Service), nil)
		wantError(w, "ready", r.Ready(w.Context()), nil)
		w.wantHealth("web", consul.HealthPassing)
		w.wantEnd(r, nil)
	})
}

func TestRegistrarDrains(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		opts := web(well)
		opts.Drain = 20 * time.Second
		r := w.register(opts)
		w.sleep(time.Minute)
		ended := time.Now()
		r.stop()
		synctest.Wait()
		w.watch("web", consul.HealthMaint, 19*time.Second)
		w.wantEnd(r, nil)
		if took := time.Since(ended); took != 20*time.Second {
			w.Errorf("it ended after %v", took)
		}

		// One that is killed meanwhile leaves the service in maintenance. The next one ends that.
		r = w.register(opts)
		w.sleep(time.Minute)
		r.stop()
		w.sleep(10 * time.Second)
		r.wire.cut(hangBefore)
		if err := (<-r.done).err; !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "stays registered") {
			w.Errorf("run: %v", err)
		}
		w.wantHealth("web", consul.HealthMaint)
		r = w.register(opts)
		w.sleep(time.Second)
		w.wantHealth("web", consul.HealthPassing)
		w.wantEnd(r, nil)
	})
}

// A registration that is under way at the end does not outlive it, though an agent goes on with what nobody waits for.
func TestRegistrarEndsWhileItRegisters(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		slowly := func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
			body, err := io.ReadAll(r.Body)
			wantError(w, "the body", err, nil)
			time.Sleep(time.Second)
			r = r.WithContext(context.WithoutCancel(r.Context()))
			r.Body = io.NopCloser(bytes.NewReader(body))
			next.ServeHTTP(rw, r)
		}
		w.server.Inject(embedded.Fault{Match: embedded.OfRequest("PUT", "/v1/agent/service/register"), Effect: slowly})
		r := w.register(web(well))
		w.sleep(time.Second / 2)
		r.stop()
		wantError(w, "run", (<-r.done).err, nil)
		w.sleep(10 * time.Second)
		w.wantHealth("web", "")
	})
}

func TestRegistrarWithAClosedClient(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		r := w.register(web(well))
		w.sleep(time.Minute)
		r.client.Close()
		wantError(w, "run", (<-r.done).err, consul.ErrClosed)
	})
}

func TestRegistrarOptionsAreChecked(t *testing.T) {
	t.Parallel()
	client := clientWith(t, &consul.Config{Address: "127.0.0.1:1"})
	ttl := func(d time.Duration) *consul.AgentServiceCheck { return &consul.AgentServiceCheck{TTL: d} }
	service := func(id, name string, checks ...*consul.AgentServiceCheck) *consul.RegistrarOptions {
		return &consul.RegistrarOptions{Services: []consul.RegistrarService{{
			Service: &consul.AgentServiceRegistration{ID: id, Name: name, Checks: checks},
		}}}
	}
	with := func(change func(*consul.RegistrarOptions)) *consul.RegistrarOptions {
		opts := web(nil)
		change(&opts)
		return &opts
	}
	for want, opts := range map[string]*consul.RegistrarOptions{
		"no service":             nil,
		"no service to register": {},
		"Service is nil":         {Services: make([]consul.RegistrarService, 1)},
		"Name is empty":          service("web", ""),
		"more than one TTL":      service("", "web", ttl(1), ttl(2)),
		"Checks[0] is nil":       service("", "web", nil),
		"TTL is negative (-1s)":  service("", "web", ttl(-time.Second)),

		"Drain is negative (-1ns)":             with(func(o *consul.RegistrarOptions) { o.Drain = -1 }),
		"Interval is negative (-1ns)":          with(func(o *consul.RegistrarOptions) { o.Interval = -1 }),
		"DeregisterTimeout is negative (-1ns)": with(func(o *consul.RegistrarOptions) { o.DeregisterTimeout = -1 }),

		`two services have the ID "web"`: with(func(o *consul.RegistrarOptions) {
			o.Services = append(o.Services, o.Services...)
		}),
	} {
		if _, err := client.Registrar(opts); !errors.Is(err, consul.ErrInvalidOption) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want one that says %q", err, want)
		}
	}
}
