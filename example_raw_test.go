package consul_test

// This file holds the example of calls of any route.

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/lictor-go/consul"
)

// A route is called with types of one's own, which have what the program wants of it.
func ExampleRaw() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := exampleClient()
	defer client.Close()
	raw := client.Raw()

	type node struct{ Node, Address string }
	guest := node{"example-guest", "10.0.0.7"}
	if _, err := raw.Write(ctx, "/v1/catalog/register", guest, nil); err != nil {
		log.Fatal(err)
	}
	var nodes []node
	_, err := raw.Query(ctx, "/v1/catalog/nodes", &nodes, consul.WithFilter(`Node == "example-guest"`))
	if err != nil {
		log.Fatal(err)
	}
	for _, n := range nodes {
		fmt.Println(n.Node, "is at", n.Address)
	}
	if _, err := raw.Write(ctx, "/v1/catalog/deregister", guest, nil); err != nil {
		log.Fatal(err)
	}
	// Output:
	// example-guest is at 10.0.0.7
}
