package consul_test

// This file tests how Registrar asks health functions: what they say, how long they take, and that they panic.

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lictor-go/consul"
)

func well(context.Context) error   { return nil }
func queued(context.Context) error { return fmt.Errorf("%w: a long queue", consul.ErrDegraded) }
func deaf(context.Context) error   { time.Sleep(time.Hour); return nil }

func late(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// What a health function says is what all see.
func TestRegistrarHealth(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		var say atomic.Pointer[func(context.Context) error]
		set := func(f func(context.Context) error) { say.Store(&f) }
		set(func(context.Context) error { return errors.New("no database") })
		r := w.register(web(func(ctx context.Context) error { return (*say.Load())(ctx) }))
		for _, test := range []struct {
			health       func(context.Context) error
			want, output string
		}{
			{nil, consul.HealthCritical, "no database"},
			{well, consul.HealthPassing, ""},
			{queued, consul.HealthWarning, "degraded: a long queue"},
			{late, consul.HealthCritical, "context deadline exceeded"},
			{deaf, consul.HealthCritical, "has not returned for "},
		} {
			if test.health != nil {
				set(test.health)
			}
			w.sleep(10 * time.Second) // the time of a heartbeat, and of a function that is late
			w.wantHealth("web", test.want)
			if s := r.Status()[0]; s.Health != test.want || !strings.Contains(s.Output, test.output) {
				w.Errorf("the status is %v, want %s with %q", s, test.want, test.output)
			}
		}
		set(well)
		w.watch("web", consul.HealthCritical, 30*time.Minute)
		w.sleep(time.Hour) // one call at a time: the last one has returned
		w.wantHealth("web", consul.HealthPassing)
		w.wantEnd(r, nil)
	})
}

// A health function that panics takes all services with it, and is said to.
func TestRegistrarPanic(t *testing.T) {
	t.Parallel()
	because := errors.New("because")
	for name, test := range map[string]struct {
		end  func()
		want string
	}{
		"error":  {func() { panic(because) }, `consul: the health function of service "web" panicked: because`},
		"text":   {func() { panic("boom") }, `consul: the health function of service "web" panicked: boom`},
		"goexit": {runtime.Goexit, `consul: the health function of service "web" ended its goroutine by runtime.Goexit`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(w *world) {
				asked := 0
				opts := web(func(context.Context) error {
					if asked++; asked == 5 {
						test.end()
					}
					return nil
				})
				opts.Drain = time.Minute
				opts.Services = append(opts.Services, consul.RegistrarService{Service: &consul.AgentServiceRegistration{Name: "other"}})
				r := w.register(opts)
				w.sleep(30 * time.Second)
				w.wantHealth("web", "") // without a pause, unlike the other
				w.wantHealth("other", consul.HealthMaint)
				err := (<-r.done).err
				panicked, ok := errors.AsType[*consul.HealthPanicError](err)
				if !ok || err.Error() != test.want || panicked.Service != "web" || errors.Is(err, because) != (name == "error") {
					w.Errorf("run: %v", err)
				}
				if !strings.Contains(string(panicked.Stack), "registrar_health_test.go") {
					w.Errorf("the stack is %s", panicked.Stack)
				}
				w.wantHealth("other", "")
			})
		})
	}
}

// One that never returns keeps nothing from ending, and is said to.
func TestRegistrarStuck(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		free := make(chan struct{})
		opts := web(func(context.Context) error { <-free; return nil })
		opts.DeregisterTimeout = 7 * time.Second
		r := w.register(opts)
		w.sleep(time.Minute)
		w.wantHealth("web", consul.HealthCritical)
		ended := time.Now()
		r.stop()
		synctest.Wait()
		w.wantHealth("web", "")
		wantError(w, "run", (<-r.done).err, context.DeadlineExceeded)
		if took := time.Since(ended); took != 7*time.Second {
			w.Errorf("it ended after %v", took)
		}
		close(free)
	})
}
