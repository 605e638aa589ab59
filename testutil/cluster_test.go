package testutil_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lictor-go/consul/testutil"
)

func leaderOf(t *testing.T, c *testutil.Cluster) *testutil.Server {
	t.Helper()
	leader, err := c.Leader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return leader
}

// except gives a server of c that is not s.
func except(c *testutil.Cluster, s *testutil.Server) *testutil.Server {
	for _, other := range c.Servers {
		if other != s {
			return other
		}
	}
	return nil
}

func TestClusterServesWritesThroughEachServer(t *testing.T) {
	testutil.NeedReal(t, "a cluster")
	t.Parallel()
	c := testutil.NewCluster(t, 3, testutil.WithACL(), testutil.WithNodeName("node"))
	leader := leaderOf(t, c)
	for i, s := range c.Servers {
		expect(t, s, request{method: http.MethodGet, path: "/v1/status/leader"}, 200, `"`+leader.ServerAddr()+`"`)
		put(t, s, "by", s.NodeName())
		wantValue(t, c.Servers[(i+1)%3], "by", s.NodeName())
	}
	if name := c.Servers[2].NodeName(); name != "node-3" {
		t.Errorf("the third server is named %q", name)
	}
}

func TestClusterElectsAnotherLeader(t *testing.T) {
	testutil.NeedReal(t, "a cluster")
	t.Parallel()
	c := testutil.NewCluster(t, 3)
	first := leaderOf(t, c)
	put(t, first, "a", "1")
	if err := first.Kill(); err != nil {
		t.Fatal(err)
	}
	second := leaderOf(t, c)
	if second == first {
		t.Fatal("the server that was killed still leads")
	}
	wantValue(t, second, "a", "1")
	put(t, second, "a", "2")
	if err := first.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantValue(t, first, "a", "2")
}

func TestClusterWithSuspendedLeader(t *testing.T) {
	testutil.NeedReal(t, "a cluster")
	t.Parallel()
	c := testutil.NewCluster(t, 3)
	first := leaderOf(t, c)
	if err := first.Suspend(); err != nil {
		t.Fatal(err)
	}
	second := leaderOf(t, c)
	if second == first {
		t.Fatal("the server that is suspended still leads")
	}
	put(t, second, "a", "1")
	if err := first.Continue(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the old leader serves what the new one wrote", func() bool {
		status, body, err := do(t.Context(), first, request{method: http.MethodGet, path: "/v1/kv/a?raw"})
		return err == nil && status == 200 && body == "1"
	})
}

func TestClusterWithoutMajority(t *testing.T) {
	testutil.NeedReal(t, "a cluster")
	t.Parallel()
	c := testutil.NewCluster(t, 3)
	put(t, c.Servers[0], "a", "1")
	for _, s := range c.Servers {
		if err := s.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := c.Leader(ctx)
	if err == nil {
		t.Fatal("a cluster that does not run has a leader")
	}
	for _, s := range c.Servers {
		if !strings.Contains(err.Error(), s.NodeName()) {
			t.Errorf("the error does not say what %s answered: %v", s.NodeName(), err)
		}
	}
	// The first cannot serve writes yet, and is not waited for until it can.
	for _, s := range c.Servers {
		if err := s.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	leader := leaderOf(t, c)
	wantValue(t, except(c, leader), "a", "1")
}

func TestClusterOfOne(t *testing.T) {
	testutil.NeedReal(t, "a cluster")
	t.Parallel()
	c := testutil.NewCluster(t, 1)
	if leaderOf(t, c) != c.Servers[0] {
		t.Error("the only server does not lead")
	}
}

func TestClusterOfNone(t *testing.T) {
	t.Parallel()
	r := record(t, func(t testing.TB) { testutil.NewCluster(t, 0) })
	if !r.Failed() || !strings.Contains(r.printed.String(), "a cluster of 0 servers") {
		t.Errorf("failed %v, printed %q", r.Failed(), &r.printed)
	}
}
