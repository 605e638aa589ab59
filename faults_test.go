package consul_test

// This file holds the fault matrix: every endpoint against every way in which a server can fail it, and the server that
// fails on demand.

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lictor-go/consul"
)

// A faultServer answers every request as its handler does, and keeps account of requests and connections.
type faultServer struct {
	*httptest.Server
	handler atomic.Pointer[http.HandlerFunc]

	mu       sync.Mutex
	requests []string // method and path of each
	conns    int      // connections that were ever made
}

func newFaultServer(t testing.TB, h http.HandlerFunc) *faultServer {
	t.Helper()
	s := unstartedFaultServer(t, h)
	s.Start()
	return s
}

func unstartedFaultServer(t testing.TB, h http.HandlerFunc) *faultServer {
	t.Helper()
	s := &faultServer{}
	s.handle(h)
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests = append(s.requests, r.Method+" "+r.URL.Path)
		s.mu.Unlock()
		(*s.handler.Load())(w, r)
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.mu.Lock()
			s.conns++
			s.mu.Unlock()
		}
	}
	t.Cleanup(s.Close)
	return s
}

// handle replaces the handler for the requests to come.
func (s *faultServer) handle(h http.HandlerFunc) { s.handler.Store(&h) }

// seen gives the requests so far.
func (s *faultServer) seen() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

func (s *faultServer) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conns
}

// client gives a client of the server that repeats a call once, at once.
func (s *faultServer) client(t testing.TB) *consul.Client {
	t.Helper()
	return clientWith(t, &consul.Config{Address: s.URL, Retry: consul.RetryPolicy{MaxAttempts: 2, MaxBackoff: 1}})
}

// onePair is what the server answers to a read of one key.
const onePair = `[{"Key":"k","Value":"dg==","CreateIndex":1,"ModifyIndex":2}]`

// answer is a handler with a fixed answer.
func answer(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Consul-Index", "7")
		w.WriteHeader(code)
		w.Write([]byte(body))
	}
}

// cutOff promises a body and closes the connection in the middle of it.
func cutOff(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	w.Write([]byte(`[{"Key":`))
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

// A fault is a way in which a server fails a call.
type fault struct {
	name     string
	handler  http.HandlerFunc
	code     int   // the status that the error keeps
	sentinel error // nil: none, just the StatusError
	reads    int   // how often a read is sent, of at most two times
	writes   int   // how often a write is sent
}

var faults = []fault{
	{"403", answer(403, "Permission denied: token lacks"), 403, consul.ErrPermissionDenied, 1, 1},
	{"404", answer(404, "no such thing"), 404, consul.ErrNotFound, 1, 1},
	{"429", answer(429, "rate limit exceeded"), 429, consul.ErrRateLimited, 2, 2},
	{"500 no leader", answer(500, "No cluster leader"), 500, consul.ErrNoLeader, 2, 1},
	{"503", answer(503, "out of order"), 503, nil, 2, 1},
	{"cut off", cutOff, 200, consul.ErrBadResponse, 2, 1},
	{"not JSON", answer(200, "<html>"), 200, consul.ErrBadResponse, 1, 1},
}

// expect is what the fault does to an endpoint: how often it is asked, and whether the call fails.
func (f *fault) expect(e *endpoint) (requests int, fails bool) {
	requests = f.writes
	if e.isRead() {
		requests = f.reads
	}
	switch {
	case f.code != 200 && slices.Contains(e.answers, f.code):
		return 1, false
	case f.name == "not JSON":
		return requests, e.result != "" && !e.text
	case f.name == "cut off" && e.stream:
		return 1, true // its caller has part of the answer already
	}
	return requests, true
}

func TestEachEndpointReportsEachFault(t *testing.T) {
	t.Parallel()
	for _, e := range endpoints {
		for _, f := range faults {
			t.Run(e.name+"/"+f.name, func(t *testing.T) {
				t.Parallel()
				checkFault(t, &e, &f)
			})
		}
	}
}

func checkFault(t *testing.T, e *endpoint, f *fault) {
	s := newFaultServer(t, f.handler)
	client := s.client(t)
	requests, fails := f.expect(e)

	err := e.call(testContext(t), client)
	if !fails {
		if err != nil {
			t.Errorf("an answer became an error: %v", err)
		}
	} else {
		checkStatusError(t, err, e, f)
	}
	if got := len(s.seen()); got != requests {
		t.Errorf("sent %d times, want %d", got, requests)
	}

	// The next call goes well, and over the same connection, if the server left one.
	conns := 1
	if f.name == "cut off" {
		conns = requests + 1
	}
	s.handle(answer(200, e.result))
	if err := e.call(testContext(t), client); err != nil {
		t.Errorf("the call after the fault: %v", err)
	}
	if got := s.connections(); got != conns {
		t.Errorf("%d connections made, want %d", got, conns)
	}
}

func checkStatusError(t *testing.T, err error, e *endpoint, f *fault) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	if f.sentinel != nil && !errors.Is(err, f.sentinel) {
		t.Errorf("got %v, want %v", err, f.sentinel)
	}
	for _, other := range []error{consul.ErrPermissionDenied, consul.ErrNotFound, consul.ErrRateLimited, consul.ErrNoLeader, consul.ErrBadResponse, consul.ErrBadRequest} {
		if other != f.sentinel && errors.Is(err, other) {
			t.Errorf("%v is also %q", err, other)
		}
	}
	se, ok := errors.AsType[*consul.StatusError](err)
	if !ok {
		t.Fatalf("%v (%T) is no StatusError", err, err)
	}
	method, path, _ := strings.Cut(e.route, " ")
	if se.Method != method || !strings.HasPrefix(se.Path, path) || se.Code != f.code {
		t.Errorf("the error is about %s %s %d, want %s %d", se.Method, se.Path, se.Code, e.route, f.code)
	}
}

