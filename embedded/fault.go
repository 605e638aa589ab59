package embedded

// This file lets requests go wrong, for tests of what clients do then.

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Fault is something that goes wrong with requests.
type Fault struct {
	// Match picks the requests; nil picks all. OfRequest makes a common one. It must not read the body, nor inject faults
	// or take them back.
	Match func(*http.Request) bool

	// Skip is how many of the requests that match are served well before.
	Skip int

	// Times is for how many requests the fault lasts, after those that were skipped; 0 is for all.
	Times int

	// For is how long the fault lasts, from when it was injected; 0 is until it is removed.
	For time.Duration

	// Effect is what happens. Where several faults match a request, their effects nest, the first that was injected outermost.
	Effect Effect
}

// Effect is what a fault does to a request. next serves it as the server would.
type Effect func(w http.ResponseWriter, r *http.Request, next http.Handler)

// OfRequest matches requests of a method whose path begins with a prefix. An empty method matches each.
func OfRequest(method, prefix string) func(*http.Request) bool {
	return func(r *http.Request) bool {
		return (method == "" || r.Method == method) && strings.HasPrefix(r.URL.Path, prefix)
	}
}

// Inject has requests go wrong until the fault has ended, or the function is called that Inject gives. Requests that are
// being served already are not touched.
func (s *Server) Inject(fault Fault) (remove func()) {
	injected := &injectedFault{Fault: fault}
	if fault.For > 0 {
		injected.ends = time.Now().Add(fault.For)
	}
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.list = append(s.faults.list, injected)
	return func() { s.faults.remove(injected) }
}

// faults are what goes wrong at the moment.
type faults struct {
	mu   sync.Mutex
	list []*injectedFault
}

type injectedFault struct {
	Fault
	ends time.Time // zero: it does not end by itself
	seen int       // requests that matched
}

func (f *faults) remove(fault *injectedFault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = slices.DeleteFunc(f.list, func(other *injectedFault) bool { return other == fault })
}

// of gives the effects that a request meets, and counts it.
func (f *faults) of(r *http.Request) []Effect {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.list) == 0 {
		return nil
	}
	now := time.Now()
	f.list = slices.DeleteFunc(f.list, func(fault *injectedFault) bool {
		return !fault.ends.IsZero() && !now.Before(fault.ends) || fault.Times > 0 && fault.seen >= fault.Skip+fault.Times
	})
	var effects []Effect
	for _, fault := range f.list {
		if fault.Match != nil && !fault.Match(r) {
			continue
		}
		if fault.seen++; fault.seen > fault.Skip && fault.Effect != nil {
			effects = append(effects, fault.Effect)
		}
	}
	return effects
}

// apply nests the effects around the handler.
func apply(effects []Effect, next http.Handler) http.Handler {
	for _, effect := range slices.Backward(effects) {
		inner := next
		next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { effect(w, r, inner) })
	}
	return next
}

// Answer has the request answered with a status and a text, and not served.
func Answer(status int, text string) Effect {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set(contentType, typePlain)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text)) // the client is gone
	}
}

// Delay has the request wait before it is served.
func Delay(d time.Duration) Effect {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			next.ServeHTTP(w, r)
		case <-r.Context().Done():
			abort()
		}
	}
}

// Hang leaves the request without an answer, until its client gives up or the server is closed. It is not served.
func Hang() Effect {
	return func(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
		<-r.Context().Done()
		abort()
	}
}

// HangAfter serves the request and leaves it without an answer: what it asks for happens, and its client does not learn of it.
func HangAfter() Effect {
	return func(_ http.ResponseWriter, r *http.Request, next http.Handler) {
		next.ServeHTTP(&nowhere{http.Header{}}, r)
		<-r.Context().Done()
		abort()
	}
}

// Drop closes the connection instead of serving the request.
func Drop() Effect {
	return func(http.ResponseWriter, *http.Request, http.Handler) { abort() }
}

// DropAfter serves the request and closes the connection instead of answering: what it asks for happens.
func DropAfter() Effect {
	return func(_ http.ResponseWriter, r *http.Request, next http.Handler) {
		next.ServeHTTP(&nowhere{http.Header{}}, r)
		abort()
	}
}

