package consul_test

// This file gives everything that takes a context none at all.

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/lictor-go/consul"
	"github.com/lictor-go/consul/embedded"
)

// A nil context is refused by what works for longer than a call, too.
func TestNilContext(t *testing.T) {
	t.Parallel()
	var none context.Context
	server := must[*embedded.Server](t)(embedded.Start())
	t.Cleanup(func() { server.Close() })
	c := clientWith(t, &consul.Config{Transport: server.Transport()})
	lock := must[*consul.Lock](t)(c.LockKey("lock"))
	fair := must[*consul.FairLock](t)(c.FairLockOpts(&consul.LockOptions{Key: "fair"}))
	semaphore := must[*consul.Semaphore](t)(c.SemaphorePrefix("semaphore", 1))
	election := must[*consul.Election](t)(c.Election("election", nil))
	registrar := must[*consul.Registrar](t)(c.Registrar(&consul.RegistrarOptions{Services: []consul.RegistrarService{
		{Service: &consul.AgentServiceRegistration{Name: "web"}},
	}}))
	service := c.Service(t.Context(), "web")
	defer service.Close()
	view := c.ViewKey(t.Context(), "key")
	defer view.Close()
	resolver := c.Resolver(t.Context())
	defer resolver.Close()
	handle := must[*consul.SessionHandle](t)(c.Session().KeepAlive(t.Context(), nil))
	lead := func(context.Context) error { return nil }
	change := func(old *consul.KVPair) (*consul.KVPair, error) { return old, nil }
	first := func(seq func(func(error) bool)) (err error) {
		seq(func(e error) bool { err = e; return false })
		return err
	}
	for name, call := range map[string]func() error{
		"Lock":          func() error { _, err := lock.Lock(none); return err },
		"TryLock":       func() error { _, err := lock.TryLock(none); return err },
		"Lock.Destroy":  func() error { return lock.Destroy(none) },
		"FairLock":      func() error { _, err := fair.Lock(none); return err },
		"Acquire":       func() error { _, err := semaphore.Acquire(none); return err },
		"Destroy":       func() error { return semaphore.Destroy(none) },
		"Election.Run":  func() error { return election.Run(none, lead) },
		"Leader":        func() error { _, err := election.Leader(none); return err },
		"Observe":       func() error { return first(errs(election.Observe(none))) },
		"KeepAlive":     func() error { _, err := c.Session().KeepAlive(none, nil); return err },
		"RenewPeriodic": func() error { return c.Session().RenewPeriodic(none, handle.ID(), time.Minute) },
		"Registrar.Run": func() error { return registrar.Run(none) },
		"Service":       func() error { return c.Service(none, "web").Ready(t.Context()) },
		"Service.Ready": func() error { return service.Ready(none) },
		"View.Ready":    func() error { return view.Ready(none) },
		"View.All":      func() error { return first(errs(view.All(none))) },
		"Resolver":      func() error { _, err := c.Resolver(none).Dial(t.Context(), "web.service.consul:80"); return err },
		"Dial":          func() error { _, err := resolver.Dial(none, "web.service.consul:80"); return err },
		"DecodeKeys":    func() error { _, err := c.KV().Decode(none, "config", new(struct{ A string })); return err },
		"WatchKeys":     func() error { return first(errs(consul.WatchKeys[struct{ A string }](none, c, "config"))) },
		"Update":        func() error { _, err := c.KV().Update(none, "key", change); return err },
		"All":           func() error { return first(errs(c.KV().All(none, "key"))) },
		"Monitor":       func() error { return first(errs(c.Agent().Monitor(none, "info"))) },
		"Watch":         func() error { return first(errs(c.WatchKey(none, "key"))) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if r := recover(); r != nil {
					t.Errorf("panic: %v", r)
				}
			}()
			if err := call(); !errors.Is(err, consul.ErrInvalidOption) {
				t.Errorf("error is %v, want ErrInvalidOption", err)
			}
		})
	}
	if err := handle.Close(t.Context()); err != nil {
		t.Error(fmt.Errorf("close: %w", err))
	}
}

// errs are the errors of a sequence.
func errs[T any](seq func(func(T, error) bool)) func(func(error) bool) {
	return func(yield func(error) bool) {
		seq(func(_ T, err error) bool { return yield(err) })
	}
}
