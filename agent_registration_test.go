package consul_test

// This file tests that what a registration says reaches the agent: all of it, and as the agent understands it.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lictor-go/consul"
)

// A filler sets every field of a value to something that occurs nowhere else, and keeps account of it.
type filler struct {
	n       int
	sidecar bool           // whether a sidecar is being filled: it has none of its own
	want    map[string]int // how often each value occurs, as JSON has it
}

func (f *filler) text() string {
	f.n++
	return f.set(fmt.Sprint("s", f.n))
}

func (f *filler) set(value string) string {
	f.want[value]++
	return value
}

func (f *filler) fill(t *testing.T, v reflect.Value) {
	t.Helper()
	f.n++
	switch v.Kind() {
	case reflect.String:
		v.SetString(f.text())
	case reflect.Interface:
		v.Set(reflect.ValueOf(f.text()))
	case reflect.Int:
		v.SetInt(int64(f.n))
		f.set(fmt.Sprint(f.n))
	case reflect.Int64: // a duration
		d := time.Duration(f.n) * time.Second
		v.SetInt(int64(d))
		f.set(d.String())
	case reflect.Bool:
		v.SetBool(true)
		f.set("true")
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(t, v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		f.fill(t, v.Index(0))
	case reflect.Map:
		key, value := reflect.ValueOf(f.text()), reflect.New(v.Type().Elem()).Elem()
		f.fill(t, value)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Struct:
		f.fillFields(t, v)
	default:
		t.Fatalf("no value for a %s", v.Type())
	}
}

func (f *filler) fillFields(t *testing.T, v reflect.Value) {
	t.Helper()
	for i := range v.NumField() {
		switch name := v.Type().Field(i).Name; {
		case name == "Status":
			v.Field(i).SetString(f.set(consul.HealthPassing)) // another would be refused
		case name == "SidecarService" && f.sidecar:
		case name == "SidecarService":
			f.sidecar = true
			f.fill(t, v.Field(i))
			f.sidecar = false
		default:
			f.fill(t, v.Field(i))
		}
	}
}

// valuesOf counts the keys of free choice and the values of a JSON text.
func valuesOf(t *testing.T, body string) map[string]int {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(body))
	d.UseNumber()
	var tree any
	if err := d.Decode(&tree); err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for key, e := range v {
				if strings.HasPrefix(key, "s") {
					got[key]++
				}
				walk(e)
			}
		case []any:
			for _, e := range v {
				walk(e)
			}
		default:
			got[fmt.Sprint(v)]++
		}
	}
	walk(tree)
	return got
}

func checkAllSent(t *testing.T, want map[string]int, body string) {
	t.Helper()
	if got := valuesOf(t, body); !maps.Equal(got, want) {
		for value, n := range want {
			if got[value] != n {
				t.Errorf("%q was set %d times, and sent %d times", value, n, got[value])
			}
		}
		t.Errorf("sent %s", body)
	}
}

// checkUnderstood fails if the agent does not know a field of what it was sent. It knows them before it finds fault with
// their values.
func checkUnderstood(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, consul.ErrBadRequest) || strings.Contains(err.Error(), "decode failed") {
		t.Errorf("got %v, want the agent to refuse the values, not the fields", err)
	}
}

func TestAgentServiceRegisterSendsEveryField(t *testing.T) {
	t.Parallel()
	f := &filler{want: map[string]int{}}
	var service consul.AgentServiceRegistration
	f.fill(t, reflect.ValueOf(&service).Elem())
	before, err := json.Marshal(&service)
	if err != nil {
		t.Fatal(err)
	}
	_, body := agentRequest(t, func(ctx context.Context, a *consul.Agent) error {
		_, err := a.ServiceRegister(ctx, &service)
		return err
	})
	checkAllSent(t, f.want, body)
	// Only Consul Enterprise knows these two.
	known := service
	sidecar := *service.Connect.SidecarService
	known.Namespace, known.Partition, sidecar.Namespace, sidecar.Partition = "", "", "", ""
	known.Connect = &consul.AgentServiceConnect{SidecarService: &sidecar}
	_, err = newClient(t).Agent().ServiceRegister(testContext(t), &known)
	checkUnderstood(t, err)

	var again consul.AgentServiceRegistration
	if err := json.Unmarshal([]byte(body), &again); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(again, service) {
		t.Errorf("decoded into %+v, want %+v", again, service)
	}
	if after, err := json.Marshal(&service); err != nil || string(after) != string(before) {
		t.Errorf("the caller's registration was changed: %s", after)
	}
}

