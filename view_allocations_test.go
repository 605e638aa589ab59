package consul_test

// This file counts what reading a view allocates.

import (
	"fmt"
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
