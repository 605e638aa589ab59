package consul_test

// This file holds what the tests of the recipes share: a server in virtual time, and the wires to it that go wrong.

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lictor-go/consul"
	"github.com/lictor-go/consul/embedded"
)

// A trouble is what happens to a request on its way.
type trouble string

const (
	fine       trouble = ""
	internal   trouble = "500"
	limited    trouble = "429"
	gateway    trouble = "503"
	eofBefore  trouble = "EOF before"
	eofAfter   trouble = "EOF after it took effect"
	hangBefore trouble = "hang"
	hangAfter  trouble = "hang after it took effect"
	denied     trouble = "403"
	hangLate   trouble = "hang, and take effect later"
)

// lateBy is how long after it was given up a request takes effect that is late.
const lateBy = 5 * time.Second

var allTroubles = []trouble{internal, limited, gateway, eofBefore, eofAfter, hangBefore, hangAfter}

// A wire carries the requests of one process to the server.
type wire struct {
	to http.RoundTripper

	mu   sync.Mutex
	pick func(*http.Request) trouble // what a request meets
	down trouble                     // what all meet, those under way too
	log  []passed
}

// passed is a request that was sent.
type passed struct {
	at        time.Time
	kind, url string
}

// kinds name requests by what the recipes use them for.
var kinds = []struct{ name, method, path, query string }{
	{"create", "PUT", "/v1/session/create", ""},
	{"renew", "PUT", "/v1/session/renew/", ""},
	{"info", "GET", "/v1/session/info/", ""},
	{"destroy", "PUT", "/v1/session/destroy/", ""},
	{"txn", "PUT", "/v1/txn", ""},
	{"acquire", "PUT", "/v1/kv/", "acquire="},
	{"release", "PUT", "/v1/kv/", "release="},
	{"delete", "DELETE", "/v1/kv/", ""},
	{"put", "PUT", "/v1/kv/", ""},
	{"verify", "GET", "/v1/kv/", "consistent"},
	{"wait", "GET", "/v1/kv/", "index="},
	{"read", "GET", "/v1/kv/", ""},
}

func kindOf(r *http.Request) string {
	for _, k := range kinds {
		if r.Method == k.method && strings.HasPrefix(r.URL.Path, k.path) && strings.Contains(r.URL.RawQuery, k.query) {
			return k.name
		}
	}
	return r.Method + " " + r.URL.Path
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	w.log = append(w.log, passed{time.Now(), kindOf(r), r.URL.String()})
	f := w.down
	if f == fine && w.pick != nil {
		f = w.pick(r)
	}
	to := w.to
	w.mu.Unlock()
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	switch f {
	case internal:
		return answerText(r, 500, "something broke"), nil
	case limited:
		return answerText(r, 429, "Too Many Requests"), nil
	case gateway:
		return answerText(r, 503, "no server is available"), nil
	case denied:
		return answerText(r, 403, "Permission denied"), nil
	case eofBefore:
		return nil, io.EOF
	case hangBefore:
		<-r.Context().Done()
		return nil, context.Cause(r.Context())
	case hangLate:
		again := r.Clone(context.WithoutCancel(r.Context()))
		if r.Body != nil {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return nil, err
			}
			again.Body = io.NopCloser(bytes.NewReader(body))
		}
		<-r.Context().Done()
		time.AfterFunc(lateBy, func() {
			if resp, err := to.RoundTrip(again); err == nil {
				resp.Body.Close()
			}
		})
		return nil, context.Cause(r.Context())
	}
	resp, err := to.RoundTrip(r)
	if f == fine {
		w.mu.Lock()
		f = w.down // a wire that went down meanwhile brings no answer
		w.mu.Unlock()
	}
	switch f {
	case eofAfter, eofBefore:
		return nil, io.EOF
	case hangAfter, hangBefore:
		<-r.Context().Done()
		return nil, context.Cause(r.Context())
	}
	return resp, err
}

