package consul_test

// This file tests Hooks: what they are told, that contexts nest, and that they cost nothing where there are none.

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lictor-go/consul"
)

// A tale is what hooks were told, a line for each beginning and end, indented by how deep the contexts nest.
type tale struct {
	mu    sync.Mutex
	lines []string
	calls []*consul.CallInfo
}

type depthKey struct{}

func depth(ctx context.Context) int {
	n, _ := ctx.Value(depthKey{}).(int)
	return n
}

func (t *tale) tell(depth int, format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, strings.Repeat("  ", depth)+fmt.Sprintf(format, args...))
}

func deeper(ctx context.Context) context.Context {
	return context.WithValue(ctx, depthKey{}, depth(ctx)+1)
}

// hooks tells all but the calls that recipes make.
func (t *tale) hooks() *consul.Hooks {
	return &consul.Hooks{
		Call: func(ctx context.Context, call *consul.CallInfo) (context.Context, func(error)) {
			t.mu.Lock()
			t.calls = append(t.calls, call)
			t.mu.Unlock()
			at := depth(ctx)
			t.tell(at, "call %s %s", call.Method, call.Route)
			return deeper(ctx), func(err error) { t.tell(at, "called: %v", sentinelOf(err)) }
		},
		Attempt: func(ctx context.Context, _ *consul.CallInfo, number int) (context.Context, func(*consul.AttemptResult)) {
			at := depth(ctx)
			t.tell(at, "attempt %d", number)
			return deeper(ctx), func(r *consul.AttemptResult) {
				t.tell(at, "attempted: %d %v retry=%v pause=%v", r.Code, sentinelOf(r.Err), r.Retry, r.Pause.Truncate(time.Minute))
			}
		},
	}
}

// holdHooks tells of takes and holds.
func (t *tale) holdHooks() *consul.Hooks {
	return &consul.Hooks{
		Take: func(ctx context.Context, h *consul.HoldInfo) (context.Context, func(error)) {
			at := depth(ctx)
			t.tell(at, "take %s %q %v", h.Recipe, h.Key, h.Session != "")
			return deeper(ctx), func(err error) { t.tell(at, "taken: %v", sentinelOf(err)) }
		},
		Hold: func(ctx context.Context, h *consul.HoldInfo) func(error) {
			at := depth(ctx)
			t.tell(at, "hold %s %q %v", h.Recipe, h.Key, h.Session != "")
			return func(cause error) { t.tell(at, "held: %v", sentinelOf(cause)) }
		},
	}
}

// sentinelOf gives what an error stands for.
func sentinelOf(err error) error {
	for _, s := range []error{
		consul.ErrNotFound, consul.ErrRateLimited, consul.ErrNoLeader, consul.ErrBadResponse, consul.ErrLockHeld,
		consul.ErrLockLost, consul.ErrSemaphoreLost, context.Canceled, context.DeadlineExceeded,
	} {
		if errors.Is(err, s) {
			return s
		}
	}
	return err
}

func (t *tale) want(tb testing.TB, want ...string) {
	tb.Helper()
	t.mu.Lock()
	defer t.mu.Unlock()
	if !reflect.DeepEqual(t.lines, want) {
		tb.Errorf("told\n%s\nwant\n%s", strings.Join(t.lines, "\n"), strings.Join(want, "\n"))
	}
	t.lines = nil
}

func TestHooksAreToldOfAttempts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told tale
		var depths []int
		script := []http.HandlerFunc{answer(500, "No cluster leader"), retryAfterAMinute, answer(200, onePair), answer(404, "")}
		client := clientWith(t, &consul.Config{Hooks: told.hooks(), Timeout: time.Hour, Transport: roundTripFunc(
			func(r *http.Request) (*http.Response, error) {
				depths = append(depths, depth(r.Context()))
				next := script[0]
				script = script[1:]
				return respond(next)(r)
			})})
		if _, _, err := client.KV().Get(t.Context(), "a/b"); err != nil {
			t.Fatal(err)
		}
		told.want(t,
			"call GET /v1/kv/:key",
			"  attempt 1",
			"  attempted: 500 no cluster leader retry=true pause=0s",
			"  attempt 2",
			"  attempted: 429 rate limited retry=true pause=1m0s",
			"  attempt 3",
			"  attempted: 200 <nil> retry=false pause=0s",
			"called: <nil>",
		)
		_, _, err := client.KV().Get(t.Context(), "a/b", consul.Wait(7, time.Second))
		wantError(t, "read", err, consul.ErrNotFound)
		told.want(t,
			"call GET /v1/kv/:key",
			"  attempt 1",
			"  attempted: 404 not found retry=false pause=0s",
			"called: not found",
		)
		if want := []int{2, 2, 2, 2}; !reflect.DeepEqual(depths, want) {
			t.Errorf("the transport sees contexts of depth %v, want %v", depths, want)
		}
		want := []*consul.CallInfo{
			{Method: "GET", Route: "/v1/kv/:key", URL: "http://127.0.0.1:8500/v1/kv/a/b", Server: "127.0.0.1:8500"},
			{Method: "GET", Route: "/v1/kv/:key", URL: "http://127.0.0.1:8500/v1/kv/a/b?index=7", Server: "127.0.0.1:8500", Blocking: true},
		}
		if !reflect.DeepEqual(told.calls, want) {
			t.Errorf("told of %+v, %+v", told.calls[0], told.calls[1])
		}
	})
}

