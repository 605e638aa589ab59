package testutil

// This file holds a cluster of servers.

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"
)

// Cluster is several servers of one datacenter, each a voter. What is done to one server is done through its own methods.
type Cluster struct {
	// Servers are all the servers, whether they run or not. Their order says nothing about who leads.
	Servers []*Server

	group *group
}

// NewCluster starts n real servers that form one cluster, for a test, and closes them when it ends, whatever
// CONSUL_TEST_BACKEND says: an embedded server is always alone. Each can serve writes when
// NewCluster returns. The options hold for all of them, which share one management token and one certificate authority.
// Where a server cannot be started the test fails at once. The servers' logs are printed when the test has failed.
func NewCluster(t testing.TB, n int, opts ...Option) *Cluster {
	t.Helper()
	if n < 1 {
		t.Fatalf("testutil: a cluster of %d servers cannot be started: it needs one at least, and three to outlive a failure", n)
	}
	g := startFor(t, n, append([]Option{func(s *settings) { s.need("NewCluster") }}, opts...))
	return &Cluster{Servers: g.servers, group: g}
}

// Leader asks the servers who leads, until a majority of the cluster names one, and that one agrees and has all that was
// written before. Servers that are stopped, killed or suspended are not waited for. ctx bounds the wait, to 30 s where it
// has no deadline; when it ends first, the error tells what each server answered.
func (c *Cluster) Leader(ctx context.Context) (*Server, error) {
	ctx, cancel := withStartTimeout(ctx)
	defer cancel()
	tick := time.NewTicker(leaderEvery)
	defer tick.Stop()
	for {
		leader, err := c.askLeader(ctx)
		if err == nil {
			if err = leader.checkReads(ctx); err == nil {
				return leader, nil
			}
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("testutil: find the leader: %w: %w", context.Cause(ctx), err)
		case <-tick.C:
		}
	}
}

const (
	leaderEvery = 10 * time.Millisecond
	// leaderTimeout bounds the question to one server, which may be suspended.
	leaderTimeout = 250 * time.Millisecond
)

// askLeader asks every server once. A leader that is gone still leads for those that have not noticed, and one that was
// suspended still thinks that it leads when it goes on: hence both must say so, the leader itself and a majority.
func (c *Cluster) askLeader(ctx context.Context) (*Server, error) {
	ctx, cancel := context.WithTimeout(ctx, leaderTimeout)
	defer cancel()
	answers := make([]string, len(c.Servers))
	failed := make([]error, len(c.Servers))
	var wait sync.WaitGroup
	for i, s := range c.Servers {
		wait.Go(func() { answers[i], failed[i] = s.leader(ctx) })
	}
	wait.Wait()

	votes := map[string]int{}
	for _, answer := range answers {
		votes[answer]++
	}
	var seen []error
	for i, s := range c.Servers {
		switch answer := answers[i]; {
		case failed[i] != nil:
			seen = append(seen, fmt.Errorf("%s: %w", s.name, failed[i]))
		case answer == s.ServerAddr() && c.group.majority(votes[answer]):
			return s, nil
		default:
			seen = append(seen, fmt.Errorf("%s (%s) says that %q leads", s.name, s.ServerAddr(), answer))
		}
	}
	return nil, errors.Join(seen...)
}
