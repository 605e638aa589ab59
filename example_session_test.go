package consul_test

// This file holds the examples of sessions.

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/lictor-go/consul"
)

func ExampleSession() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := exampleClient()
	defer client.Close()

	id, _, err := client.Session().Create(ctx, &consul.SessionEntry{
		Name:      "worker",
		TTL:       15 * time.Second,
		LockDelay: consul.NoLockDelay,
		Behavior:  consul.SessionBehaviorDelete,
	})
	if err != nil {
		log.Fatal(err)
	}
	held, _, err := client.KV().Acquire(ctx, &consul.KVPair{Key: "example/leader", Session: id})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("held:", held)

	// The key goes with the session.
	if _, err := client.Session().Destroy(ctx, id); err != nil {
		log.Fatal(err)
	}
	_, _, err = client.KV().Get(ctx, "example/leader")
	fmt.Println("key gone:", errors.Is(err, consul.ErrNotFound))
	_, _, err = client.Session().Renew(ctx, id)
	fmt.Println("session gone:", errors.Is(err, consul.ErrSessionExpired))
	// Output:
	// held: true
	// key gone: true
	// session gone: true
}

func ExampleSession_RenewPeriodic() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := exampleClient()
	defer client.Close()

	const ttl = 15 * time.Second
	id, _, err := client.Session().Create(ctx, &consul.SessionEntry{TTL: ttl})
	if err != nil {
		log.Fatal(err)
	}
	working, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- client.Session().RenewPeriodic(working, id, ttl) }()

	// … the work that needs the session; when it is done, the session is not needed either.
	stop()
	if err := <-done; err != nil {
		log.Fatal(err)
	}
	_, _, err = client.Session().Info(ctx, id)
	fmt.Println("session gone:", errors.Is(err, consul.ErrNotFound))
	// Output:
	// session gone: true
}
