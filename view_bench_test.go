package consul_test

// This file measures views: how long it takes to read one, and to bring a change to all who wait for it.

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/lictor-go/consul"
	"github.com/lictor-go/consul/embedded"
)

// newMemoryServer starts a server in memory, and gives a client of it.
func newMemoryServer(t testing.TB) *consul.Client {
	t.Helper()
	server, err := embedded.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return clientWith(t, &consul.Config{Transport: server.Transport()})
}

// newLargeView gives a view of a service with a thousand instances.
func newLargeView(t testing.TB) *consul.View[[]*consul.ServiceEntry] {
	t.Helper()
	client := newMemoryServer(t)
	for i := range 1000 {
		web := &consul.CatalogRegistration{
			Node: "n", Address: "10.0.0.1", Service: &consul.AgentService{ID: fmt.Sprint("web-", i), Service: "web", Port: 1 + i},
		}
		if _, err := client.Catalog().Register(t.Context(), web); err != nil {
			t.Fatal(err)
		}
	}
	view := client.ViewService(t.Context(), "web")
	t.Cleanup(view.Close)
	if err := view.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	return view
}

func TestViewGetAllocatesNothing(t *testing.T) {
	view := newLargeView(t)
	allocations := testing.AllocsPerRun(100, func() {
		if entries, ok := view.Get(); !ok || len(entries) != 1000 {
			t.Fatalf("the view has %d instances, %v", len(entries), ok)
		}
	})
	if allocations != 0 {
		t.Errorf("Get allocates %v times", allocations)
	}
}

func BenchmarkViewGet(b *testing.B) {
	view := newLargeView(b)
	b.Run("one reader", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, ok := view.Get(); !ok {
				b.Fatal("the view has nothing")
			}
		}
	})
	b.Run("as many as processors", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, ok := view.Get(); !ok {
					b.Error("the view has nothing")
				}
			}
		})
	})
}

// BenchmarkViewChange measures how long it takes from before a key is written until all who follow its view have seen that.
func BenchmarkViewChange(b *testing.B) {
	for _, followers := range []int{1, 1000} {
		b.Run(fmt.Sprint("followers=", followers), func(b *testing.B) {
			client := newMemoryServer(b)
			ctx, stop := context.WithCancel(b.Context())
			var all sync.WaitGroup
			seen := make(chan string, followers)
			for range followers {
				view := client.ViewKey(ctx, "k", &consul.WatchOptions{Rate: 1e9})
				all.Go(func() {
					for pair, err := range view.All(ctx) {
						if err != nil {
							b.Error(err)
						}
						seen <- valueOf(pair)
					}
				})
			}
			await := func(value string) {
				for range followers {
					for <-seen != value {
					}
				}
			}
			await("")
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				i++
				value := strconv.Itoa(i)
				if _, err := client.KV().Put(ctx, &consul.KVPair{Key: "k", Value: []byte(value)}); err != nil {
					b.Fatal(err)
				}
				await(value)
			}
			stop()
			all.Wait()
		})
	}
}
