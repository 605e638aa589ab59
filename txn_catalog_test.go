package consul_test

// This file tests the operations of transactions on the catalog: nodes, services and checks.

import (
	"errors"
	"testing"
	"time"

	"github.com/lictor-go/consul"
)

func TestTxnNodeOperations(t *testing.T) {
	t.Parallel()
	c, name := newClient(t), unique(t)
	op := func(verb consul.NodeOp, n consul.Node) *consul.TxnOp {
		n.Node = name
		return &consul.TxnOp{Node: &consul.NodeTxnOp{Verb: verb, Node: n}}
	}
	rollBack(t, c, op(consul.NodeGet, consul.Node{}))
	commit(t, c, op(consul.NodeSet, consul.Node{
		ID: "0b6fd2ae-5d0c-4b1c-9d38-97a7a8f0f6a1", Address: "10.0.0.1", Datacenter: "dc1",
		TaggedAddresses: map[string]string{"lan": "10.0.0.2"}, Meta: map[string]string{"rack": "7"},
	}))
	got := commit(t, c, op(consul.NodeGet, consul.Node{}))[0].Node
	if got.Node != name || got.Address != "10.0.0.1" || got.TaggedAddresses["lan"] != "10.0.0.2" || got.Meta["rack"] != "7" || got.ModifyIndex == 0 {
		t.Errorf("got %+v", got)
	}
	changed := *got
	changed.Address = "10.0.0.3"
	stale := changed
	stale.ModifyIndex--
	rollBack(t, c, op(consul.NodeCAS, stale))
	changed = *commit(t, c, op(consul.NodeCAS, changed))[0].Node
	if changed.Address != "10.0.0.3" || changed.ModifyIndex <= got.ModifyIndex {
		t.Errorf("after cas: %+v", changed)
	}
	rollBack(t, c, op(consul.NodeDeleteCAS, *got))
	commit(t, c, op(consul.NodeDeleteCAS, changed))
	commit(t, c, op(consul.NodeDelete, consul.Node{})) // what is gone can be deleted
	if errs := rollBack(t, c, op(consul.NodeGet, consul.Node{})); !errors.Is(errs[0], consul.ErrNotFound) {
		t.Errorf("got %v", errs)
	}
}

// newNode registers a node that goes with the test.
func newNode(t testing.TB, c *consul.Client) string {
	t.Helper()
	name := unique(t)
	set := func(verb consul.NodeOp) {
		commit(t, c, &consul.TxnOp{Node: &consul.NodeTxnOp{Verb: verb, Node: consul.Node{Node: name, Address: "10.0.0.1"}}})
	}
	set(consul.NodeSet)
	t.Cleanup(func() { set(consul.NodeDelete) })
	return name
}

func TestTxnServiceOperations(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	node := newNode(t, c)
	op := func(verb consul.ServiceOp, s consul.AgentService) *consul.TxnOp {
		s.ID, s.Service = "web-1", "web"
		return &consul.TxnOp{Service: &consul.ServiceTxnOp{Verb: verb, Node: node, Service: s}}
	}
	rollBack(t, c, op(consul.ServiceGet, consul.AgentService{}))
	commit(t, c, op(consul.ServiceSet, consul.AgentService{
		Tags: []string{"a", "b"}, Meta: map[string]string{"version": "2"}, Port: 80, Address: "10.0.0.4",
		TaggedAddresses: map[string]consul.ServiceAddress{"wan": {Address: "192.0.2.1", Port: 8080}},
		Weights:         consul.AgentWeights{Passing: 5, Warning: 2}, EnableTagOverride: true,
	}))
	got := commit(t, c, op(consul.ServiceGet, consul.AgentService{}))[0].Service
	if got.ID != "web-1" || got.Service != "web" || len(got.Tags) != 2 || got.Meta["version"] != "2" || got.Port != 80 ||
		got.TaggedAddresses["wan"].Port != 8080 || got.Weights.Passing != 5 || !got.EnableTagOverride || got.ModifyIndex == 0 {
		t.Errorf("got %+v", got)
	}
	changed := *got
	changed.Port = 81
	stale := changed
	stale.ModifyIndex--
	rollBack(t, c, op(consul.ServiceCAS, stale))
	changed = *commit(t, c, op(consul.ServiceCAS, changed))[0].Service
	if changed.Port != 81 || changed.ModifyIndex <= got.ModifyIndex {
		t.Errorf("after cas: %+v", changed)
	}
	rollBack(t, c, op(consul.ServiceDeleteCAS, *got))
	commit(t, c, op(consul.ServiceDeleteCAS, changed))
	commit(t, c, op(consul.ServiceDelete, consul.AgentService{}))
	if errs := rollBack(t, c, op(consul.ServiceGet, consul.AgentService{})); !errors.Is(errs[0], consul.ErrNotFound) {
		t.Errorf("got %v", errs)
	}
}

