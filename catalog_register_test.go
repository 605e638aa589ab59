package consul_test

// This file tests the writes of the catalog.

import (
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/lictor-go/consul"
)

// richRegistration is a registration in which everything that a plain service can have is set.
func richRegistration(node, service string) *consul.CatalogRegistration {
	return &consul.CatalogRegistration{
		ID:              randomUUID(),
		Node:            node,
		Address:         "192.0.2.1",
		TaggedAddresses: map[string]string{"lan": "192.0.2.1", "wan": "198.51.100.1"},
		NodeMeta:        map[string]string{"rack": node},
		Locality:        &consul.Locality{Region: "eu", Zone: "eu-1"},
		Datacenter:      "dc1",
		Service: &consul.AgentService{
			ID: service + "-1", Service: service, Tags: []string{"blue", "v2"}, Address: "192.0.2.10", Port: 80,
			Meta:              map[string]string{"version": "2"},
			TaggedAddresses:   map[string]consul.ServiceAddress{"wan": {Address: "198.51.100.10", Port: 8080}},
			Weights:           consul.AgentWeights{Passing: 3, Warning: 1},
			EnableTagOverride: true,
			Locality:          &consul.Locality{Region: "eu", Zone: "eu-2"},
		},
		Check: &consul.HealthCheck{CheckID: "ping", Name: "Ping", Status: consul.HealthPassing, Output: "1 ms"},
		Checks: consul.HealthChecks{{
			CheckID: "http", Name: "HTTP", Status: consul.HealthWarning, Notes: "notes", Output: "slow",
			ServiceID: service + "-1", Type: "http", Interval: 10 * time.Second, Timeout: 2500 * time.Millisecond, ExposedPort: 21500,
			Definition: &consul.HealthCheckDefinition{
				HTTP: "https://192.0.2.1/", Method: "HEAD", Header: map[string][]string{"Accept": {"text/plain"}}, Body: "b",
				DisableRedirects: true, TCP: "192.0.2.1:1", TCPUseTLS: true, UDP: "192.0.2.1:2", GRPC: "192.0.2.1:3", GRPCUseTLS: true,
				H2PING: "192.0.2.1:4", H2PingUseTLS: true, TLSServerName: "name", TLSSkipVerify: true, ScriptArgs: []string{"/bin/true"},
				DockerContainerID: "c0ffee", Shell: "/bin/sh", OSService: "os", AliasNode: "other", AliasService: "other-1", SessionName: "s",
				TTL: time.Minute, Interval: 10 * time.Second, Timeout: 1500 * time.Millisecond,
				DeregisterCriticalServiceAfter: 90 * time.Minute, OutputMaxSize: 4096,
			},
		}},
	}
}

func TestCatalogRegistrationIsReadBackWhole(t *testing.T) {
	t.Parallel()
	c, ctx := newClient(t), testContext(t)
	name := unique(t)
	reg := richRegistration(name, name)
	before, _ := json.Marshal(reg)
	register(t, c, reg)
	if after, _ := json.Marshal(reg); string(after) != string(before) {
		t.Errorf("Register changed the caller's registration from %s to %s", before, after)
	}

	n, _, err := c.Catalog().Node(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	index := n.Node.CreateIndex
	if index == 0 {
		t.Error("the node has no CreateIndex")
	}
	wantNode := &consul.Node{
		ID: reg.ID, Node: name, Address: reg.Address, Datacenter: "dc1", TaggedAddresses: reg.TaggedAddresses, Meta: reg.NodeMeta,
		Locality: reg.Locality, CreateIndex: index, ModifyIndex: index,
	}
	if !reflect.DeepEqual(n.Node, wantNode) {
		t.Errorf("node is %+v, want %+v", n.Node, wantNode)
	}
	wantService := *reg.Service
	wantService.CreateIndex, wantService.ModifyIndex = index, index
	if got := n.Services[reg.Service.ID]; !reflect.DeepEqual(got, &wantService) {
		t.Errorf("service is %+v, want %+v", got, &wantService)
	}

	checks, _, err := c.Health().Node(ctx, name)
	if err != nil || len(checks) != 2 {
		t.Fatalf("checks of the node: %v, %v", checks, err)
	}
	i := slices.IndexFunc(checks, func(check *consul.HealthCheck) bool { return check.CheckID == "http" })
	wantCheck := *reg.Checks[0]
	wantCheck.Node, wantCheck.ServiceName, wantCheck.ServiceTags = name, name, reg.Service.Tags
	wantCheck.CreateIndex, wantCheck.ModifyIndex = index, index
	if !reflect.DeepEqual(checks[i], &wantCheck) {
		t.Errorf("check is %+v, want %+v", checks[i], &wantCheck)
	}
}

func TestCatalogRegisterWithSkipNodeUpdateLeavesTheNodeAlone(t *testing.T) {
	t.Parallel()
	c, ctx := newClient(t), testContext(t)
	name := unique(t)
	register(t, c, &consul.CatalogRegistration{Node: name, Address: "192.0.2.1"})
	_, err := c.Catalog().Register(ctx, &consul.CatalogRegistration{
		Node: name, Address: "192.0.2.2", SkipNodeUpdate: true, Service: &consul.AgentService{Service: name},
	})
	if err != nil {
		t.Fatal(err)
	}
	n, _, err := c.Catalog().Node(ctx, name)
	if err != nil || n.Node.Address != "192.0.2.1" || n.Services[name] == nil {
		t.Errorf("got %+v, %v, want the first address and the service", n, err)
	}
}

func TestCatalogRefusesRegistrationsThatNoServerTakes(t *testing.T) {
	t.Parallel()
	c, ctx := offlineClient(t), testContext(t)
	for name, reg := range map[string]*consul.CatalogRegistration{
		"nil":                   nil,
		"no node":               {Address: "192.0.2.1"},
		"no address":            {Node: "n"},
		"service without name":  {Node: "n", Address: "192.0.2.1", Service: &consul.AgentService{ID: "s"}},
		"check without name":    {Node: "n", Address: "192.0.2.1", Check: &consul.HealthCheck{Status: "passing"}},
		"checks without a name": {Node: "n", Address: "192.0.2.1", Checks: consul.HealthChecks{{CheckID: "a"}, {}}},
		"nil among the checks":  {Node: "n", Address: "192.0.2.1", Checks: consul.HealthChecks{nil}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.Catalog().Register(ctx, reg)
			wantRefused(t, err)
		})
	}
	for name, dereg := range map[string]*consul.CatalogDeregistration{"nil": nil, "no node": {ServiceID: "s"}} {
		t.Run("deregistration: "+name, func(t *testing.T) {
			_, err := c.Catalog().Deregister(ctx, dereg)
			wantRefused(t, err)
		})
	}
}

