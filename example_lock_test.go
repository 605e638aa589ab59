package consul_test

// This file holds the examples of Lock.

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/lictor-go/consul"
)

func ExampleLock() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := exampleClient()
	defer client.Close()

	lock, err := client.LockOpts(&consul.LockOptions{
		Key:         "example/lock",
		Value:       []byte("worker 1"),
		SessionOpts: &consul.SessionEntry{TTL: 10 * time.Second},
	})
	if err != nil {
		log.Fatal(err)
	}
	hold, err := lock.Lock(ctx)
	if err != nil {
		log.Fatal(err)
	}
	// The work runs under hold, which ends when the lock is lost, before another can have it.
	fmt.Println("held:", hold.Err() == nil)

	rival, err := client.LockKey("example/lock")
	if err != nil {
		log.Fatal(err)
	}
	_, err = rival.TryLock(ctx)
	fmt.Println("a rival's attempt is ErrLockHeld:", errors.Is(err, consul.ErrLockHeld))

	if err := lock.Unlock(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println("lost:", errors.Is(context.Cause(hold), consul.ErrLockLost))
	// Output:
	// held: true
	// a rival's attempt is ErrLockHeld: true
	// lost: false
}

// The fence tells orders of different holders apart for those who carry them out.
func ExampleLock_Fence() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := exampleClient()
	defer client.Close()

	var highest uint64
	carryOut := func(fence uint64, order string) {
		if fence < highest {
			fmt.Println("refused:", order)
			return
		}
		highest = fence
		fmt.Println("done:", order)
	}
	var fences []uint64
	for range 2 { // two holders, one after the other
		lock, err := client.LockKey("example/fence")
		if err != nil {
			log.Fatal(err)
		}
		if _, err := lock.Lock(ctx); err != nil {
			log.Fatal(err)
		}
		fences = append(fences, lock.Fence())
		if err := lock.Unlock(ctx); err != nil {
			log.Fatal(err)
		}
	}
	carryOut(fences[0], "the first holder's")
	carryOut(fences[1], "the second holder's")
	carryOut(fences[0], "the first holder's, which was late")
	// Output:
	// done: the first holder's
	// done: the second holder's
	// refused: the first holder's, which was late
}

// What is written with a guard can't come after another has taken the lock.
func ExampleLock_Guard() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := exampleClient()
	defer client.Close()

	lock, err := client.LockKey("example/guard")
	if err != nil {
		log.Fatal(err)
	}
	if _, err := lock.Lock(ctx); err != nil {
		log.Fatal(err)
	}
	ops, err := lock.Guard(&consul.TxnOp{KV: &consul.KVTxnOp{Verb: consul.KVSet, Key: "example/result", Value: []byte("42")}})
	if err != nil {
		log.Fatal(err)
	}
	_, _, err = client.Txn().Txn(ctx, ops)
	fmt.Println("while it is held:", err)

	if err := lock.Unlock(ctx); err != nil {
		log.Fatal(err)
	}
	_, _, err = client.Txn().Txn(ctx, ops)
	fmt.Println("later it is ErrTxnRolledBack:", errors.Is(err, consul.ErrTxnRolledBack))
	// Output:
	// while it is held: <nil>
	// later it is ErrTxnRolledBack: true
}
