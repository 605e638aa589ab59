package consul_test

// This file lists the endpoints of the agent, and tests what it says of itself, and how it reloads and leaves.

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lictor-go/consul"
	"github.com/lictor-go/consul/testutil"
)

// agentEndpoint makes an endpoint of a method that gives no more than its metadata.
func agentEndpoint(name, route string, call func(context.Context, *consul.Agent) (*consul.WriteMeta, error)) endpoint {
	return endpoint{name: "Agent." + name, route: "PUT /v1/agent/" + route, call: func(ctx context.Context, c *consul.Client) error {
		_, err := call(ctx, c.Agent())
		return err
	}}
}

// agentReadEndpoint makes an endpoint of a method that gives a T.
func agentReadEndpoint[T any](name, route, result string, call func(context.Context, *consul.Agent) (T, *consul.QueryMeta, error)) endpoint {
	return endpoint{name: "Agent." + name, route: "GET /v1/agent/" + route, result: result, call: func(ctx context.Context, c *consul.Client) error {
		_, _, err := call(ctx, c.Agent())
		return err
	}}
}

var agentEndpoints = []endpoint{
	agentReadEndpoint("Self", "self", `{}`, func(ctx context.Context, a *consul.Agent) (*consul.AgentSelf, *consul.QueryMeta, error) {
		return a.Self(ctx)
	}),
	agentReadEndpoint("Version", "version", `{}`, func(ctx context.Context, a *consul.Agent) (*consul.AgentVersion, *consul.QueryMeta, error) {
		return a.Version(ctx)
	}),
	agentReadEndpoint("Host", "host", `{}`, func(ctx context.Context, a *consul.Agent) (*consul.AgentHost, *consul.QueryMeta, error) {
		return a.Host(ctx)
	}),
	agentReadEndpoint("Metrics", "metrics", `{}`, func(ctx context.Context, a *consul.Agent) (*consul.MetricsInfo, *consul.QueryMeta, error) {
		return a.Metrics(ctx)
	}),
	agentReadEndpoint("Members", "members", `[]`, func(ctx context.Context, a *consul.Agent) ([]*consul.AgentMember, *consul.QueryMeta, error) {
		return a.Members(ctx)
	}),
	agentReadEndpoint("Checks", "checks", `{}`, func(ctx context.Context, a *consul.Agent) (map[string]*consul.AgentCheck, *consul.QueryMeta, error) {
		return a.Checks(ctx)
	}),
	agentReadEndpoint("Services", "services", `{}`, func(ctx context.Context, a *consul.Agent) (map[string]*consul.AgentService, *consul.QueryMeta, error) {
		return a.Services(ctx)
	}),
	agentReadEndpoint("Service", "service/", `{}`, func(ctx context.Context, a *consul.Agent) (*consul.AgentService, *consul.QueryMeta, error) {
		return a.Service(ctx, "id")
	}),
	agentReadEndpoint("HealthServiceByID", "health/service/id/", `{}`, func(ctx context.Context, a *consul.Agent) (*consul.AgentServiceChecksInfo, *consul.QueryMeta, error) {
		return a.HealthServiceByID(ctx, "id")
	}),
	agentReadEndpoint("HealthServiceByName", "health/service/name/", `[]`, func(ctx context.Context, a *consul.Agent) (consul.AgentServiceChecksInfos, *consul.QueryMeta, error) {
		return a.HealthServiceByName(ctx, "name")
	}),
	{name: "Agent.MetricsStream", route: "GET /v1/agent/metrics/stream", result: `{}`, stream: true, call: func(ctx context.Context, c *consul.Client) error {
		for _, err := range c.Agent().MetricsStream(ctx) {
			return err
		}
		return nil
	}},
	{name: "Agent.Monitor", route: "GET /v1/agent/monitor", result: "a line\n", text: true, stream: true, call: func(ctx context.Context, c *consul.Client) error {
		for _, err := range c.Agent().Monitor(ctx, "info") {
			return err
		}
		return nil
	}},
	agentEndpoint("Reload", "reload", func(ctx context.Context, a *consul.Agent) (*consul.WriteMeta, error) {
		return a.Reload(ctx)
	}),
	agentEndpoint("Leave", "leave", func(ctx context.Context, a *consul.Agent) (*consul.WriteMeta, error) {
		return a.Leave(ctx)
	}),
	agentEndpoint("Join", "join/", func(ctx context.Context, a *consul.Agent) (*consul.WriteMeta, error) {
		return a.Join(ctx, "127.0.0.1")
	}),
	agentEndpoint("ForceLeave", "force-leave/", func(ctx context.Context, a *consul.Agent) (*consul.WriteMeta, error) {
		return a.ForceLeave(ctx, "node")
	}),
	agentEndpoint("ServiceRegister", "service/register", func(ctx context.Context, a *consul.Agent) (*consul.WriteMeta, error) {
		return a.ServiceRegister(ctx, &consul.AgentServiceRegistration{Name: "name"})
	}),
	agentEndpoint("ServiceDeregister", "service/deregister/", func(ctx context.Context, a *consul.Agent) (*consul.WriteMeta, error) {
		return a.ServiceDeregister(ctx, "id")
	}),
	agentEndpoint("EnableServiceMaintenance", "service/maintenance/", func(ctx context.Context, a *consul.Agent) (*consul.WriteMeta, error) {
		return a.EnableServiceMaintenance(ctx, "id", "reason")
	}),
	agentEndpoint("DisableServiceMaintenance", "service/maintenance/", func(ctx context.Context, a *consul.Agent) (*consul.WriteMeta, error) {
		return a.DisableServiceMaintenance(ctx, "id")
	}),
	agentEndpoint("EnableNodeMaintenance", "maintenance", func(ctx context.Context, a *consul.Agent) (*consul.WriteMeta, error) {
		return a.EnableNodeMaintenance(ctx, "reason")
	}),
	agentEndpoint("DisableNodeMaintenance", "maintenance", func(ctx context.Context, a *consul.Agent) (*consul.WriteMeta, error) {
		return a.DisableNodeMaintenance(ctx)
	}),
	agentEndpoint("CheckRegister", "check/register", func(ctx context.Context, a *consul.Agent) (*consul.WriteMeta, error) {
		return a.CheckRegister(ctx, &consul.AgentCheckRegistration{Name: "name"})
	}),
	agentEndpoint("CheckDeregister", "check/deregister/", func(ctx context.Context, a *consul.Agent) (*consul.WriteMeta, error) {
		return a.CheckDeregister(ctx, "id")
	}),
	agentEndpoint("PassTTL", "check/pass/", func(ctx context.Context, a *consul.Agent) (*consul.WriteMeta, error) {
		return a.PassTTL(ctx, "id", "note")
	}),
	agentEndpoint("WarnTTL", "check/warn/", func(ctx context.Context, a *consul.Agent) (*consul.WriteMeta, error) {
		return a.WarnTTL(ctx, "id", "note")
	}),
	agentEndpoint("FailTTL", "check/fail/", func(ctx context.Context, a *consul.Agent) (*consul.WriteMeta, error) {
		return a.FailTTL(ctx, "id", "note")
	}),
	agentEndpoint("UpdateTTL", "check/update/", func(ctx context.Context, a *consul.Agent) (*consul.WriteMeta, error) {
		return a.UpdateTTL(ctx, "id", "output", consul.HealthPassing)
	}),
	agentTokenEndpoint("UpdateDefaultACLToken", (*consul.Agent).UpdateDefaultACLToken),
	agentTokenEndpoint("UpdateAgentACLToken", (*consul.Agent).UpdateAgentACLToken),
	agentTokenEndpoint("UpdateAgentRecoveryACLToken", (*consul.Agent).UpdateAgentRecoveryACLToken),
	agentTokenEndpoint("UpdateReplicationACLToken", (*consul.Agent).UpdateReplicationACLToken),
	agentTokenEndpoint("UpdateConfigFileRegistrationToken", (*consul.Agent).UpdateConfigFileRegistrationToken),
	agentTokenEndpoint("UpdateDNSToken", (*consul.Agent).UpdateDNSToken),
}

