package consul_test

// This file holds the example of user events.

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/lictor-go/consul"
)

// An event is fired while someone waits for it.
func ExampleEvent() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := exampleClient()
	defer client.Close()

	_, meta, err := client.Event().List(ctx, "example-deploy")
	if err != nil {
		log.Fatal(err)
	}
	id, _, err := client.Event().Fire(ctx, &consul.UserEvent{Name: "example-deploy", Payload: []byte("v2")})
	if err != nil {
		log.Fatal(err)
	}
	events, _, err := client.Event().List(ctx, "example-deploy", consul.Wait(meta.LastIndex, 30*time.Second))
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range events {
		fmt.Printf("%s %s, the one just fired: %t\n", e.Name, e.Payload, e.ID == id)
	}
	// Output:
	// example-deploy v2, the one just fired: true
}
