package consul_test

// This file holds the examples of the key/value store.

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strconv"
	"time"

	"github.com/lictor-go/consul"
)

func ExampleKV() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := exampleClient()
	defer client.Close()
	kv := client.KV()

	for _, key := range []string{"fruit/apple", "fruit/banana", "fruit/berry/red"} {
		if _, err := kv.Put(ctx, &consul.KVPair{Key: key, Value: []byte("ripe")}); err != nil {
			log.Fatal(err)
		}
	}
	keys, _, err := kv.Keys(ctx, "fruit/", "/")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(keys)

	_, err = kv.Put(ctx, &consul.KVPair{Key: "fruit//cherry"})
	fmt.Println("a key that the server would change is refused:", errors.Is(err, consul.ErrInvalidKey))

	if _, err := kv.DeleteTree(ctx, "fruit/"); err != nil {
		log.Fatal(err)
	}
	_, _, err = kv.Get(ctx, "fruit/apple")
	fmt.Println("gone:", errors.Is(err, consul.ErrNotFound))
	// Output:
	// [fruit/apple fruit/banana fruit/berry/]
	// a key that the server would change is refused: true
	// gone: true
}

func ExampleKV_All() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := exampleClient()
	defer client.Close()
	kv := client.KV()

	for i := range 3 {
		if _, err := kv.Put(ctx, &consul.KVPair{Key: fmt.Sprint("all/", i), Value: []byte("x")}); err != nil {
			log.Fatal(err)
		}
	}
	for pair, err := range kv.All(ctx, "all/") {
		if err != nil {
			log.Fatal(err) // what came before it is only part of the list
		}
		fmt.Println(pair.Key)
	}
	// Output:
	// all/0
	// all/1
	// all/2
}

func ExampleKV_Update() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := exampleClient()
	defer client.Close()

	count := func(old *consul.KVPair) (*consul.KVPair, error) {
		n := 0
		if old != nil {
			var err error
			if n, err = strconv.Atoi(string(old.Value)); err != nil {
				return nil, err
			}
		}
		fmt.Println("the visitor before had the number", n)
		return &consul.KVPair{Value: []byte(strconv.Itoa(n + 1))}, nil
	}
	for range 2 {
		if _, err := client.KV().Update(ctx, "example/visitors", count); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// the visitor before had the number 0
	// the visitor before had the number 1
}
