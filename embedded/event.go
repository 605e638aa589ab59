package embedded

// This file serves /v1/event/: what is told to all nodes, of which there is one.

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

var eventRoutes = []route{
	{"/v1/event/fire/", methods("PUT"), fireEvent},
	{"/v1/event/list", methods("GET"), listEvents},
}

const (
	// maxPayload is the most bytes that an event may carry.
	maxPayload = 300
	// maxEncoded is the most bytes that an event may have between servers, see event_size.go.
	maxEncoded = 512
	// keptEvents is how many events are remembered.
	keptEvents = 256
	// remoteExec is the event of "consul exec", which is not remembered.
	remoteExec = "_rexec"
)

// userEvent is an event, as it is answered.
type userEvent struct {
	ID            string
	Name          string
	Payload       []byte
	NodeFilter    string
	ServiceFilter string
	TagFilter     string
	Version       int
	LTime         uint64
}

// events are the latest events. The zero value has none.
type events struct {
	mu    sync.Mutex
	list  []userEvent
	ltime uint64
	// added is closed at the next change; nil while nobody waits for one.
	added chan struct{}
}

// fire tells an event to all nodes, and remembers it where it is for this one. Its time, which counts all events, is told to
// those who list it, and not to who fires it.
func (e *events) fire(event userEvent, remember bool) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	event.LTime = e.ltime + 2 // the first that a server's own gossip leaves free
	if err := event.checkSize(); err != nil {
		return err
	}
	e.ltime++
	if !remember {
		return nil
	}
	if e.list = append(e.list, event); len(e.list) > keptEvents {
		e.list = append([]userEvent(nil), e.list[1:]...)
	}
	e.announce()
	return nil
}

// latest gives the events, the oldest first, and what is closed at the next one.
func (e *events) latest() ([]userEvent, <-chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.added == nil {
		e.added = make(chan struct{})
	}
	return e.list[:len(e.list):len(e.list)], e.added
}

// clear forgets all events, which those who wait for one learn of too.
func (e *events) clear() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list, e.ltime = nil, 0
	e.announce()
}

// announce wakes those who wait for a change. mu is held.
func (e *events) announce() {
	if e.added != nil {
		close(e.added)
		e.added = nil
	}
}

func fireEvent(c *call) (any, error) {
	c.parseTarget()
	event := userEvent{
		Name:          c.rest("/v1/event/fire/"),
		NodeFilter:    c.params.Get("node"),
		ServiceFilter: c.params.Get("service"),
		TagFilter:     c.params.Get("tag"),
	}
	if event.Name == "" {
		return nil, badRequest("Missing name")
	}
	var err error
	if event.Payload, err = c.readPayload(); err != nil {
		return nil, err
	}
	here, err := c.s.matches(&event)
	if err != nil {
		return nil, err
	}
	event.ID, event.Version = newUUID(), 1
	c.anyServer = true
	if err := c.forward(); err != nil {
		return nil, err
	}
	who, err := c.authorize()
	switch {
	case err != nil:
		return nil, errors.New(err.Error()) // 500, where an unknown token is 403 elsewhere
	case !who.EventWrite(event.Name):
		return nil, &httpError{status: http.StatusForbidden, text: "Permission denied"}
	}
	if err := c.s.events.fire(event, here && event.Name != remoteExec); err != nil {
		return nil, fmt.Errorf("error broadcasting event: %w", err)
	}
	return event, nil
}

// readPayload reads the body.
func (c *call) readPayload() ([]byte, error) {
	switch {
	case c.r.ContentLength < 0:
		return nil, badRequest("Event payload size must be greater than zero")
	case c.r.ContentLength > maxPayload:
		return nil, tooLarge("Event payload too large, received %d bytes, max size: %d bytes. User events should be kept small "+
			"for efficient gossip propagation.", c.r.ContentLength, maxPayload)
	case c.r.ContentLength == 0:
		return nil, nil
	}
	return io.ReadAll(c.r.Body)
}

// matches checks the event's filters and reports whether it is for this node.
func (s *Server) matches(event *userEvent) (bool, error) {
	if event.TagFilter != "" && event.ServiceFilter == "" {
		return false, errors.New("Cannot provide tag filter without service filter")
	}
	var node, service, tag *regexp.Regexp
	for _, filter := range []struct {
		name, text string
		compiled   **regexp.Regexp
	}{
		{"node", event.NodeFilter, &node}, {"service", event.ServiceFilter, &service}, {"tag", event.TagFilter, &tag},
	} {
		if filter.text == "" {
			continue
		}
		compiled, err := regexp.Compile(filter.text)
		if err != nil {
			return false, fmt.Errorf("Invalid %s filter: %w", filter.name, err)
		}
		*filter.compiled = compiled
	}
	if node != nil && !node.MatchString(s.config.node) {
		return false, nil
	}
	return service == nil || s.agent.hasService(service, tag), nil
}

// hasService reports whether the agent has a service whose ID matches, with a tag that does.
func (a *agent) hasService(id, tag *regexp.Regexp) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range a.services {
		if id.MatchString(s.service.ID) && (tag == nil || anyMatches(s.service.Tags, tag)) {
			return true
		}
	}
	return false
}

func anyMatches(texts []string, pattern *regexp.Regexp) bool {
	for _, text := range texts {
		if pattern.MatchString(text) {
			return true
		}
	}
	return false
}

// listEvents lists the events. Its index is no counter but made from the last event's ID, so that a client waits for it to
// be another.
func listEvents(c *call) (any, error) {
	if err := c.parseWait(); err != nil {
		return nil, err
	}
	c.parseTarget()
	who, err := c.authorize()
	if err != nil {
		return nil, err
	}
	if c.index == 0 {
		list, _ := c.visibleEvents(who)
		return list, nil
	}
	if err := c.s.blocking.enter(); err != nil {
		return nil, err
	}
	defer c.s.blocking.leave()
	wait := c.wait
	if wait == 0 || wait > maxWait {
		wait = maxWait
	}
	timeout := time.NewTimer(wait)
	defer timeout.Stop()
	for {
		_, added := c.s.events.latest() // before the list, so that none is missed
		list, index := c.visibleEvents(who)
		if index != c.index {
			return list, nil
		}
		select {
		case <-added:
		case <-timeout.C:
			return list, nil
		case <-c.r.Context().Done():
			abort()
		}
	}
}

// visibleEvents gives the events that the caller asks for and may see, and their index, and sets the headers about them.
func (c *call) visibleEvents(who identity) ([]userEvent, uint64) {
	all, _ := c.s.events.latest()
	if name := c.params.Get("name"); name != "" {
		all = keep(all, func(e userEvent) bool { return e.Name == name })
	}
	list := keep(all, func(e userEvent) bool { return who.EventRead(e.Name) })
	header, index := c.w.Header(), uint64(1)
	if len(list) == 0 {
		list = []userEvent{}
	} else {
		index = eventIndex(list[len(list)-1].ID)
	}
	if c.token != "" && len(list) != len(all) {
		header.Set("X-Consul-Results-Filtered-By-Acls", "true")
	}
	header.Set("X-Consul-Index", strconv.FormatUint(index, 10))
	return list, index
}

// eventIndex folds a UUID into a number.
func eventIndex(id string) uint64 {
	b, err := hex.DecodeString(strings.ReplaceAll(id, "-", ""))
	if err != nil || len(b) != 16 {
		return 1
	}
	return max(1, binary.BigEndian.Uint64(b[:8])^binary.BigEndian.Uint64(b[8:]))
}