func TestCatalogSaysWhyTheServerRefusesARegistration(t *testing.T) {
	t.Parallel()
	c, ctx := newClient(t), testContext(t)
	name := unique(t)
	for text, reg := range map[string]*consul.CatalogRegistration{
		"Bad node ID":           {Node: name, Address: "192.0.2.1", ID: "no-uuid"},
		"No path to datacenter": {Node: name, Address: "192.0.2.1", Datacenter: "nowhere"},
		"Unknown service ID":    {Node: name, Address: "192.0.2.1", Check: &consul.HealthCheck{Name: "c", ServiceID: "absent"}},
		"Port or SocketPath":    {Node: name, Address: "192.0.2.1", Service: &consul.AgentService{Service: name, Kind: consul.ServiceKindConnectProxy}},
	} {
		_, err := c.Catalog().Register(ctx, reg)
		wantAnswer(t, err, http.StatusInternalServerError, text)
	}
	_, err := c.Catalog().Register(ctx, &consul.CatalogRegistration{Node: name, Address: "192.0.2.1"}, consul.WithNamespace("ns"))
	if !errors.Is(err, consul.ErrBadRequest) {
		t.Errorf("a namespace on the community edition: %v, want ErrBadRequest", err)
	}
}

func TestCatalogDeregisterTakesOutWhatIsNamed(t *testing.T) {
	t.Parallel()
	c, ctx := newClient(t), testContext(t)
	name := unique(t)
	register(t, c, richRegistration(name, name))
	for _, step := range []struct {
		what     string
		dereg    consul.CatalogDeregistration
		services int
		checks   int
	}{
		{"a check", consul.CatalogDeregistration{Node: name, CheckID: "ping"}, 1, 1},
		{"a check that is gone", consul.CatalogDeregistration{Node: name, CheckID: "ping"}, 1, 1},
		{"a service", consul.CatalogDeregistration{Node: name, ServiceID: name + "-1"}, 0, 0},
		{"a service that is gone", consul.CatalogDeregistration{Node: name, ServiceID: name + "-1"}, 0, 0},
	} {
		if _, err := c.Catalog().Deregister(ctx, &step.dereg); err != nil {
			t.Fatalf("%s: %v", step.what, err)
		}
		n, _, err := c.Catalog().Node(ctx, name)
		if err != nil || len(n.Services) != step.services {
			t.Errorf("after %s: node is %+v, %v, want %d services", step.what, n, err, step.services)
		}
		checks, _, err := c.Health().Node(ctx, name)
		if err != nil || len(checks) != step.checks {
			t.Errorf("after %s: %d checks, %v, want %d", step.what, len(checks), err, step.checks)
		}
	}
	if _, err := c.Catalog().Deregister(ctx, &consul.CatalogDeregistration{Node: name}); err != nil {
		t.Fatal(err)
	}
	_, meta, err := c.Catalog().Node(ctx, name)
	wantAbsent(t, meta, err)
}

func TestCatalogAndHealthOfAnOldServer(t *testing.T) {
	t.Parallel()
	c, ctx := newOldClient(t), testContext(t)
	name := unique(t)
	_, meta, err := c.Catalog().Node(ctx, name)
	wantAbsent(t, meta, err)
	_, meta, err = c.Catalog().NodeServiceList(ctx, name)
	wantAbsent(t, meta, err)
	entries, meta, err := c.Health().Service(ctx, name)
	wantEmpty(t, entries, meta, err)

	reg := richRegistration(name, name)
	// Consul 1.10 refuses fields that it does not know.
	reg.Locality, reg.Service.Locality = nil, nil
	reg.Checks[0].Interval, reg.Checks[0].Timeout = 0, 0
	register(t, c, reg)
	entries, _, err = c.Health().Service(ctx, name)
	if err != nil || len(entries) != 1 || entries[0].Service.ID != reg.Service.ID {
		t.Fatalf("Health.Service gives %v, %v", entries, err)
	}
	i := slices.IndexFunc(entries[0].Checks, func(check *consul.HealthCheck) bool { return check.CheckID == "http" })
	if d := entries[0].Checks[i].Definition; d.HTTP != "https://192.0.2.1/" || d.Interval != 10*time.Second {
		t.Errorf("the check's definition is %+v", d)
	}
	n, _, err := c.Catalog().Node(ctx, name)
	if err != nil || n.Node.ID != reg.ID || n.Services[reg.Service.ID].Port != 80 {
		t.Errorf("Catalog.Node gives %+v, %v", n, err)
	}
	awaitEvents(t, c, name, fire(t, c, &consul.UserEvent{Name: name}))
}
