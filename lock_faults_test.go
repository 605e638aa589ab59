package consul_test

// This file tests Lock, FairLock and Semaphore on wires that fail: each request of a life with each fault, and random
// schedules of faults.

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lictor-go/consul"
)

// A contender is a recipe as these tests see it.
type contender struct {
	take, give func(context.Context) error
	hold       context.Context // of the last take that succeeded
	fence      func() uint64   // nil where there is none
	guard      func(...*consul.TxnOp) (consul.TxnOps, error)
}

// recipes make contenders for one thing that excludes.
var recipes = map[string]func(t testing.TB, c *consul.Client) *contender{
	"Lock": func(t testing.TB, c *consul.Client) *contender {
		l := must[*consul.Lock](t)(c.LockOpts(&consul.LockOptions{Key: "k", SessionOpts: session()}))
		one := newContender(l.Lock, l.Unlock, l.Fence)
		one.guard = l.Guard
		return one
	},
	"FairLock": func(t testing.TB, c *consul.Client) *contender {
		l := must[*consul.FairLock](t)(c.FairLockOpts(&consul.LockOptions{Key: "k", SessionOpts: session()}))
		one := newContender(l.Lock, l.Unlock, l.Fence)
		one.guard = l.Guard
		return one
	},
	"Semaphore": func(t testing.TB, c *consul.Client) *contender {
		s := must[*consul.Semaphore](t)(c.SemaphoreOpts(&consul.SemaphoreOptions{Prefix: "k", Limit: 1, SessionOpts: session()}))
		return newContender(s.Acquire, s.Release, nil)
	},
}

func newContender(
	take func(context.Context) (context.Context, error), give func(context.Context) error, fence func() uint64,
) *contender {
	c := &contender{give: give, fence: fence}
	c.take = func(ctx context.Context) error {
		hold, err := take(ctx)
		if err == nil {
			c.hold = hold
		}
		return err
	}
	return c
}

// Each request of a life meets each fault, once and four times in a row. The recipe waits for a rival, takes what it is
// about, keeps it through renewals, and gives it back: none of that may fail, nor leave anything.
func TestEachFaultAtEachRequest(t *testing.T) {
	t.Parallel()
	for name, newOne := range recipes {
		for _, kind := range []string{"create", "read", "wait", "verify", "txn", "acquire", "release", "delete", "renew", "destroy"} {
			for _, f := range allTroubles {
				for _, times := range []int{1, 4} {
					t.Run(fmt.Sprintf("%s/%s/%s/%d", name, kind, f, times), func(t *testing.T) {
						t.Parallel()
						inWorld(t, func(w *world) { liveThrough(w, newOne, kind, f, times) })
					})
				}
			}
		}
	}
}

func liveThrough(w *world, newOne func(testing.TB, *consul.Client) *contender, kind string, f trouble, times int) {
	rival := newOne(w, w.client)
	wantError(w, "the rival", rival.take(w.Context()), nil)
	client, wire := w.process()
	for skip := range 3 { // the first, the second or the third request of the kind
		c := newOne(w, client)
		wire.meet(f, kind, skip, times)
		taken := start(func() error { return c.take(w.Context()) })
		w.sleep(time.Second)
		wantError(w, "the rival gives it back", rival.give(w.Context()), nil)
		wantError(w, "take", (<-taken).err, nil)
		w.sleep(3 * ttl / 10)
		wantLive(w, c.hold)
		tooLong := kind == "renew" && (f == hangBefore || f == hangAfter) && times > 3 // for the lease
		if !tooLong {
			w.sleep(5 * ttl)
			wantLive(w, c.hold)
		}
		if err := c.give(w.Context()); c.hold.Err() == nil || err != nil && !errors.Is(err, consul.ErrLockLost) {
			w.Errorf("give back: %v, with the hold ended by %v", err, context.Cause(c.hold))
		}
		wantEnded(w, c.hold, context.Canceled)
		wire.choose(nil)
		synctest.Wait()
		wantError(w, "the rival again", rival.take(w.Context()), nil)
	}
	wantError(w, "the rival gives it back", rival.give(w.Context()), nil)
	w.sleep(2 * ttl) // for sessions that nobody learned of
	w.wantNothingHeld()
}

// An election of 3 s, and a gateway that is overloaded for a moment, lose nothing, whenever they come.
func TestHoldsOutliveAnElection(t *testing.T) {
	t.Parallel()
	for name, newOne := range recipes {
		for _, f := range []trouble{internal, gateway, hangBefore} {
			t.Run(fmt.Sprintf("%s/%s", name, f), func(t *testing.T) {
				t.Parallel()
				inWorld(t, func(w *world) {
					client, wire := w.process()
					c := newOne(w, client)
					wantError(w, "take", c.take(w.Context()), nil)
					for range 100 {
						w.sleep(rand.N(10*time.Second) + 5*time.Second)
						wire.cut(f)
						w.sleep(3 * time.Second)
						wire.cut(fine)
					}
					wantLive(w, c.hold)
					wantError(w, "give back", c.give(w.Context()), nil)
					w.wantNothingHeld()
				})
			})
		}
	}
}

var schedules = flag.Int("schedules", 1000, "random schedules of faults a run")

