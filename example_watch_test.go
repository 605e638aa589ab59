package consul_test

// This file holds the examples of watches.

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/lictor-go/consul"
)

func ExampleClient_WatchKey() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := exampleClient()
	defer client.Close()

	set := func(level string) {
		pair := &consul.KVPair{Key: "example/log-level", Value: []byte(level)}
		if _, err := client.KV().Put(ctx, pair); err != nil {
			log.Fatal(err)
		}
	}
	defer client.KV().Delete(ctx, "example/log-level")
	for pair, err := range client.WatchKey(ctx, "example/log-level") {
		switch {
		case err != nil:
			log.Print(err) // the watch goes on by itself
			continue
		case pair == nil:
			fmt.Println("there is no level yet")
			set("debug")
			continue
		}
		fmt.Printf("the level is %s\n", pair.Value)
		if string(pair.Value) == "info" {
			break // which ends the watch
		}
		set("info")
	}
	// Output:
	// there is no level yet
	// the level is debug
	// the level is info
}

func ExampleClient_WatchPrefix() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := exampleClient()
	defer client.Close()
	set := func(key, value string) *consul.TxnOp {
		return &consul.TxnOp{KV: &consul.KVTxnOp{Verb: consul.KVSet, Key: "example/routes/" + key, Value: []byte(value)}}
	}
	write := func(ops ...*consul.TxnOp) {
		if _, _, err := client.Txn().Txn(ctx, ops); err != nil {
			log.Fatal(err)
		}
	}

	write(set("api", "v1"), set("web", "v1"))
	defer client.KV().DeleteTree(ctx, "example/routes/")
	for change, err := range client.WatchPrefix(ctx, "example/routes/") {
		if err != nil {
			log.Print(err)
			continue
		}
		fmt.Printf("%d routes: %d added, %d changed, %d deleted\n",
			len(change.Pairs), len(change.Added), len(change.Changed), len(change.Deleted))
		if len(change.Changed) > 0 {
			break
		}
		write(set("api", "v2"), &consul.TxnOp{KV: &consul.KVTxnOp{Verb: consul.KVDelete, Key: "example/routes/web"}})
	}
	// Output:
	// 2 routes: 2 added, 0 changed, 0 deleted
	// 1 routes: 0 added, 1 changed, 1 deleted
}

// Any read can be watched. That of a service of the agent works by a hash, without the servers.
func ExampleWatch() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := exampleClient()
	defer client.Close()
	register := func(port int) {
		service := &consul.AgentServiceRegistration{ID: "example-cache", Name: "example-cache", Port: port}
		if _, err := client.Agent().ServiceRegister(ctx, service); err != nil {
			log.Fatal(err)
		}
	}

	register(6379)
	defer client.Agent().ServiceDeregister(ctx, "example-cache")
	for service, err := range consul.Watch(ctx, consul.QueryOf(client.Agent().Service, "example-cache")) {
		if err != nil {
			log.Print(err)
			continue
		}
		fmt.Printf("it listens on port %d\n", service.Port)
		if service.Port == 6380 {
			break
		}
		register(6380)
	}
	// Output:
	// it listens on port 6379
	// it listens on port 6380
}
