package main

// This file holds the steps of the tour. Each is what a program of your own would do.

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lictor-go/consul"
)

func (t *tour) key(name string) string { return t.name + "/" + name }

// hello asks whom it is talking to.
func (t *tour) hello(ctx context.Context) error {
	leader, _, err := t.client.Status().Leader(ctx)
	if err != nil {
		return err
	}
	version, _, err := t.client.Agent().Version(ctx)
	if err != nil {
		return err
	}
	t.say("Consul %s, led by the server at %s.", version.HumanVersion, leader)
	return nil
}

// writeAndRead puts a key, reads it, lists its directory, and asks for a key that is not there.
func (t *tour) writeAndRead(ctx context.Context) error {
	kv := t.client.KV()
	if _, err := kv.Put(ctx, &consul.KVPair{Key: t.key("colour"), Value: []byte("blue"), Flags: 42}); err != nil {
		return err
	}
	pair, meta, err := kv.Get(ctx, t.key("colour"))
	if err != nil {
		return err
	}
	t.say("%s is %q with flags %d, at index %d, read in %v.", pair.Key, pair.Value, pair.Flags, pair.ModifyIndex, round(meta.RequestTime))
	_, _, err = kv.Get(ctx, t.key("sound"))
	if !errors.Is(err, consul.ErrNotFound) {
		return fmt.Errorf("a key that was never written should be ErrNotFound, got: %w", err)
	}
	t.say("%s does not exist, which errors.Is(err, consul.ErrNotFound) tells.", t.key("sound"))
	return nil
}

// compareAndSet lets a write through, refuses one that is based on what is no longer there, and leaves it to Update to
// read and try again.
func (t *tour) compareAndSet(ctx context.Context) error {
	kv := t.client.KV()
	pair, _, err := kv.Get(ctx, t.key("colour"))
	if err != nil {
		return err
	}
	pair.Value = []byte("green")
	first, _, err := kv.CAS(ctx, pair)
	if err != nil {
		return err
	}
	second, _, err := kv.CAS(ctx, pair)
	if err != nil {
		return err
	}
	if !first || second {
		return fmt.Errorf("of two CAS with one index the first should win: got %t, then %t", first, second)
	}
	t.say("CAS at index %d went through; a second one at that index was refused.", pair.ModifyIndex)
	_, err = kv.Update(ctx, t.key("colour"), func(old *consul.KVPair) (*consul.KVPair, error) {
		return &consul.KVPair{Value: append(old.Value, "ish"...), Flags: old.Flags}, nil
	})
	if err != nil {
		return err
	}
	if pair, _, err = kv.Get(ctx, t.key("colour")); err != nil {
		return err
	}
	t.say("Update, which reads and tries again by itself, made it %q.", pair.Value)
	return nil
}

// registerAndFind registers a service whose check has to be fed, feeds it, and looks for healthy instances.
func (t *tour) registerAndFind(ctx context.Context) error {
	agent := t.client.Agent()
	_, err := agent.ServiceRegister(ctx, &consul.AgentServiceRegistration{
		Name: t.name, Port: 8080, Tags: []string{"v1"},
		Check: &consul.AgentServiceCheck{CheckID: t.name + "-alive", TTL: time.Minute, DeregisterCriticalServiceAfter: 10 * time.Minute},
	})
	if err != nil {
		return err
	}
	_, meta, err := t.client.Health().Service(ctx, t.name, consul.PassingOnly())
	if err != nil {
		return err
	}
	t.say("%s is registered on port 8080; its TTL check has to be fed before it counts as healthy.", t.name)
	if _, err := agent.PassTTL(ctx, t.name+"-alive", "the tour says hello"); err != nil {
		return err
	}
	for range 100 {
		instances, m, err := t.client.Health().Service(ctx, t.name, consul.PassingOnly(), consul.WithTags("v1"), consul.Wait(meta.LastIndex, 5*time.Second))
		if err != nil {
			return err
		}
		if len(instances) > 0 {
			i := instances[0]
			t.say("The check passed: found on node %s at %s:%d, checks %s.", i.Node.Node, i.Node.Address, i.Service.Port, i.Checks.AggregatedStatus())
			return nil
		}
		meta = m
	}
	return fmt.Errorf("service %s did not become healthy", t.name)
}

