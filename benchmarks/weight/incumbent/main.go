// Command incumbent prints the value of a key by the incumbent. It is there to be weighed: see weight_test.go.
package main

import (
	"os"

	"github.com/hashicorp/consul/api"
)

func main() {
	c, err := api.NewClient(api.DefaultConfig())
	if err != nil {
		panic(err)
	}
	pair, _, err := c.KV().Get("key", nil)
	if err != nil {
		panic(err)
	}
	if pair != nil {
		os.Stdout.Write(pair.Value)
	}
}
