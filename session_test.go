package consul_test

// This file tests sessions: every method on the real server, and what entries look like on the wire.

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lictor-go/consul"
)

var sessionEndpoints = []endpoint{
	{name: "Session.Create", route: "PUT /v1/session/create", result: `{"ID":"s"}`, call: func(ctx context.Context, c *consul.Client) error {
		_, _, err := c.Session().Create(ctx, &consul.SessionEntry{Name: "n"})
		return err
	}},
	{name: "Session.Destroy", route: "PUT /v1/session/destroy/", call: func(ctx context.Context, c *consul.Client) error {
		_, err := c.Session().Destroy(ctx, "s")
		return err
	}},
	{name: "Session.Renew", route: "PUT /v1/session/renew/", result: `[{"ID":"s"}]`, call: func(ctx context.Context, c *consul.Client) error {
		_, _, err := c.Session().Renew(ctx, "s")
		return err
	}},
	{name: "Session.Info", route: "GET /v1/session/info/", result: `[{"ID":"s"}]`, call: func(ctx context.Context, c *consul.Client) error {
		_, _, err := c.Session().Info(ctx, "s")
		return err
	}},
	{name: "Session.Node", route: "GET /v1/session/node/", result: `[]`, call: func(ctx context.Context, c *consul.Client) error {
		_, _, err := c.Session().Node(ctx, "n")
		return err
	}},
	{name: "Session.List", route: "GET /v1/session/list", result: `[]`, call: func(ctx context.Context, c *consul.Client) error {
		_, _, err := c.Session().List(ctx)
		return err
	}},
}

// newSession makes a session that ends with the test.
func newSession(t testing.TB, c *consul.Client, entry *consul.SessionEntry) string {
	t.Helper()
	id, _, err := c.Session().Create(testContext(t), entry)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Session().Destroy(context.Background(), id) })
	return id
}

// info reads a session that has to exist.
func info(t testing.TB, c *consul.Client, id string) *consul.SessionEntry {
	t.Helper()
	entry, _, err := c.Session().Info(testContext(t), id)
	if err != nil {
		t.Fatal(err)
	}
	return entry
}

