// Command service shows what a service does with Consul all day: it registers, says how it is, finds others and calls them,
// survives the restart of its agent, and takes leave.
//
// By itself it runs a shop and two stocks on an embedded Consul, and has things happen to them, which takes some seconds.
// Where CONSUL_HTTP_ADDR names a Consul they run there until they are interrupted: look at them with "consul catalog services",
// put one into maintenance, or restart the agent without its data. In both cases it asks the shop over and over, as a
// customer would, and prints what it says whenever that changes.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/lictor-go/consul"
	"github.com/lictor-go/consul/embedded"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	line := newTimeline(os.Stdout)
	var err error
	if os.Getenv("CONSUL_HTTP_ADDR") != "" {
		err = takePart(ctx, line)
	} else {
		err = show(ctx, line)
	}
	if err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, err)
		stop()
		os.Exit(1)
	}
}

// takePart runs the services on the Consul that the environment names, until ctx ends.
func takePart(ctx context.Context, line *timeline) error {
	client, err := consul.NewClient(nil)
	if err != nil {
		return err
	}
	defer client.Close()
	return open(ctx, client, line, func(ctx context.Context, t *town) error {
		<-ctx.Done()
		return nil
	})
}

// show runs them on an embedded Consul, and has things happen to them.
func show(ctx context.Context, line *timeline) error {
	server, err := embedded.Start()
	if err != nil {
		return err
	}
	defer server.Close()
	client, err := consul.NewClient(&consul.Config{Address: server.Addr()})
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return open(ctx, client, line, func(ctx context.Context, t *town) error {
		if err := t.play(ctx, server); err != nil {
			return fmt.Errorf("the play ended early: %w", err)
		}
		return nil
	})
}

// A town is the services, and a customer who asks the shop.
type town struct {
	line                  *timeline
	shop, apples, oranges *service
}

// open runs the services for as long as what is to happen with them, and takes leave of them in order.
func open(ctx context.Context, client *consul.Client, line *timeline, happen func(context.Context, *town) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// An agent that was wiped counts from the beginning: the shorter a question may wait, the sooner that is noticed.
	stocks := client.Service(ctx, "stock", &consul.WatchOptions{Wait: time.Second})
	defer stocks.Close()
	t := &town{line: line}
	var err error
	for _, s := range []struct {
		to                 **service
		id, name, contents string
	}{
		{&t.apples, "stock-1", "stock", "apples"},
		{&t.oranges, "stock-2", "stock", "oranges"},
		{&t.shop, "shop-1", "shop", ""},
	} {
		handler := http.Handler(stock(s.contents))
		if s.to == &t.shop {
			handler = &shop{stocks}
		}
		if *s.to, err = newService(client, s.id, s.name, handler, line); err != nil {
			return err
		}
		defer (*s.to).close()
	}
	failed := make([]error, 4)
	var all sync.WaitGroup
	for i, s := range []*service{t.apples, t.oranges, t.shop} {
		all.Go(func() {
			if failed[i] = s.run(ctx); failed[i] != nil {
				cancel()
			}
		})
	}
	all.Go(func() { t.visit(ctx) })
	failed[3] = happen(ctx, t)
	cancel()
	all.Wait()
	return errors.Join(failed...)
}

// visit asks the shop ten times a second, and looks at how the services are registered.
func (t *town) visit(ctx context.Context) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		for _, s := range []*service{t.apples, t.oranges, t.shop} {
			t.line.tell(s.id, s.standing())
		}
		text, err := get(ctx, t.shop.address)
		if err != nil {
			text = "the shop is closed: " + err.Error()
		}
		if ctx.Err() != nil {
			return
		}
		t.line.tell("customer", text)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// get asks a service, by its address.
func get(ctx context.Context, address string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/", nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s", resp.Status)
	}
	return strings.TrimSpace(string(body)), err
}
