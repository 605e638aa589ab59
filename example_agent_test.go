package consul_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/lictor-go/consul"
)

func ExampleAgent() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := exampleClient()
	defer client.Close()
	agent := client.Agent()

	// A service that says every now and then that it is well.
	_, err := agent.ServiceRegister(ctx, &consul.AgentServiceRegistration{
		ID:   "example-web-1",
		Name: "example-web",
		Port: 8080,
		Tags: []string{"v2"},
		Check: &consul.AgentServiceCheck{
			CheckID:                        "example-web-1-alive",
			TTL:                            15 * time.Second,
			DeregisterCriticalServiceAfter: 10 * time.Minute,
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := agent.PassTTL(ctx, "example-web-1-alive", "serving"); err != nil {
		log.Fatal(err)
	}
	info, _, err := agent.HealthServiceByID(ctx, "example-web-1")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(info.Service.Service, "on port", info.Service.Port, "is", info.AggregatedStatus)

	// Out of use for a while, without a word to its clients.
	if _, err := agent.EnableServiceMaintenance(ctx, "example-web-1", "new disk"); err != nil {
		log.Fatal(err)
	}
	if info, _, err = agent.HealthServiceByID(ctx, "example-web-1"); err != nil {
		log.Fatal(err)
	}
	fmt.Println("now it is in", info.AggregatedStatus)

	if _, err := agent.ServiceDeregister(ctx, "example-web-1"); err != nil {
		log.Fatal(err)
	}
	_, _, err = agent.Service(ctx, "example-web-1")
	fmt.Println("gone:", errors.Is(err, consul.ErrNotFound))
	// Output:
	// example-web on port 8080 is passing
	// now it is in maintenance
	// gone: true
}
