package consul_test

// This file tests the membership side of an agent, on clusters of its own.

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/lictor-go/consul"
	"github.com/lictor-go/consul/testutil"
)

// memberStatus gives the status of a member, and whether there is such a member.
func memberStatus(t *testing.T, agent *consul.Agent, name string, opts ...consul.QueryOption) (consul.AgentMemberStatus, bool) {
	t.Helper()
	members, _, err := agent.Members(testContext(t), opts...)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(members, func(m *consul.AgentMember) bool { return m.Name == name })
	if i < 0 {
		return 0, false
	}
	return members[i].Status, true
}

func TestAgentMembersAreThoseOfThePool(t *testing.T) {
	t.Parallel()
	agent := newClient(t).Agent()
	server := plainServer.get(t)
	ctx := testContext(t)
	for _, test := range []struct {
		what string
		opts []consul.QueryOption
		want string
	}{
		{"LAN", nil, server.NodeName()},
		{"WAN", []consul.QueryOption{consul.WAN()}, server.NodeName() + "." + server.Datacenter()},
		{"every segment", []consul.QueryOption{consul.Segment(consul.AllSegments)}, server.NodeName()},
		{"filter that fits", []consul.QueryOption{consul.WithFilter(`Tags.role == "consul"`)}, server.NodeName()},
	} {
		members, _, err := agent.Members(ctx, test.opts...)
		if err != nil {
			t.Errorf("%s: %v", test.what, err)
			continue
		}
		if len(members) != 1 || members[0].Name != test.want || members[0].Status != consul.AgentMemberAlive {
			t.Errorf("%s: got %+v, want %s alive", test.what, members, test.want)
		}
	}
	none, _, err := agent.Members(ctx, consul.WithFilter(`Name == "nobody"`))
	if err != nil || none == nil || len(none) != 0 {
		t.Errorf("filter that fits nobody: got %v, %v; want an empty list", none, err)
	}
	_, _, err = agent.Members(ctx, consul.WAN(), consul.Segment("s"))
	wantAgentError(t, "a segment of the WAN", err, consul.ErrBadRequest)
}

func TestAgentJoinsAnotherDatacenter(t *testing.T) {
	testutil.NeedReal(t, "servers that join")
	t.Parallel()
	one := testutil.NewServer(t, testutil.WithDatacenter("dc1"))
	two := testutil.NewServer(t, testutil.WithDatacenter("dc2"))
	agent := clientWith(t, &consul.Config{Address: one.Addr()}).Agent()
	ctx := testContext(t)
	if _, err := agent.Join(ctx, two.WANAddr(), consul.WAN()); err != nil {
		t.Fatal(err)
	}
	remote := two.NodeName() + ".dc2"
	if status, ok := memberStatus(t, agent, remote, consul.WAN()); !ok || status != consul.AgentMemberAlive {
		t.Errorf("%s is %v (%v), want it alive in the WAN pool", remote, status, ok)
	}
	if _, ok := memberStatus(t, agent, remote); ok {
		t.Errorf("%s is in the LAN pool", remote)
	}
	if _, err := agent.ForceLeave(ctx, remote, consul.WAN()); err != nil {
		t.Errorf("force-leave of %s: %v", remote, err)
	}
	_, err := agent.ForceLeave(ctx, "nobody.dc2", consul.WAN())
	wantAgentError(t, "force-leave of nobody", err, consul.ErrNotFound)
}

func TestAgentJoinOfNobodyFails(t *testing.T) {
	t.Parallel()
	agent := newClient(t).Agent()
	_, err := agent.Join(testContext(t), "127.0.0.1:1")
	if err == nil || !strings.Contains(err.Error(), "failed to join") {
		t.Errorf("got %v, want the server to say that it failed to join", err)
	}
}

func TestAgentForceLeaveRemovesAMember(t *testing.T) {
	testutil.NeedReal(t, "a cluster")
	t.Parallel()
	cluster := testutil.NewCluster(t, 3)
	agent := clientWith(t, &consul.Config{Address: cluster.Servers[0].Addr()}).Agent()
	ctx := testContext(t)
	if _, err := agent.Join(ctx, cluster.Servers[1].LANAddr()); err != nil {
		t.Errorf("joining again: %v", err)
	}
	victim := cluster.Servers[2]
	if err := victim.Kill(); err != nil {
		t.Fatal(err)
	}
	is := func(want consul.AgentMemberStatus) func() bool {
		return func() bool {
			status, ok := memberStatus(t, agent, victim.NodeName())
			return ok && status == want
		}
	}
	eventually(t, "the killed member has failed", is(consul.AgentMemberFailed))
	if _, err := agent.ForceLeave(ctx, victim.NodeName()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the failed member has left", is(consul.AgentMemberLeft))
	if _, err := agent.ForceLeave(ctx, victim.NodeName(), consul.Prune()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the member is forgotten", func() bool {
		_, ok := memberStatus(t, agent, victim.NodeName())
		return !ok
	})
	_, err := agent.ForceLeave(ctx, victim.NodeName())
	wantAgentError(t, "a member that is forgotten", err, consul.ErrNotFound)
}

func TestAgentMemberOptionsOnTheWire(t *testing.T) {
	t.Parallel()
	line, _ := agentRequest(t, func(ctx context.Context, a *consul.Agent) error {
		_, err := a.ForceLeave(ctx, "a node.dc2", consul.WAN(), consul.Prune())
		return err
	})
	if want := "PUT /v1/agent/force-leave/a%20node.dc2?wan=1&prune"; line != want {
		t.Errorf("sent %s, want %s", line, want)
	}
	line, _ = agentRequest(t, func(ctx context.Context, a *consul.Agent) error {
		_, err := a.Join(ctx, "[::1]:8301", consul.WAN())
		return err
	})
	if want := "PUT /v1/agent/join/%5B::1%5D:8301?wan=1"; line != want {
		t.Errorf("sent %s, want %s", line, want)
	}
}

func TestAgentMemberStatusNames(t *testing.T) {
	t.Parallel()
	for status, want := range map[consul.AgentMemberStatus]string{
		consul.AgentMemberNone: "none", consul.AgentMemberAlive: "alive", consul.AgentMemberLeaving: "leaving",
		consul.AgentMemberLeft: "left", consul.AgentMemberFailed: "failed", 9: "AgentMemberStatus(9)",
	} {
		if got := status.String(); got != want {
			t.Errorf("%d is %q, want %q", int(status), got, want)
		}
	}
}
