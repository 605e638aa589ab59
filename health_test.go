package consul_test

// This file tests health.

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/lictor-go/consul"
)

var healthEndpoints = []endpoint{
	{name: "Health.Node", route: "GET /v1/health/node/", result: `[{"CheckID":"c"}]`,
		call: func(ctx context.Context, c *consul.Client) error {
			_, _, err := c.Health().Node(ctx, "n")
			return err
		}},
	{name: "Health.Checks", route: "GET /v1/health/checks/", result: `[{"CheckID":"c"}]`,
		call: func(ctx context.Context, c *consul.Client) error {
			_, _, err := c.Health().Checks(ctx, "s")
			return err
		}},
	{name: "Health.Service", route: "GET /v1/health/service/", result: `[{"Node":{},"Service":{},"Checks":[]}]`,
		call: func(ctx context.Context, c *consul.Client) error {
			_, _, err := c.Health().Service(ctx, "s")
			return err
		}},
	{name: "Health.Connect", route: "GET /v1/health/connect/", result: `[{"Node":{},"Service":{},"Checks":[]}]`,
		call: func(ctx context.Context, c *consul.Client) error {
			_, _, err := c.Health().Connect(ctx, "s")
			return err
		}},
	{name: "Health.Ingress", route: "GET /v1/health/ingress/", result: `[{"Node":{},"Service":{},"Checks":[]}]`,
		call: func(ctx context.Context, c *consul.Client) error {
			_, _, err := c.Health().Ingress(ctx, "s")
			return err
		}},
	{name: "Health.State", route: "GET /v1/health/state/", result: `[{"CheckID":"c"}]`,
		call: func(ctx context.Context, c *consul.Client) error {
			_, _, err := c.Health().State(ctx, consul.HealthAny)
			return err
		}},
}

func TestHealthListsChecksAndInstances(t *testing.T) {
	t.Parallel()
	c, ctx := newClient(t), testContext(t)
	name := unique(t)
	reg := richRegistration(name, name)
	register(t, c, reg)

	ofNode, meta, err := c.Health().Node(ctx, name)
	if err != nil || len(ofNode) != 2 || meta.LastIndex == 0 {
		t.Errorf("Node gives %v, %+v, %v", ofNode, meta, err)
	}
	ofService, _, err := c.Health().Checks(ctx, name)
	if err != nil || len(ofService) != 1 || ofService[0].CheckID != "http" || ofService[0].ServiceName != name {
		t.Errorf("Checks gives %v, %v, want the check of the service, not that of the node", ofService, err)
	}
	entries, _, err := c.Health().Service(ctx, name)
	if err != nil || len(entries) != 1 {
		t.Fatalf("Service gives %v, %v", entries, err)
	}
	e := entries[0]
	if e.Node.ID != reg.ID || e.Service.ID != reg.Service.ID || e.Service.Weights.Passing != 3 || len(e.Checks) != 2 {
		t.Errorf("Service gives %+v, %+v, %d checks", e.Node, e.Service, len(e.Checks))
	}
	if status := e.Checks.AggregatedStatus(); status != consul.HealthWarning {
		t.Errorf("the instance is %s, want warning", status)
	}
	if _, err := c.Catalog().Register(ctx, &consul.CatalogRegistration{Node: name, Address: "192.0.2.1",
		Check: &consul.HealthCheck{Name: "undecided"}}); err != nil {
		t.Fatal(err)
	}
	mine := consul.WithFilter(`Node == "` + name + `"`)
	for state, want := range map[string][]string{
		consul.HealthPassing:  {"ping"},
		consul.HealthWarning:  {"http"},
		consul.HealthCritical: {"undecided"},
		consul.HealthAny:      {"http", "ping", "undecided"},
	} {
		checks, _, err := c.Health().State(ctx, state, mine)
		if err != nil {
			t.Fatal(err)
		}
		if ids := checkIDs(checks); !slices.Equal(ids, want) {
			t.Errorf("State %s gives %v, want %v", state, ids, want)
		}
	}
}

func checkIDs(checks consul.HealthChecks) []string {
	var ids []string
	for _, check := range checks {
		ids = append(ids, check.CheckID)
	}
	slices.Sort(ids)
	return ids
}

