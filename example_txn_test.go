package consul_test

// This file holds the example of transactions.

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/lictor-go/consul"
)

func ExampleTxn() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := exampleClient()
	defer client.Close()

	// Moves a job from one queue to another, if nobody else did: it never is in both, or in none.
	move := consul.TxnOps{
		{KV: &consul.KVTxnOp{Verb: consul.KVGet, Key: "queue/waiting/job-1"}},
		{KV: &consul.KVTxnOp{Verb: consul.KVDelete, Key: "queue/waiting/job-1"}},
		{KV: &consul.KVTxnOp{Verb: consul.KVSet, Key: "queue/running/job-1", Value: []byte("resize")}},
	}
	if _, err := client.KV().Put(ctx, &consul.KVPair{Key: "queue/waiting/job-1", Value: []byte("resize")}); err != nil {
		log.Fatal(err)
	}
	resp, _, err := client.Txn().Txn(ctx, move)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("moved: %s\n", resp.Results[0].KV.Value)

	resp, _, err = client.Txn().Txn(ctx, move)
	fmt.Println("again, rolled back:", errors.Is(err, consul.ErrTxnRolledBack))
	for _, e := range resp.Errors {
		fmt.Printf("operation %d: %s\n", e.OpIndex, e.What)
	}
	// Output:
	// moved: resize
	// again, rolled back: true
	// operation 0: key "queue/waiting/job-1" doesn't exist
}
