// Command leader shows an election: candidates, a leader that dies, one that hands over, and one that is cut off, as a
// timeline.
//
// By itself it runs three candidates on a Consul in memory, and takes about a minute and a half, since Consul gives a leader
// that has gone silent time to come back. Where CONSUL_HTTP_ADDR names a Consul it is one candidate there: start it in
// several terminals, and end them, suspend them or cut them off as you like. There it takes part until it is interrupted, and
// hands over then.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
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

// takePart is one candidate on the Consul that the environment names.
func takePart(ctx context.Context, line *timeline) error {
	client, err := consul.NewClient(nil)
	if err != nil {
		return err
	}
	defer client.Close()
	host, _ := os.Hostname()
	c, err := newCandidate(client, fmt.Sprintf("%s/%d", host, os.Getpid()), line)
	if err != nil {
		return err
	}
	var watching sync.WaitGroup
	watching.Go(func() {
		for leader, err := range c.election.Observe(ctx) {
			switch {
			case err != nil:
				line.print(c.name, "can't tell who leads: %v", err)
			case leader.Session == "":
				line.print(c.name, "nobody leads")
			default:
				line.print(c.name, "%s leads", leader.Value)
			}
		}
	})
	err = c.run(ctx)
	watching.Wait()
	return err
}

// show runs three candidates on a Consul in memory.
func show(ctx context.Context, line *timeline) error {
	server, err := embedded.Start()
	if err != nil {
		return err
	}
	defer server.Close()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	s := &stage{server: server, line: line, leads: make(chan *candidate, 10)}
	defer s.clear()
	if err := s.play(ctx); err != nil {
		return fmt.Errorf("the play ended early: %w", err)
	}
	return nil
}

// timeline prints what happens, and when.
type timeline struct {
	mu    sync.Mutex
	out   io.Writer
	start time.Time
}

func newTimeline(out io.Writer) *timeline { return &timeline{out: out, start: time.Now()} }

func (l *timeline) print(who, format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.out, "%6.1f s  %-8s %s\n", time.Since(l.start).Seconds(), who, fmt.Sprintf(format, args...))
}

// candidate stands for election.
type candidate struct {
	name     string
	line     *timeline
	election *consul.Election
	leads    func() // called when it leads
}

func newCandidate(client *consul.Client, name string, line *timeline) (*candidate, error) {
	election, err := client.Election("example/leader", &consul.ElectionOptions{
		Value:       []byte(name),
		SessionOpts: &consul.SessionEntry{Name: "election", TTL: 10 * time.Second},
	})
	if err != nil {
		return nil, err
	}
	return &candidate{name: name, line: line, election: election, leads: func() {}}, nil
}

// run stands for election, and leads when it has won, until ctx ends.
func (c *candidate) run(ctx context.Context) error {
	c.line.print(c.name, "stands for election")
	err := c.election.Run(ctx, func(leading context.Context) error {
		c.line.print(c.name, "LEADS, with fence %d", c.election.Fence())
		c.leads()
		<-leading.Done() // here is what only one may do
		if cause := context.Cause(leading); errors.Is(cause, consul.ErrLockLost) {
			c.line.print(c.name, "knows that it leads no more: it could not renew its session in time")
		} else {
			c.line.print(c.name, "stops leading, and gives way")
		}
		return nil
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}
