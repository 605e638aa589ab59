package benchmarks

// This file measures many who watch one key: what each of them takes while nothing changes.

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
)

var watcherCounts = []int{10, 100, 1000, 10_000}

// BenchmarkGrowthOfWatchers has so many goroutines watch a key. The incumbent's are loops of blocking queries, as those of
// its watch plans are; they are not more than 1,000, each of which has a connection.
func BenchmarkGrowthOfWatchers(b *testing.B) {
	url := recorded.url(b)
	for _, n := range watcherCounts {
		if n <= maxCallers {
			incumbent := newIncumbent(b, url)
			measureWatchers(b, url, incumbentName, n, n, func(ctx context.Context, seen func(value []byte)) {
				options := &api.QueryOptions{}
				for ctx.Err() == nil {
					pair, meta, err := incumbent.KV().Get(quietKey, options.WithContext(ctx))
					if err == nil {
						seen(pair.Value)
						options.WaitIndex = meta.LastIndex
					}
				}
			})
		}
		this := newThis(b, url)
		measureWatchers(b, url, thisName, n, 1, func(ctx context.Context, seen func(value []byte)) {
			for pair, err := range this.WatchKey(ctx, quietKey) {
				if err == nil {
					seen(pair.Value)
				}
			}
		})
	}
}

// measureWatchers has n goroutines watch, and measures when all of them have seen the key and questions of them wait.
func measureWatchers(b *testing.B, url, client string, n, questions int, watch func(context.Context, func([]byte))) {
	b.Run(fmt.Sprintf("what=Watchers/n=%d/client=%s", n, client), func(b *testing.B) {
		server := newBare(b, url)
		ctx, cancel := context.WithCancel(b.Context())
		var all, first sync.WaitGroup
		connections, memory := server.number(b, connectionsPath), usedMemory()
		for range n {
			first.Add(1)
			all.Go(func() {
				watch(ctx, func(value []byte) {
					if err := same(value, smallValue); err != nil {
						b.Error(err)
					}
					first.Done()
				})
			})
		}
		first.Wait()
		awaitWaiting(b, server, questions)
		b.ReportMetric((usedMemory()-memory)/float64(n), "watcher-B")
		b.ReportMetric(float64(server.number(b, connectionsPath)-connections)/float64(n), "conns/watcher")
		b.ReportMetric(0, "ns/op")
		cancel()
		all.Wait()
		awaitWaiting(b, server, 0)
	})
}

// awaitWaiting waits until so many questions wait at the server.
func awaitWaiting(b *testing.B, server *bare, questions int) {
	b.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for now := -1; now != questions; {
		if now = server.number(b, waitingPath); time.Now().After(deadline) {
			b.Fatalf("%d questions wait at the server, want %d", now, questions)
		}
		time.Sleep(time.Millisecond)
	}
}

// usedMemory is what the process uses for its heap and its stacks.
func usedMemory() float64 {
	runtime.GC()
	runtime.GC() // what the first one's finalizers freed
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse)
}