// families are what stands behind /v1/ in the routes of the package's families.
var families = []string{"acl", "agent", "catalog", "event", "health", "kv", "session", "status", "txn"}

func TestEachRouteHasAnEndpoint(t *testing.T) {
	t.Parallel()
	routes := readRoutes(t)
	reached := map[string]bool{}
	for _, e := range endpoints {
		s := newFaultServer(t, answer(200, e.result))
		if err := e.call(testContext(t), s.client(t)); err != nil {
			t.Errorf("%s: %v", e.name, err)
		}
		if len(s.seen()) != 1 || !strings.HasPrefix(s.seen()[0], e.route) {
			t.Errorf("%s sent %q, want one request of the route %s", e.name, s.seen(), e.route)
		}
		for _, request := range s.seen() {
			reached[routeOf(request, routes)] = true
		}
	}
	for _, route := range routes {
		if !reached[route] {
			t.Errorf("no endpoint for %s", route)
		}
	}
}

// routeOf gives the route that serves a request: of those that fit, the longest.
func routeOf(request string, routes []string) string {
	best := ""
	for _, route := range routes {
		if (route == request || strings.HasSuffix(route, "/") && strings.HasPrefix(request, route)) && len(route) > len(best) {
			best = route
		}
	}
	return best
}

// readRoutes gives the routes of the package's families in Consul 1.22.7, each a method and a path. The certificates of
// /v1/agent/connect belong to the service mesh, which the package leaves to Raw.
func readRoutes(t *testing.T) []string {
	t.Helper()
	f, err := os.Open("testdata/routes-1.22.7.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var routes []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		path, methods, _ := strings.Cut(lines.Text(), "\t")
		family, _, _ := strings.Cut(strings.TrimPrefix(path, "/v1/"), "/")
		if !slices.Contains(families, family) || strings.HasPrefix(path, "/v1/agent/connect/") {
			continue
		}
		for method := range strings.SplitSeq(methods, ", ") {
			routes = append(routes, method+" "+path)
		}
	}
	if len(routes) < 80 {
		t.Fatalf("only %d routes in the file", len(routes))
	}
	return routes
}

// roundTripFunc is a transport in memory.
type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// respond makes a transport of a handler: a server in memory that fits into a testing/synctest bubble.
func respond(h http.HandlerFunc) roundTripFunc {
	return func(r *http.Request) (*http.Response, error) {
		if err := r.Context().Err(); err != nil {
			return nil, err
		}
		w := httptest.NewRecorder()
		h(w, r)
		return w.Result(), nil
	}
}

// silence takes a request and never answers.
func silence(_ http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body) // only then does the server look whether the client is still there
	<-r.Context().Done()
}

// An outcome is how a call that ran beside the test ended, and when.
type outcome struct {
	err error
	at  time.Time
}

// start runs a call beside the test.
func start(call func() error) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		err := call()
		done <- outcome{err, time.Now()}
	}()
	return done
}
