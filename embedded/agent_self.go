package embedded

// This file serves what the agent tells of itself.

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/lictor-go/consul/embedded/internal/acl"
	"github.com/lictor-go/consul/embedded/internal/store"
)

// startAgentOwn is how reads begin that want the right to read the agent.
func (c *call) startAgentOwn() error {
	c.parseTarget()
	who, err := c.authorize()
	if err != nil {
		return err
	}
	if !who.AgentRead(c.s.config.node) {
		return who.denied(acl.ResourceAgent, acl.AccessRead, c.s.config.node)
	}
	return nil
}

// agentSelf is what the agent tells of itself.
type agentSelf struct {
	Config      selfConfig
	DebugConfig map[string]any
	Coord       *store.Position
	Member      member
	Stats       map[string]map[string]string
	Meta        map[string]string
}

type selfConfig struct {
	Datacenter        string
	PrimaryDatacenter string
	NodeName          string
	NodeID            string
	Revision          string
	Server            bool
	Version           string
	BuildDate         string
	BindAddr          string
}

func readSelf(c *call) (any, error) {
	if err := c.startAgentOwn(); err != nil {
		return nil, err
	}
	s := c.s
	return &agentSelf{
		Config: selfConfig{
			Datacenter: s.config.datacenter, PrimaryDatacenter: s.config.datacenter, NodeName: s.config.node,
			NodeID: s.config.nodeID, Server: true, Version: version, BuildDate: buildDate, BindAddr: nodeAddress,
		},
		DebugConfig: s.debugConfig(),
		Coord:       origin(),
		Member:      s.member(),
		Stats:       s.stats(),
		Meta:        s.nodeMeta(),
	}, nil
}

// origin is where the node is, which has measured no distance yet.
func origin() *store.Position {
	const dimensions = 8
	return &store.Position{Vec: make([]float64, dimensions), Error: 1.5, Height: 1e-5}
}

// debugConfig is the part of the configuration that means something here; the real server tells of two hundred things
// more.
func (s *Server) debugConfig() map[string]any {
	policy := "allow"
	if s.config.acl.enabled() {
		policy = s.config.acl.DefaultPolicy
	}
	return map[string]any{
		"ACLsEnabled": s.config.acl.enabled(),
		"ACLResolverSettings": map[string]any{
			"ACLDefaultPolicy": policy, "ACLsEnabled": s.config.acl.enabled(), "Datacenter": s.config.datacenter,
			"NodeName": s.config.node,
		},
		"AEInterval": "1m0s", "AdvertiseAddrLAN": nodeAddress, "Bootstrap": true, "CheckUpdateInterval": "5m0s",
		"ClientAddrs": []string{nodeAddress}, "Datacenter": s.config.datacenter, "DataDir": "", "DevMode": s.config.pretty,
		"EnableLocalScriptChecks": s.config.scripts, "EnableRemoteScriptChecks": s.config.scripts,
		"KVMaxValueSize": maxValue, "NodeID": s.config.nodeID, "NodeMeta": s.config.nodeMeta, "NodeName": s.config.node,
		"PrimaryDatacenter": s.config.datacenter, "ServerMode": true, "ServerPort": serverPort,
		"SessionTTLMin": "0s", "TxnMaxReqLen": maxTxnBody, "Version": version,
	}
}

func (s *Server) stats() map[string]map[string]string {
	onOff := "disabled"
	if s.config.acl.enabled() {
		onOff = "enabled"
	}
	count := strconv.Itoa
	return map[string]map[string]string{
		"agent": s.agent.stats(),
		"build": {"prerelease": "", "revision": "", "version": version, "version_metadata": ""},
		"consul": {
			"acl": onOff, "bootstrap": "true", "known_datacenters": "1", "leader": "true", "leader_addr": serverAddress,
			"server": "true",
		},
		"raft": {
			"last_contact": "0", "num_peers": "0", "protocol_version": "3", "state": "Leader",
			"latest_configuration": fmt.Sprintf("[{Suffrage:Voter ID:%s Address:%s}]", s.config.nodeID, serverAddress),
		},
		"runtime": {
			"arch": runtime.GOARCH, "cpu_count": count(runtime.NumCPU()), "goroutines": count(runtime.NumGoroutine()),
			"max_procs": count(runtime.GOMAXPROCS(0)), "os": runtime.GOOS, "version": runtime.Version(),
		},
		"serf_lan": {"encrypted": "false", "failed": "0", "health_score": "0", "left": "0", "members": "1"},
		"serf_wan": {"encrypted": "false", "failed": "0", "health_score": "0", "left": "0", "members": "1"},
	}
}

