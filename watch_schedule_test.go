package consul_test

// This file tests watches against random schedules of what servers and networks do: any indexes, errors, hangs and restarts.

import (
	"context"
	"iter"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/lictor-go/consul"
	"github.com/lictor-go/consul/embedded"
)

// Whatever happens, there are no more questions than the rate allows, and the last state is told of.
func TestWatchOfAnySchedule(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for i := range uint64(1000) {
		t.Run(strconv.FormatUint(i, 10), func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(w *world) { runSchedule(w, rand.New(rand.NewPCG(seed, i))) })
		})
	}
}

// FuzzWatchSchedule is the same for schedules that the fuzzer makes up.
func FuzzWatchSchedule(f *testing.F) {
	for _, seed := range []uint64{0, 1, math.MaxUint64} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, a, b uint64) {
		inWorld(t, func(w *world) { runSchedule(w, rand.New(rand.NewPCG(a, b))) })
	})
}

// FuzzWatchIndexes has the fuzzer make up the indexes themselves: a byte each says which.
func FuzzWatchIndexes(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0})
	f.Add([]byte{1, 250, 251, 0, 7, 6, 5})
	f.Add([]byte{255, 254, 255, 254, 3, 3, 3})
	f.Fuzz(func(t *testing.T, indexes []byte) {
		inWorld(t, func(w *world) {
			watched := newWatched(w, consul.DefaultWatchRate)
			for i, b := range indexes[:min(len(indexes), 50)] {
				remove := w.server.Inject(embedded.Fault{Match: ofKey, Effect: embedded.Index(oddIndex(b))})
				if i%3 == 0 {
					w.put(strconv.Itoa(i))
				}
				w.sleep(time.Duration(b) * 10 * time.Millisecond)
				remove()
			}
			watched.end()
		})
	})
}

// oddIndex makes an index of a byte: small ones as they are, large ones up to the largest there is.
func oddIndex(b byte) uint64 {
	if b > 200 {
		return math.MaxUint64 - uint64(255-b)
	}
	return uint64(b)
}

var ofKey = embedded.OfRequest("GET", "/v1/kv/k")

// A watched is a watch of the key "k" on a wire of its own, that schedules happen to.
type watched struct {
	w    *world
	wire *wire
	rate int
	told func() []seen
}

func newWatched(w *world, rate int, opts ...consul.WatchOption) *watched {
	client, wire := w.process()
	return &watched{w, wire, rate, following(w, valueOf, func(ctx context.Context) iter.Seq2[*consul.KVPair, error] {
		return client.WatchKey(ctx, "k", append(opts, &consul.WatchOptions{Rate: rate})...)
	})}
}

// end lets all be well again, and fails unless the watch then tells of the last state, and never asked too often.
func (r *watched) end() {
	r.w.Helper()
	r.wire.cut(fine)
	r.wire.choose(nil)
	r.w.put("last")
	r.w.sleep(5 * time.Minute)
	all := r.told()
	if n := len(all); n == 0 || all[n-1].value != "last" {
		r.w.Errorf("the last state was not told of: %q", values(all))
	}
	sent := r.wire.sent()
	for i := range max(0, len(sent)-r.rate) {
		if took := sent[i+r.rate].at.Sub(sent[i].at); took < time.Second {
			r.w.Fatalf("%d questions within %v", r.rate+1, took)
		}
	}
}

func runSchedule(w *world, random *rand.Rand) {
	var opts []consul.WatchOption
	if random.IntN(2) == 0 {
		opts = append(opts, consul.Settle(time.Duration(random.Int64N(int64(time.Second)))))
	}
	watched := newWatched(w, 1+random.IntN(30), opts...)
	for i := range 30 {
		remove := w.server.Inject(embedded.Fault{Match: ofKey, Effect: oddity(random)})
		switch random.IntN(10) {
		case 0:
			if err := w.server.Forget(); err != nil {
				w.Fatal(err)
			}
		case 1:
			watched.wire.cut(allTroubles[random.IntN(len(allTroubles))])
		case 2, 3:
			watched.wire.cut(fine)
		}
		for range random.IntN(3) {
			w.put(strconv.Itoa(i))
		}
		w.sleep(time.Duration(random.Int64N(int64(20 * time.Second))))
		remove()
	}
	watched.end()
}

// oddity is what may happen to an answer.
func oddity(random *rand.Rand) embedded.Effect {
	switch random.IntN(8) {
	case 0:
		return embedded.Answer(http.StatusBadGateway, "")
	case 1:
		return embedded.Hang()
	case 2:
		return embedded.Drop()
	case 3:
		return embedded.CutBody(random.IntN(20))
	default:
		return embedded.Index(oddIndex(byte(random.UintN(256))))
	}
}
