package consul

// This file holds the checks of an agent, and the reports that keep TTL checks alive.

import (
	"context"
	"net/http"
)

// An AgentCheck is a check as its agent knows it. Its Definition and its indexes are zero.
type AgentCheck = HealthCheck

// Checks reads the checks of the agent, by their IDs. Those that the token may not see are left out, silently.
//
// Route: GET /v1/agent/checks
func (a *Agent) Checks(ctx context.Context, opts ...QueryOption) (map[string]*AgentCheck, *QueryMeta, error) {
	return notNilMap(query[map[string]*AgentCheck](ctx, a.c, newRequest(http.MethodGet, "agent", "checks"), opts))
}

// CheckRegister registers a check with the agent, or changes the one that has the ID. The agent stores the token of the
// call with the check and uses it to keep the catalog up to date.
//
// What no agent can take is ErrInvalidOption: no name, a negative duration, an unknown status, two values for one field.
// A ServiceID that the agent does not have is ErrNotFound, what it refuses otherwise ErrBadRequest, or a 500 for a script
// where scripts are turned off.
//
// Route: PUT /v1/agent/check/register
func (a *Agent) CheckRegister(ctx context.Context, check *AgentCheckRegistration, opts ...WriteOption) (*WriteMeta, error) {
	r := newRequest(http.MethodPut, "agent", "check", "register")
	if check == nil {
		r.fail(ErrInvalidOption, "the registration is nil")
	} else {
		check.check(r)
		r.json(check)
	}
	return send(ctx, a.c, r, opts)
}

// CheckDeregister removes a check from the agent, by its ID. If there is none, the error is ErrNotFound.
//
// Route: PUT /v1/agent/check/deregister/:id
func (a *Agent) CheckDeregister(ctx context.Context, id string, opts ...WriteOption) (*WriteMeta, error) {
	return send(ctx, a.c, agentCheckRequest("deregister", id), opts)
}

// PassTTL reports that what a TTL check stands for is well. The note becomes its output. If there is no such check, the
// error is ErrNotFound; for a check of another kind it is a 500.
//
// Route: PUT /v1/agent/check/pass/:id
func (a *Agent) PassTTL(ctx context.Context, id, note string, opts ...WriteOption) (*WriteMeta, error) {
	return send(ctx, a.c, agentCheckRequest("pass", id).param("note", note), opts)
}

// WarnTTL reports that what a TTL check stands for is not quite well. Otherwise as PassTTL.
//
// Route: PUT /v1/agent/check/warn/:id
func (a *Agent) WarnTTL(ctx context.Context, id, note string, opts ...WriteOption) (*WriteMeta, error) {
	return send(ctx, a.c, agentCheckRequest("warn", id).param("note", note), opts)
}

// FailTTL reports that what a TTL check stands for is broken. Otherwise as PassTTL.
//
// Route: PUT /v1/agent/check/fail/:id
func (a *Agent) FailTTL(ctx context.Context, id, note string, opts ...WriteOption) (*WriteMeta, error) {
	return send(ctx, a.c, agentCheckRequest("fail", id).param("note", note), opts)
}

// UpdateTTL reports the status of what a TTL check stands for: HealthPassing, HealthWarning or HealthCritical; another is
// ErrInvalidOption. The output travels in the body, so that it may be long; the agent keeps the first 4 KiB of it, or
// less where the check says so. Otherwise as PassTTL.
//
// Route: PUT /v1/agent/check/update/:id
func (a *Agent) UpdateTTL(ctx context.Context, id, output, status string, opts ...WriteOption) (*WriteMeta, error) {
	r := agentCheckRequest("update", id).json(struct{ Status, Output string }{status, output})
	if !isCheckStatus(status) {
		r.fail(ErrInvalidOption, "the status is %q, want passing, warning or critical", status)
	}
	return send(ctx, a.c, r, opts)
}

// agentCheckRequest describes a write to one check. Where there is none, Consul 1.10 answers 500 if it has ACLs, and
// 200 to a deregistration if not.
func agentCheckRequest(operation, id string) *request {
	return newRequest(http.MethodPut, "agent", "check", operation, id).means(ErrNotFound, "Unknown check")
}
