package consul_test

// This file tests user events.

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lictor-go/consul"
)

var eventEndpoints = []endpoint{
	{name: "Event.Fire", route: "PUT /v1/event/fire/", result: `{"ID":"72b719a1-faab-4e73-8cac-413b4799af24"}`,
		call: func(ctx context.Context, c *consul.Client) error {
			_, _, err := c.Event().Fire(ctx, &consul.UserEvent{Name: "e"})
			return err
		}},
	{name: "Event.List", route: "GET /v1/event/list", result: `[{"Name":"e"}]`,
		call: func(ctx context.Context, c *consul.Client) error {
			_, _, err := c.Event().List(ctx, "")
			return err
		}},
}

// fire fires an event and gives its ID.
func fire(t *testing.T, c *consul.Client, e *consul.UserEvent) string {
	t.Helper()
	id, meta, err := c.Event().Fire(testContext(t), e)
	if err != nil {
		t.Fatal(err)
	}
	if meta == nil || meta.RequestTime <= 0 {
		t.Errorf("WriteMeta is %+v", meta)
	}
	return id
}

// awaitEvents waits until the event with an ID is the last of its name, and gives all of that name.
func awaitEvents(t *testing.T, c *consul.Client, name, id string) []*consul.UserEvent {
	t.Helper()
	for index := uint64(1); ; {
		events, meta, err := c.Event().List(testContext(t), name, consul.Wait(index, 30*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		if n := len(events); n > 0 && events[n-1].ID == id {
			return events
		}
		if meta.LastIndex == index {
			t.Fatalf("event %s of %s did not arrive within the wait: %v", id, name, events)
		}
		index = meta.LastIndex
	}
}

func TestFiredEventIsListed(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	payload := []byte{0, 1, 0xff, '"', '\n'}
	event := &consul.UserEvent{
		Name: unique(t), Payload: payload, NodeFilter: ".*", ID: "not read", Version: 9, LTime: 9,
	}
	id := fire(t, c, event)
	got := awaitEvents(t, c, event.Name, id)
	if len(got) != 1 || got[0].Name != event.Name || !bytes.Equal(got[0].Payload, payload) || got[0].NodeFilter != ".*" ||
		got[0].Version != 1 || got[0].LTime == 0 {
		t.Errorf("got %+v", got[0])
	}
	if event.ID != "not read" {
		t.Errorf("Fire changed the caller's event: %+v", event)
	}
	all, _, err := c.Event().List(testContext(t), "")
	if err != nil || !slices.ContainsFunc(all, func(e *consul.UserEvent) bool { return e.ID == id }) {
		t.Errorf("the list of all names lacks the event: %v", err)
	}
}

func TestEventsAreListedByNameOldestFirst(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	name := unique(t)
	first := fire(t, c, &consul.UserEvent{Name: name})
	awaitEvents(t, c, name, first)
	fire(t, c, &consul.UserEvent{Name: name + "-other"})
	second := fire(t, c, &consul.UserEvent{Name: name})
	events := awaitEvents(t, c, name, second)
	if len(events) != 2 || events[0].ID != first || events[1].ID != second || events[0].Payload != nil {
		t.Errorf("got %v, want %s and %s", events, first, second)
	}
}

func TestEventNamesOfAnyKind(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	for _, odd := range []string{"a b", "a/b", "a?b=c", "50%", "a%2Fb", "ü", "_a"} {
		name := odd + unique(t)
		if events := awaitEvents(t, c, name, fire(t, c, &consul.UserEvent{Name: name})); events[0].Name != name {
			t.Errorf("fired %q, got %q", name, events[0].Name)
		}
	}
}

func TestEventFiltersChooseAgents(t *testing.T) {
	t.Parallel()
	c, ctx := newClient(t), testContext(t)
	name := unique(t)
	service := map[string]any{"Name": name, "Tags": []string{"blue"}}
	if _, err := c.Raw().Write(ctx, "/v1/agent/service/register", service, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := c.Raw().Write(ctx, "/v1/agent/service/deregister/"+name, nil, nil); err != nil {
			t.Error(err)
		}
	})
	for i, test := range []struct {
		event   consul.UserEvent
		reaches bool
	}{
		{consul.UserEvent{NodeFilter: "^nobody$"}, false},
		{consul.UserEvent{NodeFilter: "."}, true},
		{consul.UserEvent{ServiceFilter: "^nothing$"}, false},
		{consul.UserEvent{ServiceFilter: "^" + name + "$"}, true},
		{consul.UserEvent{ServiceFilter: "^" + name + "$", TagFilter: "green"}, false},
		{consul.UserEvent{ServiceFilter: "^" + name + "$", TagFilter: "^blue$"}, true},
	} {
		test.event.Name = fmt.Sprint(name, i)
		id := fire(t, c, &test.event)
		if test.reaches {
			got := awaitEvents(t, c, test.event.Name, id)[0]
			if got.NodeFilter != test.event.NodeFilter || got.ServiceFilter != test.event.ServiceFilter || got.TagFilter != test.event.TagFilter {
				t.Errorf("fired %+v, got %+v", test.event, got)
			}
			continue
		}
		// What was fired afterwards arrives afterwards, as there is only one agent.
		last := fire(t, c, &consul.UserEvent{Name: test.event.Name})
		if events := awaitEvents(t, c, test.event.Name, last); len(events) != 1 {
			t.Errorf("%+v reached the agent", test.event)
		}
	}
}

func TestEventIndexIsMadeFromTheID(t *testing.T) {
	t.Parallel()
	c, ctx := newClient(t), testContext(t)
	name := unique(t)
	events, meta, err := c.Event().List(ctx, name)
	wantEmpty(t, events, meta, err)
	if meta.LastIndex != 1 {
		t.Errorf("the index of an empty list is %d, want 1", meta.LastIndex)
	}
	id := fire(t, c, &consul.UserEvent{Name: name})
	awaitEvents(t, c, name, id)
	_, meta, err = c.Event().List(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	index, err := c.Event().IDToIndex(id)
	if err != nil || index != meta.LastIndex {
		t.Errorf("IDToIndex(%s) is %d, %v, the server's index is %d", id, index, err, meta.LastIndex)
	}

	// A wait by the index of an ID ends with the next event.
	next := make(chan error, 1)
	go func() {
		events, _, err := c.Event().List(ctx, name, consul.Wait(index, 30*time.Second))
		if err == nil && len(events) != 2 {
			err = fmt.Errorf("got %d events, want 2", len(events))
		}
		next <- err
	}()
	fire(t, c, &consul.UserEvent{Name: name})
	if err := <-next; err != nil {
		t.Error(err)
	}
}

func TestIDToIndexRefusesWhatIsNoUUID(t *testing.T) {
	t.Parallel()
	e := offlineClient(t).Event()
	for _, id := range []string{
		"", "1", "72b719a1-faab-4e73-8cac-413b4799af2", "72b719a1-faab-4e73-8cac-413b4799af245",
		"72b719a1faab4e738cac413b4799af24", "72b719a1-faab-4e73-8cac-413b4799af2g", "72b719a1+faab+4e73+8cac+413b4799af24",
		"-2b719a1-faab-4e73-8cac-413b4799af24", strings.Repeat("-", 36), strings.Repeat("é", 18),
	} {
		if index, err := e.IDToIndex(id); index != 0 || !errors.Is(err, consul.ErrInvalidOption) {
			t.Errorf("IDToIndex(%q) gives %d, %v, want ErrInvalidOption", id, index, err)
		}
	}
	for id, want := range map[string]uint64{
		"31de93ae-97e9-e2a9-ad70-17844a860b04": 11290106635503004077, // as a server had it
		"76AECF06-005D-186F-0342-1CCB17DD5774": 8497399474757324571,  // as a server had it, in lower case
		"00000000-0000-0000-0000-000000000000": 0,
		"ffffffff-ffff-ffff-0000-000000000001": 0xfffffffffffffffe,
	} {
		if index, err := e.IDToIndex(id); index != want || err != nil {
			t.Errorf("IDToIndex(%q) gives %d, %v, want %d", id, index, err, want)
		}
	}
}

func FuzzIDToIndex(f *testing.F) {
	f.Add("31de93ae-97e9-e2a9-ad70-17844a860b04")
	f.Add("")
	f.Add("72b719a1-faab-4e73-8cac-413b4799af2g")
	e := offlineClient(f).Event()
	f.Fuzz(func(t *testing.T, id string) {
		index, err := e.IDToIndex(id)
		if err != nil {
			if !errors.Is(err, consul.ErrInvalidOption) {
				t.Errorf("IDToIndex(%q): %v", id, err)
			}
			return
		}
		var uuid []byte
		if _, err := fmt.Sscanf(strings.ReplaceAll(id, "-", ""), "%x", &uuid); err != nil || len(uuid) != 16 {
			t.Fatalf("IDToIndex took %q for a UUID", id)
		}
		if want := binary.BigEndian.Uint64(uuid) ^ binary.BigEndian.Uint64(uuid[8:]); index != want {
			t.Errorf("IDToIndex(%q) is %d, want %d", id, index, want)
		}
	})
}

func TestFireRefusesWhatNoServerTakes(t *testing.T) {
	t.Parallel()
	e, ctx := offlineClient(t).Event(), testContext(t)
	for what, event := range map[string]*consul.UserEvent{
		"nil":                     nil,
		"no name":                 {Payload: []byte("p")},
		"a name like a path":      {Name: "../fire"},
		"tag but not the service": {Name: "e", TagFilter: "blue"},
	} {
		if _, _, err := e.Fire(ctx, event); !errors.Is(err, consul.ErrInvalidOption) {
			t.Errorf("%s: %v, want ErrInvalidOption", what, err)
		}
	}
}

func TestFireSaysWhyTheServerRefuses(t *testing.T) {
	t.Parallel()
	c, ctx := newClient(t), testContext(t)
	name := unique(t)
	_, _, err := c.Event().Fire(ctx, &consul.UserEvent{Name: name, Payload: make([]byte, 301)})
	if !errors.Is(err, consul.ErrTooLarge) {
		t.Errorf("301 bytes: %v, want ErrTooLarge", err)
	}
	fire(t, c, &consul.UserEvent{Name: name, Payload: make([]byte, 300)})
	_, _, err = c.Event().Fire(ctx, &consul.UserEvent{Name: name + strings.Repeat("x", 500)})
	wantAnswer(t, err, http.StatusInternalServerError, "exceeds configured limit")
	for _, event := range []*consul.UserEvent{
		{Name: name, NodeFilter: "("},
		{Name: name, ServiceFilter: "("},
		{Name: name, ServiceFilter: "a", TagFilter: "("},
	} {
		_, _, err := c.Event().Fire(ctx, event)
		wantAnswer(t, err, http.StatusInternalServerError, "error parsing regexp")
	}
	_, _, err = c.Event().Fire(ctx, &consul.UserEvent{Name: name}, consul.WithDatacenter("nowhere"))
	wantAnswer(t, err, http.StatusInternalServerError, "No path to datacenter")
}

func TestFireWithoutIDInTheAnswerIsABadResponse(t *testing.T) {
	t.Parallel()
	c := answeringClient(t, func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("{}")) })
	if _, _, err := c.Event().Fire(testContext(t), &consul.UserEvent{Name: "e"}); !errors.Is(err, consul.ErrBadResponse) {
		t.Errorf("got %v, want ErrBadResponse", err)
	}
}

func TestEventsWithoutPermission(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	manager := newACLClient(t)
	nobody := clientWith(t, &consul.Config{Address: aclServer.get(t).Addr()})
	name := unique(t)
	if _, _, err := nobody.Event().Fire(ctx, &consul.UserEvent{Name: name}); !errors.Is(err, consul.ErrPermissionDenied) {
		t.Errorf("Fire without a token: %v, want ErrPermissionDenied", err)
	}
	awaitEvents(t, manager, name, fire(t, manager, &consul.UserEvent{Name: name}))
	events, meta, err := nobody.Event().List(ctx, name)
	wantEmpty(t, events, meta, err)
}

func TestEventTypesHoldWhatTheServerSends(t *testing.T) {
	t.Parallel()
	checkRecorded[consul.UserEvent](t, "event/fire.json")
	events := checkRecorded[[]*consul.UserEvent](t, "event/list.json")
	if string(events[0].Payload) != "v2" {
		t.Errorf("the payload is %q, want v2", events[0].Payload)
	}
}
