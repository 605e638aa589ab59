package consul_test

// This file holds the example of Semaphore.

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/lictor-go/consul"
)

func ExampleSemaphore() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := exampleClient()
	defer client.Close()

	var workers []*consul.Semaphore
	for i := range 3 {
		worker, err := client.SemaphorePrefix("example/semaphore", 2)
		if err != nil {
			log.Fatal(err)
		}
		_, err = worker.TryAcquire(ctx)
		switch {
		case err == nil:
			fmt.Printf("worker %d has a slot\n", i+1)
		case errors.Is(err, consul.ErrSemaphoreHeld):
			fmt.Printf("worker %d has none: both are taken\n", i+1)
		default:
			log.Fatal(err)
		}
		workers = append(workers, worker)
	}
	if err := workers[0].Release(ctx); err != nil {
		log.Fatal(err)
	}
	if _, err := workers[2].Acquire(ctx); err != nil { // it would wait for one
		log.Fatal(err)
	}
	fmt.Println("worker 3 has the slot of worker 1")
	for _, worker := range workers[1:] {
		if err := worker.Release(ctx); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// worker 1 has a slot
	// worker 2 has a slot
	// worker 3 has none: both are taken
	// worker 3 has the slot of worker 1
}
