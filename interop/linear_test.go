package interop

// This file checks that what concurrent clients see of a key could have happened one call after the other: histories of
// puts, reads, compare-and-sets, deletes and locks are checked for linearizability.

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/lictor-go/consul"
	"github.com/lictor-go/consul/embedded"
	"github.com/lictor-go/consul/testutil"
)

// recorder keeps the history of one run.
type recorder struct {
	start time.Time
	mu    sync.Mutex
	all   []porcupine.Operation
}

// call makes a call and records it. A call that failed is recorded nowhere: none may fail.
func (r *recorder) call(client int, in input, do func() (output, error)) (output, error) {
	begun := time.Since(r.start)
	out, err := do()
	ended := time.Since(r.start)
	if err != nil {
		return out, fmt.Errorf("%v of %s: %w", in.action, in.key, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, porcupine.Operation{ClientId: client, Input: in, Call: int64(begun), Output: out, Return: int64(ended)})
	return out, nil
}

// worker is one of the clients.
type worker struct {
	*recorder
	id      int
	kv      *consul.KV
	session string
	random  *rand.Rand
	// seen is the index of each key that the worker read last.
	seen map[string]uint64
}

// run makes calls on the keys.
func (w *worker) run(ctx context.Context, calls int, keys []string) error {
	for n := range calls {
		in := w.choose(keys)
		in.value = fmt.Sprintf("%d-%d", w.id, n)
		out, err := w.call(w.id, in, func() (output, error) { return w.do(ctx, in) })
		if err != nil {
			return err
		}
		if in.action == read {
			w.seen[in.key] = out.pair.index
		}
	}
	return nil
}

// choose gives a call. Only comparisons have an index, and only locks a session.
func (w *worker) choose(keys []string) input {
	in := input{action: action(w.random.IntN(int(release) + 1)), key: keys[w.random.IntN(len(keys))]}
	switch in.action {
	case compareAndSet:
		in.index = w.seen[in.key]
	case compareAndDelete:
		if in.index = w.seen[in.key]; in.index == 0 { // there is no deleting by the index of an absent key
			in.action = read
		}
	case acquire, release:
		in.session = w.session
	}
	return in
}

func (w *worker) do(ctx context.Context, in input) (output, error) {
	p := &consul.KVPair{Key: in.key, Value: []byte(in.value), ModifyIndex: in.index, Session: in.session}
	var ok bool
	var err error
	switch in.action {
	case read:
		return w.get(ctx, in.key)
	case write:
		_, err = w.kv.Put(ctx, p)
		ok = err == nil
	case compareAndSet:
		ok, _, err = w.kv.CAS(ctx, p)
	case compareAndDelete:
		ok, _, err = w.kv.DeleteCAS(ctx, p)
	case remove:
		_, err = w.kv.Delete(ctx, in.key)
		ok = err == nil
	case acquire:
		ok, _, err = w.kv.Acquire(ctx, p)
	case release:
		ok, _, err = w.kv.Release(ctx, p)
	}
	return output{ok: ok}, err
}

func (w *worker) get(ctx context.Context, key string) (output, error) {
	p, _, err := w.kv.Get(ctx, key, consul.Consistent())
	if errors.Is(err, consul.ErrNotFound) {
		return output{}, nil
	}
	if err != nil {
		return output{}, err
	}
	return output{pair: pair{exists: true, value: string(p.Value), index: p.ModifyIndex, session: p.Session}}, nil
}

// record lets clients work on a few keys at once and gives what they saw.
func record(t *testing.T, config *consul.Config) []porcupine.Operation {
	t.Helper()
	const clients, calls = 6, 250
	client, err := consul.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	prefix := fmt.Sprintf("linear/%d/", seed)
	keys := []string{prefix + "a", prefix + "b", prefix + "c"}
	r := &recorder{start: time.Now()}
	failed := make([]error, clients)
	var wait sync.WaitGroup
	for id := range clients {
		session, _, err := client.Session().Create(ctx, &consul.SessionEntry{Behavior: consul.SessionBehaviorRelease})
		if err != nil {
			t.Fatal(err)
		}
		w := &worker{r, id, client.KV(), session, rand.New(rand.NewPCG(seed, uint64(id))), map[string]uint64{}}
		wait.Go(func() { failed[id] = w.run(ctx, calls, keys) })
	}
	wait.Wait()
	if err := errors.Join(failed...); err != nil {
		t.Fatal(err)
	}
	return r.all
}

// servers are those that histories are recorded of: the embedded one over a socket and without, and the real one where
// CONSUL_TEST_BACKEND is "real".
func servers(t *testing.T) map[string]*consul.Config {
	t.Helper()
	local, err := embedded.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = local.Close() })
	all := map[string]*consul.Config{
		"embedded":  {Address: startProgram(t)},
		"in memory": {Transport: local.Transport()},
	}
	if os.Getenv("CONSUL_TEST_BACKEND") == "real" {
		all["real"] = &consul.Config{Address: testutil.NewServer(t).Addr()}
	}
	return all
}

func TestKVIsLinearizable(t *testing.T) {
	t.Parallel()
	for name, config := range servers(t) {
		t.Run(name, func(t *testing.T) {
			history := record(t, config)
			check(t, history)
			wantEachAction(t, history)
			wantRefused(t, history)
		})
	}
}

// check wants a history that is linearizable.
func check(t *testing.T, history []porcupine.Operation) {
	t.Helper()
	result, info := porcupine.CheckOperationsVerbose(model, history, time.Minute)
	if result == porcupine.Ok {
		return
	}
	t.Errorf("of %d operations: %v", len(history), result)
	for _, parts := range info.PartialLinearizationsOperations() {
		longest := slices.MaxFunc(parts, func(a, b []porcupine.Operation) int { return len(a) - len(b) })
		for _, o := range longest[max(0, len(longest)-10):] {
			t.Logf("explained up to %s", describe(o.Input, o.Output))
		}
	}
}

// wantEachAction wants that each kind of call both took effect and, where it can fail, did not.
func wantEachAction(t *testing.T, history []porcupine.Operation) {
	t.Helper()
	count := map[string]int{}
	for _, o := range history {
		out := o.Output.(output)
		count[fmt.Sprint(o.Input.(input).action, " ", out.ok || out.pair.exists)]++
	}
	for _, want := range []string{"get true", "get false", "put true", "cas true", "cas false", "delete-cas true", "delete-cas false",
		"delete true", "acquire true", "acquire false", "release true", "release false"} {
		if count[want] == 0 {
			t.Errorf("no call was %q: %v", want, count)
		}
	}
}

// wantRefused shows that the check can fail: with one value changed the history must be refused.
func wantRefused(t *testing.T, history []porcupine.Operation) {
	t.Helper()
	spoiled := slices.Clone(history)
	i := slices.IndexFunc(spoiled, func(o porcupine.Operation) bool { return o.Output.(output).pair.exists })
	out := spoiled[i].Output.(output)
	out.pair.value += "?"
	spoiled[i].Output = out
	if porcupine.CheckOperations(model, spoiled) {
		t.Errorf("a read of what nobody wrote is taken for linearizable: %v", describe(spoiled[i].Input, out))
	}
}