// CutBody serves the request and closes the connection after the first n bytes of the answer's body.
func CutBody(n int) Effect {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		short := &cutWriter{ResponseWriter: w, left: n}
		next.ServeHTTP(short, r)
		_ = http.NewResponseController(w).Flush() // so that what is written is sent before the end
		abort()
	}
}

// Index serves the request and has the answer's X-Consul-Index be another: one that goes backwards, or makes no sense.
func Index(index uint64) Effect {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		next.ServeHTTP(&headerWriter{ResponseWriter: w, change: func(h http.Header) {
			if h.Get("X-Consul-Index") != "" {
				h.Set("X-Consul-Index", strconv.FormatUint(index, 10))
			}
		}}, r)
	}
}

// NoLeader has the server behave as one of a cluster that has lost its leader. What needs the leader, writes and reads that
// are not stale, is answered with status 500, "No cluster leader". Stale reads go on and say that no leader is known, and
// how long ago there was one. What a server does by itself goes on as well: the agent's own services and checks, events, what
// its cache serves.
//
// The real one holds such a request for some 7 s before it gives up on a leader, where this one answers at once: put a Delay
// before it to have that. Sessions expire all the same; LoseLeader stops that too.
func NoLeader() Effect {
	lost := time.Now()
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), lostLeader{}, lost)))
	}
}

// lostLeader is the key of the request's context that says since when there is no leader.
type lostLeader struct{}

// leaderLost is since when the request finds no leader, zero where it does.
func leaderLost(r *http.Request) time.Time {
	lost, _ := r.Context().Value(lostLeader{}).(time.Time)
	return lost
}

// LoseLeader has the server's cluster lose its leader, until the function is called that LoseLeader gives and another is
// elected. All requests meet NoLeader meanwhile. As with real servers, where the leader keeps the time of sessions, none expires
// for want of renewal until there is one, from when on each has its whole time again. The agent still tells the catalog
// of its services and checks.
func (s *Server) LoseLeader() (elect func()) {
	s.sessions.suspend()
	remove := s.Inject(Fault{Effect: NoLeader()})
	return sync.OnceFunc(func() {
		remove()
		s.sessions.resume()
	})
}

// abort ends the request without an answer.
func abort() { panic(http.ErrAbortHandler) }

// nowhere takes an answer that nobody gets.
type nowhere struct{ header http.Header }

func (n *nowhere) Header() http.Header            { return n.header }
func (n *nowhere) WriteHeader(int)                {}
func (n *nowhere) Write(data []byte) (int, error) { return len(data), nil }

// cutWriter writes the first bytes only.
type cutWriter struct {
	http.ResponseWriter
	left int
}

func (c *cutWriter) Write(data []byte) (int, error) {
	n := min(c.left, len(data))
	c.left -= n
	if _, err := c.ResponseWriter.Write(data[:n]); err != nil {
		return 0, err
	}
	return len(data), nil
}

// Unwrap lets http.ResponseController reach what the writer is around.
func (c *cutWriter) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// headerWriter changes the headers before they go out.
type headerWriter struct {
	http.ResponseWriter
	change func(http.Header)
	done   bool
}

func (h *headerWriter) WriteHeader(status int) {
	if !h.done {
		h.done = true
		h.change(h.Header())
	}
	h.ResponseWriter.WriteHeader(status)
}

func (h *headerWriter) Write(data []byte) (int, error) {
	if !h.done {
		h.WriteHeader(http.StatusOK)
	}
	return h.ResponseWriter.Write(data)
}

// Unwrap lets http.ResponseController reach what the writer is around.
func (h *headerWriter) Unwrap() http.ResponseWriter { return h.ResponseWriter }

// Forget has the server be as one that was killed, wiped and started again: all that it kept is gone, sessions, services and
// checks too, indexes start again, and requests under way, such as blocking queries, end without an answer. Faults stay.
// Requests that come in between may find a server that is not quite ready, as they would with a real one.
func (s *Server) Forget() error {
	s.wipes.Add(1)
	s.store.Reset(true)
	s.graves.clear()
	s.agent.forget()
	s.events.clear()
	s.cache.clear()
	s.agentTokens.Store(s.config.acl.tokens())
	return s.begin()
}

// ExpireSession ends a session as if its TTL had run out. One that does not exist is no error.
func (s *Server) ExpireSession(id string) error { return s.expireSession(id) }
