package consul_test

// This file tests the services of an agent: registering, reading, waiting, maintenance, health.

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lictor-go/consul"
)

// registerService registers a service for one test.
func registerService(t *testing.T, agent *consul.Agent, service *consul.AgentServiceRegistration, opts ...consul.WriteOption) {
	t.Helper()
	if _, err := agent.ServiceRegister(testContext(t), service, opts...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		id := service.ID
		if id == "" {
			id = service.Name
		}
		_, err := agent.ServiceDeregister(context.WithoutCancel(t.Context()), id)
		if err != nil && !errors.Is(err, consul.ErrNotFound) {
			t.Error(err)
		}
	})
}

func TestAgentServiceIsThereUntilItIsDeregistered(t *testing.T) {
	t.Parallel()
	agent := newClient(t).Agent()
	ctx := testContext(t)
	name := unique(t)
	registerService(t, agent, &consul.AgentServiceRegistration{Name: name, Port: 8080, Tags: []string{"blue"}})

	service, meta, err := agent.Service(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	if service.ID != name || service.Service != name || service.Port != 8080 || !slices.Equal(service.Tags, []string{"blue"}) {
		t.Errorf("got %+v, want what was registered", service)
	}
	if service.Weights != (consul.AgentWeights{Passing: 1, Warning: 1}) {
		t.Errorf("weights are %+v, want 1 and 1", service.Weights)
	}
	if meta.LastContentHash == "" || meta.LastContentHash != service.ContentHash {
		t.Errorf("hash is %q in the meta and %q in the service", meta.LastContentHash, service.ContentHash)
	}
	services, _, err := agent.Services(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if services[name] == nil || services[name].Port != 8080 {
		t.Errorf("the list has %+v for it", services[name])
	}

	if _, err := agent.ServiceDeregister(ctx, name); err != nil {
		t.Fatal(err)
	}
	absent, meta, err := agent.Service(ctx, name)
	wantAgentError(t, "a service that is gone", err, consul.ErrNotFound)
	if absent != nil || meta == nil {
		t.Errorf("got %v with meta %v, want none with a meta", absent, meta)
	}
}

func TestAgentServicesTakesAFilter(t *testing.T) {
	t.Parallel()
	agent := newClient(t).Agent()
	ctx := testContext(t)
	name := unique(t)
	registerService(t, agent, &consul.AgentServiceRegistration{ID: name + "-1", Name: name, Meta: map[string]string{"v": "1"}})
	registerService(t, agent, &consul.AgentServiceRegistration{ID: name + "-2", Name: name, Meta: map[string]string{"v": "2"}})

	services, _, err := agent.Services(ctx, consul.WithFilter(`Service == "`+name+`" and Meta.v == "2"`))
	if err != nil {
		t.Fatal(err)
	}
	if len(services) != 1 || services[name+"-2"] == nil {
		t.Errorf("got %v, want just the second", services)
	}
	none, _, err := agent.Services(ctx, consul.WithFilter(`Service == "nothing"`))
	if err != nil || none == nil || len(none) != 0 {
		t.Errorf("got %v, %v; want an empty map", none, err)
	}
}

func TestAgentServiceWaitsByHash(t *testing.T) {
	t.Parallel()
	agent := newClient(t).Agent()
	ctx := testContext(t)
	name := unique(t)
	registerService(t, agent, &consul.AgentServiceRegistration{Name: name, Port: 1})
	_, meta, err := agent.Service(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	hash := meta.LastContentHash

	same, meta, err := agent.Service(ctx, name, consul.WaitHash(hash, 50*time.Millisecond))
	if err != nil || same.Port != 1 || meta.LastContentHash != hash {
		t.Fatalf("nothing changed, and the wait gave %+v, %+v, %v", same, meta, err)
	}
	if meta.RequestTime < 50*time.Millisecond {
		t.Errorf("answered after %v, want 50 ms", meta.RequestTime)
	}

	type result struct {
		service *consul.AgentService
		meta    *consul.QueryMeta
		err     error
	}
	done := make(chan result, 1)
	go func() {
		service, meta, err := agent.Service(ctx, name, consul.WaitHash(hash, time.Minute))
		done <- result{service, meta, err}
	}()
	registerService(t, agent, &consul.AgentServiceRegistration{Name: name, Port: 2})
	changed := <-done
	if changed.err != nil || changed.service.Port != 2 || changed.meta.LastContentHash == hash {
		t.Errorf("got %+v, %+v, %v; want port 2 and another hash", changed.service, changed.meta, changed.err)
	}

	go func() {
		_, _, err := agent.Service(ctx, name, consul.WaitHash(changed.meta.LastContentHash, time.Minute))
		done <- result{err: err}
	}()
	if _, err := agent.ServiceDeregister(ctx, name); err != nil {
		t.Fatal(err)
	}
	wantAgentError(t, "a service that goes away during the wait", (<-done).err, consul.ErrNotFound)
}

func TestAgentServiceRegisterReplacesChecksWhereAsked(t *testing.T) {
	t.Parallel()
	agent := newClient(t).Agent()
	ctx := testContext(t)
	name := unique(t)
	ttl := func(id string) *consul.AgentServiceCheck {
		return &consul.AgentServiceCheck{CheckID: id, TTL: time.Hour}
	}
	checks := func() []string {
		t.Helper()
		list, _, err := agent.Checks(ctx, consul.WithFilter(`ServiceID == "`+name+`"`))
		if err != nil {
			t.Fatal(err)
		}
		ids := keysOf(list)
		slices.Sort(ids)
		return ids
	}
	registerService(t, agent, &consul.AgentServiceRegistration{Name: name, Checks: consul.AgentServiceChecks{ttl(name + "-a")}})
	registerService(t, agent, &consul.AgentServiceRegistration{Name: name, Check: ttl(name + "-b")})
	if got, want := checks(), []string{name + "-a", name + "-b"}; !slices.Equal(got, want) {
		t.Errorf("checks are %v, want %v", got, want)
	}
	registerService(t, agent, &consul.AgentServiceRegistration{Name: name, Check: ttl(name + "-c")}, consul.ReplaceExistingChecks())
	if got, want := checks(), []string{name + "-c"}; !slices.Equal(got, want) {
		t.Errorf("checks are %v, want %v", got, want)
	}
}

func keysOf[V any](m map[string]V) []string {
	var ks []string
	for k := range m {
		ks = append(ks, k)
	}
	return ks
}

func TestAgentServiceRegisterBringsItsSidecar(t *testing.T) {
	t.Parallel()
	agent := newClient(t).Agent()
	ctx := testContext(t)
	name := unique(t)
	registerService(t, agent, &consul.AgentServiceRegistration{
		Name: name, Port: 8080,
		Connect: &consul.AgentServiceConnect{SidecarService: &consul.AgentServiceRegistration{
			Proxy: &consul.AgentServiceConnectProxyConfig{Upstreams: []consul.Upstream{{DestinationName: "db", LocalBindPort: 9191}}},
		}},
	})
	sidecar, _, err := agent.Service(ctx, name+"-sidecar-proxy")
	if err != nil {
		t.Fatal(err)
	}
	if sidecar.Kind != consul.ServiceKindConnectProxy || sidecar.Proxy == nil {
		t.Fatalf("got %+v, want a proxy", sidecar)
	}
	if p := sidecar.Proxy; p.DestinationServiceID != name || p.LocalServicePort != 8080 || len(p.Upstreams) != 1 ||
		p.Upstreams[0].DestinationName != "db" || p.Upstreams[0].DestinationType != consul.UpstreamDestTypeService {
		t.Errorf("proxy is %+v, want one for %s with an upstream to db", p, name)
	}
	if _, err := agent.ServiceDeregister(ctx, name); err != nil {
		t.Fatal(err)
	}
	_, _, err = agent.Service(ctx, name+"-sidecar-proxy")
	wantAgentError(t, "the sidecar of a service that is gone", err, consul.ErrNotFound)
}

func TestAgentServiceMaintenance(t *testing.T) {
	t.Parallel()
	agent := newClient(t).Agent()
	ctx := testContext(t)
	name := unique(t)
	registerService(t, agent, &consul.AgentServiceRegistration{Name: name})
	status := func() string {
		t.Helper()
		info, _, err := agent.HealthServiceByID(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		return info.AggregatedStatus
	}
	if got := status(); got != consul.HealthPassing {
		t.Errorf("a service without checks is %s", got)
	}
	if _, err := agent.EnableServiceMaintenance(ctx, name, "new disk & more"); err != nil {
		t.Fatal(err)
	}
	if got := status(); got != consul.HealthMaint {
		t.Errorf("a service in maintenance is %s", got)
	}
	checks, _, err := agent.Checks(ctx, consul.WithFilter(`ServiceID == "`+name+`"`))
	if err != nil {
		t.Fatal(err)
	}
	if c := checks[consul.ServiceMaintPrefix+name]; c == nil || c.Notes != "new disk & more" || c.Status != consul.HealthCritical {
		t.Errorf("checks are %v, want a critical one with the reason", checks)
	}
	for range 2 { // the second time there is nothing to do
		if _, err := agent.DisableServiceMaintenance(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	if got := status(); got != consul.HealthPassing {
		t.Errorf("a service after maintenance is %s", got)
	}
}

func TestAgentNodeMaintenance(t *testing.T) {
	t.Parallel()
	server := privateServer(t)
	agent := clientWith(t, &consul.Config{Address: server.Addr()}).Agent()
	ctx := testContext(t)
	if _, err := agent.EnableNodeMaintenance(ctx, "new kernel"); err != nil {
		t.Fatal(err)
	}
	checks, _, err := agent.Checks(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if c := checks[consul.NodeMaint]; c == nil || c.Notes != "new kernel" {
		t.Errorf("checks are %v, want one for maintenance", checks)
	}
	if _, err := agent.DisableNodeMaintenance(ctx); err != nil {
		t.Fatal(err)
	}
	checks, _, err = agent.Checks(ctx)
	if err != nil || len(checks) != 0 || checks == nil {
		t.Errorf("got %v, %v; want an empty map", checks, err)
	}
}

func TestAgentHealthServiceTellsEachStatus(t *testing.T) {
	t.Parallel()
	agent := newClient(t).Agent()
	ctx := testContext(t)
	name := unique(t)
	for _, status := range []string{consul.HealthPassing, consul.HealthWarning, consul.HealthCritical} {
		id := name + "-" + status
		registerService(t, agent, &consul.AgentServiceRegistration{
			ID: id, Name: name, Check: &consul.AgentServiceCheck{CheckID: id, TTL: time.Hour, Status: status, Notes: "why"},
		})
		info, meta, err := agent.HealthServiceByID(ctx, id)
		if err != nil {
			t.Fatalf("%s: %v", status, err)
		}
		if info.AggregatedStatus != status || info.Service.ID != id || len(info.Checks) != 1 || info.Checks[0].Status != status || info.Checks[0].Notes != "why" {
			t.Errorf("%s: got %+v with checks %s", status, info, toJSON(t, info.Checks))
		}
		// A status that is the answer is not one to try again after.
		if meta.RequestTime > 5*time.Second {
			t.Errorf("%s: took %v", status, meta.RequestTime)
		}
		// The instances so far are those that are no worse.
		all, _, err := agent.HealthServiceByName(ctx, name)
		if err != nil {
			t.Fatalf("%s: %v", status, err)
		}
		if got := all.AggregatedStatus(); got != status {
			t.Errorf("with an instance that is %s, all %d are %s", status, len(all), got)
		}
	}
	if all, _, err := agent.HealthServiceByName(ctx, name); err != nil || len(all) != 3 {
		t.Errorf("got %d instances, %v; want 3", len(all), err)
	}
}

func TestAgentHealthServiceIsAskedOnce(t *testing.T) {
	t.Parallel()
	agent := newClient(t).Agent()
	name := unique(t)
	registerService(t, agent, &consul.AgentServiceRegistration{Name: name, Check: &consul.AgentServiceCheck{TTL: time.Hour, Status: consul.HealthWarning}})
	sent := 0
	counting := countingClient(t, plainServer.get(t).Addr(), &sent).Agent()
	if _, _, err := counting.HealthServiceByID(testContext(t), name); err != nil {
		t.Fatal(err)
	}
	if sent != 1 {
		t.Errorf("sent %d requests, want 1", sent)
	}
}

func TestAgentAbsentServices(t *testing.T) {
	t.Parallel()
	agent := newClient(t).Agent()
	ctx := testContext(t)
	name := unique(t)
	info, meta, err := agent.HealthServiceByID(ctx, name)
	wantAgentError(t, "HealthServiceByID", err, consul.ErrNotFound)
	if info != nil || meta == nil {
		t.Errorf("got %v with meta %v, want none with a meta", info, meta)
	}
	infos, meta, err := agent.HealthServiceByName(ctx, name)
	wantAgentError(t, "HealthServiceByName", err, consul.ErrNotFound)
	if infos != nil || meta == nil {
		t.Errorf("got %v with meta %v, want none with a meta", infos, meta)
	}
	_, err = agent.ServiceDeregister(ctx, name)
	wantAgentError(t, "ServiceDeregister", err, consul.ErrNotFound)
	_, err = agent.EnableServiceMaintenance(ctx, name, "")
	wantAgentError(t, "EnableServiceMaintenance", err, consul.ErrNotFound)
	_, err = agent.DisableServiceMaintenance(ctx, name)
	wantAgentError(t, "DisableServiceMaintenance", err, consul.ErrNotFound)
}

func TestAgentAbsentServiceOnAnOldServer(t *testing.T) {
	t.Parallel()
	agent := newOldClient(t).Agent()
	_, err := agent.ServiceDeregister(testContext(t), unique(t))
	wantAgentError(t, "ServiceDeregister", err, consul.ErrNotFound)
	_, err = agent.PassTTL(testContext(t), unique(t), "")
	wantAgentError(t, "PassTTL", err, consul.ErrNotFound)
}

func TestAgentServiceRegisterRefusals(t *testing.T) {
	t.Parallel()
	agent := newClient(t).Agent()
	check := func(c consul.AgentServiceCheck) *consul.AgentServiceRegistration {
		return &consul.AgentServiceRegistration{Name: "web", Check: &c}
	}
	for _, test := range []struct {
		what     string
		service  *consul.AgentServiceRegistration
		sentinel error
		text     string
	}{
		{"nil", nil, consul.ErrInvalidOption, "nil"},
		{"no name", &consul.AgentServiceRegistration{ID: "web"}, consul.ErrInvalidOption, "Name is empty"},
		{"a nil check", &consul.AgentServiceRegistration{Name: "web", Checks: consul.AgentServiceChecks{nil}}, consul.ErrInvalidOption, "Checks[0]"},
		{"a negative TTL", check(consul.AgentServiceCheck{TTL: -1}), consul.ErrInvalidOption, "TTL is negative"},
		{"a negative interval", check(consul.AgentServiceCheck{Interval: -1}), consul.ErrInvalidOption, "Interval is negative"},
		{"a negative timeout", check(consul.AgentServiceCheck{Timeout: -1}), consul.ErrInvalidOption, "Timeout is negative"},
		{"a negative time to deregister", check(consul.AgentServiceCheck{DeregisterCriticalServiceAfter: -1}), consul.ErrInvalidOption, "DeregisterCriticalServiceAfter is negative"},
		{"an unknown status", check(consul.AgentServiceCheck{TTL: 1, Status: "fine"}), consul.ErrInvalidOption, `"fine"`},
		{"a sidecar's nil check", &consul.AgentServiceRegistration{Name: "web", Connect: &consul.AgentServiceConnect{
			SidecarService: &consul.AgentServiceRegistration{Checks: consul.AgentServiceChecks{nil}},
		}}, consul.ErrInvalidOption, "Checks[0]"},
		{"a value that is no JSON", &consul.AgentServiceRegistration{Name: "web", Proxy: &consul.AgentServiceConnectProxyConfig{
			Config: map[string]any{"f": func() {}},
		}}, consul.ErrInvalidOption, "JSON"},
		{"a check of no kind", check(consul.AgentServiceCheck{Notes: "x"}), consul.ErrBadRequest, "TTL must be"},
		{"no interval", check(consul.AgentServiceCheck{HTTP: "http://127.0.0.1"}), consul.ErrBadRequest, "Interval must be"},
		{"a weight of 0", &consul.AgentServiceRegistration{Name: "web", Weights: &consul.AgentWeights{}}, consul.ErrBadRequest, "Weights"},
		{"a wildcard address", &consul.AgentServiceRegistration{Name: "web", Address: "0.0.0.0"}, consul.ErrBadRequest, "address"},
		{"two default ports", &consul.AgentServiceRegistration{Name: "web", Ports: []consul.ServicePort{{Name: "a", Port: 1, Default: true}, {Name: "b", Port: 2, Default: true}}}, consul.ErrBadRequest, "default"},
	} {
		_, err := agent.ServiceRegister(testContext(t), test.service)
		wantAgentError(t, test.what, err, test.sentinel)
		if err != nil && !strings.Contains(err.Error(), test.text) {
			t.Errorf("%s: %q does not say %q", test.what, err, test.text)
		}
	}
}

// Scripts run whatever a registration says, so that agents don't take them unless they are told to.
func TestAgentRefusesScriptsUnlessEnabled(t *testing.T) {
	t.Parallel()
	service := &consul.AgentServiceRegistration{Name: unique(t), Check: &consul.AgentServiceCheck{Args: []string{"true"}, Interval: time.Hour}}
	_, err := newACLClient(t).Agent().ServiceRegister(testContext(t), service)
	if err == nil || !strings.Contains(err.Error(), "Scripts are disabled") {
		t.Errorf("got %v, want the server to say that scripts are disabled", err)
	}
	registerService(t, newClient(t).Agent(), service)
}