func TestTxnProxyService(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	set := &consul.ServiceTxnOp{Verb: consul.ServiceSet, Node: newNode(t, c), Service: consul.AgentService{
		Kind: consul.ServiceKindConnectProxy, ID: "proxy-1", Service: "web-proxy", Port: 81,
		Proxy: &consul.AgentServiceConnectProxyConfig{DestinationServiceName: "web", DestinationServiceID: "web-1", LocalServiceAddress: "127.0.0.1", LocalServicePort: 80},
	}}
	got := commit(t, c, &consul.TxnOp{Service: set})[0].Service
	if got.Kind != consul.ServiceKindConnectProxy || got.Proxy == nil || got.Proxy.DestinationServiceID != "web-1" || got.Proxy.LocalServicePort != 80 {
		t.Errorf("got %s", toJSON(t, got))
	}
}

func TestTxnCheckOperations(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	node := newNode(t, c)
	op := func(verb consul.CheckOp, h consul.HealthCheck) *consul.TxnOp {
		h.Node, h.CheckID = node, "disk"
		return &consul.TxnOp{Check: &consul.CheckTxnOp{Verb: verb, Check: h}}
	}
	rollBack(t, c, op(consul.CheckGet, consul.HealthCheck{}))
	commit(t, c, op(consul.CheckSet, consul.HealthCheck{
		Name: "Disk", Status: consul.HealthPassing, Notes: "n", Output: "o", Type: "http",
		Definition: &consul.HealthCheckDefinition{
			HTTP: "http://10.0.0.1/health", Method: "HEAD", Header: map[string][]string{"X": {"y"}}, TLSSkipVerify: true,
			Interval: 90 * time.Second, Timeout: 1500 * time.Millisecond, DeregisterCriticalServiceAfter: time.Hour,
		},
	}))
	got := commit(t, c, op(consul.CheckGet, consul.HealthCheck{}))[0].Check
	if got.Name != "Disk" || got.Status != consul.HealthPassing || got.Notes != "n" || got.Output != "o" || got.ModifyIndex == 0 {
		t.Errorf("got %+v", got)
	}
	if d := got.Definition; d.HTTP != "http://10.0.0.1/health" || d.Method != "HEAD" || d.Header["X"][0] != "y" || !d.TLSSkipVerify ||
		d.Interval != 90*time.Second || d.Timeout != 1500*time.Millisecond || d.DeregisterCriticalServiceAfter != time.Hour {
		t.Errorf("got the definition %+v", d)
	}
	changed := *got
	changed.Status = consul.HealthCritical
	stale := changed
	stale.ModifyIndex--
	rollBack(t, c, op(consul.CheckCAS, stale))
	changed = *commit(t, c, op(consul.CheckCAS, changed))[0].Check
	if changed.Status != consul.HealthCritical || changed.ModifyIndex <= got.ModifyIndex {
		t.Errorf("after cas: %+v", changed)
	}
	rollBack(t, c, op(consul.CheckDeleteCAS, *got))
	commit(t, c, op(consul.CheckDeleteCAS, changed))
	commit(t, c, op(consul.CheckDelete, consul.HealthCheck{})) // what is gone can be deleted
	if errs := rollBack(t, c, op(consul.CheckGet, consul.HealthCheck{})); !errors.Is(errs[0], consul.ErrNotFound) {
		t.Errorf("got %v", errs)
	}
}