func TestAgentCheckRegisterSendsEveryField(t *testing.T) {
	t.Parallel()
	f := &filler{want: map[string]int{}}
	var check consul.AgentCheckRegistration
	f.fill(t, reflect.ValueOf(&check).Elem())
	for _, twice := range []*string{&check.CheckID, &check.AgentServiceCheck.Name, &check.AgentServiceCheck.Notes} {
		delete(f.want, *twice)
		*twice = ""
	}
	_, body := agentRequest(t, func(ctx context.Context, a *consul.Agent) error {
		_, err := a.CheckRegister(ctx, &check)
		return err
	})
	checkAllSent(t, f.want, body)
	// Only Consul Enterprise knows these two.
	known := check
	known.Namespace, known.Partition = "", ""
	_, err := newNodeCheckClient(t).Agent().CheckRegister(testContext(t), &known)
	checkUnderstood(t, err)

	var again consul.AgentCheckRegistration
	if err := json.Unmarshal([]byte(body), &again); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(again, check) {
		t.Errorf("decoded into %+v, want %+v", again, check)
	}
}

// An agent refuses fields that it does not know: what is not set must not be sent, or older agents take nothing.
func TestAgentRegistrationsSendNothingElse(t *testing.T) {
	t.Parallel()
	_, body := agentRequest(t, func(ctx context.Context, a *consul.Agent) error {
		_, err := a.ServiceRegister(ctx, &consul.AgentServiceRegistration{
			Name: "web", Check: &consul.AgentServiceCheck{TTL: 90 * time.Second},
			Proxy: &consul.AgentServiceConnectProxyConfig{Upstreams: []consul.Upstream{{DestinationName: "db"}}},
		})
		return err
	})
	if want := `{"Name":"web","Check":{"TTL":"1m30s"},"Proxy":{"Upstreams":[{"DestinationName":"db"}]}}`; body != want {
		t.Errorf("sent %s, want %s", body, want)
	}
	_, body = agentRequest(t, func(ctx context.Context, a *consul.Agent) error {
		_, err := a.CheckRegister(ctx, &consul.AgentCheckRegistration{Name: "ping", AgentServiceCheck: consul.AgentServiceCheck{
			H2PING: "127.0.0.1:1", H2PingUseTLS: new(bool), Interval: time.Minute,
		}})
		return err
	})
	if want := `{"Name":"ping","H2PING":"127.0.0.1:1","H2PingUseTLS":false,"Interval":"1m0s"}`; body != want {
		t.Errorf("sent %s, want %s", body, want)
	}
}

