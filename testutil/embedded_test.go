package testutil_test

// The tests of what holds for embedded servers alone, whatever the backend of the others.

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lictor-go/consul/testutil"
)

func newEmbedded(t *testing.T, opts ...testutil.Option) *testutil.Server {
	t.Helper()
	t.Setenv("CONSUL_TEST_BACKEND", "embedded")
	return testutil.NewServer(t, opts...)
}

func TestEmbeddedServerStartsFast(t *testing.T) {
	t.Setenv("CONSUL_TEST_BACKEND", "embedded")
	t.Setenv("CONSUL_BIN", "/no/such/consul") // none is needed
	fastest := time.Hour
	for range 20 {
		start := time.Now()
		s, err := testutil.Start(t.Context())
		fastest = min(fastest, time.Since(start))
		if err != nil {
			t.Fatal(err)
		}
		put(t, s, "a", "1")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if fastest > 5*time.Millisecond {
		t.Errorf("the fastest of 20 starts took %v, want 5 ms at most", fastest)
	}
}

func TestEmbeddedServerSaysWhatItIs(t *testing.T) {
	s := newEmbedded(t)
	if s.LANAddr() != "" || s.WANAddr() != "" {
		t.Errorf("gossip addresses %q and %q, want none", s.LANAddr(), s.WANAddr())
	}
	if !strings.Contains(s.String(), "embedded") || !strings.Contains(s.Log(), "embedded") {
		t.Errorf("%v, which is embedded, does not say so, nor does its log: %s", s, s.Log())
	}
}

// In a bubble the time of a blocking query, and of a session's end, is the bubble's.
func TestEmbeddedServerInABubble(t *testing.T) {
	t.Setenv("CONSUL_TEST_BACKEND", "embedded")
	synctest.Test(t, func(t *testing.T) {
		s := testutil.NewServer(t)
		client := &http.Client{Transport: s.Transport()}
		call := func(method, path, body string) string {
			t.Helper()
			r, err := http.NewRequestWithContext(t.Context(), method, "http://consul"+path, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			response, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			answer, err := io.ReadAll(response.Body)
			if err != nil || response.StatusCode != http.StatusOK {
				t.Fatalf("%s %s: %d %s, %v", method, path, response.StatusCode, answer, err)
			}
			return string(answer)
		}
		call(http.MethodPut, "/v1/session/create", `{"TTL": "10s"}`)
		start := time.Now()
		call(http.MethodGet, "/v1/session/list?index=1000000&wait=1m", "")
		if took := time.Since(start); took < time.Minute || took > 64*time.Second {
			t.Errorf("a query with a wait of 1m was held for %v", took)
		}
		if sessions := call(http.MethodGet, "/v1/session/list", ""); sessions != "[]" {
			t.Errorf("after a minute the session with a TTL of 10 s is still there: %s", sessions)
		}
	})
}

func TestEmbeddedServerThatLeaves(t *testing.T) {
	s := newEmbedded(t)
	put(t, s, "a", "1")
	expect(t, s, request{method: http.MethodPut, path: "/v1/agent/leave"}, 200, "")
	refuses(t, s.Addr())
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	// What it kept went with it.
	expect(t, s, request{method: http.MethodGet, path: "/v1/kv/a"}, 404, "")
}

// blockedQuery sends a query that waits, and gives its answer's status or error once it has one.
func blockedQuery(ctx context.Context, t *testing.T, s *testutil.Server, client *http.Client) <-chan error {
	t.Helper()
	put(t, s, "watched", "1")
	answered := make(chan error, 1)
	held := make(chan struct{})
	go func() {
		r := request{method: http.MethodGet, path: "/v1/kv/watched?index=1000000&wait=5m", client: client}
		close(held)
		status, _, err := do(ctx, s, r)
		if err == nil && status != http.StatusOK {
			err = errors.New(http.StatusText(status))
		}
		answered <- err
	}()
	<-held
	return answered
}

func TestEmbeddedServerCutsConnections(t *testing.T) {
	s := newEmbedded(t)
	for name, end := range map[string]func() error{"stop": s.Stop, "kill": s.Kill} {
		for over, client := range map[string]*http.Client{"TCP": nil, "memory": {Transport: s.Transport()}} {
			answered := blockedQuery(t.Context(), t, s, client)
			if err := end(); err != nil {
				t.Fatal(err)
			}
			if err := <-answered; err == nil {
				t.Errorf("%s: a query over %s that was held had an answer", name, over)
			}
			refuses(t, s.Addr())
			if err := s.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			wantValue(t, s, "watched", "1")
		}
	}
}

// What is sent while a server is suspended is answered when it goes on.
func TestEmbeddedServerAnswersAfterASuspension(t *testing.T) {
	s := newEmbedded(t, testutil.WithMutualTLS())
	for over, client := range map[string]*http.Client{"TCP": tlsClient(t, s, true, true), "memory": {Transport: s.Transport()}} {
		if err := s.Suspend(); err != nil {
			t.Fatal(err)
		}
		written := make(chan error, 1)
		go func() {
			r := request{method: http.MethodPut, path: "/v1/kv/late", body: over, client: client}
			_, _, err := do(t.Context(), s, r)
			written <- err
		}()
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, _, err := do(ctx, s, request{method: http.MethodGet, path: "/v1/kv/late", client: client})
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a read over %s of a suspended server: %v, want no answer in time", over, err)
		}
		if err := s.Continue(); err != nil {
			t.Fatal(err)
		}
		if err := <-written; err != nil {
			t.Errorf("a write over %s that came in the suspension: %v", over, err)
		}
		expect(t, s, request{method: http.MethodGet, path: "/v1/kv/late?raw", client: client}, 200, over)
	}
	if err := s.Suspend(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := s.Transport().RoundTrip(&http.Request{Method: http.MethodGet})
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a request to a closed server: %v, want a connection refused", err)
	}
}
