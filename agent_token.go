package consul

// This file sets the ACL tokens that an agent itself uses. They travel in the body, and stand in no error and no log.

import (
	"context"
	"net/http"
)

// UpdateDefaultACLToken sets the token that the agent uses for requests that carry none, and where no other of its tokens
// is meant. An empty one stands for the anonymous token.
//
// As with the other tokens of an agent, the new one is used at once, and is forgotten when the agent ends unless
// acl.enable_token_persistence is set. The caller's token needs agent:write; an agent without ACLs answers
// ErrPermissionDenied.
//
// Route: PUT /v1/agent/token/default
func (a *Agent) UpdateDefaultACLToken(ctx context.Context, token string, opts ...WriteOption) (*WriteMeta, error) {
	return a.updateToken(ctx, "default", token, opts)
}

// UpdateAgentACLToken sets the token that the agent uses for its own work, such as keeping its node in the catalog. An
// empty one stands for the default token. Otherwise as UpdateDefaultACLToken.
//
// Route: PUT /v1/agent/token/agent
func (a *Agent) UpdateAgentACLToken(ctx context.Context, token string, opts ...WriteOption) (*WriteMeta, error) {
	return a.updateToken(ctx, "agent", token, opts)
}

// UpdateAgentRecoveryACLToken sets the token with which an operator gets at the agent while the servers can't be reached.
// Consul 1.11 and later; before it was the agent master token, and the error is ErrNotFound. Otherwise as
// UpdateDefaultACLToken.
//
// Route: PUT /v1/agent/token/agent_recovery
func (a *Agent) UpdateAgentRecoveryACLToken(ctx context.Context, token string, opts ...WriteOption) (*WriteMeta, error) {
	return a.updateToken(ctx, "agent_recovery", token, opts)
}

// UpdateReplicationACLToken sets the token with which a server of a secondary datacenter replicates ACLs and
// configuration from the primary. Otherwise as UpdateDefaultACLToken.
//
// Route: PUT /v1/agent/token/replication
func (a *Agent) UpdateReplicationACLToken(ctx context.Context, token string, opts ...WriteOption) (*WriteMeta, error) {
	return a.updateToken(ctx, "replication", token, opts)
}

// UpdateConfigFileRegistrationToken sets the token that the agent uses for the services and checks of its configuration
// files that name none. Consul 1.15 and later, ErrNotFound before. Otherwise as UpdateDefaultACLToken.
//
// Route: PUT /v1/agent/token/config_file_service_registration
func (a *Agent) UpdateConfigFileRegistrationToken(ctx context.Context, token string, opts ...WriteOption) (*WriteMeta, error) {
	return a.updateToken(ctx, "config_file_service_registration", token, opts)
}

// UpdateDNSToken sets the token that the agent uses to answer DNS queries. An empty one stands for the default token.
// Consul 1.19 and later, ErrNotFound before. Otherwise as UpdateDefaultACLToken.
//
// Route: PUT /v1/agent/token/dns
func (a *Agent) UpdateDNSToken(ctx context.Context, token string, opts ...WriteOption) (*WriteMeta, error) {
	return a.updateToken(ctx, "dns", token, opts)
}

func (a *Agent) updateToken(ctx context.Context, name, token string, opts []WriteOption) (*WriteMeta, error) {
	r := newRequest(http.MethodPut, "agent", "token", name).json(struct{ Token string }{token}).conceal(token)
	return send(ctx, a.c, r, opts)
}
