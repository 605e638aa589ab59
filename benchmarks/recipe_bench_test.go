package benchmarks

// This file measures the recipes when all goes well: how quickly, and with how many requests, a hold passes on. It needs
// a real Consul.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lictor-go/consul/testutil"
)

// recipeLimit is how long a recipe may take in all.
const recipeLimit = 2 * time.Minute

// newRecipeServer starts a real Consul.
func newRecipeServer(b *testing.B) string {
	b.Helper()
	testutil.NeedReal(b, "the recipes as the server has them")
	return testutil.NewServer(b).URL()
}

// BenchmarkHandOff has two contenders pass a lock back and forth: the time from the call that gives it back to its being
// held by the one who waits.
func BenchmarkHandOff(b *testing.B) {
	url := newRecipeServer(b)
	for _, newMaker := range makers {
		m := newMaker(b, url)
		b.Run("client="+m.name, func(b *testing.B) {
			ctx, cancel := context.WithTimeout(b.Context(), recipeLimit)
			defer cancel()
			took, err := passBackAndForth(ctx, m, 200)
			if err != nil {
				b.Fatal(err)
			}
			slices.Sort(took)
			b.ReportMetric(took[len(took)/2].Seconds(), "handoff-s")
		})
	}
}

func passBackAndForth(ctx context.Context, m maker, times int) ([]time.Duration, error) {
	var sides [2]locker
	for i := range sides {
		var err error
		if sides[i], err = m.lock("bench/handoff/"+m.name, terms{}); err != nil {
			return nil, err
		}
	}
	if _, err := sides[0].take(ctx); err != nil {
		return nil, err
	}
	var took []time.Duration
	for i := range times {
		holder, next := sides[i%2], sides[(i+1)%2]
		waits := m.seen.wait()
		taken := make(chan error, 1)
		var at time.Time
		go func() {
			_, err := next.take(ctx)
			at = time.Now()
			taken <- err
		}()
		select {
		case <-waits:
		case err := <-taken:
			return nil, fmt.Errorf("the lock was given to two: %v", err)
		}
		time.Sleep(5 * time.Millisecond) // the question that waits is on its way to the server
		start := time.Now()
		if err := holder.giveBack(ctx); err != nil {
			return nil, err
		}
		if err := <-taken; err != nil {
			return nil, err
		}
		took = append(took, at.Sub(start))
	}
	return took, sides[times%2].giveBack(ctx)
}

// BenchmarkContenders has 100 contenders take a lock once each.
func BenchmarkContenders(b *testing.B) {
	url := newRecipeServer(b)
	for _, newMaker := range makers {
		m := newMaker(b, url)
		measureContenders(b, m, 100, 1, func() (locker, error) { return m.lock("bench/contenders/"+m.name, terms{}) })
	}
}

// BenchmarkFairContenders has 100 contenders take a fair lock once each.
func BenchmarkFairContenders(b *testing.B) {
	m := fairMaker(b, newRecipeServer(b))
	measureContenders(b, m, 100, 1, func() (locker, error) { return m.lock("bench/fair", terms{}) })
}

// BenchmarkSemaphore has 50 contenders take a semaphore of 3 once each.
func BenchmarkSemaphore(b *testing.B) {
	url := newRecipeServer(b)
	for _, newMaker := range makers {
		m := newMaker(b, url)
		measureContenders(b, m, 50, 3, func() (locker, error) { return m.semaphore("bench/semaphore/"+m.name, 3) })
	}
}

// measureContenders has n contenders take what newLocker makes, once each, and checks that never more than limit hold it.
func measureContenders(b *testing.B, m maker, n, limit int, newLocker func() (locker, error)) {
	b.Run("client="+m.name, func(b *testing.B) {
		ctx, cancel := context.WithTimeout(b.Context(), recipeLimit)
		defer cancel()
		reads, writes := m.seen.counts()
		start := time.Now()
		if err := contend(ctx, n, limit, newLocker); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(time.Since(start).Seconds(), "total-s")
		readsAfter, writesAfter := m.seen.counts()
		b.ReportMetric(float64(readsAfter-reads)/float64(n), "reads/hold")
		b.ReportMetric(float64(writesAfter-writes)/float64(n), "writes/hold")
		b.ReportMetric(float64(writesAfter-writes), "writes")
	})
}

func contend(ctx context.Context, n, limit int, newLocker func() (locker, error)) error {
	var all sync.WaitGroup
	var inside atomic.Int64
	failures := make([]error, n)
	for i := range n {
		all.Go(func() {
			failures[i] = func() error {
				l, err := newLocker()
				if err != nil {
					return err
				}
				if _, err := l.take(ctx); err != nil {
					return err
				}
				if now := inside.Add(1); now > int64(limit) {
					return fmt.Errorf("%d are inside at once", now)
				}
				inside.Add(-1)
				return l.giveBack(ctx)
			}()
		})
	}
	all.Wait()
	return errors.Join(failures...)
}
