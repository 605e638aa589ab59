package consul_test

// This file tests the connections that a client makes: where they go, where they don't, and what becomes of them.

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/lictor-go/consul"
	"github.com/lictor-go/consul/internal/ports"
)

func TestRedirectIsRefused(t *testing.T) {
	t.Parallel()
	other := newFaultServer(t, answer(200, "true"))
	var self *faultServer
	targets := map[string]func() string{
		"another origin": func() string { return other.URL + "/v1/kv/k?token=5ec7e7" },
		"same origin":    func() string { return self.URL + "/v1/kv/elsewhere" },
		"a path":         func() string { return "/v1/kv/elsewhere" },
	}
	for name, target := range targets {
		for _, code := range []int{301, 302, 303, 307, 308} {
			self = newFaultServer(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, target(), code) })
			client := clientWith(t, &consul.Config{Address: self.URL, Token: "secret"})
			for _, e := range kvEndpoints {
				err := e.call(testContext(t), client)
				if !errors.Is(err, consul.ErrRedirect) {
					t.Errorf("%s: %d to %s: got %v, want ErrRedirect", e.name, code, name, err)
				}
				if se, ok := errors.AsType[*consul.StatusError](err); !ok || se.Code != code {
					t.Errorf("%s: %d to %s: %v does not keep the status", e.name, code, name, err)
				}
			}
			if n := len(self.seen()); n != len(kvEndpoints) {
				t.Errorf("%d to %s: %d requests for %d calls", code, name, n, len(kvEndpoints))
			}
			if n := self.connections(); n != 1 {
				t.Errorf("%d to %s: %d connections, want one that is used again", code, name, n)
			}
		}
	}
	if seen := other.seen(); len(seen) != 0 {
		t.Errorf("the other server was sent %q", seen)
	}
}

// newSocketServer starts a server on a unix socket, and gives it with its address.
func newSocketServer(t *testing.T, h http.HandlerFunc) (*faultServer, string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "consul") // t.TempDir can be longer than a socket's path may be
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "consul.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := unstartedFaultServer(t, h)
	s.Listener.Close()
	s.Listener = l
	s.Start()
	return s, "unix://" + path
}

func TestUnixSocketKeepsItsConnection(t *testing.T) {
	t.Parallel()
	s, address := newSocketServer(t, answer(200, onePair))
	client := clientWith(t, &consul.Config{Address: address})
	for range 5 {
		if _, _, err := client.KV().Get(testContext(t), "k"); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.connections(); n != 1 {
		t.Errorf("%d connections for 5 calls, want 1", n)
	}
}

func TestUnixSocketThatIsNotThere(t *testing.T) {
	t.Parallel()
	client := clientWith(t, &consul.Config{Address: "unix:///nowhere/consul.sock", Retry: consul.RetryPolicy{MaxAttempts: 1}})
	_, err := client.KV().Put(testContext(t), &consul.KVPair{Key: "k"})
	if !errors.Is(err, os.ErrNotExist) || !consul.SafeToRetry(err) || !strings.Contains(err.Error(), "unix:///nowhere/consul.sock") {
		t.Errorf("got %v, want that the socket does not exist, and that nothing was sent", err)
	}
}

func TestIPv6(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Fatal(err)
	}
	s := unstartedFaultServer(t, answer(200, onePair))
	s.Listener.Close()
	s.Listener = l
	s.Start()
	client := clientWith(t, &consul.Config{Address: l.Addr().String()})
	if _, _, err := client.KV().Get(testContext(t), "k"); err != nil {
		t.Error(err)
	}
}

func TestProxyOfTheConfigIsUsed(t *testing.T) {
	t.Parallel()
	var host atomic.Value
	proxy := newFaultServer(t, func(w http.ResponseWriter, r *http.Request) {
		host.Store(r.URL.Host)
		answer(200, onePair)(w, r)
	})
	target := proxy.Listener.Addr()
	config := &consul.Config{Address: "http://consul.example.com:8500", Proxy: func(r *http.Request) (*url.URL, error) {
		u := *r.URL
		u.Host, u.Path = target.String(), ""
		return &u, nil
	}}
	if _, _, err := clientWith(t, config).KV().Get(testContext(t), "k"); err != nil {
		t.Fatal(err)
	}
	if host.Load() != "consul.example.com:8500" {
		t.Errorf("the proxy was asked for %v", host.Load())
	}
}

func TestClosedClient(t *testing.T) {
	t.Parallel()
	s := newFaultServer(t, answer(200, onePair))
	client := clientWith(t, &consul.Config{Address: s.URL})
	for range 2 {
		if err := client.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	for _, e := range endpoints {
		if err := e.call(testContext(t), client); !errors.Is(err, consul.ErrClosed) {
			t.Errorf("%s: %v, want ErrClosed", e.name, err)
		}
	}
	if n := len(s.seen()); n != 0 {
		t.Errorf("%d requests after Close", n)
	}
}

// A call under way when its client is closed is finished, with its retries, and the connections that it needs for that
// are closed then rather than kept.
func TestCallUnderWayOutlivesClose(t *testing.T) {
	t.Parallel()
	got, release := make(chan struct{}), make(chan struct{})
	s := unstartedFaultServer(t, nil)
	s.handle(func(w http.ResponseWriter, r *http.Request) {
		if len(s.seen()) > 1 {
			answer(200, onePair)(w, r)
			return
		}
		close(got)
		<-release
		w.Header().Set("Connection", "close")
		answer(503, "")(w, r)
	})
	gone := make(chan struct{}, 2)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			gone <- struct{}{}
		}
	}
	s.Start()
	client := s.client(t)
	done := start(func() error { _, _, err := client.KV().Get(testContext(t), "k"); return err })
	<-got
	client.Close()
	close(release)
	if end := <-done; end.err != nil {
		t.Errorf("the call: %v", end.err)
	}
	for range 2 {
		select {
		case <-gone:
		case <-testContext(t).Done():
			t.Fatal("a connection is still open")
		}
	}
}

