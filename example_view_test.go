package consul_test

// This file holds the examples of views.

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/lictor-go/consul"
)

func ExampleView() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := exampleClient()
	defer client.Close()
	register := func(id string, port int) {
		service := &consul.AgentServiceRegistration{ID: id, Name: "example-db", Port: port}
		if _, err := client.Agent().ServiceRegister(ctx, service); err != nil {
			log.Fatal(err)
		}
	}

	register("example-db-1", 5432)
	defer client.Agent().ServiceDeregister(ctx, "example-db-1")
	view := client.ViewService(ctx, "example-db", consul.PassingOnly(), consul.KeepFor(10*time.Minute))
	defer view.Close()
	if err := view.Ready(ctx); err != nil {
		log.Fatal(err)
	}
	known := 0
	for known < 2 {
		updated := view.Updated() // before Get, so that no change is missed
		instances, _ := view.Get()
		if len(instances) == known {
			<-updated
			continue
		}
		known = len(instances)
		fmt.Printf("%d instances, the last on port %d\n", known, instances[known-1].Service.Port)
		if known == 1 {
			register("example-db-2", 5433)
			defer client.Agent().ServiceDeregister(ctx, "example-db-2")
		}
	}
	// Output:
	// 1 instances, the last on port 5432
	// 2 instances, the last on port 5433
}
