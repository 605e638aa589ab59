package consul_test

// This file tests the reads of the catalog.

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/lictor-go/consul"
)

var catalogEndpoints = []endpoint{
	{name: "Catalog.Datacenters", route: "GET /v1/catalog/datacenters", result: `["dc1"]`,
		call: func(ctx context.Context, c *consul.Client) error {
			_, _, err := c.Catalog().Datacenters(ctx)
			return err
		}},
	{name: "Catalog.Nodes", route: "GET /v1/catalog/nodes", result: `[{"Node":"n"}]`,
		call: func(ctx context.Context, c *consul.Client) error {
			_, _, err := c.Catalog().Nodes(ctx)
			return err
		}},
	{name: "Catalog.Services", route: "GET /v1/catalog/services", result: `{"s":["t"]}`,
		call: func(ctx context.Context, c *consul.Client) error {
			_, _, err := c.Catalog().Services(ctx)
			return err
		}},
	{name: "Catalog.Service", route: "GET /v1/catalog/service/", result: `[{"Node":"n"}]`,
		call: func(ctx context.Context, c *consul.Client) error {
			_, _, err := c.Catalog().Service(ctx, "s")
			return err
		}},
	{name: "Catalog.Connect", route: "GET /v1/catalog/connect/", result: `[{"Node":"n"}]`,
		call: func(ctx context.Context, c *consul.Client) error {
			_, _, err := c.Catalog().Connect(ctx, "s")
			return err
		}},
	{name: "Catalog.Node", route: "GET /v1/catalog/node/", result: `{"Node":{"Node":"n"},"Services":{}}`,
		call: func(ctx context.Context, c *consul.Client) error {
			_, _, err := c.Catalog().Node(ctx, "n")
			return err
		}},
	{name: "Catalog.NodeServiceList", route: "GET /v1/catalog/node-services/", result: `{"Node":{"Node":"n"},"Services":[]}`,
		call: func(ctx context.Context, c *consul.Client) error {
			_, _, err := c.Catalog().NodeServiceList(ctx, "n")
			return err
		}},
	{name: "Catalog.GatewayServices", route: "GET /v1/catalog/gateway-services/", result: `[{"Port":1}]`,
		call: func(ctx context.Context, c *consul.Client) error {
			_, _, err := c.Catalog().GatewayServices(ctx, "g")
			return err
		}},
	{name: "Catalog.Register", route: "PUT /v1/catalog/register",
		call: func(ctx context.Context, c *consul.Client) error {
			_, err := c.Catalog().Register(ctx, &consul.CatalogRegistration{Node: "n", Address: "192.0.2.1"})
			return err
		}},
	{name: "Catalog.Deregister", route: "PUT /v1/catalog/deregister",
		call: func(ctx context.Context, c *consul.Client) error {
			_, err := c.Catalog().Deregister(ctx, &consul.CatalogDeregistration{Node: "n"})
			return err
		}},
}

