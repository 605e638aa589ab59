package benchmarks

// This file measures what is read from memory alone, which a watch keeps up to date: a view, and an instance of a service.

import (
	"context"
	"fmt"
	"testing"

	"github.com/lictor-go/consul"
	"github.com/lictor-go/consul/embedded"
)

const (
	webName      = "web"
	webInstances = 1000
)

// newFollowing is a client of a server in memory, where a service has webInstances instances, whose weights go from 1 to 7.
func newFollowing(b *testing.B) *consul.Client {
	b.Helper()
	server, err := embedded.Start()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { server.Close() })
	client, err := consul.NewClient(&consul.Config{Transport: server.Transport()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { client.Close() })
	for i := range webInstances {
		web := &consul.AgentService{ID: webName + itemNumber(i), Service: webName, Port: 1 + i}
		web.Weights = consul.AgentWeights{Passing: 1 + i%7, Warning: 1}
		if err := register(b.Context(), client, web); err != nil {
			b.Fatal(err)
		}
	}
	return client
}

func register(ctx context.Context, client *consul.Client, service *consul.AgentService) error {
	_, err := client.Catalog().Register(ctx, &consul.CatalogRegistration{Node: "n", Address: "10.0.0.1", Service: service})
	return err
}

// BenchmarkViewGet reads a view of a service.
func BenchmarkViewGet(b *testing.B) {
	view := newFollowing(b).ViewService(b.Context(), webName)
	defer view.Close()
	if err := view.Ready(b.Context()); err != nil {
		b.Fatal(err)
	}
	measureReads(b, "", func() error {
		if entries, ok := view.Get(); !ok || len(entries) != webInstances {
			return fmt.Errorf("the view has %d instances, %v", len(entries), ok)
		}
		return nil
	})
}

// BenchmarkPick picks an instance, and is done with it at once.
func BenchmarkPick(b *testing.B) {
	client := newFollowing(b)
	for balance := consul.RoundRobin; balance <= consul.Nearest; balance++ {
		service := client.Service(b.Context(), webName, balance)
		defer service.Close()
		if err := service.Ready(b.Context()); err != nil {
			b.Fatal(err)
		}
		if n := len(service.Instances()); n != webInstances {
			b.Fatalf("there are %d instances", n)
		}
		measureReads(b, fmt.Sprintf("balance=%v/", balance), func() error {
			i, err := service.Pick()
			if err != nil {
				return err
			}
			i.Done(nil)
			return nil
		})
	}
}

// measureReads reads by one goroutine, and by as many at once as there are processors.
func measureReads(b *testing.B, name string, read func() error) {
	b.Run(name+"by=one/client="+thisName, func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := read(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run(name+"by=all/client="+thisName, func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := read(); err != nil {
					b.Error(err)
				}
			}
		})
	})
}