func answerText(r *http.Request, code int, text string) *http.Response {
	return &http.Response{StatusCode: code, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(text)), Request: r}
}

// cut has all requests, those under way too, meet f from now on.
func (w *wire) cut(f trouble) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = f
}

// meet has the first times requests of a kind, after those that were skipped, meet f.
func (w *wire) meet(f trouble, kind string, skip, times int) {
	seen := 0
	w.choose(func(r *http.Request) trouble {
		if kindOf(r) != kind {
			return fine
		}
		seen++
		if seen <= skip || seen > skip+times {
			return fine
		}
		return f
	})
}

func (w *wire) choose(pick func(*http.Request) trouble) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pick = pick
}

// count counts the requests so far of some kinds, or all.
func (w *wire) count(kinds ...string) int {
	n := 0
	for _, s := range w.sent() {
		if len(kinds) == 0 || slices.Contains(kinds, s.kind) {
			n++
		}
	}
	return n
}

func (w *wire) sent() []passed {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.log)
}

// A world is a server in virtual time, and the test's own view of it, which nothing disturbs.
type world struct {
	*testing.T
	server *embedded.Server
	client *consul.Client
}

// inWorld runs a test in virtual time.
func inWorld(t *testing.T, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(newWorld(t)) })
}

func newWorld(t *testing.T) *world {
	t.Helper()
	server, err := embedded.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Close()
		time.Sleep(time.Minute) // what tidies up may end
	})
	return &world{t, server, clientWith(t, &consul.Config{Transport: server.Transport()})}
}

// process gives a client with a wire of its own, as another process has it.
func (w *world) process() (*consul.Client, *wire) {
	w.Helper()
	link := &wire{to: w.server.Transport()}
	return clientWith(w, &consul.Config{Transport: link}), link
}

// session is what the recipes make sessions from here: with a TTL of 10 s, and bound to no check.
func session() *consul.SessionEntry {
	return &consul.SessionEntry{TTL: 10 * time.Second, NodeChecks: []string{}}
}

// sleep lets time pass, and all that is to happen within it.
func (w *world) sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// sessions gives the IDs of all sessions.
func (w *world) sessions() []string {
	w.Helper()
	list, _, err := w.client.Session().List(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	var ids []string
	for _, s := range list {
		ids = append(ids, s.ID)
	}
	return ids
}

// key reads a key, nil where there is none.
func (w *world) key(key string) *consul.KVPair {
	w.Helper()
	pair, _, err := w.client.KV().Get(w.Context(), key)
	if err != nil && !errors.Is(err, consul.ErrNotFound) {
		w.Fatal(err)
	}
	return pair
}

// keys lists keys.
func (w *world) keys(prefix string) []string {
	w.Helper()
	keys, _, err := w.client.KV().Keys(w.Context(), prefix, "")
	if err != nil {
		w.Fatal(err)
	}
	return keys
}

// wantNothingHeld fails where a session is left, or a key that one holds.
func (w *world) wantNothingHeld() {
	w.Helper()
	if left := w.sessions(); len(left) > 0 {
		w.Errorf("sessions are left: %q", left)
	}
	pairs, _, err := w.client.KV().List(w.Context(), "")
	if err != nil {
		w.Fatal(err)
	}
	for _, p := range pairs {
		if p.Session != "" {
			w.Errorf("%s is held", p.Key)
		}
	}
}

// must gives what a call gave that may not fail.
func must[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// wantEnded fails unless ctx ended by now, for the reason that cause is.
func wantEnded(t testing.TB, ctx context.Context, cause error) {
	t.Helper()
	if got := context.Cause(ctx); !errors.Is(got, cause) {
		t.Errorf("the context ended with %v, want %v", got, cause)
	}
}

// wantLive fails if ctx has ended.
func wantLive(t testing.TB, ctx context.Context) {
	t.Helper()
	if ctx.Err() != nil {
		t.Errorf("the context has ended: %v", context.Cause(ctx))
	}
}

// wantError fails unless err is want; nil is no error.
func wantError(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}