func TestCatalogListsWhatIsRegistered(t *testing.T) {
	t.Parallel()
	c, ctx := newClient(t), testContext(t)
	name := unique(t)
	reg := richRegistration(name, name)
	register(t, c, reg)

	list, meta, err := c.Catalog().NodeServiceList(ctx, name)
	if err != nil || list.Node.ID != reg.ID || len(list.Services) != 1 || list.Services[0].ID != reg.Service.ID {
		t.Errorf("NodeServiceList gives %+v, %v", list, err)
	}
	if meta == nil || meta.LastIndex == 0 || meta.EffectiveConsistency != "leader" {
		t.Errorf("QueryMeta is %+v", meta)
	}
	nodes, _, err := c.Catalog().Nodes(ctx)
	if err != nil || !slices.ContainsFunc(nodes, func(n *consul.Node) bool { return n.ID == reg.ID && n.Address == reg.Address }) {
		t.Errorf("Nodes lacks the node: %v", err)
	}
	services, _, err := c.Catalog().Services(ctx)
	if slices.Sort(services[name]); err != nil || !slices.Equal(services[name], []string{"blue", "v2"}) { // in no order
		t.Errorf("Services has tags %v for the service, %v", services[name], err)
	}
	instances, _, err := c.Catalog().Service(ctx, name)
	if err != nil || len(instances) != 1 {
		t.Fatalf("Service gives %v, %v", instances, err)
	}
	want := &consul.CatalogService{
		ID: reg.ID, Node: name, Address: reg.Address, Datacenter: "dc1", TaggedAddresses: reg.TaggedAddresses, NodeMeta: reg.NodeMeta,
		ServiceID: name + "-1", ServiceName: name, ServiceTags: reg.Service.Tags, ServiceAddress: "192.0.2.10", ServicePort: 80,
		ServiceTaggedAddresses: reg.Service.TaggedAddresses, ServiceWeights: reg.Service.Weights, ServiceMeta: reg.Service.Meta,
		ServiceEnableTagOverride: true, ServiceLocality: reg.Service.Locality,
		CreateIndex: instances[0].CreateIndex, ModifyIndex: instances[0].ModifyIndex,
	}
	if !reflect.DeepEqual(instances[0], want) {
		t.Errorf("instance is %+v, want %+v", instances[0], want)
	}
	dcs, _, err := c.Catalog().Datacenters(ctx)
	if err != nil || !slices.Equal(dcs, []string{"dc1"}) {
		t.Errorf("Datacenters gives %v, %v", dcs, err)
	}
}

func TestCatalogTakesAnyNameThatThePathCanCarry(t *testing.T) {
	t.Parallel()
	c, ctx := newClient(t), testContext(t)
	for _, odd := range []string{"a b", "a/b", "a?b=c", "a#b", "50%", "a%2Fb", "ü", "a+b", "a/"} {
		name := unique(t) + odd
		register(t, c, &consul.CatalogRegistration{Node: name, Address: "192.0.2.1", Service: &consul.AgentService{Service: name}})
		if n, _, err := c.Catalog().Node(ctx, name); err != nil || n.Node.Node != name {
			t.Errorf("node %q: got %+v, %v", name, n, err)
		}
		if list, _, err := c.Catalog().Service(ctx, name); err != nil || len(list) != 1 || list[0].ServiceName != name {
			t.Errorf("service %q: got %+v, %v", name, list, err)
		}
	}
}

func TestCatalogAbsentNodeIsNotFoundAndCanBeWaitedFor(t *testing.T) {
	t.Parallel()
	c, ctx := newClient(t), testContext(t)
	name := unique(t)
	n, meta, err := c.Catalog().Node(ctx, name)
	if n != nil {
		t.Errorf("got %+v", n)
	}
	wantAbsent(t, meta, err)
	list, listMeta, err := c.Catalog().NodeServiceList(ctx, name)
	if list != nil {
		t.Errorf("got %+v", list)
	}
	wantAbsent(t, listMeta, err)

	appeared := make(chan error, 1)
	go func() {
		appeared <- untilFound(func(index uint64) (*consul.QueryMeta, error) {
			_, meta, err := c.Catalog().Node(ctx, name, consul.Wait(index, 30*time.Second))
			return meta, err
		}, meta.LastIndex)
	}()
	register(t, c, &consul.CatalogRegistration{Node: name, Address: "192.0.2.1"})
	if err := <-appeared; err != nil {
		t.Error(err)
	}
}

func TestCatalogListsOfAbsentThingsAreEmpty(t *testing.T) {
	t.Parallel()
	c, ctx := newClient(t), testContext(t)
	name := unique(t)
	service, meta, err := c.Catalog().Service(ctx, name)
	wantEmpty(t, service, meta, err)
	connect, meta, err := c.Catalog().Connect(ctx, name)
	wantEmpty(t, connect, meta, err)
	gateway, meta, err := c.Catalog().GatewayServices(ctx, name)
	wantEmpty(t, gateway, meta, err)
	nodes, meta, err := c.Catalog().Nodes(ctx, consul.WithNodeMeta("rack", name))
	wantEmpty(t, nodes, meta, err)
	names, _, err := c.Catalog().Services(ctx, consul.WithNodeMeta("rack", name))
	if err != nil || names == nil || len(names) > 0 {
		t.Errorf("Services gives %v, %v, want an empty map that is not nil", names, err)
	}
}

