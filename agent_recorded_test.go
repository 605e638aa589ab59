package consul_test

// This file reads what real agents said.

import (
	"testing"
	"time"

	"github.com/lictor-go/consul"
)

func TestAgentTypesReadRecordings(t *testing.T) {
	t.Parallel()
	// The type keeps the ports by what they are for; the number beside them is the old name of one of the two.
	self := checkRecorded[consul.AgentSelf](t, "agent/self.json", ".xDS.Port")
	if self.XDS == nil || self.XDS.Ports != (consul.AgentXDSPorts{Plaintext: 19504, TLS: 19505}) || len(self.XDS.SupportedProxies["envoy"]) == 0 {
		t.Errorf("xDS is %+v", self.XDS)
	}
	if self.Meta["rack"] != "r7" || self.Config.BindAddr != "127.0.0.1" {
		t.Errorf("meta is %v, config %+v", self.Meta, self.Config)
	}
	checkRecorded[consul.AgentVersion](t, "agent/version.json")
	checkRecorded[[]*consul.AgentMember](t, "agent/members.json")
	checkRecorded[[]*consul.AgentMember](t, "agent/members_wan.json")
	metrics := checkRecorded[consul.MetricsInfo](t, "agent/metrics.json")
	if metrics.Timestamp.IsZero() || len(metrics.Counters) == 0 || len(metrics.Samples) == 0 {
		t.Errorf("metrics are of %v, with %d counters and %d samples", metrics.Timestamp, len(metrics.Counters), len(metrics.Samples))
	}
}

func TestAgentHostReadsItsRecording(t *testing.T) {
	t.Parallel()
	// Of the many numbers that Linux has on memory, the type keeps those that all systems have.
	host := checkRecorded[consul.AgentHost](t, "agent/host.json",
		".Memory.active", ".Memory.inactive", ".Memory.buffers", ".Memory.cached", ".Memory.dirty", ".Memory.shared",
		".Memory.slab", ".Memory.sreclaimable", ".Memory.sunreclaim", ".Memory.pageTables", ".Memory.commitLimit",
		".Memory.committedAS", ".Memory.mapped", ".Memory.vmalloc", ".Memory.hugePageSize")
	if host.CollectionTime.Before(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("collected at %v", host.CollectionTime)
	}
}

func TestAgentServiceTypesReadRecordings(t *testing.T) {
	t.Parallel()
	service := checkRecorded[consul.AgentService](t, "agent/service.json")
	if service.Proxy == nil || service.Proxy.Upstreams[0].MeshGateway.Mode != consul.MeshGatewayModeLocal {
		t.Errorf("proxy is %+v", service.Proxy)
	}
	services := checkRecorded[map[string]*consul.AgentService](t, "agent/services.json")
	if len(services) < 5 {
		t.Errorf("%d services", len(services))
	}
	checks := checkRecorded[map[string]*consul.AgentCheck](t, "agent/checks.json")
	if c := checks["rec-proxy-http"]; c == nil || c.Interval != time.Hour || c.Timeout != 3*time.Second || len(c.ServiceTags) != 2 {
		t.Errorf("check is %+v", c)
	}
	// Here the agent writes out definitions that say nothing, with durations of 0s.
	info := checkRecorded[consul.AgentServiceChecksInfo](t, "agent/health_service_id.json",
		".Checks[0].Definition", ".Checks[1].Definition", ".Checks[2].Definition")
	if info.AggregatedStatus != consul.HealthMaint {
		t.Errorf("status is %s", info.AggregatedStatus)
	}
	infos := checkRecorded[consul.AgentServiceChecksInfos](t, "agent/health_service_name.json",
		"[0].Checks[0].Definition", "[0].Checks[1].Definition", "[0].Checks[2].Definition")
	if got := infos.AggregatedStatus(); got != infos[0].AggregatedStatus {
		t.Errorf("all are %s, and the only one %s", got, infos[0].AggregatedStatus)
	}
}
