package chaos

// This file holds the clients that leave a history of a few keys.

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/lictor-go/consul"
)

// recorder keeps the history of one run.
type recorder struct {
	start   time.Time
	mu      sync.Mutex
	all     []porcupine.Operation
	relaxed []porcupine.Operation // reads in the default mode
}

// call makes a call and records it, unless it failed without having done anything. One that may have done something, since
// its answer was lost, is recorded as that.
func (r *recorder) call(client int, in input, do func() (output, error)) (output, error) {
	o := porcupine.Operation{ClientId: client, Input: in, Call: int64(time.Since(r.start))}
	out, err := do()
	o.Return = int64(time.Since(r.start))
	if err != nil {
		err = fmt.Errorf("%v of %s: %w", in.action, in.key, err)
		if in.action == read || consul.SafeToRetry(err) {
			return out, err
		}
		out, o.Return = output{unknown: true}, never
	}
	o.Output = out
	r.mu.Lock()
	defer r.mu.Unlock()
	if in.relaxed {
		r.relaxed = append(r.relaxed, o)
	} else {
		r.all = append(r.all, o)
	}
	return out, err
}

// worker is one of the clients.
type worker struct {
	*recorder
	id      int
	kv      *consul.KV
	session string
	random  *rand.Rand
	calls   int
	// seen is the index of each key that the worker read last.
	seen map[string]uint64
}

// newWorker makes a client, whose session nothing but its destruction ends.
func newWorker(t *testing.T, r *recorder, id int, client *consul.Client, seed uint64) *worker {
	t.Helper()
	entry := consul.SessionEntry{Behavior: consul.SessionBehaviorRelease, NodeChecks: []string{}}
	session, _, err := client.Session().Create(t.Context(), named(entry, "history"))
	must(t, err)
	random := rand.New(rand.NewPCG(seed, uint64(id)))
	return &worker{recorder: r, id: id, kv: client.KV(), session: session, random: random, seen: map[string]uint64{}}
}

// step makes a call on one of the keys.
func (w *worker) step(ctx context.Context, keys []string) error {
	in := w.choose(keys)
	w.calls++
	in.value = fmt.Sprintf("%d-%d", w.id, w.calls)
	out, err := w.call(w.id, in, func() (output, error) { return w.do(ctx, in) })
	if err == nil && in.action == read && !in.relaxed {
		w.seen[in.key] = out.pair.index
	}
	return err
}

// choose gives a call. Only comparisons have an index, and only locks a session.
func (w *worker) choose(keys []string) input {
	in := input{action: action(w.random.IntN(int(release) + 1)), key: keys[w.random.IntN(len(keys))]}
	switch in.action {
	case read:
		in.relaxed = w.random.IntN(2) == 0
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
		return w.get(ctx, in)
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

func (w *worker) get(ctx context.Context, in input) (output, error) {
	mode := consul.Consistent()
	if in.relaxed {
		mode = nil
	}
	p, _, err := w.kv.Get(ctx, in.key, mode)
	if errors.Is(err, consul.ErrNotFound) {
		return output{}, nil
	}
	if err != nil {
		return output{}, err
	}
	return output{pair: pair{exists: true, value: string(p.Value), index: p.ModifyIndex, session: p.Session}}, nil
}
