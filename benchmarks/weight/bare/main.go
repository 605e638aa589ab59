// Command bare prints the value of a key by bare net/http. It is there to be weighed: see weight_test.go.
package main

import (
	"io"
	"net/http"
	"os"
)

func main() {
	resp, err := http.Get("http://127.0.0.1:8500/v1/kv/key?raw")
	if err != nil {
		panic(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(os.Stdout, resp.Body); err != nil {
		panic(err)
	}
}