func retryAfterAMinute(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Retry-After", "60")
	answer(429, "rate limit exceeded")(w, r)
}

func TestHooksAreToldHowACallFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told tale
		client := clientWith(t, &consul.Config{Hooks: told.hooks(), Transport: roundTripFunc(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})})
		ended, end := context.WithCancel(t.Context())
		end()
		_, _, err := client.KV().Get(ended, "k")
		wantError(t, "read", err, context.Canceled)
		told.want(t, "call GET /v1/kv/:key", "called: context canceled")

		_, err = client.KV().Put(t.Context(), &consul.KVPair{Key: "k"})
		wantError(t, "write", err, context.DeadlineExceeded)
		told.want(t,
			"call PUT /v1/kv/:key",
			"  attempt 1",
			"  attempted: 0 context deadline exceeded retry=false pause=0s",
			"called: context deadline exceeded",
		)

		_, _, err = client.KV().Get(t.Context(), "")
		wantError(t, "read of no key", err, consul.ErrInvalidKey)
		client.Close()
		_, _, err = client.KV().Get(t.Context(), "k")
		wantError(t, "read after Close", err, consul.ErrClosed)
		told.want(t) // nothing of what was never sent
	})
}

// A call whose answer is read as it arrives ends with that.
func TestHooksAreToldOfStreams(t *testing.T) {
	t.Parallel()
	var told tale
	s := newFaultServer(t, answer(200, "value"))
	client := clientWith(t, &consul.Config{Address: s.URL, Hooks: told.hooks()})
	for _, end := range []struct {
		handler http.HandlerFunc
		err     error
	}{{answer(200, "value"), nil}, {cutOff, consul.ErrBadResponse}} {
		s.handle(end.handler)
		body, _, err := client.KV().GetRaw(testContext(t), "k")
		if err != nil {
			t.Fatal(err)
		}
		told.want(t, "call GET /v1/kv/:key", "  attempt 1", "  attempted: 200 <nil> retry=false pause=0s")
		_, err = io.ReadAll(body)
		wantError(t, "reading", err, end.err)
		told.want(t)
		for range 2 {
			body.Close()
		}
		told.want(t, fmt.Sprintf("called: %v", end.err))
	}
}

func TestHooksNameEachRoute(t *testing.T) {
	t.Parallel()
	for _, e := range endpoints {
		var told tale
		client := clientWith(t, &consul.Config{Hooks: told.hooks(), Transport: respond(answer(200, e.result))})
		if err := e.call(testContext(t), client); err != nil {
			t.Errorf("%s: %v", e.name, err)
		}
		for _, call := range told.calls {
			before, _, _ := strings.Cut(call.Route, ":")
			if got := call.Method + " " + before; got != e.route {
				t.Errorf("%s is told as %s %s, want %s", e.name, call.Method, call.Route, e.route)
			}
		}
		if len(told.calls) != 1 {
			t.Errorf("%s is told as %d calls", e.name, len(told.calls))
		}
	}
}

// Each route of the server has a template, whatever is named in its path.
func TestHooksKnowTheServersRoutes(t *testing.T) {
	t.Parallel()
	routes := map[string]string{ // by path, what stands before the name
		"/v1/no/such/route":         "",
		"/v1/acl/token/a%2Fb/clone": "/v1/acl/token/:accessor/clone",
		"/v1/query/q/execute":       "/v1/query/:query/execute",
		"/v1/query/q":               "/v1/query/:query",
		"/v1/kv/":                   "/v1/kv/:key",
	}
	f, err := os.Open("testdata/routes-1.22.7.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Scan() // the heading
	for lines.Scan() {
		path, _, _ := strings.Cut(lines.Text(), "\t")
		if strings.HasSuffix(path, "/") {
			routes[path+"the%20name/of/it"] = path + ":"
		} else {
			routes[path] = path
		}
	}
	if len(routes) < 120 {
		t.Fatalf("only %d routes", len(routes))
	}
	var told tale
	client := clientWith(t, &consul.Config{Hooks: told.hooks(), Transport: respond(answer(200, ""))})
	for path, want := range routes {
		told.calls = nil
		if _, err := client.Raw().Query(t.Context(), path, nil); err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		got := told.calls[0].Route
		if got != want && !(strings.HasSuffix(want, ":") && strings.HasPrefix(got, want) && !strings.Contains(got, "the")) {
			t.Errorf("%s is told as %q, want %q", path, got, want)
		}
	}
}

// What is secret in a path, and in an address, stays out of what hooks are told.
func TestHooksAreToldNoSecrets(t *testing.T) {
	t.Parallel()
	const secret = "b3f1c0de-0000-0000-0000-000000000001"
	var told tale
	client := clientWith(t, &consul.Config{
		Address: "https://consul.example/up", Token: secret, Hooks: told.hooks(), Transport: respond(answer(200, "true")),
	})
	if _, err := client.ACL().Destroy(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	want := consul.CallInfo{
		Method: "PUT", Route: "/v1/acl/destroy/:id", Server: "consul.example",
		URL: "https://consul.example/up/v1/acl/destroy/%3Chidden%3E",
	}
	if got := *told.calls[0]; got != want {
		t.Errorf("told of %+v, want %+v", got, want)
	}
}

func TestHooksAreToldOfHolds(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		var told tale
		client := clientWith(w, &consul.Config{Transport: w.server.Transport(), Hooks: told.holdHooks()})
		lock, rival := newLock(w, client, "k"), newLock(w, client, "k")
		hold := take(w, lock)
		if depth(hold) != 0 {
			w.Error("the hold has the context of its taking")
		}
		told.want(w, `take lock "k" false`, `taken: <nil>`, `hold lock "k" true`)
		_, err := rival.TryLock(w.Context())
		wantError(w, "try", err, consul.ErrLockHeld)
		told.want(w, `take lock "k" false`, `taken: lock held`)
		wantError(w, "unlock", lock.Unlock(w.Context()), nil)
		told.want(w, `held: <nil>`)

		hold = take(w, lock)
		if _, err := w.client.KV().Delete(w.Context(), "k"); err != nil {
			w.Fatal(err)
		}
		<-hold.Done()
		synctest.Wait()
		told.want(w, `take lock "k" false`, `taken: <nil>`, `hold lock "k" true`, `held: lock lost`)
	})
}

