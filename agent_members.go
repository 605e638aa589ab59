package consul

// This file holds the membership side of an agent: who is in the cluster, joining it, and removing what is gone.

import (
	"context"
	"fmt"
	"net/http"
)

// An AgentMember is an agent of the cluster, as gossip knows it.
type AgentMember struct {
	Name string // node name; in the WAN pool with the datacenter: "node.dc"
	Addr string
	Port uint16 // of gossip
	Tags map[string]string

	Status AgentMemberStatus

	ProtocolMin, ProtocolMax, ProtocolCur uint8
	DelegateMin, DelegateMax, DelegateCur uint8
}

// Tags of members that say what they are. The rest are for the agents themselves.
const (
	MemberTagKeyRole       = "role"    // MemberTagValueRoleServer or MemberTagValueRoleClient
	MemberTagKeyDatacenter = "dc"      // name of the datacenter
	MemberTagKeyACLMode    = "acls"    // "0": no access control; "1": access control
	MemberTagKeySegment    = "segment" // network segment (Consul Enterprise)
	MemberTagKeyPartition  = "ap"      // admin partition (Consul Enterprise)

	MemberTagValueRoleServer = "consul"
	MemberTagValueRoleClient = "node"
)

// IsConsulServer reports whether the member is a server, rather than a client agent.
func (m *AgentMember) IsConsulServer() bool {
	return m.Tags[MemberTagKeyRole] == MemberTagValueRoleServer
}

// An AgentMemberStatus says how gossip sees a member.
type AgentMemberStatus int

// The states of members.
const (
	AgentMemberNone    AgentMemberStatus = 0
	AgentMemberAlive   AgentMemberStatus = 1
	AgentMemberLeaving AgentMemberStatus = 2 // it said that it leaves
	AgentMemberLeft    AgentMemberStatus = 3 // it left, or ForceLeave said so
	AgentMemberFailed  AgentMemberStatus = 4 // it does not answer
)

// String is the name of the status: "alive", "failed" and so on.
func (s AgentMemberStatus) String() string {
	switch s {
	case AgentMemberNone:
		return "none"
	case AgentMemberAlive:
		return "alive"
	case AgentMemberLeaving:
		return "leaving"
	case AgentMemberLeft:
		return "left"
	case AgentMemberFailed:
		return "failed"
	}
	return fmt.Sprintf("AgentMemberStatus(%d)", int(s))
}

// AllSegments is every network segment, for the option Segment.
const AllSegments = "_all"

// Members reads the members of the LAN pool, or with WAN of the WAN pool, that the agent knows. Those that the token may
// not see are left out, silently. With Segment (Consul Enterprise), those of a network segment; not with WAN, which is
// ErrBadRequest.
//
// Route: GET /v1/agent/members
func (a *Agent) Members(ctx context.Context, opts ...QueryOption) ([]*AgentMember, *QueryMeta, error) {
	return notNil(query[[]*AgentMember](ctx, a.c, newRequest(http.MethodGet, "agent", "members"), opts))
}

// Join makes the agent join the cluster that the agent at an address belongs to: a host or an IP address, with a gossip
// port where it is not the agent's own. With WAN a server joins the WAN pool. An address that can't be joined is a 500.
//
// Route: PUT /v1/agent/join/:address
func (a *Agent) Join(ctx context.Context, address string, opts ...WriteOption) (*WriteMeta, error) {
	return send(ctx, a.c, newRequest(http.MethodPut, "agent", "join", address), opts)
}

// ForceLeave turns a member that has failed into one that has left, so that it is not expected back. With Prune it is
// forgotten at once; with WAN it is taken out of the WAN pool only, by its name there ("node.dc"). A member that is
// alive comes back by itself. If there is no such member the error is ErrNotFound. The token needs operator:write.
//
// Route: PUT /v1/agent/force-leave/:node
func (a *Agent) ForceLeave(ctx context.Context, node string, opts ...WriteOption) (*WriteMeta, error) {
	r := newRequest(http.MethodPut, "agent", "force-leave", node).means(ErrNotFound, "No node found with name")
	return send(ctx, a.c, r, opts)
}
