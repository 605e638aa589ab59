package consul_test

// This file holds the example of the package as a whole, and what the examples of the families share.

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/lictor-go/consul"
)

// exampleClient gives a client of a Consul that the examples may use as they like. In a program of your own that is
// consul.NewClient(nil), which reads the environment.
func exampleClient() *consul.Client {
	server, err := plainServer.start()
	if err != nil {
		log.Fatal(err)
	}
	client, err := consul.NewClient(&consul.Config{Address: server.Addr()})
	if err != nil {
		log.Fatal(err)
	}
	return client
}

func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := exampleClient()
	defer client.Close()
	kv := client.KV()

	if _, err := kv.Put(ctx, &consul.KVPair{Key: "example/colour", Value: []byte("blue")}); err != nil {
		log.Fatal(err)
	}
	pair, meta, err := kv.Get(ctx, "example/colour")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s is %s\n", pair.Key, pair.Value)

	// Someone else changes the key while we wait for just that.
	go kv.Put(ctx, &consul.KVPair{Key: "example/colour", Value: []byte("green")})
	pair, _, err = kv.Get(ctx, "example/colour", consul.Wait(meta.LastIndex, 30*time.Second))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s is now %s\n", pair.Key, pair.Value)

	// Our copy is the newest, so the compare-and-set goes through; with the old index it would not.
	pair.Value = []byte("red")
	ok, _, err := kv.CAS(ctx, pair)
	if err != nil {
		log.Fatal(err)
	}
	again, _, err := kv.CAS(ctx, pair)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("first CAS:", ok, "second CAS with the same index:", again)

	_, _, err = kv.Get(ctx, "example/sound")
	fmt.Println("an absent key is ErrNotFound:", errors.Is(err, consul.ErrNotFound))
	// Output:
	// example/colour is blue
	// example/colour is now green
	// first CAS: true second CAS with the same index: false
	// an absent key is ErrNotFound: true
}