func readVersion(*call) (any, error) {
	return struct{ SHA, BuildDate, HumanVersion, FIPS string }{"", buildDate, version, ""}, nil
}

// agentHost is what the agent tells of the machine, in the real server's shape.
type agentHost struct {
	Memory         map[string]uint64
	CPU            []map[string]any
	Host           map[string]any
	Disk           map[string]any
	CollectionTime int64
	Errors         []string
}

// readHost tells of the machine what the runtime knows.
func readHost(c *call) (any, error) {
	c.parseTarget()
	who, err := c.authorize()
	if err != nil {
		return nil, err
	}
	if !who.OperatorRead() {
		return nil, who.denied(acl.ResourceOperator, acl.AccessRead, "")
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	name, err := os.Hostname()
	host := &agentHost{
		Memory: map[string]uint64{
			"total": memory.Sys, "used": memory.HeapInuse, "free": memory.HeapIdle, "available": memory.HeapIdle,
		},
		Host: map[string]any{
			"hostname": name, "os": runtime.GOOS, "platform": runtime.GOOS, "kernelArch": runtime.GOARCH, "procs": 1,
			"hostId": c.s.config.nodeID,
		},
		Disk:           map[string]any{"path": "", "fstype": "memory"},
		CollectionTime: time.Now().UnixNano(),
	}
	if err != nil {
		host.Errors = append(host.Errors, err.Error())
	}
	for i := range runtime.NumCPU() {
		host.CPU = append(host.CPU, map[string]any{"cpu": i, "cores": 1})
	}
	return host, nil
}

// gauge is a metric that says how much there is of something.
type gauge struct {
	Name   string
	Value  float64
	Labels map[string]string
}

// readMetrics serves some metrics of the process, in the real server's shape.
func readMetrics(c *call) (any, error) {
	if err := c.startAgentOwn(); err != nil {
		return nil, err
	}
	if c.params.Get("format") == "prometheus" || wantsOpenMetrics(c.r) {
		const reason = "Prometheus is not enabled since its retention time is not positive"
		// The real server means to answer 415 and answers 200, without a body.
		c.w.Header().Set("X-Consul-Reason", reason)
		return nil, nil
	}
	return c.s.metrics(), nil
}

// metrics are those of an interval.
type metrics struct {
	Timestamp         string
	Gauges            []gauge
	Points            []any
	Counters, Samples []any
}

func (s *Server) metrics() *metrics {
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	value := func(name string, value float64) gauge {
		return gauge{"consul." + s.config.node + "." + name, value, map[string]string{}}
	}
	return &metrics{
		Timestamp: time.Now().UTC().Format("2006-01-02 15:04:05 -0700 MST"),
		Gauges: []gauge{
			value("runtime.alloc_bytes", float64(memory.Alloc)), value("runtime.num_goroutines", float64(runtime.NumGoroutine())),
			value("rpc.queries_blocking", float64(len(s.blocking.places))),
		},
		Points: []any{}, Counters: []any{}, Samples: []any{},
	}
}

// metricsEvery is the interval of metrics.
const metricsEvery = 10 * time.Second

// streamMetrics sends the metrics of each interval, the first at once.
func streamMetrics(c *call) (any, error) {
	if err := c.startAgentOwn(); err != nil {
		return nil, err
	}
	ticker := time.NewTicker(metricsEvery)
	defer ticker.Stop()
	encoder := json.NewEncoder(c.w)
	encoder.SetIndent("", "    ")
	c.empty(http.StatusOK)
	for {
		if encoder.Encode(c.s.metrics()) != nil || http.NewResponseController(c.w).Flush() != nil {
			return nil, nil // the client is gone
		}
		select {
		case <-ticker.C:
		case <-c.r.Context().Done():
			abort()
		}
	}
}

// wantsOpenMetrics reports whether the client asks for the text format of metrics.
func wantsOpenMetrics(r *http.Request) bool {
	for kind := range strings.SplitSeq(r.Header.Get("Accept"), ",") {
		name, parameter, _ := strings.Cut(kind, ";")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "application/openmetrics-text":
			return true
		case "text/plain":
			return strings.TrimSpace(parameter) == "version=0.4.0"
		}
	}
	return false
}
