package consul

// This file holds Event, the client of user events. See https://developer.hashicorp.com/consul/api-docs/event

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
)

// Event is the client of user events: /v1/event. Events reach the agents of a datacenter by gossip: soon, in no sure
// order, mostly but not certainly all. They are for hints, not for data.
type Event struct{ c *Client }

// Event gives the client of user events.
func (c *Client) Event() *Event { return &Event{c} }

// A UserEvent is an event that a user fired. Name, Payload and the filters are read when one is fired; the rest is told by
// the server.
type UserEvent struct {
	ID      string // UUID
	Name    string // Consul keeps "_rexec" for itself: such an event is never listed
	Payload []byte // at most 300 bytes; with the name and the filters at most 512 by default

	// Regular expressions (Go's syntax) that choose which agents see the event. Empty: all.
	NodeFilter    string // of the agent's node
	ServiceFilter string // of a service that the agent has
	TagFilter     string // of a tag of that service; only with ServiceFilter

	Version int    // of the event's format
	LTime   uint64 // Lamport time at which the agent saw it
}

// Fire sends an event to the agents of a datacenter and gives its ID. A nil event, an empty name, and a tag filter
// without a service filter are ErrInvalidOption; a payload that is too large is ErrTooLarge; a filter that is no regular
// expression is a StatusError with code 500 that says so.
//
// Route: PUT /v1/event/fire/:name
func (e *Event) Fire(ctx context.Context, event *UserEvent, opts ...WriteOption) (string, *WriteMeta, error) {
	if event == nil {
		event = &UserEvent{}
	}
	r := newRequest(http.MethodPut, "event", "fire", event.Name).
		param("node", event.NodeFilter).
		param("service", event.ServiceFilter).
		param("tag", event.TagFilter).
		bytes(event.Payload)
	if event.TagFilter != "" && event.ServiceFilter == "" {
		r.fail(ErrInvalidOption, "UserEvent.TagFilter is set without ServiceFilter")
	}
	fired, meta, err := write[UserEvent](ctx, e.c, r, opts)
	if err == nil && fired.ID == "" {
		return "", nil, r.badResponse(http.StatusOK, errors.New("no event ID in it"))
	}
	return fired.ID, meta, err
}

// List gives the events with this name that the agent has seen and not yet forgotten, the oldest first; "" is all
// of them. An agent remembers 256 in all.
//
// Wait(meta.LastIndex, …) waits for the next one. The index is no counter: it is made from the ID of the last
// event in the list (see IDToIndex), is 1 where there is none, and may be smaller than the one before. The server looks
// only at whether it is still the same.
//
// Route: GET /v1/event/list
func (e *Event) List(ctx context.Context, name string, opts ...QueryOption) ([]*UserEvent, *QueryMeta, error) {
	// The API documents filters by node, service and tag here; no server reads them.
	r := newRequest(http.MethodGet, "event", "list").param("name", name)
	return notNil(query[[]*UserEvent](ctx, e.c, r, opts))
}

// IDToIndex gives the index that List has when the event with this ID is its last: to wait for what comes after an event
// that is known only by its ID. What is no UUID is ErrInvalidOption.
func (e *Event) IDToIndex(id string) (uint64, error) {
	if len(id) == 36 && id[8] == '-' && id[13] == '-' && id[18] == '-' && id[23] == '-' {
		uuid, err := hex.DecodeString(id[:8] + id[9:13] + id[14:18] + id[19:23] + id[24:])
		if err == nil {
			return binary.BigEndian.Uint64(uuid[:8]) ^ binary.BigEndian.Uint64(uuid[8:]), nil
		}
	}
	return 0, fmt.Errorf("consul: %.40q is not the ID of an event, a UUID: %w", id, ErrInvalidOption)
}
