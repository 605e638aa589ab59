package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/lictor-go/consul"
	"github.com/lictor-go/consul/embedded"
)

// startExample starts a server, and a client of it that uses no socket.
func startExample() (*embedded.Server, *consul.Client) {
	server, err := embedded.Start()
	if err != nil {
		log.Fatal(err)
	}
	client, err := consul.NewClient(&consul.Config{Transport: server.Transport()})
	if err != nil {
		log.Fatal(err)
	}
	return server, client
}

func Example() {
	server, err := embedded.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	client, err := consul.NewClient(&consul.Config{Address: server.Addr()})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	ctx := context.Background()
	if _, err := client.KV().Put(ctx, &consul.KVPair{Key: "greeting", Value: []byte("hello")}); err != nil {
		log.Fatal(err)
	}
	pair, _, err := client.KV().Get(ctx, "greeting")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", pair.Value)
	// Output: hello
}

func ExampleServer_Inject() {
	server, client := startExample()
	defer func() { _ = server.Close() }()
	defer client.Close()

	ctx := context.Background()
	remove := server.Inject(embedded.Fault{
		Match:  embedded.OfRequest("PUT", "/v1/kv/"),
		Effect: embedded.DropAfter(),
	})
	_, err := client.KV().Put(ctx, &consul.KVPair{Key: "order/17", Value: []byte("paid")})
	fmt.Println("the write failed:", err != nil)
	remove()

	pair, _, err := client.KV().Get(ctx, "order/17")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("and yet it says: %s\n", pair.Value)
	// Output:
	// the write failed: true
	// and yet it says: paid
}

func ExampleServer_LoseLeader() {
	server, client := startExample()
	defer func() { _ = server.Close() }()
	defer client.Close()

	ctx := context.Background()
	pair := &consul.KVPair{Key: "a", Value: []byte("1")}
	if _, err := client.KV().Put(ctx, pair); err != nil {
		log.Fatal(err)
	}

	elect := server.LoseLeader()
	_, err := client.KV().Put(ctx, pair)
	fmt.Println("without a leader nothing is written:", errors.Is(err, consul.ErrNoLeader))
	stale, meta, err := client.KV().Get(ctx, "a", consul.Stale())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("but it is read that a is %s, by a server that knows a leader: %v\n", stale.Value, meta.KnownLeader)

	elect()
	_, err = client.KV().Put(ctx, pair)
	fmt.Println("with a new one it is written again:", err == nil)
	// Output:
	// without a leader nothing is written: true
	// but it is read that a is 1, by a server that knows a leader: false
	// with a new one it is written again: true
}

func ExampleServer_ExpireSession() {
	server, client := startExample()
	defer func() { _ = server.Close() }()
	defer client.Close()

	ctx := context.Background()
	id, _, err := client.Session().Create(ctx, &consul.SessionEntry{TTL: time.Hour})
	if err != nil {
		log.Fatal(err)
	}
	if _, _, err := client.KV().Acquire(ctx, &consul.KVPair{Key: "lock", Session: id}); err != nil {
		log.Fatal(err)
	}
	if err := server.ExpireSession(id); err != nil {
		log.Fatal(err)
	}
	pair, _, err := client.KV().Get(ctx, "lock")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("the lock is held by %q\n", pair.Session)
	// Output: the lock is held by ""
}