// richProxy is a proxy with all that an agent tells of one.
func richProxy(name string) *consul.AgentServiceRegistration {
	return &consul.AgentServiceRegistration{
		Kind: consul.ServiceKindConnectProxy, ID: name + "-1", Name: name, Tags: []string{"a", "b"},
		Port: 20000, Address: "10.0.0.7", EnableTagOverride: true, Meta: map[string]string{"version": "2"},
		TaggedAddresses: map[string]consul.ServiceAddress{
			"lan": {Address: "10.0.0.7", Port: 20000}, "wan": {Address: "198.51.100.7", Port: 443},
		},
		Weights:  &consul.AgentWeights{Passing: 10, Warning: 3},
		Locality: &consul.Locality{Region: "r1", Zone: "z1"},
		Proxy: &consul.AgentServiceConnectProxyConfig{
			DestinationServiceName: "web", DestinationServiceID: "web-1", LocalServiceAddress: "127.0.0.2", LocalServicePort: 8080,
			Mode:             consul.ProxyModeTransparent,
			TransparentProxy: &consul.TransparentProxyConfig{OutboundListenerPort: 15001, DialedDirectly: true},
			Upstreams: []consul.Upstream{
				{
					DestinationType: consul.UpstreamDestTypeService, DestinationName: "db", Datacenter: "dc2",
					LocalBindAddress: "127.0.0.3", LocalBindPort: 9191, Config: map[string]any{"connect_timeout_ms": 500.0},
					MeshGateway: consul.MeshGatewayConfig{Mode: consul.MeshGatewayModeLocal},
				},
				{
					DestinationType: consul.UpstreamDestTypePreparedQuery, DestinationName: "q",
					LocalBindSocketPath: "/run/q.sock", LocalBindSocketMode: "0600",
				},
			},
			MeshGateway: consul.MeshGatewayConfig{Mode: consul.MeshGatewayModeNone},
			Expose: consul.ExposeConfig{Checks: true, Paths: []consul.ExposePath{
				{ListenerPort: 21500, Path: "/metrics", LocalPathPort: 8080, Protocol: "http2"},
			}},
			AccessLogs: &consul.AccessLogsConfig{
				Enabled: true, DisableListenerLogs: true, Type: consul.FileLogSinkType, Path: "/var/log/a.log", TextFormat: "%START_TIME%",
			},
			Config: map[string]any{"protocol": "http", "nested": map[string]any{"list": []any{1.0, "two", true}}},
		},
	}
}

func TestAgentServiceReadsBackWhatWasRegistered(t *testing.T) {
	t.Parallel()
	agent := newClient(t).Agent()
	registered := richProxy(unique(t))
	registerService(t, agent, registered)

	service, _, err := agent.Service(testContext(t), registered.ID)
	if err != nil {
		t.Fatal(err)
	}
	for name, pair := range map[string][2]any{
		"Kind":              {service.Kind, registered.Kind},
		"ID":                {service.ID, registered.ID},
		"Service":           {service.Service, registered.Name},
		"Tags":              {service.Tags, registered.Tags},
		"Port":              {service.Port, registered.Port},
		"Address":           {service.Address, registered.Address},
		"Meta":              {service.Meta, registered.Meta},
		"Weights":           {service.Weights, *registered.Weights},
		"Locality":          {service.Locality, registered.Locality},
		"EnableTagOverride": {service.EnableTagOverride, registered.EnableTagOverride},
		"the address wan":   {service.TaggedAddresses["wan"], registered.TaggedAddresses["wan"]},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("%s is %+v, want %+v", name, pair[0], pair[1])
		}
	}
	// The agent adds the defaults of a transparent proxy as an upstream.
	want := *registered.Proxy
	got := *service.Proxy
	got.Upstreams = slices.DeleteFunc(got.Upstreams, func(u consul.Upstream) bool { return u.DestinationName == "*" })
	if !reflect.DeepEqual(normal(t, got), normal(t, want)) {
		t.Errorf("proxy is %+v, want %+v", normal(t, got), normal(t, want))
	}
}

