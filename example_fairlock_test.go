package consul_test

// This file holds the example of FairLock.

import (
	"context"
	"fmt"
	"log"
	"sync"
	"time"
)

func ExampleFairLock() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := exampleClient()
	defer client.Close()

	first, err := client.FairLockKey("example/fair")
	if err != nil {
		log.Fatal(err)
	}
	if _, err := first.Lock(ctx); err != nil {
		log.Fatal(err)
	}
	// Two more come, one after the other, and have the lock in that order.
	var waiting sync.WaitGroup
	for i, name := range []string{"second", "third"} {
		lock, err := client.FairLockKey("example/fair")
		if err != nil {
			log.Fatal(err)
		}
		waiting.Go(func() {
			if _, err := lock.Lock(ctx); err != nil {
				log.Fatal(err)
			}
			fmt.Println("then the", name)
			if err := lock.Unlock(ctx); err != nil {
				log.Fatal(err)
			}
		})
		for queued := 0; queued < i+2; { // until it stands in the queue
			keys, _, err := client.KV().Keys(ctx, "example/fair/", "")
			if err != nil {
				log.Fatal(err)
			}
			queued = len(keys)
		}
	}
	fmt.Println("the first has it")
	if err := first.Unlock(ctx); err != nil {
		log.Fatal(err)
	}
	waiting.Wait()
	// Output:
	// the first has it
	// then the second
	// then the third
}
