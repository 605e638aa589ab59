package benchmarks

// This file measures the calls.

import (
	"context"
	"runtime"
	"runtime/metrics"
	"testing"
	"time"
)

func BenchmarkKVGet(b *testing.B)      { compare(b, kvGet(b, recorded.url(b))) }
func BenchmarkKVPut(b *testing.B)      { compare(b, kvPut(b, recorded.url(b))) }
func BenchmarkKVGetLarge(b *testing.B) { compare(b, kvGetLarge(b, recorded.url(b))) }
func BenchmarkKVGetRaw(b *testing.B)   { compare(b, kvGetRaw(b, recorded.url(b))) }
func BenchmarkKVList(b *testing.B)     { compare(b, kvList(b, recorded.url(b), 10_000)) }
func BenchmarkHealth(b *testing.B)     { compare(b, health(b, recorded.url(b), 1_000)) }

// compare measures a call by each client.
func compare(b *testing.B, calls []call) {
	for _, c := range calls {
		b.Run("client="+c.client, func(b *testing.B) { measure(b, c) })
	}
}

// measure makes a call over and over, and checks what it gave. The context is such as a service has one for a request.
func measure(b *testing.B, c call) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	for range 3 { // the first have a connection to make, and pools to fill
		if err := c.do(ctx); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := c.do(ctx); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	c.check(b)
}

// BenchmarkKVAll reads 100,000 keys, one by one where the client can, and tells the memory that this takes.
func BenchmarkKVAll(b *testing.B) {
	for _, c := range kvAll(b, recorded.url(b), 100_000) {
		b.Run("client="+c.client, func(b *testing.B) {
			if err := c.do(b.Context()); err != nil { // the server makes its answer once
				b.Fatal(err)
			}
			h := watchHeap()
			for b.Loop() {
				if err := c.do(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(h.peak()), "peak-B")
			c.check(b)
		})
	}
}

// A heapWatch keeps the most memory that objects on the heap take, above what they took at first.
type heapWatch struct {
	idle, most uint64
	stop, done chan struct{}
}

func watchHeap() *heapWatch {
	runtime.GC()
	runtime.GC() // what the first one's finalizers freed
	h := &heapWatch{idle: heapObjects(), stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(h.done)
		tick := time.NewTicker(200 * time.Microsecond)
		defer tick.Stop()
		for {
			h.most = max(h.most, heapObjects())
			select {
			case <-tick.C:
			case <-h.stop:
				return
			}
		}
	}()
	return h
}

func (h *heapWatch) peak() uint64 {
	close(h.stop)
	<-h.done
	return h.most - h.idle
}

// heapObjects is what objects on the heap take, with those that the collector has not come by yet.
func heapObjects() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