func TestHealthOfAbsentThingsIsEmpty(t *testing.T) {
	t.Parallel()
	c, ctx := newClient(t), testContext(t)
	name := unique(t)
	checks, meta, err := c.Health().Node(ctx, name)
	wantEmpty(t, checks, meta, err)
	checks, meta, err = c.Health().Checks(ctx, name)
	wantEmpty(t, checks, meta, err)
	checks, meta, err = c.Health().State(ctx, consul.HealthWarning, consul.WithNodeMeta("rack", name))
	wantEmpty(t, checks, meta, err)
	entries, meta, err := c.Health().Service(ctx, name)
	wantEmpty(t, entries, meta, err)
	entries, meta, err = c.Health().Connect(ctx, name)
	wantEmpty(t, entries, meta, err)
	entries, meta, err = c.Health().Ingress(ctx, name)
	wantEmpty(t, entries, meta, err)
}

func TestHealthRefusesBadNamesAndStates(t *testing.T) {
	t.Parallel()
	c, ctx := offlineClient(t), testContext(t)
	for _, name := range []string{"", "..", "a//b"} {
		_, _, err := c.Health().Node(ctx, name)
		wantRefused(t, err)
		_, _, err = c.Health().Checks(ctx, name)
		wantRefused(t, err)
		_, _, err = c.Health().Service(ctx, name)
		wantRefused(t, err)
		_, _, err = c.Health().Connect(ctx, name)
		wantRefused(t, err)
		_, _, err = c.Health().Ingress(ctx, name)
		wantRefused(t, err)
	}
	for _, state := range []string{"", "Passing", "maintenance", "unknown", "a/b"} {
		_, _, err := c.Health().State(ctx, state)
		wantRefused(t, err)
	}
}

// registerThree registers instances a, b and c of a service, on a node each: passing, warning and critical.
func registerThree(t *testing.T, c *consul.Client, service string) {
	t.Helper()
	for id, status := range map[string]string{"a": consul.HealthPassing, "b": consul.HealthWarning, "c": consul.HealthCritical} {
		register(t, c, &consul.CatalogRegistration{
			Node: service + id, Address: "192.0.2.1", NodeMeta: map[string]string{"rack": service + id},
			Service: &consul.AgentService{Service: service, ID: id, Tags: []string{"all", "tag-" + id}},
			Check:   &consul.HealthCheck{Name: id, Status: status, ServiceID: id},
		})
	}
}

func instanceIDs(entries []*consul.ServiceEntry) []string {
	var ids []string
	for _, e := range entries {
		ids = append(ids, e.Service.ID)
	}
	return ids
}

func TestHealthOptionsChoose(t *testing.T) {
	t.Parallel()
	c, ctx := newClient(t), testContext(t)
	name := unique(t)
	registerThree(t, c, name)
	for what, test := range map[string]struct {
		opts []consul.QueryOption
		want []string
	}{
		"nothing":        {nil, []string{"a", "b", "c"}},
		"passing":        {[]consul.QueryOption{consul.PassingOnly()}, []string{"a"}},
		"a tag of all":   {[]consul.QueryOption{consul.WithTags("all")}, []string{"a", "b", "c"}},
		"two tags":       {[]consul.QueryOption{consul.WithTags("all", "tag-b")}, []string{"b"}},
		"tags of two":    {[]consul.QueryOption{consul.WithTags("tag-a", "tag-b")}, nil},
		"node-meta":      {[]consul.QueryOption{consul.WithNodeMeta("rack", name+"c")}, []string{"c"}},
		"filter":         {[]consul.QueryOption{consul.WithFilter(`"tag-b" in Service.Tags or Service.ID == "c"`)}, []string{"b", "c"}},
		"an absent peer": {[]consul.QueryOption{consul.WithPeer("nobody")}, nil},
		"a set":          {[]consul.QueryOption{&consul.QueryOptions{PassingOnly: true, Tags: []string{"all"}}}, []string{"a"}},
	} {
		entries, _, err := c.Health().Service(ctx, name, test.opts...)
		ids := instanceIDs(entries)
		slices.Sort(ids)
		if err != nil || !slices.Equal(ids, test.want) {
			t.Errorf("Service with %s gives %v, %v, want %v", what, ids, err, test.want)
		}
	}
	for what, opt := range map[string]consul.QueryOption{
		"node-meta": consul.WithNodeMeta("rack", name+"b"),
		"filter":    consul.WithFilter(`Status == "warning"`),
	} {
		checks, _, err := c.Health().Checks(ctx, name, opt)
		if ids := checkIDs(checks); err != nil || !slices.Equal(ids, []string{"b"}) {
			t.Errorf("Checks with %s gives %v, %v", what, ids, err)
		}
	}
	checks, _, err := c.Health().State(ctx, consul.HealthAny, consul.WithNodeMeta("rack", name+"b"))
	if ids := checkIDs(checks); err != nil || !slices.Equal(ids, []string{"b"}) {
		t.Errorf("State with node-meta gives %v, %v", ids, err)
	}
}