// Servers that this package was not tested with may say null where these say [].
func TestCatalogAndHealthReadNullAsEmpty(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	c := answeringClient(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Consul-Index", "7")
		w.Header().Set("X-Consul-Knownleader", "true")
		w.Write([]byte("null"))
	})
	nodes, meta, err := c.Catalog().Nodes(ctx)
	wantEmpty(t, nodes, meta, err)
	checks, meta, err := c.Health().State(ctx, consul.HealthAny)
	wantEmpty(t, checks, meta, err)
	events, meta, err := c.Event().List(ctx, "")
	wantEmpty(t, events, meta, err)
	peers, meta, err := c.Status().Peers(ctx)
	wantEmpty(t, peers, meta, err)
	services, _, err := c.Catalog().Services(ctx)
	if err != nil || services == nil {
		t.Errorf("Services gives %v, %v", services, err)
	}
	_, meta, err = c.Catalog().NodeServiceList(ctx, "n")
	wantAbsent(t, meta, err)
}

func TestCatalogRefusesNamesThatThePathCannotCarry(t *testing.T) {
	t.Parallel()
	c, ctx := offlineClient(t), testContext(t)
	for _, name := range []string{"", ".", "..", "a//b", "a/../b"} {
		_, _, err := c.Catalog().Node(ctx, name)
		wantRefused(t, err)
		_, _, err = c.Catalog().NodeServiceList(ctx, name)
		wantRefused(t, err)
		_, _, err = c.Catalog().Service(ctx, name)
		wantRefused(t, err)
		_, _, err = c.Catalog().Connect(ctx, name)
		wantRefused(t, err)
		_, _, err = c.Catalog().GatewayServices(ctx, name)
		wantRefused(t, err)
	}
}

func TestCatalogOptionsChoose(t *testing.T) {
	t.Parallel()
	c, ctx := newClient(t), testContext(t)
	name := unique(t)
	for _, id := range []string{"a", "b"} {
		register(t, c, &consul.CatalogRegistration{
			Node: name + id, Address: "192.0.2.1", NodeMeta: map[string]string{"rack": name + id, "test": name},
			Service: &consul.AgentService{Service: name, ID: id, Tags: []string{"both", id}, Port: 80},
		})
	}
	mine := consul.WithNodeMeta("test", name)
	for what, opt := range map[string]consul.QueryOption{
		"node-meta": consul.WithNodeMeta("rack", name+"b"),
		"filter":    consul.WithFilter(`Node == "` + name + `b"`),
	} {
		nodes, _, err := c.Catalog().Nodes(ctx, mine, opt)
		if err != nil || len(nodes) != 1 || nodes[0].Node != name+"b" {
			t.Errorf("Nodes with %s gives %v, %v", what, nodes, err)
		}
	}
	for what, opt := range map[string]consul.QueryOption{
		"tags":      consul.WithTags("both", "b"),
		"node-meta": consul.WithNodeMeta("rack", name+"b"),
		"filter":    consul.WithFilter(`ServiceID == "b"`),
	} {
		list, _, err := c.Catalog().Service(ctx, name, opt)
		if err != nil || len(list) != 1 || list[0].ServiceID != "b" {
			t.Errorf("Service with %s gives %v, %v", what, list, err)
		}
	}
	for what, opt := range map[string]consul.QueryOption{
		"node-meta": consul.WithNodeMeta("rack", name+"b"),
		"filter":    consul.WithFilter(`ServiceName == "` + name + `" and "b" in ServiceTags`),
	} {
		names, _, err := c.Catalog().Services(ctx, mine, opt)
		if err != nil || len(names) != 1 || !slices.Contains(names[name], "b") || slices.Contains(names[name], "a") {
			t.Errorf("Services with %s gives %v, %v", what, names, err)
		}
	}
	if list, _, err := c.Catalog().Service(ctx, name, consul.WithPeer("nobody")); err != nil || len(list) != 0 {
		t.Errorf("Service of an absent peer gives %v, %v", list, err)
	}
	n, _, err := c.Catalog().Node(ctx, name+"a", consul.WithFilter(`ID == "other"`))
	if err != nil || len(n.Services) != 0 {
		t.Errorf("Node with a filter gives %+v, %v", n, err)
	}
	l, _, err := c.Catalog().NodeServiceList(ctx, name+"a", consul.WithFilter(`ID == "other"`))
	if err != nil || len(l.Services) != 0 {
		t.Errorf("NodeServiceList with a filter gives %+v, %v", l, err)
	}
}

