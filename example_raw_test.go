package consul_test

// This file holds the example of calls of any route.

import (
	"context"
	"fmt"
	"log"
	"time"
)

// A config entry is written and read by its route, with types of one's own.
func ExampleRaw() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := exampleClient()
	defer client.Close()
	raw := client.Raw()

	type defaults struct{ Kind, Name, Protocol string }
	_, err := raw.Write(ctx, "/v1/config", defaults{"service-defaults", "example-api", "grpc"}, nil)
	if err != nil {
		log.Fatal(err)
	}
	var entry defaults
	if _, err := raw.Query(ctx, "/v1/config/service-defaults/example-api", &entry); err != nil {
		log.Fatal(err)
	}
	fmt.Println(entry.Name, "speaks", entry.Protocol)
	if _, err := raw.Delete(ctx, "/v1/config/service-defaults/example-api", nil); err != nil {
		log.Fatal(err)
	}
	// Output:
	// example-api speaks grpc
}