func TestHealthNearSortsByRoundTripTime(t *testing.T) {
	t.Parallel()
	c, ctx := newClient(t), testContext(t)
	name := unique(t)
	registerThree(t, c, name)
	for i, id := range []string{"a", "b", "c"} {
		vec := make([]float64, 8)
		vec[0] = float64(i)
		update := map[string]any{"Node": name + id, "Coord": map[string]any{"Vec": vec, "Error": 1.5, "Height": 1e-5}}
		if _, err := c.Raw().Write(ctx, "/v1/coordinate/update", update, nil); err != nil {
			t.Fatal(err)
		}
	}
	// The servers take up coordinates in batches, every few seconds.
	for near, want := range map[string][]string{name + "a": {"a", "b", "c"}, name + "c": {"c", "b", "a"}} {
		eventually(t, "the instances are sorted as seen from "+near, func() bool {
			entries, _, err := c.Health().Service(ctx, name, consul.Near(near))
			if err != nil {
				t.Fatal(err)
			}
			return slices.Equal(instanceIDs(entries), want)
		})
		list, _, err := c.Catalog().Service(ctx, name, consul.Near(near))
		if err != nil || len(list) != 3 || list[0].ServiceID != want[0] {
			t.Errorf("Catalog.Service near %s gives %v, %v", near, list, err)
		}
	}
}

func TestHealthConsistencyAndCache(t *testing.T) {
	t.Parallel()
	c, ctx := newClient(t), testContext(t)
	name := unique(t)
	for want, opts := range map[string][]consul.QueryOption{
		"leader":     nil,
		"stale":      {consul.Stale()},
		"consistent": {consul.Consistent()},
	} {
		if _, meta, err := c.Health().Service(ctx, name, opts...); err != nil || meta.EffectiveConsistency != want {
			t.Errorf("QueryMeta is %+v, %v, want consistency %q", meta, err, want)
		}
	}
	if _, meta, err := c.Health().Service(ctx, name, consul.Cached(time.Minute, 0)); err != nil || meta.CacheHit {
		t.Errorf("the first cached read: %+v, %v, want a miss", meta, err)
	}
	if _, meta, err := c.Health().Service(ctx, name, consul.Cached(time.Minute, 0)); err != nil || !meta.CacheHit {
		t.Errorf("the second cached read: %+v, %v, want a hit", meta, err)
	}
	_, _, err := c.Health().Service(ctx, name, consul.Stale(), consul.Consistent())
	wantRefused(t, err)
	_, _, err = c.Health().Service(ctx, name, consul.WithSamenessGroup("group"))
	wantAnswer(t, err, http.StatusInternalServerError, "sameness groups are not supported")
	_, _, err = c.Health().Service(ctx, name, consul.WithNamespace("ns"))
	if !errors.Is(err, consul.ErrBadRequest) {
		t.Errorf("a namespace on the community edition: %v, want ErrBadRequest", err)
	}
}

func TestHealthBlockingQueryWaitsForAChange(t *testing.T) {
	t.Parallel()
	c, ctx := newClient(t), testContext(t)
	name := unique(t)
	registerThree(t, c, name)
	_, meta, err := c.Health().Service(ctx, name, consul.PassingOnly())
	if err != nil {
		t.Fatal(err)
	}
	changed := make(chan error, 1)
	go func() {
		for index := meta.LastIndex; ; {
			entries, meta, err := c.Health().Service(ctx, name, consul.PassingOnly(), consul.Wait(index, 30*time.Second))
			if err != nil || len(entries) == 2 {
				changed <- err
				return
			}
			index = meta.LastIndex
		}
	}()
	register(t, c, &consul.CatalogRegistration{
		Node: name + "b", Address: "192.0.2.1", Check: &consul.HealthCheck{Name: "b", Status: consul.HealthPassing, ServiceID: "b"},
	})
	if err := <-changed; err != nil {
		t.Error(err)
	}
}

func TestHealthMergesCentralConfig(t *testing.T) {
	t.Parallel()
	c, ctx := newClient(t), testContext(t)
	name := unique(t)
	configure(t, c, "service-defaults", name, map[string]any{"Protocol": "grpc"})
	register(t, c, &consul.CatalogRegistration{Node: name, Address: "192.0.2.1", Service: &consul.AgentService{
		Service: name + "-proxy", Kind: consul.ServiceKindConnectProxy, Port: 81,
		Proxy: &consul.AgentServiceConnectProxyConfig{DestinationServiceName: name},
	}})
	for want, opts := range map[any][]consul.QueryOption{nil: nil, "grpc": {consul.MergeCentralConfig()}} {
		entries, _, err := c.Health().Service(ctx, name+"-proxy", opts...)
		if err != nil || len(entries) != 1 || entries[0].Service.Proxy.Config["protocol"] != want {
			t.Errorf("Service gives %v, %v, want the protocol %v", entries, err, want)
		}
		list, _, err := c.Catalog().Service(ctx, name+"-proxy", opts...)
		if err != nil || len(list) != 1 || list[0].ServiceProxy.Config["protocol"] != want {
			t.Errorf("Catalog.Service gives %v, %v, want the protocol %v", list, err, want)
		}
	}
}