func TestCatalogConsistencyAndCache(t *testing.T) {
	t.Parallel()
	c, ctx := newClient(t), testContext(t)
	for want, opts := range map[string][]consul.QueryOption{
		"leader":     nil,
		"stale":      {consul.Stale()},
		"consistent": {consul.Consistent()},
	} {
		if _, meta, err := c.Catalog().Nodes(ctx, opts...); err != nil || meta.EffectiveConsistency != want {
			t.Errorf("QueryMeta is %+v, %v, want consistency %q", meta, err, want)
		}
	}
	name := unique(t)
	if _, meta, err := c.Catalog().Service(ctx, name, consul.Cached(time.Minute, 0)); err != nil || meta.CacheHit {
		t.Errorf("the first cached read: %+v, %v, want a miss", meta, err)
	}
	if _, meta, err := c.Catalog().Service(ctx, name, consul.Cached(time.Minute, 0)); err != nil || !meta.CacheHit {
		t.Errorf("the second cached read: %+v, %v, want a hit", meta, err)
	}
	_, _, err := c.Catalog().Nodes(ctx, consul.WithDatacenter("nowhere"))
	wantAnswer(t, err, http.StatusInternalServerError, "No path to datacenter")
	_, _, err = c.Catalog().Nodes(ctx, consul.WithFilter("no filter"))
	wantAnswer(t, err, http.StatusInternalServerError, "Failed to create boolean expression evaluator")
}