func TestHooksAreToldOfWatches(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		var told tale
		hooks := told.hooks()
		hooks.Attempt = nil
		hooks.Watch = func(ctx context.Context, watch *consul.WatchInfo) (context.Context, func(*consul.WatchRound)) {
			at := depth(ctx)
			told.tell(at, "ask %s %q", watch.Kind, watch.Name)
			return deeper(ctx), func(r *consul.WatchRound) { told.tell(at, "asked: %v %v", r.Changed, sentinelOf(r.Err)) }
		}
		client := clientWith(w, &consul.Config{Transport: w.server.Transport(), Hooks: hooks})
		view := client.ViewKey(w.Context(), "k")
		same := client.ViewKey(w.Context(), "k") // asks nothing of its own
		w.sleep(time.Second)
		w.put("v")
		for range 2 {
			view.Close()
			same.Close()
		}
		const round, call = `ask key "k"`, "  call GET /v1/kv/:key"
		told.want(w,
			round, call, "  called: not found", "asked: false <nil>",
			round, call, "  called: <nil>", "asked: true <nil>",
			round, call, "  called: context canceled", "asked: false context canceled",
		)
	})
}

func TestHooksNameEachRecipe(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		var told tale
		client := clientWith(w, &consul.Config{Transport: w.server.Transport(), Hooks: told.holdHooks()})
		ctx := w.Context()
		wantTale := func(name string) {
			w.Helper()
			told.want(w, "take "+name+" false", "taken: <nil>", "hold "+name+" true", "held: <nil>")
		}

		fair := must[*consul.FairLock](w)(client.FairLockKey("fair"))
		must[context.Context](w)(fair.Lock(ctx))
		wantError(w, "unlock", fair.Unlock(ctx), nil)
		wantTale(`fair lock "fair"`)

		slots := must[*consul.Semaphore](w)(client.SemaphorePrefix("slots/", 2))
		must[context.Context](w)(slots.Acquire(ctx))
		wantError(w, "release", slots.Release(ctx), nil)
		wantTale(`semaphore "slots/"`)

		election := must[*consul.Election](w)(client.Election("leader", nil))
		wantError(w, "election", election.Run(ctx, func(context.Context) error { return nil }), nil)
		wantTale(`election "leader"`)
	})
}

// See also TestAllocationsOfARead, which bounds those of a call without hooks. Here less than half an allocation a read is
// left to chance: the race detector empties pools at random.
func TestHooksCostNothingUnused(t *testing.T) {
	const reads = 10
	allocations := func(hooks *consul.Hooks) float64 {
		client := clientWith(t, &consul.Config{Hooks: hooks, Transport: cannedPair()})
		ctx := t.Context()
		return testing.AllocsPerRun(200, func() {
			for range reads {
				if _, _, err := client.KV().Get(ctx, "k"); err != nil {
					t.Fatal(err)
				}
			}
		}) / reads
	}
	var told tale
	without := allocations(nil)
	for name, hooks := range map[string]*consul.Hooks{"no functions": {}, "functions for holds only": told.holdHooks()} {
		if got := allocations(hooks); got > without+0.5 {
			t.Errorf("Hooks with %s: %.1f allocations for a read, without Hooks %.1f", name, got, without)
		}
	}
	if got := allocations(told.hooks()); got <= without+0.5 {
		t.Errorf("%.1f allocations with all hooks, %.1f without: this shows nothing", got, without)
	}
}
