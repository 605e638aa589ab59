package interop

// This file uses a server by way of the client library that Consul comes with: keys, transactions, locks, semaphores,
// sessions, events, the agent, the catalog and health.

import (
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
)

// onEachAPI runs a test of the library on each server.
func onEachAPI(t *testing.T, test func(t *testing.T, c *api.Client)) {
	t.Helper()
	t.Parallel()
	for _, p := range peers(t) {
		t.Run(p.name, func(t *testing.T) { test(t, newAPI(t, &api.Config{Address: p.address})) })
	}
}

func newAPI(t *testing.T, config *api.Config) *api.Client {
	t.Helper()
	c, err := api.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// must fails the test for an error.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAPIKV(t *testing.T) {
	onEachAPI(t, func(t *testing.T, c *api.Client) {
		kv := c.KV()
		_, err := kv.Put(&api.KVPair{Key: "app/a", Value: []byte("1"), Flags: 7}, nil)
		must(t, err)
		pair, meta, err := kv.Get("app/a", nil)
		must(t, err)
		if string(pair.Value) != "1" || pair.Flags != 7 || meta.LastIndex != pair.ModifyIndex || !meta.KnownLeader {
			t.Errorf("got %+v, %+v", pair, meta)
		}
		if absent, _, err := kv.Get("absent", nil); err != nil || absent != nil {
			t.Errorf("absent: %v, %v", absent, err)
		}
		pair.Value = []byte("2")
		first, _, err := kv.CAS(pair, nil)
		must(t, err)
		second, _, err := kv.CAS(pair, nil)
		must(t, err)
		if !first || second {
			t.Errorf("two CAS of one index: %v, %v", first, second)
		}
		_, err = kv.Put(&api.KVPair{Key: "app/b/c"}, nil)
		must(t, err)
		if keys, _, err := kv.Keys("app/", "/", nil); err != nil || !slices.Equal(keys, []string{"app/a", "app/b/"}) {
			t.Errorf("keys %v, %v", keys, err)
		}
		if list, _, err := kv.List("app/", nil); err != nil || len(list) != 2 {
			t.Errorf("list %v, %v", list, err)
		}
		_, err = kv.DeleteTree("app/", nil)
		must(t, err)
		if list, _, err := kv.List("app/", nil); err != nil || len(list) != 0 {
			t.Errorf("after the end: list %v, %v", list, err)
		}
	})
}

func TestAPIBlockingQuery(t *testing.T) {
	onEachAPI(t, func(t *testing.T, c *api.Client) {
		_, err := c.KV().Put(&api.KVPair{Key: "k", Value: []byte("old")}, nil)
		must(t, err)
		_, meta, err := c.KV().Get("k", nil)
		must(t, err)
		written := make(chan error, 1)
		go func() {
			_, err := c.KV().Put(&api.KVPair{Key: "k", Value: []byte("new")}, nil)
			written <- err
		}()
		pair, _, err := c.KV().Get("k", &api.QueryOptions{WaitIndex: meta.LastIndex, WaitTime: time.Minute})
		must(t, err)
		must(t, <-written)
		if string(pair.Value) != "new" {
			t.Errorf("the value is %q", pair.Value)
		}
	})
}

func TestAPITxn(t *testing.T) {
	onEachAPI(t, func(t *testing.T, c *api.Client) {
		set := func(key string) *api.TxnOp {
			return &api.TxnOp{KV: &api.KVTxnOp{Verb: api.KVSet, Key: key, Value: []byte("1")}}
		}
		ok, answer, _, err := c.Txn().Txn(api.TxnOps{set("t/a"), set("t/b"), {KV: &api.KVTxnOp{Verb: api.KVGetTree, Key: "t/"}}}, nil)
		must(t, err)
		if !ok || len(answer.Results) != 4 || len(answer.Errors) != 0 {
			t.Errorf("%v, %+v", ok, answer)
		}
		ok, answer, _, err = c.Txn().Txn(api.TxnOps{set("t/c"), {KV: &api.KVTxnOp{Verb: api.KVCheckNotExists, Key: "t/a"}}}, nil)
		must(t, err)
		if ok || len(answer.Errors) != 1 || answer.Errors[0].OpIndex != 1 {
			t.Errorf("a check that fails: %v, %+v", ok, answer)
		}
		if pair, _, err := c.KV().Get("t/c", nil); err != nil || pair != nil {
			t.Errorf("what was rolled back: %v, %v", pair, err)
		}
	})
}

// Of two that want a lock, the second has it when the first gives it up, and both are told when they lose it.
func TestAPILock(t *testing.T) {
	onEachAPI(t, func(t *testing.T, c *api.Client) {
		first, err := c.LockKey("app/lock")
		must(t, err)
		lost, err := first.Lock(nil)
		must(t, err)
		once, err := c.LockOpts(&api.LockOptions{Key: "app/lock", LockTryOnce: true, LockWaitTime: time.Millisecond})
		must(t, err)
		if held, err := once.Lock(nil); err != nil || held != nil {
			t.Errorf("while it is held: %v, %v", held, err)
		}
		second, err := c.LockKey("app/lock")
		must(t, err)
		acquired := make(chan error, 1)
		go func() {
			_, err := second.Lock(nil)
			acquired <- err
		}()
		must(t, first.Unlock())
		<-lost
		must(t, <-acquired)
		if err := first.Destroy(); err != api.ErrLockInUse {
			t.Errorf("destroy of a lock in use: %v", err)
		}
		must(t, second.Unlock())
		must(t, second.Destroy())
		if pair, _, err := c.KV().Get("app/lock", nil); err != nil || pair != nil {
			t.Errorf("after the end: %v, %v", pair, err)
		}
	})
}