func TestCatalogBlockingQueryWaitsForAnInstance(t *testing.T) {
	t.Parallel()
	c, ctx := newClient(t), testContext(t)
	name := unique(t)
	_, meta, err := c.Catalog().Service(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	found := make(chan error, 1)
	go func() {
		for index := meta.LastIndex; ; {
			list, meta, err := c.Catalog().Service(ctx, name, consul.Wait(index, 30*time.Second))
			if err != nil || len(list) > 0 {
				found <- err
				return
			}
			index = meta.LastIndex
		}
	}()
	register(t, c, &consul.CatalogRegistration{Node: name, Address: "192.0.2.1", Service: &consul.AgentService{Service: name}})
	if err := <-found; err != nil {
		t.Error(err)
	}
}

func TestCatalogGatewaysAndMesh(t *testing.T) {
	t.Parallel()
	c, ctx := newClient(t), testContext(t)
	name := unique(t)
	ingress, egress := name+"-ingress", name+"-egress"
	configure(t, c, "service-defaults", name, map[string]any{"Protocol": "http"})
	configure(t, c, "ingress-gateway", ingress, map[string]any{"Listeners": []any{map[string]any{
		"Port": 8080, "Protocol": "http", "Services": []any{map[string]any{"Name": name, "Hosts": []string{"a.example.com"}}},
	}}})
	configure(t, c, "terminating-gateway", egress, map[string]any{"Services": []any{map[string]any{
		"Name": name, "CAFile": "/ca.pem", "CertFile": "/cert.pem", "KeyFile": "/key.pem", "SNI": "sni.example.com",
	}}})
	for _, s := range []*consul.AgentService{
		{Service: name, Port: 80},
		{Service: name + "-proxy", Kind: consul.ServiceKindConnectProxy, Port: 81,
			Proxy: &consul.AgentServiceConnectProxyConfig{DestinationServiceName: name}},
		{Service: ingress, Kind: consul.ServiceKindIngressGateway, Port: 82},
		{Service: egress, Kind: consul.ServiceKindTerminatingGateway, Port: 83},
	} {
		register(t, c, &consul.CatalogRegistration{Node: name, Address: "192.0.2.1", Service: s})
	}

	in, _, err := c.Catalog().GatewayServices(ctx, ingress)
	if err != nil || len(in) != 1 {
		t.Fatalf("GatewayServices of the ingress gateway gives %v, %v", in, err)
	}
	want := &consul.GatewayService{
		Gateway: consul.CompoundServiceName{Name: ingress}, Service: consul.CompoundServiceName{Name: name},
		GatewayKind: consul.ServiceKindIngressGateway, Port: 8080, Protocol: "http", Hosts: []string{"a.example.com"},
		ServiceKind: in[0].ServiceKind, CreateIndex: in[0].CreateIndex, ModifyIndex: in[0].ModifyIndex,
	}
	if !reflect.DeepEqual(in[0], want) {
		t.Errorf("ingress gateway leads to %+v, want %+v", in[0], want)
	}
	out, _, err := c.Catalog().GatewayServices(ctx, egress)
	if err != nil || len(out) != 1 || out[0].SNI != "sni.example.com" || out[0].CAFile != "/ca.pem" || !out[0].AutoHostRewrite {
		t.Errorf("GatewayServices of the terminating gateway gives %+v, %v", out, err)
	}
	mesh, _, err := c.Catalog().Connect(ctx, name)
	if err != nil || len(mesh) != 2 {
		t.Fatalf("Connect gives %+v, %v, want the proxy and the terminating gateway", mesh, err)
	}
	for _, s := range mesh {
		isProxy := s.ServiceKind == consul.ServiceKindConnectProxy && s.ServiceProxy.DestinationServiceName == name
		if !isProxy && s.ServiceKind != consul.ServiceKindTerminatingGateway {
			t.Errorf("Connect gives %+v", s)
		}
	}
	checkMeshHealth(t, c, name)
}

func TestCatalogWithoutPermission(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	manager := newACLClient(t)
	nobody := clientWith(t, &consul.Config{Address: aclServer.get(t).Addr()})
	name := unique(t)
	reg := &consul.CatalogRegistration{Node: name, Address: "192.0.2.1", Service: &consul.AgentService{Service: name}}
	if _, err := nobody.Catalog().Register(ctx, reg); !errors.Is(err, consul.ErrPermissionDenied) {
		t.Errorf("Register without a token: %v, want ErrPermissionDenied", err)
	}
	register(t, manager, reg)
	_, err := nobody.Catalog().Deregister(ctx, &consul.CatalogDeregistration{Node: name})
	if !errors.Is(err, consul.ErrPermissionDenied) {
		t.Errorf("Deregister without a token: %v, want ErrPermissionDenied", err)
	}
	_, meta, err := nobody.Catalog().Node(ctx, name)
	wantAbsent(t, meta, err)
	list, meta, err := nobody.Catalog().Service(ctx, name)
	wantEmpty(t, list, meta, err)
	if _, _, err := nobody.Catalog().Nodes(ctx, consul.WithToken(randomUUID())); !errors.Is(err, consul.ErrPermissionDenied) {
		t.Errorf("Nodes with an unknown token: %v, want ErrPermissionDenied", err)
	}
}

func TestCatalogTypesHoldWhatTheServerSends(t *testing.T) {
	t.Parallel()
	checkRecorded[[]string](t, "catalog/datacenters.json")
	checkRecorded[[]*consul.Node](t, "catalog/nodes.json")
	checkRecorded[map[string][]string](t, "catalog/services.json")
	checkRecorded[[]*consul.CatalogService](t, "catalog/service.json")
	checkRecorded[[]*consul.CatalogService](t, "catalog/connect.json")
	checkRecorded[consul.CatalogNode](t, "catalog/node.json")
	checkRecorded[consul.CatalogNodeServiceList](t, "catalog/node-services.json")
	checkRecorded[[]*consul.GatewayService](t, "catalog/ingress-services.json")
	checkRecorded[[]*consul.GatewayService](t, "catalog/egress-services.json")
}
