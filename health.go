package consul

// This file holds Health, the client of health: which nodes and service instances work.
// See https://developer.hashicorp.com/consul/api-docs/health

import (
	"context"
	"net/http"
)

// Health is the client of health: /v1/health. A token sees only what its policies let it; the rest is left out.
type Health struct{ c *Client }

// Health gives the client of health.
func (c *Client) Health() *Health { return &Health{c} }

// A ServiceEntry is an instance of a service, with the node that it runs on and the checks of both.
type ServiceEntry struct {
	Node    *Node
	Service *AgentService
	Checks  HealthChecks
}

// Node lists the checks of a node and of all that runs on it. A node that does not exist has none. WithFilter chooses.
//
// Route: GET /v1/health/node/:node
func (h *Health) Node(ctx context.Context, node string, opts ...QueryOption) (HealthChecks, *QueryMeta, error) {
	return queryChecks(ctx, h.c, newRequest(http.MethodGet, "health", "node", node), opts)
}

// Checks lists the checks of a service's instances, without those of their nodes. A service that does not exist has none.
// Options that choose and sort: WithFilter, WithNodeMeta, Near.
//
// Route: GET /v1/health/checks/:service
func (h *Health) Checks(ctx context.Context, service string, opts ...QueryOption) (HealthChecks, *QueryMeta, error) {
	return queryChecks(ctx, h.c, newRequest(http.MethodGet, "health", "checks", service), opts)
}

// Service lists the instances of a service with their checks: with PassingOnly those to send requests to. A service that
// does not exist has none. Options that choose and sort: PassingOnly, WithTags, WithFilter, WithNodeMeta, WithPeer, Near;
// MergeCentralConfig adds what config entries say to them.
//
// Route: GET /v1/health/service/:service
func (h *Health) Service(ctx context.Context, service string, opts ...QueryOption) ([]*ServiceEntry, *QueryMeta, error) {
	return queryEntries(ctx, h.c, newRequest(http.MethodGet, "health", "service", service), opts)
}

// Connect lists, with their checks, the instances through which a service is reached over the service mesh: its proxies,
// its instances that speak the mesh's TLS themselves, and the terminating gateways that lead to it. Options as Service.
//
// Route: GET /v1/health/connect/:service
func (h *Health) Connect(ctx context.Context, service string, opts ...QueryOption) ([]*ServiceEntry, *QueryMeta, error) {
	return queryEntries(ctx, h.c, newRequest(http.MethodGet, "health", "connect", service), opts)
}

// Ingress lists, with their checks, the ingress gateways that lead to a service. Options as Service.
//
// Route: GET /v1/health/ingress/:service
func (h *Health) Ingress(ctx context.Context, service string, opts ...QueryOption) ([]*ServiceEntry, *QueryMeta, error) {
	return queryEntries(ctx, h.c, newRequest(http.MethodGet, "health", "ingress", service), opts)
}

// State lists the checks that say state: HealthPassing, HealthWarning, HealthCritical, or HealthAny for all there are.
// Another state is ErrInvalidOption. Options that choose and sort: WithFilter, WithNodeMeta, Near.
//
// Route: GET /v1/health/state/:state
func (h *Health) State(ctx context.Context, state string, opts ...QueryOption) (HealthChecks, *QueryMeta, error) {
	r := newRequest(http.MethodGet, "health", "state", state)
	switch state {
	case HealthAny, HealthPassing, HealthWarning, HealthCritical:
	default:
		// To the server this is a state in which no check happens to be.
		r.fail(ErrInvalidOption, "the state %q is none of any, passing, warning, critical", state)
	}
	return queryChecks(ctx, h.c, r, opts)
}

func queryChecks(ctx context.Context, c *Client, r *request, opts []QueryOption) (HealthChecks, *QueryMeta, error) {
	return notNil(query[HealthChecks](ctx, c, r, opts))
}

// queryEntries gives no nil where a list of instances has an instance, or an instance a list of checks.
func queryEntries(ctx context.Context, c *Client, r *request, opts []QueryOption) ([]*ServiceEntry, *QueryMeta, error) {
	entries, meta, err := notNil(query[[]*ServiceEntry](ctx, c, r, opts))
	for i, e := range entries {
		if e == nil {
			e = new(ServiceEntry)
			entries[i] = e
		}
		if e.Checks == nil {
			e.Checks = HealthChecks{}
		}
	}
	return entries, meta, err
}
