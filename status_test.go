package consul_test

// This file tests what the servers say of their Raft cluster.

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"

	"github.com/lictor-go/consul"
)

var statusEndpoints = []endpoint{
	{name: "Status.Leader", route: "GET /v1/status/leader", result: `"192.0.2.1:8300"`,
		call: func(ctx context.Context, c *consul.Client) error {
			_, _, err := c.Status().Leader(ctx)
			return err
		}},
	{name: "Status.Peers", route: "GET /v1/status/peers", result: `["192.0.2.1:8300"]`,
		call: func(ctx context.Context, c *consul.Client) error {
			_, _, err := c.Status().Peers(ctx)
			return err
		}},
}

func TestStatusOfOneServer(t *testing.T) {
	t.Parallel()
	c, ctx := newClient(t), testContext(t)
	want := plainServer.get(t).ServerAddr()
	leader, meta, err := c.Status().Leader(ctx)
	if err != nil || leader != want || meta == nil {
		t.Errorf("the leader is %q, %v, want %q", leader, err, want)
	}
	peers, meta, err := c.Status().Peers(ctx)
	if err != nil || !slices.Equal(peers, []string{want}) || meta == nil {
		t.Errorf("the peers are %v, %v, want %q", peers, err, want)
	}
}

func TestStatusOfAnAbsentDatacenter(t *testing.T) {
	t.Parallel()
	c, ctx := newClient(t), testContext(t)
	_, _, err := c.Status().Leader(ctx, consul.WithDatacenter("nowhere"))
	wantAnswer(t, err, http.StatusInternalServerError, "No path to datacenter")
	_, _, err = c.Status().Peers(ctx, consul.WithDatacenter("nowhere"))
	wantAnswer(t, err, http.StatusInternalServerError, "No path to datacenter")
}

func TestStatusNeedsNoPermission(t *testing.T) {
	t.Parallel()
	c := clientWith(t, &consul.Config{Address: aclServer.get(t).Addr()})
	if leader, _, err := c.Status().Leader(testContext(t)); err != nil || leader != aclServer.get(t).ServerAddr() {
		t.Errorf("the leader is %q, %v", leader, err)
	}
}

func TestStatusLeaderThatNobodyKnows(t *testing.T) {
	t.Parallel()
	c := answeringClient(t, func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(`""`)) })
	if leader, meta, err := c.Status().Leader(testContext(t)); leader != "" || !errors.Is(err, consul.ErrNoLeader) || meta == nil {
		t.Errorf("got %q, %v, want ErrNoLeader and a QueryMeta", leader, err)
	}
}

func TestStatusTypesHoldWhatTheServerSends(t *testing.T) {
	t.Parallel()
	checkRecorded[string](t, "status/leader.json")
	checkRecorded[[]string](t, "status/peers.json")
}
