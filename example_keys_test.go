package consul_test

// This file holds the examples of keys that become structs.

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/lictor-go/consul"
)

func ExampleKV_Decode() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := exampleClient()
	defer client.Close()
	for key, value := range map[string]string{"timeout": "1m30s", "limits/rate": "100", "flags/dark-mode": "true", "peers": "a, b"} {
		if _, err := client.KV().Put(ctx, &consul.KVPair{Key: "example/shop/" + key, Value: []byte(value)}); err != nil {
			log.Fatal(err)
		}
	}

	var config struct {
		Listen  string        `consul:"listen,default=:8080"`
		Timeout time.Duration `consul:"timeout"`
		Peers   []string      `consul:"peers"`
		Limits  struct {
			Rate int `consul:"rate"`
		} `consul:"limits"`
		Flags map[string]bool `consul:"flags"`
	}
	if _, err := client.KV().Decode(ctx, "example/shop", &config); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%+v\n", config)

	// What is wrong is said of all keys at once, by their names.
	var other struct {
		Timeout int               `consul:"timeout"`
		Limits  map[string]string `consul:"limits"`
		DSN     string            `consul:"db/dsn,required"`
	}
	_, err := client.KV().Decode(ctx, "example/shop", &other)
	fmt.Println(err)
	// Output:
	// {Listen::8080 Timeout:1m30s Peers:[a b] Limits:{Rate:100} Flags:map[dark-mode:true]}
	// consul: keys under "example/shop": "example/shop/db/dsn": missing key; "example/shop/flags/dark-mode": unknown key; "example/shop/peers": unknown key; "example/shop/timeout": malformed value: want a whole number of 64 bits: invalid syntax
}

func ExampleWatchKeys() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := exampleClient()
	defer client.Close()
	put := func(value string) {
		if _, err := client.KV().Put(ctx, &consul.KVPair{Key: "example/limits/rate", Value: []byte(value)}); err != nil {
			log.Fatal(err)
		}
	}

	type limits struct {
		Rate int `consul:"rate,default=100"`
	}
	for l, err := range consul.WatchKeys[limits](ctx, client, "example/limits") {
		switch {
		case err != nil:
			fmt.Println("what was before goes on:", err)
			put("50") // somebody mends it
		case l.Rate == 100:
			fmt.Println("the default:", l.Rate)
			put("much") // somebody writes nonsense
		default:
			fmt.Println("now:", l.Rate)
			return // leaving the loop ends the watch
		}
	}
	// Output:
	// the default: 100
	// what was before goes on: consul: keys under "example/limits": "example/limits/rate": malformed value: want a whole number of 64 bits: invalid syntax
	// now: 50
}
