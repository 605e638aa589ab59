package consul_test

// This file has Registrar meet faults: each on each of its requests, and any at any time.

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lictor-go/consul"
)

// Whatever befalls a request of the registrar's, once or for a while, the service ends as it should: registered while the
// context lasts, gone after it.
func TestRegistrarFaults(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{
		"PUT /v1/agent/service/register", "PUT /v1/agent/check/update/service:web", "GET /v1/agent/health/service/id/web",
		"PUT /v1/agent/check/deregister/old", "PUT /v1/agent/service/maintenance/web", "PUT /v1/agent/service/deregister/web",
		"GET /v1/agent/service/plain",
	} {
		for _, f := range allTroubles {
			for _, times := range []int{1, 3} {
				t.Run(fmt.Sprintf("%s/%s/%d times", kind, f, times), func(t *testing.T) {
					t.Parallel()
					inWorld(t, func(w *world) { w.disturb(f, kind, times) })
				})
			}
		}
	}
}

func (w *world) disturb(f trouble, kind string, times int) {
	// What a process left that had the ID before.
	left := &consul.AgentServiceRegistration{Name: "web", Check: &consul.AgentServiceCheck{CheckID: "old", TTL: time.Hour}}
	_, err := w.client.Agent().ServiceRegister(w.Context(), left)
	wantError(w, "register", err, nil)

	opts := web(well)
	opts.Drain, opts.DeregisterTimeout = 30*time.Second, time.Minute
	opts.Services = append(opts.Services, consul.RegistrarService{Service: &consul.AgentServiceRegistration{Name: "plain"}})
	client, wire := w.process()
	wire.meet(f, kind, 0, times)
	registrar, err := client.Registrar(&opts)
	wantError(w, "registrar", err, nil)
	ctx, stop := context.WithCancel(w.Context())
	r := &registering{registrar, client, wire, start(func() error { return registrar.Run(ctx) }), stop}

	w.sleep(20 * time.Second) // for what hangs, until a heartbeat would be due
	w.watch("web", consul.HealthPassing, 10*time.Second)
	w.wantHealth("plain", consul.HealthPassing)
	r.stop()
	w.sleep(21 * time.Second)
	w.wantHealth("web", consul.HealthMaint)
	w.wantEnd(r, nil)
	if wire.count(kind) == 0 {
		w.Errorf("there was no %s", kind)
	}
}

// Any schedule of faults, wipes, updates and operators' doings ends as it should, with few requests.
func TestRegistrarRandomly(t *testing.T) {
	t.Parallel()
	seeds := uint64(60)
	if testing.Short() {
		seeds = 10
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(w *world) { w.registerRandomly(rand.New(rand.NewPCG(seed, 14))) })
		})
	}
}

func (w *world) registerRandomly(random *rand.Rand) {
	var ill atomic.Bool
	opts := web(func(context.Context) error {
		if ill.Load() {
			return consul.ErrDegraded
		}
		return nil
	})
	opts.DeregisterTimeout = time.Minute
	r := w.register(opts)
	port := 8080
	var log []string
	for range 40 {
		step, do := "nothing", func() {}
		switch n := random.IntN(20); {
		case n < 5:
			f := allTroubles[random.IntN(len(allTroubles))]
			step, do = "cut: "+string(f), func() { r.wire.cut(f) }
		case n < 9:
			step, do = "mend", func() { r.wire.cut(fine) }
		case n < 12:
			step, do = "forget", func() { wantError(w, "forget", w.server.Forget(), nil) }
		case n < 15:
			port++
			step, do = "update", func() {
				wantError(w, "update", r.Update(&consul.AgentServiceRegistration{Name: "web", Port: port}), nil)
			}
		case n < 17:
			step, do = "health", func() { ill.Store(!ill.Load()) }
		case n < 19: // whether it is there or not
			step, do = "deregister", func() { _, _ = w.client.Agent().ServiceDeregister(w.Context(), "web") }
		}
		log = append(log, fmt.Sprintf("%v %s", time.Since(epoch), step))
		do()
		w.sleep(time.Duration(random.Int64N(int64(20 * time.Second))))
	}
	r.wire.cut(fine)
	w.sleep(10 * time.Second) // two heartbeats
	entries, _, err := w.client.Health().Service(w.Context(), "web")
	want := consul.HealthPassing
	if ill.Load() {
		want = consul.HealthWarning
	}
	if err != nil || len(entries) != 1 || entries[0].Service.Port != port || entries[0].Checks.AggregatedStatus() != want {
		w.Errorf("the end is %+v, %v, want port %d, %s", entries, err, port, want)
	}
	if n, most := r.wire.count(), int(time.Since(epoch)/time.Second)*3; n > most {
		w.Errorf("%d requests in %v", n, time.Since(epoch))
	}
	synctest.Wait()
	w.wantEnd(r, nil)
	if w.Failed() {
		w.Logf("the schedule: %q", log)
	}
}
