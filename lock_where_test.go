package consul_test

// This file tests that all that the recipes send says where and as whom: also what they send long after they were set up.

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lictor-go/consul"
)

// Where, and as whom.
const whereDC, whereNamespace, wherePartition, asWhom = "dc1", "team", "east", "secret"

// An enterprise checks that requests say where and as whom, and passes them on to a server that knows but one place.
type enterprise struct {
	t  testing.TB
	to http.RoundTripper

	mu   sync.Mutex
	seen map[string]bool // kinds of requests
}

func (e *enterprise) RoundTrip(r *http.Request) (*http.Response, error) {
	kind, query := kindOf(r), r.URL.Query()
	for name, want := range map[string]string{"dc": whereDC, "ns": whereNamespace, "partition": wherePartition} {
		if got := query.Get(name); got != want {
			e.t.Errorf("%s %s: %s is %q, want %q", r.Method, r.URL, name, got, want)
		}
	}
	if got := r.Header.Get("X-Consul-Token"); got != asWhom {
		e.t.Errorf("%s %s: the token is %q, want %q", r.Method, r.URL, got, asWhom)
	}
	e.mu.Lock()
	e.seen[kind] = true
	e.mu.Unlock()
	r = r.Clone(r.Context())
	query.Del("ns")
	query.Del("partition")
	r.URL.RawQuery = query.Encode()
	if kind == "txn" {
		body, err := e.inOnePlace(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}
	return e.to.RoundTrip(r)
}

// inOnePlace checks the operations of a transaction, and takes out what they say of where.
func (e *enterprise) inOnePlace(transaction io.Reader) ([]byte, error) {
	var ops []map[string]map[string]any
	dec := json.NewDecoder(transaction)
	dec.UseNumber() // flags are more than a float64 holds
	if err := dec.Decode(&ops); err != nil {
		return nil, err
	}
	for _, op := range ops {
		kv := op["KV"]
		if kv["Namespace"] != whereNamespace || kv["Partition"] != wherePartition {
			e.t.Errorf("the operation is %v, want it in namespace %q of partition %q", op, whereNamespace, wherePartition)
		}
		delete(kv, "Namespace")
		delete(kv, "Partition")
	}
	return json.Marshal(ops)
}

func TestRecipesSayWhereAndAsWhom(t *testing.T) {
	t.Parallel()
	lockOptions := &consul.LockOptions{
		Key: "k", SessionOpts: session(),
		Datacenter: whereDC, Namespace: whereNamespace, Partition: wherePartition, Token: asWhom,
	}
	for name, newOne := range map[string]func(testing.TB, *consul.Client) (one *contender, destroy func(context.Context) error){
		"Lock": func(t testing.TB, c *consul.Client) (*contender, func(context.Context) error) {
			l := must[*consul.Lock](t)(c.LockOpts(lockOptions))
			return newContender(l.Lock, l.Unlock, l.Fence), l.Destroy
		},
		"FairLock": func(t testing.TB, c *consul.Client) (*contender, func(context.Context) error) {
			l := must[*consul.FairLock](t)(c.FairLockOpts(lockOptions))
			return newContender(l.Lock, l.Unlock, l.Fence), nil
		},
		"Semaphore": func(t testing.TB, c *consul.Client) (*contender, func(context.Context) error) {
			s := must[*consul.Semaphore](t)(c.SemaphoreOpts(&consul.SemaphoreOptions{
				Prefix: "k", Limit: 1, SessionOpts: session(),
				Datacenter: whereDC, Namespace: whereNamespace, Partition: wherePartition, Token: asWhom,
			}))
			return newContender(s.Acquire, s.Release, nil), s.Destroy
		},
		"Election": func(t testing.TB, c *consul.Client) (*contender, func(context.Context) error) {
			e := must[*consul.Election](t)(c.Election("k", &consul.ElectionOptions{
				SessionOpts: session(), Datacenter: whereDC, Namespace: whereNamespace, Partition: wherePartition, Token: asWhom,
			}))
			return electionAsContender(t, e), nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(w *world) {
				link := &enterprise{t: w, to: w.server.Transport(), seen: map[string]bool{}}
				client := clientWith(w, &consul.Config{Transport: link})
				holder, destroy := newOne(w, client)
				waiter, _ := newOne(w, client)
				wantError(w, "take", holder.take(w.Context()), nil)
				taken := start(func() error { return waiter.take(w.Context()) })
				w.sleep(time.Minute)
				wantError(w, "give back", holder.give(w.Context()), nil)
				wantError(w, "the waiter", (<-taken).err, nil)
				crashed := w.sessions() // after which there is a lock-delay, and what is dead to be passed
				if len(crashed) != 1 {
					w.Fatalf("sessions %q", crashed)
				}
				taken = start(func() error { return holder.take(w.Context()) })
				w.sleep(time.Second)
				must[*consul.WriteMeta](w)(w.client.Session().Destroy(w.Context(), crashed[0]))
				wantError(w, "the next", (<-taken).err, nil)
				_ = waiter.give(w.Context())
				wantError(w, "give back", holder.give(w.Context()), nil)
				if destroy != nil {
					wantError(w, "destroy", destroy(w.Context()), nil)
				}
				synctest.Wait() // a candidate that stops before it leads ends its session in the background
				w.wantNothingHeld()
				for _, kind := range []string{"create", "renew", "txn", "destroy"} {
					if !link.seen[kind] {
						w.Errorf("no request of the kind %q was seen", kind)
					}
				}
			})
		})
	}
}

// electionAsContender takes the leadership, and gives it back by the end of the election.
func electionAsContender(t testing.TB, e *consul.Election) *contender {
	c := new(contender)
	var stop context.CancelFunc
	var done <-chan outcome
	c.take = func(ctx context.Context) error {
		ctx, stop = context.WithCancel(ctx)
		leads := make(chan context.Context, 1)
		terms := 0
		done = start(func() error {
			return e.Run(ctx, func(leading context.Context) error {
				if terms++; terms > 1 {
					return context.Canceled // one is what it was to take
				}
				leads <- leading
				<-leading.Done()
				return nil
			})
		})
		select {
		case c.hold = <-leads:
			leader, err := e.Leader(ctx)
			if err != nil || leader.Session == "" {
				t.Errorf("the leader is %+v: %v", leader, err)
			}
			return nil
		case got := <-done:
			return got.err
		}
	}
	c.give = func(context.Context) error {
		stop()
		wantError(t, "run", (<-done).err, context.Canceled)
		return nil
	}
	return c
}
