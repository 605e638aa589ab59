// Command this prints the value of a key by this client. It is there to be weighed: see weight_test.go.
package main

import (
	"context"
	"os"

	"github.com/lictor-go/consul"
)

func main() {
	c, err := consul.NewClient(nil)
	if err != nil {
		panic(err)
	}
	defer c.Close()
	pair, _, err := c.KV().Get(context.Background(), "key")
	if err != nil {
		panic(err)
	}
	os.Stdout.Write(pair.Value)
}
