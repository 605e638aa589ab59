package consul

// This file holds Agent, the client of the agent that is asked, and what that says of itself.
// See https://developer.hashicorp.com/consul/api-docs/agent

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// Agent is the client of the one agent that answers, as opposed to the cluster: /v1/agent. Services and checks are
// registered with an agent, which runs the checks and keeps the catalog up to date.
type Agent struct{ c *Client }

// Agent gives the client of the agent.
func (c *Client) Agent() *Agent { return &Agent{c} }

// AgentSelf is what an agent says of itself.
type AgentSelf struct {
	Config AgentConfig

	// DebugConfig is the agent's whole configuration, secrets left out, by the names of its own code: these change from
	// version to version.
	DebugConfig map[string]any

	Coord  *Coordinate // nil if coordinates are turned off
	Member AgentMember

	// Stats are numbers and states as text, by part of the agent: Stats["raft"]["state"] is "Leader" or "Follower".
	Stats map[string]map[string]string

	Meta map[string]string // metadata of the node
	XDS  *AgentXDS         `json:"xDS,omitempty"` // nil if the agent serves no proxies
}

// AgentConfig is the part of an agent's configuration that is the same in all versions.
type AgentConfig struct {
	Datacenter        string
	PrimaryDatacenter string
	NodeName          string
	NodeID            string
	Partition         string `json:",omitempty"` // Consul Enterprise
	Revision          string
	Server            bool // whether it is a server, rather than a client agent
	Version           string
	BuildDate         time.Time `json:",omitzero"`
	BindAddr          string    `json:",omitempty"`
}

// AgentXDS says where an agent serves the proxies of the service mesh.
type AgentXDS struct {
	SupportedProxies map[string][]string // versions by name: "envoy"
	Ports            AgentXDSPorts
}

// AgentXDSPorts are the gRPC ports of an agent, -1 where it has none.
type AgentXDSPorts struct {
	Plaintext int
	TLS       int
}

// A Coordinate is the place of a node in the network, by round-trip times.
type Coordinate struct {
	Vec        []float64 // seconds
	Error      float64   // confidence, from 0, the best
	Adjustment float64   // seconds
	Height     float64   // seconds
}

// AgentVersion says which Consul an agent runs.
type AgentVersion struct {
	SHA          string
	BuildDate    time.Time
	HumanVersion string // such as "1.22.7"
	FIPS         string
}

// Self reads what the agent is and how it is configured.
//
// Route: GET /v1/agent/self
func (a *Agent) Self(ctx context.Context, opts ...QueryOption) (*AgentSelf, *QueryMeta, error) {
	return agentRead[AgentSelf](ctx, a.c, newRequest(http.MethodGet, "agent", "self"), opts)
}

// Version reads which Consul the agent runs. It needs no permission. An agent that is too old for it answers 404, which is
// ErrNotFound, or errors.ErrUnsupported if the agent says as much.
//
// Route: GET /v1/agent/version
func (a *Agent) Version(ctx context.Context, opts ...QueryOption) (*AgentVersion, *QueryMeta, error) {
	return agentRead[AgentVersion](ctx, a.c, newRequest(http.MethodGet, "agent", "version"), opts)
}

// Reload makes the agent read its configuration files again, as SIGHUP does. It returns when that is done; a
// configuration that makes no sense is a 500.
//
// Route: PUT /v1/agent/reload
func (a *Agent) Reload(ctx context.Context, opts ...WriteOption) (*WriteMeta, error) {
	return send(ctx, a.c, newRequest(http.MethodPut, "agent", "reload"), opts)
}

// Leave makes the agent leave the cluster and end. It returns when the agent has left, which takes its leave_drain_time,
// 5 seconds by default, and more.
//
// Route: PUT /v1/agent/leave
func (a *Agent) Leave(ctx context.Context, opts ...WriteOption) (*WriteMeta, error) {
	return send(ctx, a.c, newRequest(http.MethodPut, "agent", "leave"), opts)
}

// agentRead reads one thing that is always there, or 404.
func agentRead[T any](ctx context.Context, c *Client, r *request, opts []QueryOption) (*T, *QueryMeta, error) {
	v, meta, err := query[*T](ctx, c, r, opts)
	if err == nil && v == nil {
		return nil, nil, r.badResponse(http.StatusOK, errors.New("null instead of what was asked for"))
	}
	return v, meta, err
}
