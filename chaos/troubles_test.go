package chaos

// This file holds what befalls the cluster and the network, round by round.

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/lictor-go/consul/testutil"
)

// stage is where it all happens.
type stage struct {
	*journal
	cluster    *testutil.Cluster
	contenders []*contender
	round      atomic.Int64 // of the troubles
	calm       atomic.Bool  // they are over
}

// undo ends a trouble.
type undo func(context.Context) error

// trouble is something that befalls the stage.
type trouble func(context.Context, *stage) (undo, error)

// troubles are in an order in which the first few are the worst.
var troubles = []trouble{
	onLeader("is suspended", suspend),
	silence,
	onLeader("is killed", kill),
	onFollower("is suspended", suspend),
	silence,
	onFollower("is killed", kill),
	onLeader("is restarted", restart),
	withoutMajority,
	silence,
	onFollower("is restarted", restart),
}

// harass has the troubles come, one after the other, now and then with a network that is silent as well.
func (s *stage) harass(ctx context.Context, rounds int) error {
	for i := range rounds {
		s.round.Add(1)
		all := []trouble{troubles[i%len(troubles)]}
		if rand.N(3) == 0 {
			all = append(all, silence)
		}
		if err := s.befall(ctx, all); err != nil {
			return fmt.Errorf("round %d: %w", i+1, err)
		}
		pause(ctx, rand.N(ttl))
	}
	s.note("", "", "the troubles are over")
	return ctx.Err()
}

// befall has troubles come, last for a while, some longer than any hold can, and end.
func (s *stage) befall(ctx context.Context, all []trouble) error {
	var ends []undo
	for _, t := range all {
		end, err := t(ctx, s)
		if err != nil {
			return err
		}
		ends = append(ends, end)
	}
	pause(ctx, ttl/2+rand.N(2*ttl))
	for _, end := range slices.Backward(ends) {
		if err := end(ctx); err != nil {
			return err
		}
	}
	return nil
}

// treatment is what is done to one server.
type treatment func(context.Context, *testutil.Server) (undo, error)

// onLeader does something to the server that leads.
func onLeader(what string, do treatment) trouble {
	return func(ctx context.Context, s *stage) (undo, error) {
		leader, _, err := s.servers(ctx)
		if err != nil {
			return nil, err
		}
		return s.treat(ctx, leader, "the leader "+what, do)
	}
}

// onFollower does something to a server that doesn't.
func onFollower(what string, do treatment) trouble {
	return func(ctx context.Context, s *stage) (undo, error) {
		_, followers, err := s.servers(ctx)
		if err != nil {
			return nil, err
		}
		return s.treat(ctx, followers[0], "a follower "+what, do)
	}
}

// withoutMajority leaves one server alone, so that nobody can get in, or stay in for longer than a TTL.
func withoutMajority(ctx context.Context, s *stage) (undo, error) {
	leader, followers, err := s.servers(ctx)
	if err != nil {
		return nil, err
	}
	first, err := s.treat(ctx, leader, "the leader is suspended", suspend)
	if err != nil {
		return nil, err
	}
	second, err := s.treat(ctx, followers[0], "another is suspended, too", suspend)
	return func(ctx context.Context) error { return errors.Join(first(ctx), second(ctx)) }, err
}

// servers gives the server that leads, and the others in any order.
func (s *stage) servers(ctx context.Context) (leader *testutil.Server, followers []*testutil.Server, err error) {
	if leader, err = s.cluster.Leader(ctx); err != nil {
		return nil, nil, err
	}
	for _, server := range s.cluster.Servers {
		if server != leader {
			followers = append(followers, server)
		}
	}
	rand.Shuffle(len(followers), func(i, j int) { followers[i], followers[j] = followers[j], followers[i] })
	return leader, followers, nil
}

// treat does something to a server, and notes it and its end.
func (s *stage) treat(ctx context.Context, server *testutil.Server, what string, do treatment) (undo, error) {
	s.note("", server.NodeName(), what)
	end, err := do(ctx, server)
	return func(ctx context.Context) error {
		err := end(ctx)
		s.note("", server.NodeName(), "is back")
		return err
	}, err
}

func suspend(_ context.Context, s *testutil.Server) (undo, error) {
	return func(context.Context) error { return s.Continue() }, s.Suspend()
}

func kill(_ context.Context, s *testutil.Server) (undo, error) { return s.Restart, s.Kill() }

func restart(ctx context.Context, s *testutil.Server) (undo, error) {
	return func(context.Context) error { return nil }, s.Restart(ctx)
}

// silence has the network go silent, one way or both ways, for those who are inside and a third of the others. In the end
// what was held up arrives late, or is lost with its connection.
func silence(_ context.Context, s *stage) (undo, error) {
	links := map[*relay]bool{}
	var names []string
	for _, c := range s.contenders {
		if s.isInside(c.name) || rand.N(3) == 0 {
			links[c.link] = true
			names = append(names, c.name)
		}
	}
	way := rand.N(3)
	for link := range links {
		if way != 0 {
			link.requests.shut()
		}
		if way != 1 {
			link.answers.shut()
		}
	}
	what := [...]string{"no answers get through", "no requests get through", "nothing gets through"}[way]
	s.note("", "", fmt.Sprintf("%s for %s", what, strings.Join(names, ", ")))
	end, what := (*relay).resume, "what was held up arrives"
	if rand.N(2) == 0 {
		end, what = (*relay).cut, "what was held up is lost"
	}
	return func(context.Context) error {
		s.note("", "", what)
		for link := range links {
			end(link)
		}
		return nil
	}, nil
}
