package consul_test

// This file holds the example of hooks.

import (
	"context"
	"fmt"
	"log"

	"github.com/lictor-go/consul"
	"github.com/lictor-go/consul/embedded"
)

// Hooks see each call by its route, and how each of its requests ended.
func ExampleHooks() {
	server, err := embedded.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	hooks := &consul.Hooks{
		Attempt: func(ctx context.Context, call *consul.CallInfo, number int) (context.Context, func(*consul.AttemptResult)) {
			return ctx, func(result *consul.AttemptResult) {
				fmt.Println(call.Method, call.Route, "attempt", number, "status", result.Code)
			}
		},
	}
	client, err := consul.NewClient(&consul.Config{Address: server.Addr(), Hooks: hooks})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	ctx := context.Background()
	if _, err := client.KV().Put(ctx, &consul.KVPair{Key: "shop/colour", Value: []byte("blue")}); err != nil {
		log.Fatal(err)
	}
	if _, _, err := client.KV().Get(ctx, "shop/colour"); err != nil {
		log.Fatal(err)
	}
	if _, err := client.KV().Delete(ctx, "shop/colour"); err != nil {
		log.Fatal(err)
	}
	// Output:
	// PUT /v1/kv/:key attempt 1 status 200
	// GET /v1/kv/:key attempt 1 status 200
	// DELETE /v1/kv/:key attempt 1 status 200
}
