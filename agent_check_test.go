package consul_test

// This file tests the checks of an agent.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lictor-go/consul"
	"github.com/lictor-go/consul/testutil"
)

// privateServer starts a server for a test that changes what others would notice.
func privateServer(t *testing.T) *testutil.Server {
	t.Helper()
	return testutil.NewServer(t)
}

// countingClient gives a client that counts what it sends.
func countingClient(t *testing.T, address string, sent *int) *consul.Client {
	t.Helper()
	inner, err := consul.NewTransport(&consul.Config{Address: address})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(inner.CloseIdleConnections)
	return clientWith(t, &consul.Config{Address: address, Transport: roundTripFunc(func(r *http.Request) (*http.Response, error) {
		*sent++
		return inner.RoundTrip(r)
	})})
}

// registerCheck registers a check for one test.
func registerCheck(t *testing.T, agent *consul.Agent, check *consul.AgentCheckRegistration) {
	t.Helper()
	if _, err := agent.CheckRegister(testContext(t), check); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		id := check.ID
		if id == "" {
			id = check.Name
		}
		_, err := agent.CheckDeregister(context.WithoutCancel(t.Context()), id)
		if err != nil && !errors.Is(err, consul.ErrNotFound) {
			t.Error(err)
		}
	})
}

// agentCheck gives a check by its ID; nil if there is none.
func agentCheck(t *testing.T, agent *consul.Agent, id string) *consul.AgentCheck {
	t.Helper()
	checks, _, err := agent.Checks(testContext(t), consul.WithFilter(`CheckID == "`+id+`"`))
	if err != nil {
		t.Fatal(err)
	}
	return checks[id]
}

func TestAgentTTLCheckSaysWhatIsReported(t *testing.T) {
	t.Parallel()
	agent := newNodeCheckClient(t).Agent()
	ctx := testContext(t)
	id := unique(t)
	registerCheck(t, agent, &consul.AgentCheckRegistration{Name: id, Notes: "heartbeat", AgentServiceCheck: consul.AgentServiceCheck{TTL: time.Hour}})
	if c := agentCheck(t, agent, id); c == nil || c.Status != consul.HealthCritical || c.Notes != "heartbeat" || c.Type != "ttl" {
		t.Fatalf("got %+v, want a critical TTL check", c)
	}
	for _, test := range []struct {
		what, want, output string
		report             func() (*consul.WriteMeta, error)
	}{
		{"PassTTL", consul.HealthPassing, "all is well & good", func() (*consul.WriteMeta, error) { return agent.PassTTL(ctx, id, "all is well & good") }},
		{"WarnTTL", consul.HealthWarning, "hm", func() (*consul.WriteMeta, error) { return agent.WarnTTL(ctx, id, "hm") }},
		{"FailTTL", consul.HealthCritical, "", func() (*consul.WriteMeta, error) { return agent.FailTTL(ctx, id, "") }},
		{"UpdateTTL passing", consul.HealthPassing, "p", func() (*consul.WriteMeta, error) { return agent.UpdateTTL(ctx, id, "p", consul.HealthPassing) }},
		{"UpdateTTL warning", consul.HealthWarning, "w", func() (*consul.WriteMeta, error) { return agent.UpdateTTL(ctx, id, "w", consul.HealthWarning) }},
		{"UpdateTTL critical", consul.HealthCritical, "c", func() (*consul.WriteMeta, error) { return agent.UpdateTTL(ctx, id, "c", consul.HealthCritical) }},
	} {
		if _, err := test.report(); err != nil {
			t.Errorf("%s: %v", test.what, err)
			continue
		}
		if c := agentCheck(t, agent, id); c == nil || c.Status != test.want || c.Output != test.output {
			t.Errorf("%s: got %+v, want %s with output %q", test.what, c, test.want, test.output)
		}
	}
	if _, err := agent.CheckDeregister(ctx, id); err != nil {
		t.Fatal(err)
	}
	if c := agentCheck(t, agent, id); c != nil {
		t.Errorf("a check that is gone is %+v", c)
	}
}