// After a restart of the server, connections that were idle are of no use. Writes are sent over new ones then, each
// exactly once.
func TestServerRestart(t *testing.T) {
	t.Parallel()
	writes := map[string]int{}
	count := func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		writes[string(b)]++ // the server answers one request at a time here
		answer(200, "true")(w, r)
	}
	address := closedPort(t)
	client := clientWith(t, &consul.Config{Address: address})
	for round := range 20 {
		l, err := ports.Listen(address)
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewUnstartedServer(http.HandlerFunc(count))
		server.Listener.Close()
		server.Listener = l
		server.Start()
		for call := range 3 {
			value := []byte{byte('a' + round), byte('0' + call)}
			if _, err := client.KV().Put(testContext(t), &consul.KVPair{Key: "k", Value: value}); err != nil {
				t.Errorf("round %d, call %d: %v", round, call, err)
			}
		}
		server.Close()
	}
	for value, n := range writes {
		if n != 1 {
			t.Errorf("%s was written %d times", value, n)
		}
	}
	if len(writes) != 60 {
		t.Errorf("%d of 60 values were written", len(writes))
	}
}

// A connection that breaks while a write is on it may have carried it: the write is not sent again.
func TestWriteOnBrokenConnectionIsNotRepeated(t *testing.T) {
	t.Parallel()
	s := newFaultServer(t, answer(200, "true"))
	client := clientWith(t, &consul.Config{Address: s.URL})
	put := func() error {
		_, err := client.KV().Put(testContext(t), &consul.KVPair{Key: "k", Value: []byte("v")})
		return err
	}
	if err := put(); err != nil {
		t.Fatal(err)
	}
	s.handle(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	err := put()
	if err == nil || consul.SafeToRetry(err) {
		t.Errorf("got %v, SafeToRetry %v; want an error that is not safe to retry", err, consul.SafeToRetry(err))
	}
	if n := len(s.seen()); n != 2 {
		t.Errorf("%d requests for 2 calls", n)
	}
}

func TestTransportThatBreaksItsPromise(t *testing.T) {
	t.Parallel()
	breaking := func(resp *http.Response) *consul.Client {
		return clientWith(t, &consul.Config{Retry: consul.RetryPolicy{MaxAttempts: 1}, Transport: roundTripFunc(func(*http.Request) (*http.Response, error) {
			return resp, nil
		})})
	}
	nothing, noBody := breaking(nil), breaking(&http.Response{StatusCode: 204})
	for _, e := range endpoints {
		if err := e.call(t.Context(), nothing); err == nil {
			t.Errorf("%s: no error from an answer that is nil", e.name)
		}
		if err := e.call(t.Context(), noBody); err != nil && !errors.Is(err, consul.ErrBadResponse) && !errors.Is(err, consul.ErrNotFound) {
			t.Errorf("%s: %v from an answer without a body", e.name, err)
		}
	}
}

// An error may say more than is kept of it: the rest is read, so that its connection can be used again.
func TestLongErrorKeepsTheConnection(t *testing.T) {
	t.Parallel()
	s := newFaultServer(t, answer(500, strings.Repeat("x", 100<<10)))
	client := s.client(t)
	for range 3 {
		_, err := client.KV().Put(testContext(t), &consul.KVPair{Key: "k"})
		if se, ok := errors.AsType[*consul.StatusError](err); !ok || len(se.Body) != 4<<10 {
			t.Errorf("got %.100v", err)
		}
	}
	if n := s.connections(); n != 1 {
		t.Errorf("%d connections for 3 calls", n)
	}
}

// An error that never ends is kept up to its limit, and costs the connection, not the caller's time.
func TestEndlessErrorBody(t *testing.T) {
	t.Parallel()
	s := newFaultServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(500)
		for r.Context().Err() == nil {
			if _, err := w.Write(bytes.Repeat([]byte("x"), 64<<10)); err != nil {
				return
			}
		}
	})
	_, err := s.client(t).KV().Put(testContext(t), &consul.KVPair{Key: "k"})
	if se, ok := errors.AsType[*consul.StatusError](err); !ok || len(se.Body) != 4<<10 {
		t.Errorf("got %.100v", err)
	}
	s.handle(answer(200, "true"))
	if _, err := s.client(t).KV().Put(testContext(t), &consul.KVPair{Key: "k"}); err != nil {
		t.Error(err)
	}
}

// net/http repeats a read, but not a write, when it finds that the connection it had picked was closed before.
func TestWriteOnConnectionClosedIdleIsRepeated(t *testing.T) {
	t.Parallel()
	sent := 0
	client := clientWith(t, &consul.Config{
		Retry: consul.RetryPolicy{MaxBackoff: 1},
		Transport: roundTripFunc(func(r *http.Request) (*http.Response, error) {
			if sent++; sent == 1 {
				return nil, errors.New("http: server closed idle connection")
			}
			return respond(answer(200, "true"))(r)
		}),
	})
	if _, err := client.KV().Put(testContext(t), &consul.KVPair{Key: "k"}); err != nil || sent != 2 {
		t.Errorf("sent %d times, %v; want two times, and success", sent, err)
	}
}
