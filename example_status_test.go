package consul_test

// This file holds the example of the servers' state.

import (
	"context"
	"fmt"
	"log"
	"time"
)

// The leader is one of the peers.
func ExampleStatus() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := exampleClient()
	defer client.Close()

	leader, _, err := client.Status().Leader(ctx)
	if err != nil {
		log.Fatal(err)
	}
	peers, _, err := client.Status().Peers(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, peer := range peers {
		fmt.Println("a server; it leads:", peer == leader)
	}
	// Output:
	// a server; it leads: true
}