func TestAgentKeepsTheStartOfALongOutput(t *testing.T) {
	t.Parallel()
	agent := newNodeCheckClient(t).Agent()
	id := unique(t)
	registerCheck(t, agent, &consul.AgentCheckRegistration{Name: id, AgentServiceCheck: consul.AgentServiceCheck{TTL: time.Hour, OutputMaxSize: 100}})
	if _, err := agent.UpdateTTL(testContext(t), id, strings.Repeat("x", 2<<20), consul.HealthPassing); err != nil {
		t.Fatal(err)
	}
	if c := agentCheck(t, agent, id); c == nil || strings.Count(c.Output, "x") != 100 {
		t.Errorf("got %d bytes of output, want 100 and a remark", len(c.Output))
	}
}

func TestAgentTTLCheckRunsOut(t *testing.T) {
	t.Parallel()
	agent := newNodeCheckClient(t).Agent()
	id := unique(t)
	registerCheck(t, agent, &consul.AgentCheckRegistration{Name: id, AgentServiceCheck: consul.AgentServiceCheck{TTL: 100 * time.Millisecond, Status: consul.HealthPassing}})
	eventually(t, "the check is critical", func() bool {
		c := agentCheck(t, agent, id)
		return c.Status == consul.HealthCritical && strings.Contains(c.Output, "TTL expired")
	})
}

func TestAgentCheckBelongsToItsService(t *testing.T) {
	t.Parallel()
	agent := newNodeCheckClient(t).Agent()
	name := unique(t)
	registerService(t, agent, &consul.AgentServiceRegistration{ID: name + "-1", Name: name})
	registerCheck(t, agent, &consul.AgentCheckRegistration{
		ID: name + "-check", Name: "http", ServiceID: name + "-1",
		AgentServiceCheck: consul.AgentServiceCheck{HTTP: "http://127.0.0.1:1/", Interval: time.Hour, Timeout: 3 * time.Second},
	})
	c := agentCheck(t, agent, name+"-check")
	if c == nil || c.ServiceID != name+"-1" || c.ServiceName != name || c.Type != "http" || c.Interval != time.Hour || c.Timeout != 3*time.Second {
		t.Errorf("got %+v, want the check of the service", c)
	}
}

func TestAgentCheckMayNameItselfInEitherPlace(t *testing.T) {
	t.Parallel()
	agent := newNodeCheckClient(t).Agent()
	id := unique(t)
	registerCheck(t, agent, &consul.AgentCheckRegistration{ID: id, AgentServiceCheck: consul.AgentServiceCheck{
		CheckID: id, Name: "inner", Notes: "inner notes", TTL: time.Hour,
	}})
	if c := agentCheck(t, agent, id); c == nil || c.Name != "inner" || c.Notes != "inner notes" {
		t.Errorf("got %+v, want the inner name and notes", c)
	}
	inner := id + "-inner"
	if _, err := agent.CheckRegister(testContext(t), &consul.AgentCheckRegistration{Name: "outer", AgentServiceCheck: consul.AgentServiceCheck{CheckID: inner, TTL: time.Hour}}); err != nil {
		t.Fatal(err)
	}
	if _, err := agent.CheckDeregister(testContext(t), inner); err != nil {
		t.Errorf("the check has another ID: %v", err)
	}
}

