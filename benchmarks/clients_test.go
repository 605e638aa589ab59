package benchmarks

// This file makes the clients that are compared: this one, the incumbent, and bare net/http as the floor of both.

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"testing"

	"github.com/hashicorp/consul/api"

	"github.com/lictor-go/consul"
)

// Names of the clients in the names of benchmarks: "BenchmarkKVGet/client=this".
const (
	bareName      = "bare"
	incumbentName = "incumbent"
	thisName      = "this"
)

// newThis is this project's client of a server.
func newThis(t testing.TB, url string) *consul.Client {
	t.Helper()
	c, err := consul.NewClient(&consul.Config{Address: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// newIncumbent is the incumbent, as its users make it.
func newIncumbent(t testing.TB, url string) *api.Client {
	t.Helper()
	config := api.DefaultConfig()
	config.Address = url
	c, err := api.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(config.Transport.CloseIdleConnections)
	return c
}

// A bare is net/http as one would use it by hand, with a pool for as many callers as there are.
type bare struct {
	client *http.Client
	url    string
}

func newBare(t testing.TB, url string) *bare {
	t.Helper()
	transport := &http.Transport{MaxIdleConns: maxCallers, MaxIdleConnsPerHost: maxCallers}
	t.Cleanup(transport.CloseIdleConnections)
	return &bare{&http.Client{Transport: transport}, url}
}

// call makes a request and has the answer read, into a buffer that is there already: the floor of what a client can do.
func (c *bare) call(ctx context.Context, method, path string, body io.Reader, into io.ReaderFrom) error {
	r, err := http.NewRequestWithContext(ctx, method, c.url+path, body)
	if err != nil {
		return err
	}
	resp, err := c.client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s", method, path, resp.Status)
	}
	_, err = into.ReadFrom(resp.Body)
	return err
}

// get asks for a path and gives the answer in memory of its own.
func (c *bare) get(t testing.TB, path string) []byte {
	t.Helper()
	var answer bytes.Buffer
	if err := c.call(t.Context(), http.MethodGet, path, nil, &answer); err != nil {
		t.Fatal(err)
	}
	return answer.Bytes()
}

// number asks the server for one: at connectionsPath for how many connections it was asked for.
func (c *bare) number(t testing.TB, path string) int {
	t.Helper()
	n, err := strconv.Atoi(string(c.get(t, path)))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