// Whatever the types hold is taken, so that a thing can be written as it was read; but the server drops some of it.
func TestTxnTakesTheWholeOfWhatTheTypesHold(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	node := newNode(t, c)
	got := commit(t, c,
		&consul.TxnOp{Node: &consul.NodeTxnOp{Verb: consul.NodeSet, Node: consul.Node{
			Node: node, Address: "10.0.0.1", Datacenter: "dc1", Locality: &consul.Locality{Region: "r", Zone: "z"}, CreateIndex: 1, ModifyIndex: 1,
		}}},
		&consul.TxnOp{Service: &consul.ServiceTxnOp{Verb: consul.ServiceSet, Node: node, Service: consul.AgentService{
			Kind: consul.ServiceKindConnectProxy, ID: "proxy-1", Service: "web-proxy", SocketPath: "/run/web", Port: 81, ContentHash: "h",
			Connect: &consul.AgentServiceConnect{Native: true}, Locality: &consul.Locality{Region: "r"}, Datacenter: "dc1", CreateIndex: 1,
			Ports: []consul.ServicePort{{Name: "http", Port: 80, Default: true}},
			Proxy: &consul.AgentServiceConnectProxyConfig{
				DestinationServiceName: "web", Mode: consul.ProxyModeTransparent, Config: map[string]any{"x": 1},
				Upstreams:        []consul.Upstream{{DestinationName: "db", LocalBindPort: 9191}},
				MeshGateway:      consul.MeshGatewayConfig{Mode: consul.MeshGatewayModeLocal},
				TransparentProxy: &consul.TransparentProxyConfig{OutboundListenerPort: 1234},
			},
		}}},
		&consul.TxnOp{Check: &consul.CheckTxnOp{Verb: consul.CheckSet, Check: consul.HealthCheck{
			Node: node, CheckID: "all", Name: "all", ServiceID: "proxy-1", ServiceTags: []string{"t"}, ExposedPort: 1, Interval: time.Second, Timeout: time.Second,
			Definition: &consul.HealthCheckDefinition{
				HTTP: "http://h", Method: "GET", Header: map[string][]string{"a": {"b"}}, Body: "b", DisableRedirects: true, TCP: "t:1", TCPUseTLS: true,
				UDP: "u:1", GRPC: "g:1", GRPCUseTLS: true, H2PING: "h:1", H2PingUseTLS: true, TLSServerName: "n", TLSSkipVerify: true,
				ScriptArgs: []string{"true"}, DockerContainerID: "d", Shell: "sh", OSService: "o", AliasNode: "n", AliasService: "s",
				SessionName: "sn", TTL: time.Second, Interval: time.Second, Timeout: time.Second, DeregisterCriticalServiceAfter: time.Minute, OutputMaxSize: 1,
			},
		}}},
	)
	if n := got[0].Node; n.Locality != nil {
		t.Errorf("the node kept %+v: say so in NodeTxnOp", n.Locality)
	}
	s := got[1].Service
	if s.SocketPath != "" || s.Ports != nil || s.Locality != nil || s.Connect != nil && s.Connect.Native || s.Proxy.Mode != "" || s.Proxy.Config != nil || s.Proxy.Upstreams != nil {
		t.Errorf("the service kept more than ServiceTxnOp says: %s", toJSON(t, s))
	}
	if s.Proxy.TransparentProxy == nil || s.Proxy.TransparentProxy.OutboundListenerPort != 1234 || s.Proxy.MeshGateway.Mode != consul.MeshGatewayModeLocal {
		t.Errorf("the service lost what ServiceTxnOp says it keeps: %s", toJSON(t, s))
	}
	d := got[2].Check.Definition
	if d.UDP != "" || d.DisableRedirects || d.H2PING != "" || d.ScriptArgs != nil || d.DockerContainerID != "" || d.AliasNode != "" || d.SessionName != "" || d.TTL != 0 || d.OutputMaxSize != 0 {
		t.Errorf("the check kept more than CheckTxnOp says: %+v", d)
	}
	if !d.TCPUseTLS || d.GRPC != "g:1" || d.OSService != "o" || d.TLSServerName != "n" || d.Body != "b" || d.Timeout != time.Second {
		t.Errorf("the check lost what CheckTxnOp says it keeps: %+v", d)
	}
}
