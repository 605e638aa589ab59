package consul_test

// This file holds the example of health.

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/lictor-go/consul"
)

// The instances that requests may be sent to are those that pass all their checks.
func ExampleHealth_Service() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := exampleClient()
	defer client.Close()

	for i, status := range []string{consul.HealthPassing, consul.HealthCritical} {
		node := fmt.Sprintf("example-web-%d", i+1)
		_, err := client.Catalog().Register(ctx, &consul.CatalogRegistration{
			Node: node, Address: fmt.Sprintf("192.0.2.%d", i+1),
			Service: &consul.AgentService{Service: "example-web", Port: 80},
			Check:   &consul.HealthCheck{Name: "ping", Status: status, ServiceID: "example-web"},
		})
		if err != nil {
			log.Fatal(err)
		}
		defer client.Catalog().Deregister(ctx, &consul.CatalogDeregistration{Node: node})
	}

	all, _, err := client.Health().Service(ctx, "example-web")
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range all {
		fmt.Println(e.Node.Node, "is", e.Checks.AggregatedStatus())
	}
	passing, _, err := client.Health().Service(ctx, "example-web", consul.PassingOnly())
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range passing {
		fmt.Printf("ask %s:%d\n", e.Node.Address, e.Service.Port)
	}
	// Unordered output:
	// example-web-1 is passing
	// example-web-2 is critical
	// ask 192.0.2.1:80
}
