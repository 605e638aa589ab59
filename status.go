package consul

// This file holds Status, the client of what the servers say of their Raft cluster.
// See https://developer.hashicorp.com/consul/api-docs/status

import (
	"context"
	"fmt"
	"net/http"
)

// Status is the client of the servers' own state: /v1/status. It needs no permission. The answers have no index to wait
// on.
type Status struct{ c *Client }

// Status gives the client of the servers' own state.
func (c *Client) Status() *Status { return &Status{c} }

// Leader gives the address, host:port of the servers' own protocol, of the leader as the server that is asked sees it.
// If it knows none the error is ErrNoLeader.
//
// Route: GET /v1/status/leader
func (s *Status) Leader(ctx context.Context, opts ...QueryOption) (string, *QueryMeta, error) {
	r := newRequest(http.MethodGet, "status", "leader")
	leader, meta, err := query[string](ctx, s.c, r, opts)
	if err == nil && leader == "" { // with status 200
		err = fmt.Errorf("consul: %s %s: %w", r.method, r.label(), ErrNoLeader)
	}
	return leader, meta, err
}

// Peers lists the addresses, host:port of the servers' own protocol, of all servers that belong to the Raft cluster, also
// of those that are down.
//
// Route: GET /v1/status/peers
func (s *Status) Peers(ctx context.Context, opts ...QueryOption) ([]string, *QueryMeta, error) {
	return notNil(query[[]string](ctx, s.c, newRequest(http.MethodGet, "status", "peers"), opts))
}
