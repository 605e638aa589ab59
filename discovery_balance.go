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

	// Weighted takes any, each as often as its weight says in relation to the others': AgentWeights.Passing, or where a
	// check of it warns (see WithWarning), AgentWeights.Warning.
	Weighted

	// LeastPending takes that one of two, drawn at random, which has fewer picks under way: Instance.Done has to be called.
	LeastPending

	// Nearest takes the one that is nearest by round-trip time to the agent that is asked, or to another node that Near says.
	Nearest
)

var balanceNames = [...]string{"round robin", "random", "weighted", "least pending", "nearest"}

// String gives the name: "round robin" …
func (b Balance) String() string {
	if b < 0 || int(b) >= len(balanceNames) {
		return fmt.Sprintf("Balance(%d)", int(b))
	}
	return balanceNames[b]
}

func (b Balance) applyService(o *ServiceOptions) { o.Balance = b }

// A chooser chooses among the instances of one moment, of which there is one at least. It is used concurrently.
type chooser interface{ choose() *Instance }

// over gives the chooser among instances.
func (b Balance) over(all []*Instance) chooser {
	switch b {
	case Random:
		return randomly(all)
	case Weighted:
		return newWeighted(all)
	case LeastPending:
		return leastPending(all)
	case Nearest:
		return nearest(all)
	default:
		return &roundRobin{all: all}
	}
}

type roundRobin struct {
	all  []*Instance
	next atomic.Uint64
}

func (r *roundRobin) choose() *Instance {
	return firstFree(r.all, int((r.next.Add(1)-1)%uint64(len(r.all))))
}

type randomly []*Instance

func (all randomly) choose() *Instance { return firstFree(all, rand.IntN(len(all))) }

type nearest []*Instance

func (all nearest) choose() *Instance { return firstFree(all, 0) }

type leastPending []*Instance

func (all leastPending) choose() *Instance {
	first := rand.IntN(len(all))
	a := firstFree(all, first)
	if len(all) == 1 {
		return a
	}
	b := firstFree(all, (first+1+rand.IntN(len(all)-1))%len(all))
	if b.pending.Load() < a.pending.Load() {
		return b
	}
	return a
}

// weighted draws from the sums of the weights up to each instance.
type weighted struct {
	all  []*Instance
	sums []int
}

func newWeighted(all []*Instance) chooser {
	w := &weighted{all: all, sums: make([]int, len(all))}
	sum := 0
	for n, i := range all {
		sum += i.weight()
		w.sums[n] = sum
	}
	if sum == 0 {
		return randomly(all)
	}
	return w
}

// redraws bounds how often an instance that is held back is put back, before the next free one is taken for it.
const redraws = 8

func (w *weighted) choose() *Instance {
	at := 0
	for range redraws {
		at, _ = slices.BinarySearch(w.sums, 1+rand.IntN(w.sums[len(w.sums)-1]))
		if i := w.all[at]; !i.held() {
			return i
		}
	}
	return firstFree(w.all, at)
}

// weight is how much of the work an instance gets.
func (i *Instance) weight() int {
	e := i.Entry()
	w := e.Service.Weights.Passing
	if e.Checks.AggregatedStatus() == HealthWarning {
		w = e.Service.Weights.Warning
	}
	return max(0, w)
}

// firstFree is the first instance from the one at a place on that is not held back; where all are, the one whose time is up
// first.
func firstFree(all []*Instance, at int) *Instance {
	best := all[at]
	if !best.held() {
		return best
	}
	for n := range all {
		i := all[(at+n)%len(all)]
		if !i.held() {
			return i
		}
		if i.heldTill.Load() < best.heldTill.Load() {
			best = i
		}
	}
	return best
}
