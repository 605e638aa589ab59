package consul_test

// This file holds the example of the catalog.

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/lictor-go/consul"
)

// A database that runs where there is no agent is registered in the catalog, and found there.
func ExampleCatalog() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := exampleClient()
	defer client.Close()
	catalog := client.Catalog()

	_, err := catalog.Register(ctx, &consul.CatalogRegistration{
		Node: "example-db-host", Address: "192.0.2.20",
		Service: &consul.AgentService{Service: "example-db", Port: 5432, Tags: []string{"primary"}},
	})
	if err != nil {
		log.Fatal(err)
	}

	instances, _, err := catalog.Service(ctx, "example-db", consul.WithTags("primary"))
	if err != nil {
		log.Fatal(err)
	}
	for _, i := range instances {
		fmt.Printf("%s on %s: %s:%d\n", i.ServiceName, i.Node, i.Address, i.ServicePort)
	}

	if _, err := catalog.Deregister(ctx, &consul.CatalogDeregistration{Node: "example-db-host"}); err != nil {
		log.Fatal(err)
	}
	_, _, err = catalog.Node(ctx, "example-db-host")
	fmt.Println("gone:", errors.Is(err, consul.ErrNotFound))
	// Output:
	// example-db on example-db-host: 192.0.2.20:5432
	// gone: true
}