// A lock is lost with its session.
func TestAPILockIsLost(t *testing.T) {
	onEachAPI(t, func(t *testing.T, c *api.Client) {
		session, _, err := c.Session().Create(&api.SessionEntry{TTL: "10s"}, nil)
		must(t, err)
		lock, err := c.LockOpts(&api.LockOptions{Key: "app/lost", Session: session, MonitorRetries: 1})
		must(t, err)
		lost, err := lock.Lock(nil)
		must(t, err)
		_, err = c.Session().Destroy(session, nil)
		must(t, err)
		<-lost
	})
}

func TestAPISemaphore(t *testing.T) {
	onEachAPI(t, func(t *testing.T, c *api.Client) {
		var held []*api.Semaphore
		for range 2 {
			s, err := c.SemaphorePrefix("app/semaphore", 2)
			must(t, err)
			_, err = s.Acquire(nil)
			must(t, err)
			held = append(held, s)
		}
		once, err := c.SemaphoreOpts(&api.SemaphoreOptions{
			Prefix: "app/semaphore", Limit: 2, SemaphoreTryOnce: true, SemaphoreWaitTime: time.Millisecond,
		})
		must(t, err)
		if got, err := once.Acquire(nil); err != nil || got != nil {
			t.Errorf("a third of two: %v, %v", got, err)
		}
		must(t, held[0].Release())
		third, err := c.SemaphorePrefix("app/semaphore", 2)
		must(t, err)
		_, err = third.Acquire(nil)
		must(t, err)
		must(t, third.Release())
		must(t, held[1].Release())
		must(t, third.Destroy())
	})
}

func TestAPISession(t *testing.T) {
	onEachAPI(t, func(t *testing.T, c *api.Client) {
		id, _, err := c.Session().Create(&api.SessionEntry{Name: "s", TTL: "10s", Behavior: api.SessionBehaviorDelete}, nil)
		must(t, err)
		ok, _, err := c.KV().Acquire(&api.KVPair{Key: "held", Session: id}, nil)
		must(t, err)
		renewed, _, err := c.Session().Renew(id, nil)
		must(t, err)
		if !ok || renewed.Name != "s" {
			t.Errorf("acquired %v, renewed %+v", ok, renewed)
		}
		done := make(chan struct{})
		ended := make(chan error, 1)
		go func() { ended <- c.Session().RenewPeriodic("10s", id, nil, done) }()
		close(done) // which destroys it
		must(t, <-ended)
		eventually(t, "the key ended with its session", func() bool {
			pair, _, err := c.KV().Get("held", nil)
			return err == nil && pair == nil
		})
	})
}

func TestAPIEvent(t *testing.T) {
	onEachAPI(t, func(t *testing.T, c *api.Client) {
		id, _, err := c.Event().Fire(&api.UserEvent{Name: "deploy", Payload: []byte("now")}, nil)
		must(t, err)
		eventually(t, "the event is listed", func() bool {
			events, _, err := c.Event().List("deploy", nil)
			return err == nil && len(events) == 1 && events[0].ID == id && string(events[0].Payload) == "now"
		})
	})
}

func TestAPIAgentCatalogAndHealth(t *testing.T) {
	onEachAPI(t, func(t *testing.T, c *api.Client) {
		must(t, c.Agent().ServiceRegister(&api.AgentServiceRegistration{
			Name: "web", ID: "web-1", Port: 80, Tags: []string{"v1"}, Meta: map[string]string{"a": "b"},
			Check: &api.AgentServiceCheck{CheckID: "alive", TTL: "1m"},
		}))
		healthy := func() int {
			entries, _, err := c.Health().Service("web", "v1", true, nil)
			must(t, err)
			return len(entries)
		}
		if n := healthy(); n != 0 {
			t.Errorf("%d instances are healthy before they have said so", n)
		}
		must(t, c.Agent().UpdateTTL("alive", "well", api.HealthPassing))
		eventually(t, "the instance is healthy", func() bool { return healthy() == 1 })

		services, err := c.Agent().ServicesWithFilter(`Meta.a == "b"`)
		must(t, err)
		if services["web-1"] == nil || services["web-1"].Port != 80 {
			t.Errorf("services %v", services)
		}
		names, _, err := c.Catalog().Services(nil)
		must(t, err)
		if !slices.Equal(names["web"], []string{"v1"}) {
			t.Errorf("the catalog has %v", names)
		}
		must(t, c.Agent().EnableServiceMaintenance("web-1", "lunch"))
		eventually(t, "the instance in maintenance is not healthy", func() bool { return healthy() == 0 })
		must(t, c.Agent().DisableServiceMaintenance("web-1"))
		must(t, c.Agent().ServiceDeregister("web-1"))
		eventually(t, "the service is gone", func() bool {
			instances, _, err := c.Catalog().Service("web", "", nil)
			return err == nil && len(instances) == 0
		})

		_, err = c.Catalog().Register(&api.CatalogRegistration{
			Node: "guest", Address: "10.0.0.1", Service: &api.AgentService{Service: "db", Port: 5432},
			Check: &api.AgentCheck{Node: "guest", CheckID: "up", Name: "up", Status: api.HealthWarning},
		}, nil)
		must(t, err)
		checks, _, err := c.Health().State(api.HealthWarning, nil)
		must(t, err)
		if len(checks) != 1 || checks[0].Node != "guest" {
			t.Errorf("checks in warning: %v", checks)
		}
		_, err = c.Catalog().Deregister(&api.CatalogDeregistration{Node: "guest"}, nil)
		must(t, err)
		nodes, _, err := c.Catalog().Nodes(nil)
		must(t, err)
		if len(nodes) != 1 {
			t.Errorf("nodes %v", nodes)
		}
	})
}
