package consul_test

// This file holds the example of Session.KeepAlive.

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/lictor-go/consul"
)

func ExampleSession_KeepAlive() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := exampleClient()
	defer client.Close()

	session, err := client.Session().KeepAlive(ctx, &consul.SessionEntry{Name: "worker", TTL: 10 * time.Second})
	if err != nil {
		log.Fatal(err)
	}
	// One session can hold many locks. All holds end with it.
	for _, key := range []string{"example/red", "example/blue"} {
		lock, err := client.LockOpts(&consul.LockOptions{Key: key, Session: session})
		if err != nil {
			log.Fatal(err)
		}
		hold, err := lock.Lock(ctx)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(key, "is held:", hold.Err() == nil)
		if err := lock.Unlock(ctx); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println("alive:", session.Context().Err() == nil)

	if err := session.Close(ctx); err != nil {
		log.Fatal(err)
	}
	_, _, err = client.Session().Info(ctx, session.ID())
	fmt.Println("gone:", errors.Is(err, consul.ErrNotFound))
	// Output:
	// example/red is held: true
	// example/blue is held: true
	// alive: true
	// gone: true
}
