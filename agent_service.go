package consul

// This file holds the services of an agent: registration, maintenance, and how they are.

import (
	"context"
	"net/http"
)

// Services reads the services that are registered with the agent, by their IDs. Those that the token may not see are
// left out, silently.
//
// Route: GET /v1/agent/services
func (a *Agent) Services(ctx context.Context, opts ...QueryOption) (map[string]*AgentService, *QueryMeta, error) {
	return notNilMap(query[map[string]*AgentService](ctx, a.c, newRequest(http.MethodGet, "agent", "services"), opts))
}

// Service reads a service of the agent by its ID. WaitHash(meta.LastContentHash, …) waits until it is another; a service
// that goes away meanwhile ends the wait. If there is none, the error is ErrNotFound, and there is no hash to wait on.
//
// Route: GET /v1/agent/service/:id
func (a *Agent) Service(ctx context.Context, id string, opts ...QueryOption) (*AgentService, *QueryMeta, error) {
	return agentRead[AgentService](ctx, a.c, newRequest(http.MethodGet, "agent", "service", id), opts)
}

// ServiceRegister registers a service with the agent, or changes the one that has the ID. Checks that the service has
// and the registration lacks stay, except with ReplaceExistingChecks. The agent stores the token of the call with the
// service and uses it to keep the catalog up to date.
//
// What no agent can take is ErrInvalidOption: no name, a nil check, a check with a negative duration or an unknown status.
// What the agent refuses is ErrBadRequest, or a 500 for a script check where scripts are turned off.
//
// Route: PUT /v1/agent/service/register
func (a *Agent) ServiceRegister(ctx context.Context, service *AgentServiceRegistration, opts ...WriteOption) (*WriteMeta, error) {
	r := newRequest(http.MethodPut, "agent", "service", "register")
	switch {
	case service == nil:
		r.fail(ErrInvalidOption, "the registration is nil")
	case service.Name == "":
		r.fail(ErrInvalidOption, "AgentServiceRegistration.Name is empty")
	default:
		service.check(r)
		r.json(service)
	}
	return send(ctx, a.c, r, opts)
}

// ServiceDeregister removes a service, its checks and the sidecar that was registered with it from the agent, by its ID.
// If there is none, the error is ErrNotFound.
//
// Route: PUT /v1/agent/service/deregister/:id
func (a *Agent) ServiceDeregister(ctx context.Context, id string, opts ...WriteOption) (*WriteMeta, error) {
	return send(ctx, a.c, agentServiceRequest("deregister", id), opts)
}

// EnableServiceMaintenance takes a service of the agent out of use, by its ID: it gets a critical check that says the
// reason, until DisableServiceMaintenance. If there is no such service, the error is ErrNotFound.
//
// Route: PUT /v1/agent/service/maintenance/:id?enable=true
func (a *Agent) EnableServiceMaintenance(ctx context.Context, id, reason string, opts ...WriteOption) (*WriteMeta, error) {
	r := agentServiceRequest("maintenance", id).param("enable", "true").param("reason", reason)
	return send(ctx, a.c, r, opts)
}

// DisableServiceMaintenance puts a service of the agent back into use; one that is in use stays so. If there is no such
// service, the error is ErrNotFound.
//
// Route: PUT /v1/agent/service/maintenance/:id?enable=false
func (a *Agent) DisableServiceMaintenance(ctx context.Context, id string, opts ...WriteOption) (*WriteMeta, error) {
	return send(ctx, a.c, agentServiceRequest("maintenance", id).param("enable", "false"), opts)
}

// EnableNodeMaintenance takes the agent's node, with all its services, out of use: it gets a critical check that says
// the reason, until DisableNodeMaintenance.
//
// Route: PUT /v1/agent/maintenance?enable=true
func (a *Agent) EnableNodeMaintenance(ctx context.Context, reason string, opts ...WriteOption) (*WriteMeta, error) {
	r := newRequest(http.MethodPut, "agent", "maintenance").param("enable", "true").param("reason", reason)
	return send(ctx, a.c, r, opts)
}

// DisableNodeMaintenance puts the agent's node back into use; one that is in use stays so.
//
// Route: PUT /v1/agent/maintenance?enable=false
func (a *Agent) DisableNodeMaintenance(ctx context.Context, opts ...WriteOption) (*WriteMeta, error) {
	return send(ctx, a.c, newRequest(http.MethodPut, "agent", "maintenance").param("enable", "false"), opts)
}

// AgentServiceChecksInfo is a service of an agent with its checks, those of the node included.
type AgentServiceChecksInfo struct {
	AggregatedStatus string // the worst of the checks: HealthPassing, HealthWarning, HealthCritical or HealthMaint
	Service          *AgentService
	Checks           HealthChecks
}

// AgentServiceChecksInfos are the instances of one service on an agent.
type AgentServiceChecksInfos []*AgentServiceChecksInfo

// AggregatedStatus is the worst status of all instances.
func (s AgentServiceChecksInfos) AggregatedStatus() string {
	var checks HealthChecks
	for _, info := range s {
		if info != nil {
			checks = append(checks, info.Checks...)
		}
	}
	return checks.AggregatedStatus()
}

// HealthServiceByID reads how a service of the agent is, by its ID, without asking the servers. If there is none, the
// error is ErrNotFound.
//
// Route: GET /v1/agent/health/service/id/:id
func (a *Agent) HealthServiceByID(ctx context.Context, id string, opts ...QueryOption) (*AgentServiceChecksInfo, *QueryMeta, error) {
	return agentRead[AgentServiceChecksInfo](ctx, a.c, agentHealthRequest("id", id), opts)
}

// HealthServiceByName reads how all instances of a service on the agent are, without asking the servers. If there are
// none, the error is ErrNotFound.
//
// Route: GET /v1/agent/health/service/name/:name
func (a *Agent) HealthServiceByName(ctx context.Context, name string, opts ...QueryOption) (AgentServiceChecksInfos, *QueryMeta, error) {
	return notNil(query[AgentServiceChecksInfos](ctx, a.c, agentHealthRequest("name", name), opts))
}

// agentHealthRequest describes a call that a health checker can make, too: the status repeats what the body says, 200 for
// passing, 429 for warning, 503 for critical, 404 for absent.
func agentHealthRequest(by, what string) *request {
	r := newRequest(http.MethodGet, "agent", "health", "service", by, what)
	r.accept = map[int]bool{http.StatusTooManyRequests: true, http.StatusServiceUnavailable: true}
	return r
}

// agentServiceRequest describes a write to one service. Where there is none, Consul 1.10 answers 500 if it has ACLs,
// and 200 to a deregistration if not.
func agentServiceRequest(operation, id string) *request {
	return newRequest(http.MethodPut, "agent", "service", operation, id).means(ErrNotFound, "Unknown service")
}