// An agentTokenUpdate is a method that sets one of the agent's tokens.
type agentTokenUpdate func(*consul.Agent, context.Context, string, ...consul.WriteOption) (*consul.WriteMeta, error)

func agentTokenEndpoint(name string, update agentTokenUpdate) endpoint {
	return agentEndpoint(name, "token/", func(ctx context.Context, a *consul.Agent) (*consul.WriteMeta, error) {
		return update(a, ctx, "secret")
	})
}

// agentRequest is what a call of the agent's puts on the wire: method, path with the query, and body.
func agentRequest(t *testing.T, call func(context.Context, *consul.Agent) error) (line, body string) {
	t.Helper()
	client := clientWith(t, &consul.Config{Transport: roundTripFunc(func(r *http.Request) (*http.Response, error) {
		line = r.Method + " " + r.URL.RequestURI()
		if r.Body != nil {
			b, err := io.ReadAll(r.Body)
			if err != nil {
				return nil, err
			}
			body = string(b)
		}
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{}"))}, nil
	})})
	if err := call(testContext(t), client.Agent()); err != nil {
		t.Fatal(err)
	}
	return line, body
}

// wantAgentError fails unless err is one of the sentinels.
func wantAgentError(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got %v, want %v", what, err, want)
	}
}

func TestAgentSelfSaysWhatTheAgentIs(t *testing.T) {
	t.Parallel()
	client := newClient(t)
	server := plainServer.get(t)
	self, meta, err := client.Agent().Self(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	if self.Config.NodeName != server.NodeName() || self.Config.Datacenter != server.Datacenter() || !self.Config.Server {
		t.Errorf("config is %+v, want node %q, datacenter %q, a server", self.Config, server.NodeName(), server.Datacenter())
	}
	if self.Member.Name != server.NodeName() || self.Member.Status != consul.AgentMemberAlive || !self.Member.IsConsulServer() {
		t.Errorf("member is %+v, want a server that is alive", self.Member)
	}
	if self.DebugConfig["NodeName"] != server.NodeName() {
		t.Errorf("debug config has node name %v, want %q", self.DebugConfig["NodeName"], server.NodeName())
	}
	if self.Stats["consul"]["server"] != "true" {
		t.Errorf("stats are %v, want those of a server", self.Stats)
	}
	if self.Coord == nil || len(self.Coord.Vec) == 0 {
		t.Errorf("coordinate is %+v, want one", self.Coord)
	}
	if meta.RequestTime <= 0 {
		t.Errorf("request time is %v", meta.RequestTime)
	}
}

func TestAgentVersionAndHost(t *testing.T) {
	t.Parallel()
	agent := newClient(t).Agent()
	version, _, err := agent.Version(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	if want := plainServer.get(t).Version(); version.HumanVersion != want {
		t.Errorf("version is %q, want %q", version.HumanVersion, want)
	}
	host, _, err := agent.Host(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	if since := time.Since(host.CollectionTime); since < 0 || since > time.Minute {
		t.Errorf("collected %v ago, want just now", since)
	}
	if host.Memory == nil || host.Memory.Total == 0 || host.Host == nil || host.Host.OS == "" || len(host.CPU) == 0 {
		t.Errorf("host is %+v, want memory, system and processors", host)
	}
}

func TestAgentVersionNeedsNoToken(t *testing.T) {
	t.Parallel()
	agent := clientWith(t, &consul.Config{Address: aclServer.get(t).Addr()}).Agent()
	if _, _, err := agent.Version(testContext(t)); err != nil {
		t.Error(err)
	}
}

func TestAgentVersionIsNotFoundOnAnOldServer(t *testing.T) {
	t.Parallel()
	_, _, err := newOldClient(t).Agent().Version(testContext(t))
	wantAgentError(t, "version of Consul 1.10", err, consul.ErrNotFound)
}

func TestAgentRefusesWithoutPermission(t *testing.T) {
	t.Parallel()
	agent := clientWith(t, &consul.Config{Address: aclServer.get(t).Addr()}).Agent()
	ctx := testContext(t)
	calls := map[string]func() error{
		"Self":    func() error { _, _, err := agent.Self(ctx); return err },
		"Host":    func() error { _, _, err := agent.Host(ctx); return err },
		"Metrics": func() error { _, _, err := agent.Metrics(ctx); return err },
		"Monitor": func() error {
			for _, err := range agent.Monitor(ctx, "") {
				return err
			}
			return nil
		},
		"Reload":     func() error { _, err := agent.Reload(ctx); return err },
		"Leave":      func() error { _, err := agent.Leave(ctx); return err },
		"Join":       func() error { _, err := agent.Join(ctx, "127.0.0.1"); return err },
		"ForceLeave": func() error { _, err := agent.ForceLeave(ctx, "node"); return err },
		"ServiceRegister": func() error {
			_, err := agent.ServiceRegister(ctx, &consul.AgentServiceRegistration{Name: "denied"})
			return err
		},
		"CheckRegister": func() error {
			check := consul.AgentServiceCheck{TTL: time.Minute}
			_, err := agent.CheckRegister(ctx, &consul.AgentCheckRegistration{Name: "denied", AgentServiceCheck: check})
			return err
		},
		"HealthServiceByName":    func() error { _, _, err := agent.HealthServiceByName(ctx, "denied"); return err },
		"EnableNodeMaintenance":  func() error { _, err := agent.EnableNodeMaintenance(ctx, ""); return err },
		"DisableNodeMaintenance": func() error { _, err := agent.DisableNodeMaintenance(ctx); return err },
		"UpdateDefaultACLToken":  func() error { _, err := agent.UpdateDefaultACLToken(ctx, "x"); return err },
	}
	for name, call := range calls {
		wantAgentError(t, name, call(), consul.ErrPermissionDenied)
	}
}

func TestAgentRefusesEmptyNames(t *testing.T) {
	t.Parallel()
	agent := clientWith(t, &consul.Config{Transport: roundTripFunc(func(r *http.Request) (*http.Response, error) {
		t.Errorf("%s %s was sent", r.Method, r.URL)
		return nil, errors.New("sent")
	})}).Agent()
	ctx := testContext(t)
	calls := map[string]func() error{
		"Join":                      func() error { _, err := agent.Join(ctx, ""); return err },
		"ForceLeave":                func() error { _, err := agent.ForceLeave(ctx, ""); return err },
		"Service":                   func() error { _, _, err := agent.Service(ctx, ""); return err },
		"ServiceDeregister":         func() error { _, err := agent.ServiceDeregister(ctx, ""); return err },
		"EnableServiceMaintenance":  func() error { _, err := agent.EnableServiceMaintenance(ctx, "", ""); return err },
		"DisableServiceMaintenance": func() error { _, err := agent.DisableServiceMaintenance(ctx, ""); return err },
		"HealthServiceByID":         func() error { _, _, err := agent.HealthServiceByID(ctx, ""); return err },
		"HealthServiceByName":       func() error { _, _, err := agent.HealthServiceByName(ctx, ""); return err },
		"CheckDeregister":           func() error { _, err := agent.CheckDeregister(ctx, ""); return err },
		"PassTTL":                   func() error { _, err := agent.PassTTL(ctx, "", ""); return err },
		"WarnTTL":                   func() error { _, err := agent.WarnTTL(ctx, "", ""); return err },
		"FailTTL":                   func() error { _, err := agent.FailTTL(ctx, "", ""); return err },
		"UpdateTTL":                 func() error { _, err := agent.UpdateTTL(ctx, "", "", consul.HealthPassing); return err },
		"UpdateTTL of no status":    func() error { _, err := agent.UpdateTTL(ctx, "id", "", "fine"); return err },
	}
	for name, call := range calls {
		wantAgentError(t, name, call(), consul.ErrInvalidOption)
	}
}

func TestAgentReloadReadsTheConfigurationAgain(t *testing.T) {
	t.Parallel()
	server := testutil.NewServer(t)
	agent := clientWith(t, &consul.Config{Address: server.Addr()}).Agent()
	ctx, cancel := context.WithCancel(testContext(t))
	defer cancel()
	var reloaded bool
	for line, err := range afterMonitorStarts(ctx, t, agent, func() {
		if _, err := agent.Reload(ctx); err != nil {
			t.Error(err)
		}
	}) {
		if err != nil {
			t.Fatal(err)
		}
		if reloaded = strings.Contains(line, "eload"); reloaded {
			break
		}
	}
	if !reloaded {
		t.Error("the log says nothing of a reload")
	}
}

func TestAgentLeaveEndsTheAgent(t *testing.T) {
	testutil.NeedReal(t, "WithConfig")
	t.Parallel()
	server := testutil.NewServer(t, testutil.WithConfig(`performance { leave_drain_time = "10ms" }`))
	client := clientWith(t, &consul.Config{Address: server.Addr(), Retry: consul.RetryPolicy{MaxAttempts: 1}})
	if _, err := client.Agent().Leave(testContext(t)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the agent has ended", func() bool {
		_, _, err := client.Agent().Self(testContext(t))
		return err != nil
	})
}

func TestAgentAnswersOfNullAreNoResults(t *testing.T) {
	t.Parallel()
	client := clientWith(t, &consul.Config{Transport: respond(answer(http.StatusOK, "null"))})
	agent, ctx := client.Agent(), testContext(t)
	_, _, err := agent.Self(ctx)
	wantAgentError(t, "Self", err, consul.ErrBadResponse)
	_, _, err = agent.Service(ctx, "id")
	wantAgentError(t, "Service", err, consul.ErrBadResponse)
	if members, _, err := agent.Members(ctx); err != nil || members == nil {
		t.Errorf("Members: got %v, %v; want an empty list", members, err)
	}
	if services, _, err := agent.Services(ctx); err != nil || services == nil {
		t.Errorf("Services: got %v, %v; want an empty map", services, err)
	}
	if checks, _, err := agent.Checks(ctx); err != nil || checks == nil {
		t.Errorf("Checks: got %v, %v; want an empty map", checks, err)
	}
	if infos, _, err := agent.HealthServiceByName(ctx, "name"); err != nil || infos == nil || infos.AggregatedStatus() != consul.HealthPassing {
		t.Errorf("HealthServiceByName: got %v, %v; want an empty list", infos, err)
	}
}
