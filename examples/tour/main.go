// Command tour shows the client at work: it writes keys, finds a service, holds a key with a session, waits for a change
// and fires an event, and says what it did and how long each step took.
//
// It uses the Consul that CONSUL_HTTP_ADDR and its like name, or else one that is embedded in it. What it makes there it
// removes again.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/lictor-go/consul"
	"github.com/lictor-go/consul/embedded"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "\nThe tour ended early: %v\n", err)
		stop()
		os.Exit(1)
	}
}

// run makes the whole tour and prints it to out.
func run(ctx context.Context, out io.Writer) (err error) {
	client, where, stop, err := connect(out)
	if err != nil {
		return err
	}
	defer stop()
	defer client.Close()
	fmt.Fprintf(out, "A tour of Consul at %s\n\n", where)

	name := "tour-" + strings.ToLower(rand.Text()[:8])
	t := &tour{client: client, out: out, name: name}
	start := time.Now()
	if err := t.step(ctx, "Connect", t.hello); err != nil {
		return err
	}
	err = t.walk(ctx)
	if e := t.step(context.WithoutCancel(ctx), "Clean up", t.cleanUp); e != nil {
		err = errors.Join(err, e)
	}
	if err == nil {
		fmt.Fprintf(out, "\n%d steps, all well, in %v.\n", t.steps, round(time.Since(start)))
	}
	return err
}

// connect makes a client of the Consul that the environment names, or of one that it starts; stop ends that again.
func connect(out io.Writer) (client *consul.Client, where string, stop func(), err error) {
	if where = os.Getenv("CONSUL_HTTP_ADDR"); where != "" {
		client, err = consul.NewClient(nil)
		return client, where + " (CONSUL_HTTP_ADDR)", func() {}, err
	}
	fmt.Fprintln(out, "CONSUL_HTTP_ADDR is not set: starting an embedded Consul for this tour ...")
	start := time.Now()
	server, err := embedded.Start()
	if err != nil {
		return nil, "", nil, err
	}
	stop = func() { server.Close() }
	if client, err = consul.NewClient(&consul.Config{Address: server.Addr()}); err != nil {
		stop()
		return nil, "", nil, err
	}
	return client, fmt.Sprintf("%s (started in %v)", server.Addr(), round(time.Since(start))), stop, nil
}

// A tour is the state that its steps hand on to each other.
type tour struct {
	client *consul.Client
	out    io.Writer
	name   string // of the service, and the prefix of the keys
	steps  int
	lines  []string // what the step under way has to say

	sessions []string // to be destroyed in the end
}

// walk makes the steps between the first and the last in their order, up to the first that fails.
func (t *tour) walk(ctx context.Context) error {
	for _, s := range []struct {
		title string
		run   func(context.Context) error
	}{
		{"Write a key and read it back", t.writeAndRead},
		{"Change a key only if nobody else did", t.compareAndSet},
		{"Register a service and find it by its health", t.registerAndFind},
		{"Hold a key with a session", t.hold},
		{"Wait for somebody else's change", t.wait},
		{"Fire an event", t.fire},
	} {
		if err := t.step(ctx, s.title, s.run); err != nil {
			return err
		}
	}
	return nil
}

// step runs one step, within 30 seconds, and prints what it said and how long it took.
func (t *tour) step(ctx context.Context, title string, run func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	t.steps++
	t.lines = nil
	start := time.Now()
	err := run(ctx)
	fmt.Fprintf(t.out, "%d. %-52s %9v\n", t.steps, title, round(time.Since(start)))
	for _, line := range t.lines {
		fmt.Fprintf(t.out, "   %s\n", line)
	}
	if err != nil {
		return fmt.Errorf("step %d, %q: %w", t.steps, title, err)
	}
	return nil
}

// say adds a line to what the step prints.
func (t *tour) say(format string, args ...any) {
	t.lines = append(t.lines, fmt.Sprintf(format, args...))
}

func round(d time.Duration) time.Duration {
	if d < time.Millisecond {
		return d.Round(10 * time.Microsecond)
	}
	return d.Round(100 * time.Microsecond)
}