// Three contenders with wires that fail at random, for some minutes each. Never do two hold at once by their own clocks, no
// hold is without its session, nothing is renewed after its end, fences grow, and in the end nothing is left.
func TestRandomFaults(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	names := []string{"Lock", "FairLock", "Semaphore"}
	for i := range uint64(*schedules) {
		name := names[i%3]
		ok := t.Run(fmt.Sprintf("%s/%d", name, i), func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(w *world) {
				(&schedule{world: w, random: rand.New(rand.NewPCG(seed, i)), newOne: recipes[name]}).run()
			})
		})
		if !ok {
			t.Fatalf("schedule %d of seed %d", i, seed)
		}
	}
}

// A schedule is one run of contenders and faults.
type schedule struct {
	*world
	random *rand.Rand // of the test's goroutine alone
	newOne func(testing.TB, *consul.Client) *contender

	mu    sync.Mutex
	holds []context.Context // all that there were
	fence uint64
	wires []*wire
	all   []*contender
}

func (s *schedule) run() {
	ctx, stop := context.WithCancel(s.Context())
	var all sync.WaitGroup
	for range 3 {
		client, wire := s.process()
		s.wires = append(s.wires, wire)
		choices := rand.New(rand.NewPCG(s.random.Uint64(), 0))
		one := s.newOne(s, client)
		s.all = append(s.all, one)
		all.Go(func() { s.contend(ctx, one, choices) })
	}
	for range 40 {
		s.break1(s.wires[s.random.IntN(len(s.wires))])
		s.sleep(time.Duration(s.random.Int64N(int64(4 * time.Second))))
		s.wantSessions()
	}
	for _, wire := range s.wires {
		wire.cut(fine)
		wire.choose(nil)
	}
	stopped := time.Now()
	stop()
	all.Wait()
	if took := time.Since(stopped); took > 30*time.Second {
		s.Errorf("the end took %v", took)
	}
	s.sleep(2*ttl + 15*time.Second) // for sessions that nobody learned of, and their lock-delays
	s.wantNoRenewalsAfterTheEnd()
	last := s.newOne(s, s.client)
	wantError(s, "in the end it can be taken", last.take(s.Context()), nil)
	wantError(s, "and given back", last.give(s.Context()), nil)
	s.wantNothingHeld()
	for _, key := range s.keys("") {
		if key != "k" && key != "k/.lock" {
			s.Errorf("%s is left", key)
		}
	}
}

// break1 has one wire fail from now on, in one way or another, or work.
func (s *schedule) break1(wire *wire) {
	f := allTroubles[s.random.IntN(len(allTroubles))]
	switch s.random.IntN(4) {
	case 0:
		wire.cut(fine)
		wire.choose(nil)
	case 1:
		wire.cut(f)
	default:
		odds := s.random.Float64()
		choices := rand.New(rand.NewPCG(s.random.Uint64(), 1)) // the wire's own
		wire.cut(fine)
		wire.choose(func(*http.Request) trouble {
			if choices.Float64() < odds {
				return f
			}
			return fine
		})
	}
}

// contend takes and gives back until ctx ends.
func (s *schedule) contend(ctx context.Context, c *contender, choices *rand.Rand) {
	for ctx.Err() == nil {
		patience, cancel := context.WithTimeout(ctx, time.Duration(choices.Int64N(int64(time.Minute))))
		err := c.take(patience)
		cancel()
		if err == nil {
			s.note(c)
			select {
			case <-time.After(time.Duration(choices.Int64N(int64(20 * time.Second)))):
			case <-c.hold.Done():
			case <-ctx.Done():
			}
			live := c.hold.Err() == nil
			if err := c.give(context.WithoutCancel(ctx)); live && errors.Is(err, consul.ErrLockLost) {
				s.Errorf("a hold that went on was lost when it was given back: %v", err)
			}
		}
	}
	_ = c.give(context.WithoutCancel(ctx)) // again, where that failed
}

// note checks a hold that begins against those that there were.
func (s *schedule) note(c *contender) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.hold.Err() != nil {
		return // it ended before it could be used
	}
	for _, other := range s.holds {
		if other.Err() == nil {
			s.Error("two hold at once")
		}
	}
	s.holds = append(s.holds, c.hold)
	if c.fence == nil {
		return
	}
	if fence := c.fence(); fence <= s.fence && fence != 0 {
		s.Errorf("fence %d after %d", fence, s.fence)
	} else {
		s.fence = fence
	}
}

// wantSessions fails if a hold goes on and there is no session that could be its own, or one that can be asked for is without
// what it holds.
func (s *schedule) wantSessions() {
	s.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, hold := range s.holds {
		if hold.Err() != nil {
			continue
		}
		pairs, _, err := s.client.KV().List(s.Context(), "k")
		if err != nil {
			s.Fatal(err)
		}
		held := false
		for _, p := range pairs {
			held = held || p.Session != ""
		}
		if !held {
			s.Error("a hold without a session")
		}
	}
	for _, c := range s.all {
		if c.guard == nil {
			continue
		}
		ops, err := c.guard()
		if err != nil {
			continue // it holds nothing
		}
		if _, _, err := s.client.Txn().Txn(s.Context(), ops); err != nil {
			s.Errorf("a hold without its session: %v", err)
		}
	}
}

// wantNoRenewalsAfterTheEnd fails if a session was renewed after its destruction was first asked for.
func (s *schedule) wantNoRenewalsAfterTheEnd() {
	s.Helper()
	for _, wire := range s.wires {
		destroyed := map[string]bool{}
		for _, r := range wire.sent() {
			id := path.Base(r.url)
			switch {
			case r.kind == "destroy":
				destroyed[id] = true
			case r.kind == "renew" && destroyed[id]:
				s.Errorf("session %s was renewed after its end", id)
			}
		}
	}
}