// checkMeshHealth looks at a service that has a proxy, a terminating and an ingress gateway.
func checkMeshHealth(t *testing.T, c *consul.Client, name string) {
	t.Helper()
	ctx := testContext(t)
	entries, _, err := c.Health().Connect(ctx, name)
	ids := instanceIDs(entries)
	slices.Sort(ids)
	if err != nil || !slices.Equal(ids, []string{name + "-egress", name + "-proxy"}) {
		t.Errorf("Connect gives %v, %v", ids, err)
	}
	entries, _, err = c.Health().Ingress(ctx, name)
	if err != nil || !slices.Equal(instanceIDs(entries), []string{name + "-ingress"}) {
		t.Errorf("Ingress gives %v, %v", instanceIDs(entries), err)
	}
}

func TestHealthServiceQueryOnTheWire(t *testing.T) {
	t.Parallel()
	var path, query, cacheControl string
	c := answeringClient(t, func(w http.ResponseWriter, r *http.Request) {
		path, query, cacheControl = r.URL.EscapedPath(), r.URL.RawQuery, r.Header.Get("Cache-Control")
		w.Write([]byte("[]"))
	})
	_, _, err := c.Health().Service(testContext(t), "a b/c",
		consul.PassingOnly(), consul.WithTags("x", "y z"), consul.Near("_agent"), consul.WithNodeMeta("k", "v"),
		consul.WithFilter(`a == "b"`), consul.WithPeer("p"), consul.MergeCentralConfig(), consul.Cached(30*time.Second, time.Minute),
		consul.Wait(7, time.Minute), consul.WithDatacenter("dc2"))
	if err != nil {
		t.Fatal(err)
	}
	wantQuery := "dc=dc2&peer=p&cached&index=7&near=_agent&node-meta=k%3Av&filter=a+%3D%3D+%22b%22&tag=x&tag=y+z" +
		"&passing&merge-central-config&wait=1m0s"
	if path != "/v1/health/service/a%20b%2Fc" || query != wantQuery || cacheControl != "max-age=30, stale-if-error=60" {
		t.Errorf("sent %s?%s with Cache-Control %q\nwant the query %s", path, query, cacheControl, wantQuery)
	}
}

func TestHealthWithoutPermission(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	manager := newACLClient(t)
	nobody := clientWith(t, &consul.Config{Address: aclServer.get(t).Addr()})
	name := unique(t)
	register(t, manager, richRegistration(name, name))
	entries, meta, err := nobody.Health().Service(ctx, name)
	wantEmpty(t, entries, meta, err)
	checks, meta, err := nobody.Health().Node(ctx, name)
	wantEmpty(t, checks, meta, err)
	if entries, _, err := manager.Health().Service(ctx, name); err != nil || len(entries) != 1 {
		t.Errorf("with the token: %v, %v", entries, err)
	}
	_, _, err = nobody.Health().Service(ctx, name, consul.WithToken(randomUUID()))
	if !errors.Is(err, consul.ErrPermissionDenied) {
		t.Errorf("with an unknown token: %v, want ErrPermissionDenied", err)
	}
}

func TestHealthTypesHoldWhatTheServerSends(t *testing.T) {
	t.Parallel()
	checkRecorded[consul.HealthChecks](t, "health/checks.json")
	checkRecorded[consul.HealthChecks](t, "health/state.json")
	checkRecorded[consul.HealthChecks](t, "health/node.json")
	checkRecorded[[]*consul.ServiceEntry](t, "health/service.json")
	checkRecorded[[]*consul.ServiceEntry](t, "health/service-merged.json")
	checkRecorded[[]*consul.ServiceEntry](t, "health/connect.json")
	checkRecorded[[]*consul.ServiceEntry](t, "health/ingress.json")
	ofAgent := checkRecorded[consul.HealthChecks](t, "health/node-of-agent.json")
	if check := ofAgent[1]; check.Interval != time.Hour || check.Timeout != 2*time.Second {
		t.Errorf("the agent's check has interval %v and timeout %v", check.Interval, check.Timeout)
	}
}