func TestSessionDefaults(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	for _, entry := range []*consul.SessionEntry{nil, {}} {
		id, meta, err := c.Session().Create(testContext(t), entry)
		if err != nil || meta.RequestTime <= 0 {
			t.Fatal(meta, err)
		}
		t.Cleanup(func() { c.Session().Destroy(context.Background(), id) })
		got := info(t, c, id)
		want := consul.SessionEntry{
			ID: id, Node: plainServer.get(t).NodeName(), LockDelay: 15 * time.Second, Behavior: consul.SessionBehaviorRelease,
			NodeChecks: []string{"serfHealth"}, CreateIndex: got.CreateIndex, ModifyIndex: got.CreateIndex,
		}
		if toJSON(t, got) != toJSON(t, want) || got.CreateIndex == 0 {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

func toJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestSessionKeepsWhatItWasMadeWith(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	entry := &consul.SessionEntry{
		ID: "the server gives its own", CreateIndex: 1, ModifyIndex: 2,
		Name: unique(t) + " é<>", Node: plainServer.get(t).NodeName(), LockDelay: 1500 * time.Millisecond,
		Behavior: consul.SessionBehaviorDelete, TTL: 90 * time.Second, NodeChecks: []string{"serfHealth"},
	}
	before := toJSON(t, entry)
	id := newSession(t, c, entry)
	if toJSON(t, entry) != before {
		t.Errorf("the caller's entry became %+v", entry)
	}
	got := info(t, c, id)
	want := *entry
	want.ID, want.CreateIndex, want.ModifyIndex = id, got.CreateIndex, got.CreateIndex
	if toJSON(t, got) != toJSON(t, want) || id == entry.ID {
		t.Errorf("got %s, want %s", toJSON(t, got), toJSON(t, want))
	}
}

func TestSessionLockDelays(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	for asked, want := range map[time.Duration]time.Duration{
		0: 15 * time.Second, consul.NoLockDelay: 0, time.Microsecond: time.Microsecond, 500 * time.Millisecond: 500 * time.Millisecond, time.Hour: time.Hour,
	} {
		if got := info(t, c, newSession(t, c, &consul.SessionEntry{LockDelay: asked})).LockDelay; got != want {
			t.Errorf("a lock-delay of %v came back as %v, want %v", asked, got, want)
		}
	}
}

func TestSessionChecks(t *testing.T) {
	t.Parallel()
	c := newNodeCheckClient(t)
	check := unique(t)
	registerTTLCheck(t, c, check)
	for _, test := range []struct {
		name  string
		entry consul.SessionEntry
		node  []string
		older []string
		of    []consul.ServiceCheck
	}{
		{name: "nil is serfHealth", node: []string{"serfHealth"}},
		{name: "no node checks", entry: consul.SessionEntry{NodeChecks: []string{}}},
		{name: "no checks, the older way", entry: consul.SessionEntry{Checks: []string{}}},
		{name: "exactly these", entry: consul.SessionEntry{NodeChecks: []string{check}}, node: []string{check}},
		{name: "these and serfHealth", entry: consul.SessionEntry{Checks: []string{check}}, node: []string{"serfHealth"}, older: []string{check}},
		{name: "of a service", entry: consul.SessionEntry{ServiceChecks: []consul.ServiceCheck{{ID: "service:" + check}}}, node: []string{"serfHealth"}, of: []consul.ServiceCheck{{ID: "service:" + check}}},
		{name: "of a service only", entry: consul.SessionEntry{NodeChecks: []string{}, ServiceChecks: []consul.ServiceCheck{{ID: "service:" + check}}}, of: []consul.ServiceCheck{{ID: "service:" + check}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := info(t, c, newSession(t, c, &test.entry))
			if !slices.Equal(got.NodeChecks, test.node) || !slices.Equal(got.Checks, test.older) || !slices.Equal(got.ServiceChecks, test.of) {
				t.Errorf("node checks %q, checks %q, service checks %v", got.NodeChecks, got.Checks, got.ServiceChecks)
			}
		})
	}
}

// registerTTLCheck registers a passing check of the node, and a service of the same name with one of its own.
func registerTTLCheck(t *testing.T, c *consul.Client, name string) {
	t.Helper()
	passing := consul.AgentServiceCheck{TTL: time.Hour, Status: consul.HealthPassing}
	registerCheck(t, c.Agent(), &consul.AgentCheckRegistration{Name: name, AgentServiceCheck: passing})
	registerService(t, c.Agent(), &consul.AgentServiceRegistration{Name: name, Check: &passing})
	// The agent tells the servers in its own time.
	eventually(t, "both checks are in the catalog", func() bool {
		checks, _, err := c.Health().State(testContext(t), consul.HealthAny, consul.WithFilter(`CheckID == "`+name+`" or CheckID == "service:`+name+`"`))
		return err == nil && len(checks) == 2
	})
}

func TestSessionEntriesThatTheServerRefuses(t *testing.T) {
	t.Parallel()
	for want, entry := range map[string]*consul.SessionEntry{
		"Invalid Session TTL":       {TTL: time.Second},
		"must be between":           {TTL: 25 * time.Hour},
		"Missing node registration": {Node: "no-such-node"},
		"Missing check":             {NodeChecks: []string{"no-such-check"}},
	} {
		id, _, err := newClient(t).Session().Create(testContext(t), entry)
		if se, ok := errors.AsType[*consul.StatusError](err); !ok || se.Code != 500 || !strings.Contains(se.Body, want) {
			t.Errorf("%+v: %q, %v, want 500 with %q", entry, id, err, want)
		}
	}
}

func TestSessionRenew(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	id := newSession(t, c, &consul.SessionEntry{TTL: 30 * time.Second, Name: unique(t)})
	entry, meta, err := c.Session().Renew(testContext(t), id)
	if err != nil || meta.RequestTime <= 0 {
		t.Fatal(meta, err)
	}
	if entry.ID != id || entry.TTL != 30*time.Second || entry.LockDelay != 15*time.Second {
		t.Errorf("got %+v", entry)
	}
}

func TestSessionThatIsGone(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	ctx, s := testContext(t), c.Session()
	id := newSession(t, c, nil)
	for range 2 { // the second time it is gone already
		if _, err := s.Destroy(ctx, id); err != nil {
			t.Fatal(err)
		}
	}
	for _, gone := range []string{id, "no-uuid"} {
		entry, _, err := s.Renew(ctx, gone)
		if entry != nil || !errors.Is(err, consul.ErrSessionExpired) || !errors.Is(err, consul.ErrNotFound) {
			t.Errorf("renew: %v, %v, want ErrSessionExpired and ErrNotFound", entry, err)
		}
		entry, meta, err := s.Info(ctx, gone)
		if entry != nil || !errors.Is(err, consul.ErrNotFound) || meta == nil || meta.LastIndex == 0 {
			t.Errorf("info: %v, %+v, %v, want ErrNotFound with an index", entry, meta, err)
		}
	}
}

func TestSessionInfoWaitsForTheEnd(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	ctx, s := testContext(t), c.Session()
	id := newSession(t, c, nil)
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		awaitEnd(t, c, id)
	}()
	if _, err := s.Destroy(ctx, id); err != nil {
		t.Fatal(err)
	}
	<-gone
}

func TestSessionLists(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	ctx, s := testContext(t), c.Session()
	id := newSession(t, c, &consul.SessionEntry{Name: unique(t)})
	isOurs := func(e *consul.SessionEntry) bool { return e.ID == id }
	list, meta, err := s.List(ctx, consul.Consistent())
	if err != nil || !slices.ContainsFunc(list, isOurs) || meta.LastIndex == 0 {
		t.Errorf("list: %v, %+v, %v", list, meta, err)
	}
	list, meta, err = s.Node(ctx, plainServer.get(t).NodeName())
	if err != nil || !slices.ContainsFunc(list, isOurs) || meta.LastIndex == 0 {
		t.Errorf("of the node: %v, %+v, %v", list, meta, err)
	}
	list, meta, err = s.Node(ctx, "no-such-node")
	if err != nil || list == nil || len(list) != 0 || meta.LastIndex == 0 {
		t.Errorf("of no node: %v, %+v, %v", list, meta, err)
	}
}

func TestSessionPermissions(t *testing.T) {
	t.Parallel()
	c := newACLClient(t)
	ctx, s := testContext(t), c.Session()
	anonymous := consul.WithToken("01234567-89ab-cdef-0123-456789abcdef")
	if _, _, err := s.Create(ctx, nil, anonymous); !errors.Is(err, consul.ErrPermissionDenied) {
		t.Errorf("create: %v", err)
	}
	id := newSession(t, c, &consul.SessionEntry{TTL: time.Minute})
	if _, _, err := s.Renew(ctx, id, anonymous); !errors.Is(err, consul.ErrPermissionDenied) {
		t.Errorf("renew: %v", err)
	}
	if _, err := s.Destroy(ctx, id, anonymous); !errors.Is(err, consul.ErrPermissionDenied) {
		t.Errorf("destroy: %v", err)
	}
}
