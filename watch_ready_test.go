package consul_test

// This file tests the watches and views that a Client makes: of keys, services, checks, nodes and events.

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lictor-go/consul"
)

// steps gives what a loop yields, one after the other. An error, and the loop's end, fail the test.
func steps[T any](t *testing.T, loop iter.Seq2[T, error]) func() T {
	t.Helper()
	next, stop := iter.Pull2(loop)
	t.Cleanup(stop)
	return func() T {
		t.Helper()
		value, err, ok := next()
		if !ok || err != nil {
			t.Fatalf("the loop gives %v, %v", err, ok)
		}
		return value
	}
}

// rewrite does what is listed in one transaction: "k=v" writes a key below dir, "k" deletes it.
func rewrite(t *testing.T, c *consul.Client, dir string, writes ...string) {
	t.Helper()
	var ops consul.TxnOps
	for _, w := range writes {
		if key, value, put := strings.Cut(w, "="); put {
			ops = append(ops, kvSet(dir+key, value))
		} else {
			ops = append(ops, kvOp(consul.KVDelete, dir+key))
		}
	}
	commit(t, c, ops...)
}

// got gives what a view has once it has something.
func got[T any](t *testing.T, view *consul.View[T]) T {
	t.Helper()
	defer view.Close()
	wantError(t, "ready", view.Ready(testContext(t)), nil)
	value, ok := view.Get()
	if !ok {
		t.Fatal("the view has nothing")
	}
	return value
}

func TestWatchKey(t *testing.T) {
	t.Parallel()
	c, key := newClient(t), unique(t)
	next := steps(t, c.WatchKey(testContext(t), key))
	if pair := next(); pair != nil {
		t.Errorf("got %q, want nothing", valueOf(pair))
	}
	for _, want := range []string{"one", "two"} {
		rewrite(t, c, key, "="+want)
		if pair := next(); valueOf(pair) != want {
			t.Errorf("got %q, want %q", valueOf(pair), want)
		}
		if now := got(t, c.ViewKey(t.Context(), key)); valueOf(now) != want {
			t.Errorf("the view has %q, want %q", valueOf(now), want)
		}
	}
	rewrite(t, c, key, "")
	if pair := next(); pair != nil {
		t.Errorf("got %q, want nothing", valueOf(pair))
	}
}

func TestWatchPrefix(t *testing.T) {
	t.Parallel()
	c, dir := newClient(t), unique(t)+"/"
	short := func(pairs consul.KVPairs) string {
		var all []string
		for _, p := range pairs {
			all = append(all, strings.TrimPrefix(p.Key, dir)+"="+string(p.Value))
		}
		return strings.Join(all, " ")
	}
	next := steps(t, c.WatchPrefix(testContext(t), dir))
	want := func(pairs, added, changed, deleted string) {
		t.Helper()
		change := next()
		have := [4]string{short(change.Pairs), short(change.Added), short(change.Changed), short(change.Deleted)}
		if wanted := [4]string{pairs, added, changed, deleted}; have != wanted {
			t.Errorf("got %q, want %q", have, wanted)
		}
	}
	want("", "", "", "")
	rewrite(t, c, dir, "b=1")
	want("b=1", "b=1", "", "")
	rewrite(t, c, dir, "a=1", "b=2", "c=1")
	want("a=1 b=2 c=1", "a=1 c=1", "b=2", "")
	rewrite(t, c, dir, "c=1") // is a write, and changes nothing
	rewrite(t, c, dir, "a", "b")
	want("c=1", "", "", "a=1 b=2")
	rewrite(t, c, dir, "c", "d=1")
	want("d=1", "d=1", "", "c=1")
	if pairs := got(t, c.ViewPrefix(t.Context(), dir)); short(pairs) != "d=1" {
		t.Errorf("the view has %q", short(pairs))
	}
	for change, err := range c.WatchPrefix(t.Context(), "/") {
		if change != nil {
			t.Errorf("got %+v with an error", change)
		}
		wantError(t, "a prefix that is none", err, consul.ErrInvalidKey)
	}
}

