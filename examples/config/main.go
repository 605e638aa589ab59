// Command config shows a program whose configuration is keys in Consul, and that follows them while it runs: a new, checked
// struct for each change, and the one before for as long as the keys make no sense.
//
// By itself it runs on an embedded Consul, on which an operator writes keys. Where CONSUL_HTTP_ADDR names a Consul it follows
// the keys there until it is interrupted; try
//
//	consul kv put example/config/limits/rate 50
//	consul kv put example/config/flags/dark-mode true
//	consul kv put example/config/limits/rate much
//	consul kv delete -recurse example/config/
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/lictor-go/consul"
	"github.com/lictor-go/consul/embedded"
)

// prefix is where the configuration is.
const prefix = "example/config"

// A config is what the keys below prefix become.
type config struct {
	Greeting string          `consul:"greeting,default=hello"`
	Level    slog.Level      `consul:"log/level,default=info"`
	Limits   limits          `consul:"limits"`
	Flags    map[string]bool `consul:"flags"` // whatever is below flags/
}

type limits struct {
	Rate    int           `consul:"rate,default=100"` // requests a second
	Timeout time.Duration `consul:"timeout,default=5s"`
}

// Validate refuses what can be parsed and still makes no sense. WatchKeys calls it.
func (c *config) Validate() error {
	if c.Limits.Rate < 1 {
		return fmt.Errorf("limits/rate is %d, and nobody would be served", c.Limits.Rate)
	}
	return nil
}

func (c *config) String() string {
	return fmt.Sprintf("greeting %q, log level %v, %d requests a second, timeout %v, flags %v",
		c.Greeting, c.Level, c.Limits.Rate, c.Limits.Timeout, c.Flags)
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if os.Getenv("CONSUL_HTTP_ADDR") != "" {
		err = takePart(ctx, os.Stdout)
	} else {
		err = show(ctx, os.Stdout)
	}
	if err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, err)
		stop()
		os.Exit(1)
	}
}

// takePart follows the keys on the Consul that the environment names.
func takePart(ctx context.Context, out io.Writer) error {
	client, err := consul.NewClient(nil)
	if err != nil {
		return err
	}
	defer client.Close()
	fmt.Fprintf(out, "The configuration is below %s/ at %s.\n", prefix, os.Getenv("CONSUL_HTTP_ADDR"))
	return follow(ctx, client, out, func() error { return nil })
}

// show follows keys on an embedded Consul, on which an operator writes after each thing that the program says.
func show(ctx context.Context, out io.Writer) error {
	server, err := embedded.Start()
	if err != nil {
		return err
	}
	defer server.Close()
	// In memory, since both are in this program: no port is needed.
	client, err := consul.NewClient(&consul.Config{Transport: server.Transport()})
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	err = follow(ctx, client, out, operate(ctx, client.KV(), out))
	if errors.Is(err, errDone) {
		return nil
	}
	return errors.Join(err, context.Cause(ctx))
}

// follow says what the configuration is, again whenever it changes, until ctx ends or then does not go well.
func follow(ctx context.Context, client *consul.Client, out io.Writer, then func() error) error {
	var current *config // what the program works with: here an atomic.Pointer would do, or a call that applies it
	// What is written within a tenth of a second comes as one change.
	for fresh, err := range consul.WatchKeys[config](ctx, client, prefix, consul.Settle(100*time.Millisecond)) {
		switch {
		case err == nil:
			current = fresh
			fmt.Fprintln(out, "program:  now", current)
		case current == nil:
			fmt.Fprintln(out, "program:  can't begin:", err)
		default:
			fmt.Fprintln(out, "program:  goes on as before:", err)
		}
		if err := then(); err != nil {
			return err
		}
	}
	return nil
}
