package consul_test

// This file holds the examples of Service and Resolver.

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/lictor-go/consul"
)

// provide registers an instance of a service at an address.
func provide(ctx context.Context, client *consul.Client, service, id, host string, port, weight int) {
	_, err := client.Agent().ServiceRegister(ctx, &consul.AgentServiceRegistration{
		ID: id, Name: service, Address: host, Port: port, Weights: &consul.AgentWeights{Passing: weight, Warning: 1},
	})
	if err != nil {
		log.Fatal(err)
	}
}

func ExampleClient_Service() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := exampleClient()
	defer client.Close()
	provide(ctx, client, "example-store", "example-store-1", "10.0.0.1", 9000, 3)
	provide(ctx, client, "example-store", "example-store-2", "10.0.0.2", 9000, 1)

	// Once in a program: it follows the service until it is closed.
	store := client.Service(ctx, "example-store", consul.Weighted)
	defer store.Close()
	if err := store.Ready(ctx); err != nil {
		log.Fatal(err)
	}

	// For each piece of work.
	work := func(address string) error { return nil }
	picked := map[string]int{}
	for range 8 {
		instance, err := store.Pick()
		if err != nil {
			log.Fatal(err)
		}
		instance.Done(work(instance.Address))
		picked[instance.Address]++
	}
	fmt.Println(picked)

	// An instance that fails its caller is left alone for a while.
	failed, err := store.Pick()
	if err != nil {
		log.Fatal(err)
	}
	failed.Done(fmt.Errorf("%s: it does not answer", failed))
	again := false
	for range 8 {
		instance, err := store.Pick()
		if err != nil {
			log.Fatal(err)
		}
		again = again || instance == failed
		instance.Done(nil)
	}
	fmt.Println("the one that failed was picked again:", again)
	// Output:
	// map[10.0.0.1:9000:6 10.0.0.2:9000:2]
	// the one that failed was picked again: false
}

func ExampleResolver() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := exampleClient()
	defer client.Close()
	var servers []*httptest.Server
	for n := range 3 {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "hello")
		}))
		defer server.Close()
		servers = append(servers, server)
		at := server.Listener.Addr().(*net.TCPAddr)
		provide(ctx, client, "example-hello", fmt.Sprintf("example-hello-%d", n), at.IP.String(), at.Port, 1)
	}

	// Once in a program.
	resolver := client.Resolver(ctx)
	defer resolver.Close()
	web := &http.Client{Transport: resolver.RoundTripper(nil), Timeout: 10 * time.Second}

	get := func() {
		resp, err := web.Get("http://example-hello.service.consul/")
		if err != nil {
			log.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(resp.Status, string(body))
	}
	get()

	// Two of three servers die, and nobody has told Consul yet.
	servers[0].Close()
	servers[1].Close()
	get()
	get()
	// Output:
	// 200 OK hello
	// 200 OK hello
	// 200 OK hello
}

func ExampleResolver_DialContext() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := exampleClient()
	defer client.Close()
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	at := server.Addr().(*net.TCPAddr)
	provide(ctx, client, "example-echo", "example-echo-1", at.IP.String(), at.Port, 1)

	resolver := client.Resolver(ctx)
	defer resolver.Close()
	// http.Transport takes it as its DialContext, and grpc.WithContextDialer takes resolver.Dial.
	conn, err := resolver.DialContext(ctx, "tcp", "example-echo.service.consul:7")
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	fmt.Println(conn.RemoteAddr().String() == server.Addr().String())
	// Output:
	// true
}
