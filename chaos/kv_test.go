package chaos

// This file checks that what concurrent clients see of a key could have happened one call after the other: histories of
// puts, reads, compare-and-sets, deletes and locks are checked for linearizability.

import (
	"cmp"
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

// record lets clients work on a few keys at once and gives what they saw. No call may fail.
func record(t *testing.T, config *consul.Config) *recorder {
	t.Helper()
	const clients, calls = 6, 250
	client := newClient(t, config)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	keys := historyKeys(0)
	r := &recorder{start: time.Now()}
	failed := make([]error, clients)
	var wait sync.WaitGroup
	for id := range clients {
		w := newWorker(t, r, id, client, seed)
		wait.Go(func() {
			for range calls {
				if failed[id] = w.step(ctx, keys); failed[id] != nil {
					return
				}
			}
		})
	}
	wait.Wait()
	must(t, errors.Join(failed...))
	return r
}

// historyKeys are the keys that clients work on in a round of troubles.
func historyKeys(round int64) []string {
	prefix := fmt.Sprintf("chaos/history/%d/", round)
	return []string{prefix + "a", prefix + "b", prefix + "c"}
}

// servers are those that histories are recorded of: the embedded one over a socket and without, and the real one where
// CONSUL_TEST_BACKEND is "real".
func servers(t *testing.T) map[string]*consul.Config {
	t.Helper()
	start := func() *embedded.Server {
		server, err := embedded.Start()
		must(t, err)
		t.Cleanup(func() { _ = server.Close() })
		return server
	}
	all := map[string]*consul.Config{
		"embedded":  {Address: start().Addr()},
		"in memory": {Transport: start().Transport()},
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
			r := record(t, config)
			// A server that is alone has nobody who could know better: there, reads in the default mode are linearizable too.
			history := slices.Concat(r.all, r.relaxed)
			checkLinear(t, history)
			wantEachAction(t, history)
			wantRefused(t, history)
		})
	}
}

// checkLinear wants a history that is linearizable.
func checkLinear(t *testing.T, history []porcupine.Operation) {
	t.Helper()
	for _, ofKey := range byKey(history) {
		result, info := porcupine.CheckOperationsVerbose(model, ofKey, time.Minute)
		if result != porcupine.Ok {
			t.Errorf("%s: of %d operations: %v", ofKey[0].Input.(input).key, len(ofKey), result)
			explain(t, ofKey, info)
		}
	}
}

// explain tells where the longest explanation of a key's history ends: what it explains last, and what it doesn't.
func explain(t *testing.T, ofKey []porcupine.Operation, info porcupine.LinearizationInfo) {
	t.Helper()
	var longest []porcupine.Operation
	for _, part := range slices.Concat(info.PartialLinearizationsOperations()...) {
		if len(part) > len(longest) {
			longest = part
		}
	}
	tell := func(what string, o porcupine.Operation) {
		t.Logf("%-13s %10.6f s to %10.6f s  %d: %s", what,
			float64(o.Call)/1e9, float64(o.Return)/1e9, o.ClientId, describe(o.Input, o.Output))
	}
	for _, o := range longest[max(0, len(longest)-15):] {
		tell("explained", o)
	}
	rest := slices.DeleteFunc(slices.Clone(ofKey), func(o porcupine.Operation) bool { return slices.Contains(longest, o) })
	slices.SortFunc(rest, func(a, b porcupine.Operation) int { return cmp.Compare(a.Return, b.Return) })
	for _, o := range rest[:min(15, len(rest))] {
		tell("not explained", o)
	}
}

// wantEachAction wants that each kind of call both took effect and, where it can fail, did not.
func wantEachAction(t *testing.T, history []porcupine.Operation) {
	t.Helper()
	count := map[string]int{}
	for _, o := range history {
		out := o.Output.(output)
		if out.unknown {
			continue
		}
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

// workOn has clients of all servers of the cluster leave a history of the keys of each round, until ctx ends. Stop waits for
// them and ends their sessions, which are in the history for as long as one of them works.
func (s *stage) workOn(ctx context.Context, t *testing.T, r *recorder) (stop func()) {
	const clients = 4
	var running sync.WaitGroup
	var sessions []string
	for id := range clients {
		server := s.cluster.Servers[id%len(s.cluster.Servers)]
		client := newClient(t, &consul.Config{Address: server.Addr(), Timeout: ttl})
		w := newWorker(t, r, id, client, rand.Uint64())
		sessions = append(sessions, w.session)
		running.Go(func() {
			for ctx.Err() == nil {
				if err := w.step(context.WithoutCancel(ctx), historyKeys(s.round.Load())); err != nil {
					pause(ctx, 200*time.Millisecond) // so that few calls are without an answer
				}
				pause(ctx, rand.N(20*time.Millisecond))
			}
		})
	}
	return func() {
		running.Wait()
		client := newClient(t, &consul.Config{Address: s.cluster.Servers[0].Addr()})
		for _, session := range sessions {
			eventually(t, "the session is destroyed", 10*ttl, func(ctx context.Context) error {
				_, err := client.Session().Destroy(ctx, session)
				return err
			})
		}
	}
}

// checkHistory checks what clients saw of the cluster.
func (s *stage) checkHistory(t *testing.T, r *recorder) {
	checkLinear(t, r.all)
	wantEachAction(t, r.all)
	wantRefused(t, r.all)
	wantWritten(t, r)
	unknown := 0
	for _, o := range r.all {
		if o.Output.(output).unknown {
			unknown++
		}
	}
	// A leader that was deposed and does not know it yet answers from what it has: only the consistent mode rules that out.
	both := porcupine.CheckOperationsTimeout(model, slices.Concat(r.all, r.relaxed), time.Minute)
	t.Logf("%d calls of which %d were not answered, linearizable; with %d reads in the default mode the history is %v",
		len(r.all), unknown, len(r.relaxed), both)
	if t.Failed() {
		t.Logf("what befell the cluster:\n%s", s.timeline("", 0, s.now()))
	}
}

// wantWritten wants that reads in the default mode, which may be behind, show what was written.
func wantWritten(t *testing.T, r *recorder) {
	t.Helper()
	begun := map[string]int64{} // by key and value
	for _, o := range r.all {
		in := o.Input.(input)
		begun[in.key+" "+in.value] = o.Call
	}
	for _, o := range r.relaxed {
		in, seen := o.Input.(input), o.Output.(output).pair
		if at, ok := begun[in.key+" "+seen.value]; seen.exists && (!ok || at > o.Return) {
			t.Errorf("a read of %s shows %q, which nobody had written", in.key, seen.value)
		}
	}
}
