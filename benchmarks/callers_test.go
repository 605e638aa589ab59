package benchmarks

// This file measures many callers at once: what a request costs, and how many of them need a new connection.

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
)

// maxCallers is how many callers there are at the most.
const maxCallers = 1000

// BenchmarkCallers has 64 callers, each of which asks again as soon as it is answered, after 2 ms.
func BenchmarkCallers(b *testing.B) { compareCallers(b, 64, loops) }

// BenchmarkBursts has 64 calls made at once, and again when all of them are answered, after 2 ms.
func BenchmarkBursts(b *testing.B) { compareCallers(b, 64, bursts) }

func compareCallers(b *testing.B, n int, pattern pattern) {
	url := recorded.url(b)
	server := newBare(b, url)
	for _, c := range slowGet(b, url) {
		b.Run("client="+c.client, func(b *testing.B) { measureCallers(b, server, c, n, pattern) })
	}
}

// measureCallers makes calls, up to n at once. What they need to begin with, a connection each, does not count.
func measureCallers(b *testing.B, server *bare, c call, n int, pattern pattern) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	do := func() {
		if err := c.do(ctx); err != nil {
			b.Error(err)
		}
	}
	pattern(4*n, n, do)
	before := server.number(b, connectionsPath)
	b.ReportAllocs()
	b.ResetTimer()
	pattern(b.N, n, do)
	b.StopTimer()
	b.ReportMetric(float64(server.number(b, connectionsPath)-before)/float64(b.N), "conns/op")
}

// A pattern calls do so many times, up to n at once.
type pattern func(times, n int, do func())

func loops(times, n int, do func()) {
	var wg sync.WaitGroup
	var begun atomic.Int64
	for range n {
		wg.Go(func() {
			for begun.Add(1) <= int64(times) {
				do()
			}
		})
	}
	wg.Wait()
}

func bursts(times, n int, do func()) {
	for ; times > 0; times -= n {
		var wg sync.WaitGroup
		for range min(n, times) {
			wg.Go(do)
		}
		wg.Wait()
	}
}
