package consul_test

// This file holds the example of Election.

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/lictor-go/consul"
)

func ExampleElection() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := exampleClient()
	defer client.Close()

	election, err := client.Election("example/election", &consul.ElectionOptions{Value: []byte("10.0.0.1:8080")})
	if err != nil {
		log.Fatal(err)
	}
	err = election.Run(ctx, func(leading context.Context) error {
		// What only one may do. It goes on until leading ends; here it is done at once.
		leader, err := election.Leader(leading)
		if err != nil {
			return err
		}
		fmt.Printf("the leader is at %s, and that is us: %v\n", leader.Value, election.IsLeader())
		return nil
	})
	fmt.Println("the election ended with:", err)

	_, err = election.Leader(ctx)
	fmt.Println("nobody leads:", errors.Is(err, consul.ErrNotFound))
	// Output:
	// the leader is at 10.0.0.1:8080, and that is us: true
	// the election ended with: <nil>
	// nobody leads: true
}