// hold makes two sessions compete for a key.
func (t *tour) hold(ctx context.Context) error {
	sessions, kv := t.client.Session(), t.client.KV()
	acquire := func(name string) (id string, got bool, err error) {
		id, _, err = sessions.Create(ctx, &consul.SessionEntry{Name: t.name + "-" + name, TTL: 10 * time.Second, Behavior: consul.SessionBehaviorDelete})
		if err != nil {
			return "", false, err
		}
		t.sessions = append(t.sessions, id)
		got, _, err = kv.Acquire(ctx, &consul.KVPair{Key: t.key("leader"), Value: []byte(name), Session: id})
		return id, got, err
	}
	alice, aliceGot, err := acquire("alice")
	if err != nil {
		return err
	}
	bob, bobGot, err := acquire("bob")
	if err != nil {
		return err
	}
	if !aliceGot || bobGot {
		return fmt.Errorf("alice should hold the key and bob not: got %t and %t", aliceGot, bobGot)
	}
	t.say("alice's session %.8s... holds %s; bob's %.8s... was refused.", alice, t.key("leader"), bob)
	released, _, err := kv.Release(ctx, &consul.KVPair{Key: t.key("leader"), Session: alice})
	if err != nil {
		return err
	}
	bobGot, _, err = kv.Acquire(ctx, &consul.KVPair{Key: t.key("leader"), Value: []byte("bob"), Session: bob})
	if err != nil {
		return err
	}
	if !released || !bobGot {
		return fmt.Errorf("bob should hold the key after alice's release: got %t and %t", released, bobGot)
	}
	t.say("After her release it is bob's.")
	return nil
}

// wait blocks until another goroutine has changed a key.
func (t *tour) wait(ctx context.Context) error {
	kv := t.client.KV()
	old, meta, err := kv.Get(ctx, t.key("colour"))
	if err != nil {
		return err
	}
	const after = 200 * time.Millisecond
	written := make(chan error, 1)
	go func() {
		time.Sleep(after) // so that there is something to wait for
		_, err := kv.Put(ctx, &consul.KVPair{Key: t.key("colour"), Value: []byte("red")})
		written <- err
	}()
	pair, meta, err := kv.Get(ctx, t.key("colour"), consul.Wait(meta.LastIndex, 10*time.Second))
	if e := <-written; e != nil {
		return e
	}
	if err != nil {
		return err
	}
	t.say("The query blocked for %v, until %q became %q: %v after the write was due.",
		round(meta.RequestTime), old.Value, pair.Value, round(max(0, meta.RequestTime-after)))
	return nil
}

// fire sends an event to all agents and looks for it among those that this agent has seen.
func (t *tour) fire(ctx context.Context) error {
	id, _, err := t.client.Event().Fire(ctx, &consul.UserEvent{Name: t.name, Payload: []byte("lunch")})
	if err != nil {
		return err
	}
	var index uint64
	for range 100 {
		events, meta, err := t.client.Event().List(ctx, t.name, consul.Wait(index, 5*time.Second))
		if err != nil {
			return err
		}
		for _, e := range events {
			if e.ID == id {
				t.say("Event %.8s... arrived with %q.", id, e.Payload)
				return nil
			}
		}
		index = meta.LastIndex
	}
	return fmt.Errorf("event %s did not arrive", id)
}

// cleanUp removes what the steps made. It is asked for also when one of them failed.
func (t *tour) cleanUp(ctx context.Context) error {
	var failed []error
	for _, id := range t.sessions {
		_, err := t.client.Session().Destroy(ctx, id)
		failed = append(failed, err)
	}
	_, err := t.client.KV().DeleteTree(ctx, t.name+"/")
	failed = append(failed, err)
	if _, err := t.client.Agent().ServiceDeregister(ctx, t.name); !errors.Is(err, consul.ErrNotFound) {
		failed = append(failed, err)
	}
	if err := errors.Join(failed...); err != nil {
		return err
	}
	t.say("Keys, service and sessions are gone.")
	return nil
}