func TestAgentCheckRefusals(t *testing.T) {
	t.Parallel()
	agent := newNodeCheckClient(t).Agent()
	ttl := consul.AgentServiceCheck{CheckID: "inner", Name: "inner", Notes: "inner", TTL: time.Hour}
	for _, test := range []struct {
		what     string
		check    *consul.AgentCheckRegistration
		sentinel error
		text     string
	}{
		{"nil", nil, consul.ErrInvalidOption, "nil"},
		{"no name", &consul.AgentCheckRegistration{ID: "c"}, consul.ErrInvalidOption, "Name is empty"},
		{"two IDs", &consul.AgentCheckRegistration{ID: "outer", AgentServiceCheck: ttl}, consul.ErrInvalidOption, `ID ("outer")`},
		{"two names", &consul.AgentCheckRegistration{Name: "outer", AgentServiceCheck: ttl}, consul.ErrInvalidOption, `Name ("outer")`},
		{"two notes", &consul.AgentCheckRegistration{Notes: "outer", AgentServiceCheck: ttl}, consul.ErrInvalidOption, `Notes ("outer")`},
		{"a negative TTL", &consul.AgentCheckRegistration{Name: "c", AgentServiceCheck: consul.AgentServiceCheck{TTL: -1}}, consul.ErrInvalidOption, "TTL is negative"},
		{"an unknown status", &consul.AgentCheckRegistration{Name: "c", AgentServiceCheck: consul.AgentServiceCheck{TTL: 1, Status: "any"}}, consul.ErrInvalidOption, `"any"`},
		{"no service", &consul.AgentCheckRegistration{Name: "c", ServiceID: "absent", AgentServiceCheck: consul.AgentServiceCheck{TTL: 1}}, consul.ErrNotFound, "absent"},
		{"no kind", &consul.AgentCheckRegistration{Name: "c"}, consul.ErrBadRequest, "TTL must be"},
		{"a warning after critical", &consul.AgentCheckRegistration{Name: "c", AgentServiceCheck: consul.AgentServiceCheck{TTL: 1, FailuresBeforeWarning: 2, FailuresBeforeCritical: 1}}, consul.ErrBadRequest, "FailuresBeforeWarning"},
	} {
		_, err := agent.CheckRegister(testContext(t), test.check)
		wantAgentError(t, test.what, err, test.sentinel)
		if err != nil && !strings.Contains(err.Error(), test.text) {
			t.Errorf("%s: %q does not say %q", test.what, err, test.text)
		}
	}
}

func TestAgentAbsentChecks(t *testing.T) {
	t.Parallel()
	agent := newNodeCheckClient(t).Agent()
	ctx := testContext(t)
	id := unique(t)
	for name, call := range map[string]func() (*consul.WriteMeta, error){
		"CheckDeregister": func() (*consul.WriteMeta, error) { return agent.CheckDeregister(ctx, id) },
		"PassTTL":         func() (*consul.WriteMeta, error) { return agent.PassTTL(ctx, id, "") },
		"WarnTTL":         func() (*consul.WriteMeta, error) { return agent.WarnTTL(ctx, id, "") },
		"FailTTL":         func() (*consul.WriteMeta, error) { return agent.FailTTL(ctx, id, "") },
		"UpdateTTL":       func() (*consul.WriteMeta, error) { return agent.UpdateTTL(ctx, id, "", consul.HealthPassing) },
	} {
		_, err := call()
		wantAgentError(t, name, err, consul.ErrNotFound)
	}
}

func TestAgentCheckReportsOnTheWire(t *testing.T) {
	t.Parallel()
	line, body := agentRequest(t, func(ctx context.Context, a *consul.Agent) error {
		_, err := a.PassTTL(ctx, "service:web:1/a b", "50% & up")
		return err
	})
	if want := "PUT /v1/agent/check/pass/service:web:1%2Fa%20b?note=50%25+%26+up"; line != want || body != "" {
		t.Errorf("sent %s %q, want %s", line, body, want)
	}
	line, body = agentRequest(t, func(ctx context.Context, a *consul.Agent) error {
		_, err := a.UpdateTTL(ctx, "c", "out", consul.HealthWarning)
		return err
	})
	if line != "PUT /v1/agent/check/update/c" || body != `{"Status":"warning","Output":"out"}` {
		t.Errorf("sent %s %s", line, body)
	}
}

// recordRequest tells of the first request that it gets.
func recordRequest(heard chan<- string) http.HandlerFunc {
	return func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		select {
		case heard <- fmt.Sprintf("%s %s X-A=%s %s", r.Method, r.URL.Path, r.Header.Get("X-A"), body):
		default:
		}
	}
}
