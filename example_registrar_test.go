package consul_test

// This file holds the example of Registrar.

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/lictor-go/consul"
)

func ExampleRegistrar() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := exampleClient()
	defer client.Close()

	registrar, err := client.Registrar(&consul.RegistrarOptions{
		Services: []consul.RegistrarService{{
			Service: &consul.AgentServiceRegistration{ID: "example-web-1", Name: "example-web", Port: 8080},
			// How the service is: the Ping of a database, say.
			Health: func(ctx context.Context) error { return fmt.Errorf("%w: the cache is cold", consul.ErrDegraded) },
		}},
	})
	if err != nil {
		log.Fatal(err)
	}

	// In a program that is the context of signal.NotifyContext, so that SIGTERM deregisters, and an errgroup that runs the
	// registrar beside the service itself.
	life, end := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- registrar.Run(life) }()
	if err := registrar.Ready(ctx); err != nil {
		log.Fatal(err)
	}

	instances, _, err := client.Agent().HealthServiceByName(ctx, "example-web")
	if err != nil {
		log.Fatal(err)
	}
	for _, i := range instances {
		fmt.Printf("%s listens on port %d, %s\n", i.Service.ID, i.Service.Port, i.AggregatedStatus)
	}
	for _, s := range registrar.Status() {
		fmt.Printf("%s is registered: %v, %s, %s\n", s.ID, s.Registered, s.Health, s.Output)
	}

	end()
	fmt.Println("the registrar ended with:", <-done)
	_, _, err = client.Agent().HealthServiceByName(ctx, "example-web")
	fmt.Println("it is gone:", errors.Is(err, consul.ErrNotFound))
	// Output:
	// example-web-1 listens on port 8080, warning
	// example-web-1 is registered: true, warning, degraded: the cache is cold
	// the registrar ended with: <nil>
	// it is gone: true
}
