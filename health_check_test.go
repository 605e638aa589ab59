package consul_test

// This file tests the type of a check: its status, its durations, and what it makes of odd ones.

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/lictor-go/consul"
)

func TestAggregatedStatusIsTheWorst(t *testing.T) {
	t.Parallel()
	passing := &consul.HealthCheck{CheckID: "p", Status: consul.HealthPassing}
	warning := &consul.HealthCheck{CheckID: "w", Status: consul.HealthWarning}
	critical := &consul.HealthCheck{CheckID: "c", Status: consul.HealthCritical}
	nodeMaint := &consul.HealthCheck{CheckID: consul.NodeMaint, Status: consul.HealthCritical}
	serviceMaint := &consul.HealthCheck{CheckID: consul.ServiceMaintPrefix + "web-1", Status: consul.HealthCritical}
	odd := &consul.HealthCheck{CheckID: "o", Status: "on fire"}
	for _, test := range []struct {
		checks consul.HealthChecks
		want   string
	}{
		{nil, consul.HealthPassing},
		{consul.HealthChecks{nil}, consul.HealthPassing},
		{consul.HealthChecks{passing, passing}, consul.HealthPassing},
		{consul.HealthChecks{warning, passing}, consul.HealthWarning},
		{consul.HealthChecks{critical, warning, passing}, consul.HealthCritical},
		{consul.HealthChecks{passing, warning, critical}, consul.HealthCritical},
		{consul.HealthChecks{passing, critical, nodeMaint}, consul.HealthMaint},
		{consul.HealthChecks{serviceMaint, warning}, consul.HealthMaint},
		{consul.HealthChecks{passing, odd}, consul.HealthCritical},
		{consul.HealthChecks{odd, warning}, consul.HealthCritical},
	} {
		for range 2 {
			if got := test.checks.AggregatedStatus(); got != test.want {
				t.Errorf("the status of %v is %q, want %q", test.checks, got, test.want)
			}
			slices.Reverse(test.checks)
		}
	}
}

func TestMaintenanceOfAgentShowsAsMaintenance(t *testing.T) {
	t.Parallel()
	c, ctx := newClient(t), testContext(t)
	name := unique(t)
	if _, err := c.Raw().Write(ctx, "/v1/agent/service/register", map[string]any{"Name": name}, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := c.Raw().Write(ctx, "/v1/agent/service/deregister/"+name, nil, nil); err != nil {
			t.Error(err)
		}
	})
	maintenance := consul.WithParam("enable", "true")
	if _, err := c.Raw().Write(ctx, "/v1/agent/service/maintenance/"+name, nil, nil, maintenance); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the service is in maintenance", func() bool {
		list, _, err := c.Health().Service(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		return len(list) == 1 && list[0].Checks.AggregatedStatus() == consul.HealthMaint
	})
}

// The servers keep any text as the interval of a check: one of them must not make a list unreadable.
func TestOddIntervalOfOneCheckSpoilsNothing(t *testing.T) {
	t.Parallel()
	c, ctx := newClient(t), testContext(t)
	name := unique(t)
	register(t, c, &consul.CatalogRegistration{Node: name, Address: "192.0.2.1"})
	odd := map[string]any{"Node": name, "Address": "192.0.2.1", "Check": map[string]any{
		"Name": "odd", "Interval": "often", "Timeout": "never", "Status": "on fire",
	}}
	if _, err := c.Raw().Write(ctx, "/v1/catalog/register", odd, nil); err != nil {
		t.Fatal(err)
	}
	checks, _, err := c.Health().Node(ctx, name)
	if err != nil || len(checks) != 1 || checks[0].Interval != 0 || checks[0].Timeout != 0 {
		t.Fatalf("got %v, %v", checks, err)
	}
	if checks[0].Status != "on fire" || checks.AggregatedStatus() != consul.HealthCritical {
		t.Errorf("the check is %q, all are %q", checks[0].Status, checks.AggregatedStatus())
	}
}

func TestHealthCheckDurationsOnTheWire(t *testing.T) {
	t.Parallel()
	want := consul.HealthCheck{
		CheckID: "c", Interval: 90 * time.Second, Timeout: 1500 * time.Millisecond,
		Definition: &consul.HealthCheckDefinition{
			TTL: 10 * time.Second, Interval: time.Minute, Timeout: time.Millisecond, DeregisterCriticalServiceAfter: time.Hour,
		},
	}
	for _, wire := range []string{
		`{"CheckID":"c","Interval":"1m30s","Timeout":"1.5s",
			"Definition":{"TTL":"10s","Interval":"1m","Timeout":"1ms","DeregisterCriticalServiceAfter":"1h"}}`,
		`{"CheckID":"c","Interval":"90s","Timeout":"1500ms",
			"Definition":{"TTL":10000000000,"Interval":6e10,"Timeout":1000000,"DeregisterCriticalServiceAfter":3.6e12}}`,
	} {
		var got consul.HealthCheck
		if err := json.Unmarshal([]byte(wire), &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %+v, %v", wire, got, err)
		}
	}
	sent, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var again struct {
		Interval, Timeout string
		Definition        struct{ TTL, Interval, Timeout, DeregisterCriticalServiceAfter string }
	}
	if err := json.Unmarshal(sent, &again); err != nil || again.Interval != "1m30s" || again.Definition.TTL != "10s" ||
		again.Definition.DeregisterCriticalServiceAfter != "1h0m0s" {
		t.Errorf("sent as %s, %v", sent, err)
	}
	var d consul.HealthCheckDefinition
	if err := json.Unmarshal([]byte(`{"Interval":"often"}`), &d); err == nil {
		t.Errorf("a definition with an odd interval is %+v, want an error", d)
	}
}
