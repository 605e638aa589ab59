package consul

// This file holds WatchEvents, which gives user events as they arrive.

import (
	"context"
	"iter"
	"slices"
)

// WatchEvents gives each event with this name ("" is any) that the agent sees from now on, in the order in which it sees
// them. An agent that is asked after it has seen 256 more has forgotten some, and one that was restarted has forgotten all:
// these are missed. See Watch for how it goes on, and ends.
//
// Route: GET /v1/event/list
func (c *Client) WatchEvents(ctx context.Context, name string, opts ...WatchOption) iter.Seq2[*UserEvent, error] {
	return func(yield func(*UserEvent, error) bool) {
		var seen []*UserEvent
		begun := false
		for events, err := range watchOf(ctx, c, c.eventsQuestion(name), opts) {
			if err != nil {
				if !yield(nil, err) {
					return
				}
				continue
			}
			fresh := eventsSince(seen, events)
			if !begun {
				begun, fresh = true, nil
			}
			seen = events
			for _, event := range fresh {
				if !yield(event, nil) {
					return
				}
			}
		}
	}
}

func (c *Client) eventsQuestion(name string) question[[]*UserEvent] {
	return question[[]*UserEvent]{
		kind:  "events",
		name:  name,
		event: true,
		ask: func(ctx context.Context, opts ...QueryOption) ([]*UserEvent, *QueryMeta, error) {
			return c.Event().List(ctx, name, opts...)
		},
	}
}

// eventsSince gives the events after the last of seen that is among them. Both are in the order in which they were seen.
func eventsSince(seen, events []*UserEvent) []*UserEvent {
	for _, last := range slices.Backward(seen) {
		is := func(e *UserEvent) bool { return e.ID == last.ID }
		if i := slices.IndexFunc(events, is); i >= 0 {
			return events[i+1:]
		}
	}
	return events
}
