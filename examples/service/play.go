package main

// This file holds the play: what befalls the services.

import (
	"context"

	"github.com/lictor-go/consul/embedded"
)

// A says is what somebody says in the end, by whom.
type says = map[string]string

// play has a stock break and recover, the agent lose all that it knew, and a stock take leave.
func (t *town) play(ctx context.Context, agent *embedded.Server) error {
	const both = "we have apples and oranges"
	for _, act := range []struct {
		what string
		do   func() error
		want says
	}{
		{"A shop and two stocks open, and register themselves.", nothing, says{
			"stock-1":  "is registered, passing",
			"stock-2":  "is registered, passing",
			"shop-1":   "is registered, passing",
			"customer": both,
		}},
		{"The shelves of stock-1 collapse, and its health function says so.", t.apples.becomes(true), says{"customer": "we have oranges"}},
		{"It is well again.", t.apples.becomes(false), says{"customer": both}},
		{"The agent is restarted, and has lost all that it knew.", agent.Forget, says{
			"stock-1":  "is registered again (2 times now), passing",
			"stock-2":  "is registered again (2 times now), passing",
			"shop-1":   "is registered again (2 times now), passing",
			"customer": both,
		}},
		{"stock-2 is told to end: nobody finds it any more, and then it is gone.", t.oranges.leaves, says{
			"stock-2":  "is deregistered",
			"customer": "we have apples",
		}},
	} {
		t.line.tell("", "-- "+act.what)
		if err := act.do(); err != nil {
			return err
		}
		if err := t.line.await(ctx, act.want); err != nil {
			return err
		}
	}
	t.line.tell("", "-- The end: all take leave.")
	return nil
}

func nothing() error { return nil }

// becomes gives what makes the service broken or not.
func (s *service) becomes(broken bool) func() error {
	return func() error {
		s.broken.Store(broken)
		return nil
	}
}