// normal gives a value as JSON has it.
func normal(t *testing.T, v any) any {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := json.Unmarshal(b, &tree); err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestAgentServiceOnPortsAndSockets(t *testing.T) {
	t.Parallel()
	agent := newClient(t).Agent()
	ctx := testContext(t)
	name := unique(t)
	ports := []consul.ServicePort{{Name: "http", Port: 8080, Default: true}, {Name: "admin", Port: 8081}}
	registerService(t, agent, &consul.AgentServiceRegistration{ID: name + "-ports", Name: name, Ports: ports})
	registerService(t, agent, &consul.AgentServiceRegistration{
		ID: name + "-socket", Name: name, SocketPath: "/run/web.sock", Connect: &consul.AgentServiceConnect{Native: true},
	})
	service, _, err := agent.Service(ctx, name+"-ports")
	if err != nil || !slices.Equal(service.Ports, ports) || service.Port != 8080 {
		t.Errorf("got %+v, %v; want the ports, and the default one as the port", service, err)
	}
	service, _, err = agent.Service(ctx, name+"-socket")
	if err != nil || service.SocketPath != "/run/web.sock" || service.Connect == nil || !service.Connect.Native {
		t.Errorf("got %+v, %v; want the socket of a native service", service, err)
	}
}

func TestAgentTakesEachKindOfCheck(t *testing.T) {
	t.Parallel()
	agent := newClient(t).Agent()
	name := unique(t)
	const nobody = "127.0.0.1:1"
	kinds := map[string]consul.AgentServiceCheck{
		"ttl":    {TTL: time.Hour},
		"script": {Args: []string{"true"}},
		"docker": {Args: []string{"true"}, DockerContainerID: "absent", Shell: "/bin/sh"},
		"http":   {HTTP: "http://" + nobody, Method: "POST", Header: map[string][]string{"X-A": {"1"}}, Body: "{}", DisableRedirects: true},
		"tcp":    {TCP: nobody, TCPUseTLS: true, TLSServerName: "web", TLSSkipVerify: true},
		"udp":    {UDP: nobody},
		"grpc":   {GRPC: nobody + "/web", GRPCUseTLS: true},
		"h2ping": {H2PING: nobody},
		"alias":  {AliasService: name},
	}
	service := &consul.AgentServiceRegistration{Name: name}
	for kind, check := range kinds {
		check.CheckID = name + "-" + kind
		if kind != "ttl" && kind != "alias" {
			check.Interval, check.Timeout = time.Hour, time.Second
		}
		service.Checks = append(service.Checks, &check)
	}
	registerService(t, agent, service)
	checks, _, err := agent.Checks(testContext(t), consul.WithFilter(`ServiceID == "`+name+`"`))
	if err != nil {
		t.Fatal(err)
	}
	for kind := range kinds {
		if c := checks[name+"-"+kind]; c == nil || c.Type != kind {
			t.Errorf("%s: got %+v", kind, c)
		}
	}
}

// What the agent does with a check shows that it understood its options.
func TestAgentRunsChecksAsTheySay(t *testing.T) {
	t.Parallel()
	agent := newClient(t).Agent()
	name := unique(t)
	heard := make(chan string, 1)
	server := newFaultServer(t, recordRequest(heard))
	registerService(t, agent, &consul.AgentServiceRegistration{Name: name, Checks: consul.AgentServiceChecks{
		{CheckID: name + "-http", HTTP: server.URL + "/health", Method: "POST", Header: map[string][]string{"X-A": {"1"}}, Body: "ping", Interval: time.Second},
		{CheckID: name + "-script", Args: []string{"sh", "-c", "echo so so; exit 1"}, Interval: time.Second},
		{CheckID: name + "-patient", TCP: "127.0.0.1:1", Interval: time.Second, Status: consul.HealthPassing, FailuresBeforeWarning: 1, FailuresBeforeCritical: 100},
	}})
	select {
	case got := <-heard:
		if want := "POST /health X-A=1 ping"; got != want {
			t.Errorf("the service heard %q, want %q", got, want)
		}
	case <-testContext(t).Done():
		t.Fatal("the service heard nothing")
	}
	eventually(t, "the checks have run", func() bool {
		http, script, patient := agentCheck(t, agent, name+"-http"), agentCheck(t, agent, name+"-script"), agentCheck(t, agent, name+"-patient")
		return http.Status == consul.HealthPassing &&
			script.Status == consul.HealthWarning && strings.Contains(script.Output, "so so") &&
			patient.Status != consul.HealthPassing
	})
}