// Services, their checks and their node are followed as they come, change their state, and go.
func TestWatchServices(t *testing.T) {
	t.Parallel()
	c, name, ctx := newClient(t), unique(t), testContext(t)
	nextEntries := steps(t, c.WatchService(ctx, name, consul.PassingOnly()))
	nextChecks := steps(t, c.WatchChecks(ctx, consul.HealthWarning, consul.WithFilter(fmt.Sprintf("Node == %q", name))))
	nextNodes := steps(t, c.WatchNodes(ctx, consul.WithFilter(fmt.Sprintf("Node == %q", name))))
	nextServices := steps(t, c.WatchServices(ctx, consul.WithNodeMeta("of", name)))
	want := func(state string, entries, checks int) {
		t.Helper()
		if list := nextEntries(); len(list) != entries {
			t.Errorf("%s: %d instances pass, want %d", state, len(list), entries)
		}
		if list := nextChecks(); len(list) != checks {
			t.Errorf("%s: %d checks warn, want %d", state, len(list), checks)
		}
	}
	want("at first", 0, 0)
	if nodes, services := nextNodes(), nextServices(); len(nodes) > 0 || len(services) > 0 {
		t.Errorf("at first there are %v and %v", nodes, services)
	}
	registration := &consul.CatalogRegistration{
		Node: name, Address: "10.0.0.1", NodeMeta: map[string]string{"of": name},
		Service: &consul.AgentService{Service: name, Tags: []string{"blue"}},
	}
	register(t, c, registration)
	if list := nextEntries(); len(list) != 1 || list[0].Node.Node != name {
		t.Errorf("%d instances, want one on %s", len(list), name)
	}
	if list := nextNodes(); len(list) != 1 || list[0].Node != name {
		t.Errorf("the nodes are %v", list)
	}
	if services := nextServices(); !maps.EqualFunc(services, map[string][]string{name: {"blue"}}, slices.Equal) {
		t.Errorf("the services are %v", services)
	}

	registration.Check = &consul.HealthCheck{Node: name, CheckID: "c", Status: consul.HealthWarning, ServiceID: name}
	if _, err := c.Catalog().Register(ctx, registration); err != nil {
		t.Fatal(err)
	}
	want("it warns", 0, 1)
	if checks := got(t, c.ViewChecks(ctx, consul.HealthWarning)); len(checks) == 0 {
		t.Error("the view has no check that warns")
	}
	registration.Check.Status = consul.HealthPassing
	if _, err := c.Catalog().Register(ctx, registration); err != nil {
		t.Fatal(err)
	}
	want("it passes", 1, 0)
	if entries := got(t, c.ViewService(ctx, name)); len(entries) != 1 {
		t.Errorf("the view has %d instances, want 1", len(entries))
	}
	if services := got(t, c.ViewServices(ctx)); services[name] == nil {
		t.Error("the view of services lacks it")
	}
	if nodes := got(t, c.ViewNodes(ctx)); !slices.ContainsFunc(nodes, func(n *consul.Node) bool { return n.Node == name }) {
		t.Error("the view of nodes lacks its node")
	}
}

// Events come once each, in their order, from when the watch began.
func TestWatchEvents(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		client, wire := w.process()
		fire := func(names ...string) {
			for _, name := range names {
				if _, _, err := w.client.Event().Fire(w.Context(), &consul.UserEvent{Name: name, Payload: []byte(name)}); err != nil {
					w.Fatal(err)
				}
			}
			w.sleep(time.Second)
		}
		fire("old")
		name := func(e *consul.UserEvent) string { return e.Name }
		of := func(name string) func(context.Context) iter.Seq2[*consul.UserEvent, error] {
			return func(ctx context.Context) iter.Seq2[*consul.UserEvent, error] { return client.WatchEvents(ctx, name) }
		}
		end, endOne := following(w, name, of("")), following(w, name, of("b"))
		fire("a")
		fire("b", "c", "b")
		asked := wire.count()
		w.sleep(time.Hour)
		if n := wire.count() - asked; n > 2*67 {
			w.Errorf("in an hour without events it asked %d times", n)
		}
		asked = wire.count()
		for range 20 {
			fire("c")
		}
		if n := wire.count() - asked; n > 22 { // also where the index of an event is below the one before
			w.Errorf("for 20 events it asked %d times", n)
		}
		wire.cut(eofBefore)
		fire("d")
		wire.cut(fine)
		w.sleep(time.Minute)
		if err := w.server.Forget(); err != nil {
			w.Fatal(err)
		}
		w.sleep(2 * time.Minute)
		fire("b")
		told := slices.DeleteFunc(end(), func(s seen) bool { return s.err != nil })
		want := slices.Concat([]string{"a", "b", "c", "b"}, slices.Repeat([]string{"c"}, 20), []string{"d", "b"})
		wantValues(w, told, want...)
		told = slices.DeleteFunc(endOne(), func(s seen) bool { return s.err != nil })
		wantValues(w, told, "b", "b", "b")
	})
}

// The same on the server that the tests run with.
func TestWatchEventsOfTheServer(t *testing.T) {
	t.Parallel()
	c, name, ctx := newClient(t), unique(t), testContext(t)
	before := fire(t, c, &consul.UserEvent{Name: name})
	awaitEvents(t, c, name, before)
	seen := make(chan string)
	done := start(func() error {
		defer close(seen)
		told := 0
		for e, err := range c.WatchEvents(ctx, name) {
			if err != nil {
				return err
			}
			seen <- e.ID
			if told++; told == 10 {
				break
			}
		}
		return nil
	})
	var fired, got []string
	for len(got) == 0 { // nobody tells when the watch has begun
		fired = append(fired, fire(t, c, &consul.UserEvent{Name: name}))
		select {
		case id := <-seen:
			got = append(got, id)
		case <-time.After(50 * time.Millisecond):
		}
	}
	for range 9 {
		fired = append(fired, fire(t, c, &consul.UserEvent{Name: name}))
	}
	for id := range seen {
		got = append(got, id)
	}
	wantError(t, "the watch", (<-done).err, nil)
	if i := slices.Index(fired, got[0]); i < 0 || len(got) != 10 || !slices.Equal(fired[i:min(i+10, len(fired))], got) {
		t.Errorf("fired %q, the watch told of %q", fired, got)
	}
}
