package consul

// This file holds the ways of choosing one of a service's instances.

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
)

// A Balance says which instance of a service is chosen. None chooses one that is held back, unless all are. It is a
// ServiceOption.
type Balance int

// The ways of choosing.
const (
	// RoundRobin takes one after the other. It is what the zero ServiceOptions say.
	RoundRobin Balance = iota

	// Random takes any.
	Random

	// Weighted takes each as often as its weight says, and evenly spread: AgentWeights.Passing, or where a check of it warns
	// (see WithWarning), AgentWeights.Warning. Out of as many picks in a row as the weights are together, each instance gets
	// exactly its weight. One without a weight stands in for those that are held back, as all do if none has a weight.
	Weighted

	// LeastPending takes that one of two, drawn at random, which has fewer picks under way: Instance.Done has to be called.
	LeastPending

	// Nearest takes the one that is nearest, by round-trip time, to the agent that is asked, or to another node: see Near.
	Nearest
)

var balanceNames = [...]string{"round robin", "random", "weighted", "least pending", "nearest"}

// String gives the name: "round robin" …
func (b Balance) String() string {
	if !b.known() {
		return fmt.Sprintf("Balance(%d)", int(b))
	}
	return balanceNames[b]
}

func (b Balance) known() bool { return b >= 0 && int(b) < len(balanceNames) }

func (b Balance) applyService(o *ServiceOptions) { o.Balance = b }

// A chooser chooses among the instances of one moment, of which there is one at least. It is used concurrently.
type chooser interface{ choose() *Instance }

// over gives the chooser among instances. Turn counts the picks; it outlives the instances, so that a change of them does
// not have it begin with the first again.
func (b Balance) over(all []*Instance, turn *atomic.Uint64) chooser {
	switch b {
	case Random:
		return &drawing{all, atRandom(len(all))}
	case Weighted:
		return &drawing{all, byWeight(all, turn)}
	case LeastPending:
		return &leastPending{all, atRandom(len(all))}
	case Nearest:
		return nearest(all)
	default:
		return &drawing{all, &inTurn{uint64(len(all)), turn}}
	}
}

// A drawer draws the place of an instance, whatever became of it.
type drawer interface{ draw() int }

// drawing chooses what is drawn.
type drawing struct {
	all []*Instance
	drawer
}

func (d *drawing) choose() *Instance { return d.all[drawFree(d.all, d.drawer)] }

// redraws bounds how often an instance that is held back is put back, before the next free one is taken for it. Drawing
// again, rather than taking the next one, spreads its part over all others.
const redraws = 8

// drawFree draws an instance that is not held back.
func drawFree(all []*Instance, d drawer) int {
	at := 0
	for range redraws {
		if at = d.draw(); !all[at].hold.active() {
			return at
		}
	}
	return firstFree(all, at)
}

// firstFree finds the first instance from a place on that is not held back; where all are, the one whose time is up first.
func firstFree(all []*Instance, from int) int {
	best := from
	for n := range all {
		at := (from + n) % len(all)
		if !all[at].hold.active() {
			return at
		}
		if all[at].hold.till.Load() < all[best].hold.till.Load() {
			best = at
		}
	}
	return best
}

type nearest []*Instance

func (all nearest) choose() *Instance { return all[firstFree(all, 0)] }

type inTurn struct {
	n    uint64
	turn *atomic.Uint64
}

func (t *inTurn) draw() int { return int(t.turn.Add(1) % t.n) }

type atRandom int

func (n atRandom) draw() int { return rand.IntN(int(n)) }

type leastPending struct {
	all []*Instance
	any drawer
}

func (l *leastPending) choose() *Instance {
	n := len(l.all)
	at := drawFree(l.all, l.any)
	a := l.all[at]
	if n == 1 {
		return a
	}
	for range redraws {
		b := l.all[(at+1+rand.IntN(n-1))%n]
		if b.hold.active() {
			continue
		}
		if b.pending.Load() < a.pending.Load() {
			return b
		}
		break
	}
	return a
}

// maxWeight is the largest weight that Consul takes.
const maxWeight = 1<<16 - 1

// A weighing draws by weight. It goes round a circle on which each instance has an arc as long as its weight, with a step
// that shares no factor with the length of the circle: each point is met once in a round. The step is near the golden
// section of the circle, which spreads the points of any stretch of a round evenly.
type weighing struct {
	ends []uint64 // where each arc ends; the last is the length of the circle
	step uint64
	turn *atomic.Uint64
}

func byWeight(all []*Instance, turn *atomic.Uint64) drawer {
	w := &weighing{ends: make([]uint64, len(all)), turn: turn}
	var length uint64
	for n, i := range all {
		length += i.weight()
		w.ends[n] = length
	}
	if length == 0 {
		return &inTurn{uint64(len(all)), turn}
	}
	w.step = max(1, length*618/1000)
	for gcd(w.step, length) > 1 {
		w.step++
	}
	return w
}

func (w *weighing) draw() int {
	length := w.ends[len(w.ends)-1]
	point := w.turn.Add(1) % length * w.step % length
	at, _ := slices.BinarySearch(w.ends, point+1)
	return at
}

// weight is how much of the work an instance gets.
func (i *Instance) weight() uint64 {
	e := i.Entry()
	w := e.Service.Weights.Passing
	if e.Checks.AggregatedStatus() == HealthWarning {
		w = e.Service.Weights.Warning
	}
	return uint64(min(max(0, w), maxWeight))
}

func gcd(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
