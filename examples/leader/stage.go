package main

// This file holds the play: three candidates, and what befalls them.

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lictor-go/consul"
	"github.com/lictor-go/consul/embedded"
)

// stage is where candidates stand, each as if in a process of its own.
type stage struct {
	server *embedded.Server
	line   *timeline
	actors []*actor
	leads  chan *candidate // who leads, from each beginning
}

// actor is a candidate with its cable, and the end of its process.
type actor struct {
	*candidate
	client *consul.Client
	cable  *cable
	end    context.CancelFunc
	done   chan struct{}
}

// play has a leader killed, the next one hand over, and the one after that cut off from the network for a while.
func (s *stage) play(ctx context.Context) error {
	for _, name := range []string{"ada", "ben", "cleo"} {
		if err := s.enter(ctx, name); err != nil {
			return err
		}
		pause(ctx, time.Second)
	}
	first, err := s.leader(ctx)
	if err != nil {
		return err
	}
	pause(ctx, 2*time.Second)

	s.line.print("", "-- %s is killed. Consul waits for twice its TTL of 10 s, and for its lock-delay of 15 s.", first.name)
	first.kill()
	second, err := s.leader(ctx)
	if err != nil {
		return err
	}
	pause(ctx, 2*time.Second)

	s.line.print("", "-- %s is asked to hand over, which takes no time.", second.name)
	if err := second.election.Resign(ctx); err != nil {
		return err
	}
	third, err := s.leader(ctx)
	if err != nil {
		return err
	}
	pause(ctx, 2*time.Second)

	s.line.print("", "-- %s is cut off: nothing gets through, and nothing says so.", third.name)
	third.cable.cut.Store(true)
	fourth, err := s.leader(ctx)
	if err != nil {
		return err
	}
	s.line.print("", "-- %s is connected again, and finds that %s leads.", third.name, fourth.name)
	third.cable.cut.Store(false)
	pause(ctx, 2*time.Second)
	leader, err := third.election.Leader(ctx)
	if err != nil {
		return err
	}
	s.line.print(third.name, "sees that %s leads", leader.Value)
	s.line.print("", "-- The end.")
	return nil
}

// enter starts a candidate.
func (s *stage) enter(ctx context.Context, name string) error {
	a := &actor{cable: &cable{to: s.server.Transport()}, done: make(chan struct{})}
	var err error
	if a.client, err = consul.NewClient(&consul.Config{Transport: a.cable}); err != nil {
		return err
	}
	line := &timeline{out: a.cable, start: s.line.start}
	a.cable.out = s.line
	if a.candidate, err = newCandidate(a.client, name, line); err != nil {
		return err
	}
	a.leads = func() { s.leads <- a.candidate }
	ctx, a.end = context.WithCancel(ctx)
	go func() {
		defer close(a.done)
		if err := a.run(ctx); err != nil {
			a.line.print(name, "gives up: %v", err)
		}
	}()
	s.actors = append(s.actors, a)
	return nil
}

// leader waits for the next one who leads.
func (s *stage) leader(ctx context.Context) (*actor, error) {
	select {
	case c := <-s.leads:
		for _, a := range s.actors {
			if a.candidate == c {
				return a, nil
			}
		}
		return nil, fmt.Errorf("%s leads and was never here", c.name)
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// clear ends all.
func (s *stage) clear() {
	var all sync.WaitGroup
	for _, a := range s.actors {
		a.end()
		all.Go(func() {
			<-a.done
			a.client.Close()
		})
	}
	all.Wait()
}

// kill ends a candidate as SIGKILL does: it sends nothing any more, not even a farewell, and says nothing.
func (a *actor) kill() {
	a.cable.dead.Store(true)
	a.end()
}

// cable connects a candidate with the server, until it is cut, and with the audience, until it is dead.
type cable struct {
	to        http.RoundTripper
	out       *timeline
	cut, dead atomic.Bool
}

// RoundTrip implements http.RoundTripper. What is cut off hears nothing, not even an error.
func (c *cable) RoundTrip(r *http.Request) (*http.Response, error) {
	var resp *http.Response
	var err error
	if !c.cut.Load() && !c.dead.Load() {
		resp, err = c.to.RoundTrip(r)
	}
	if c.cut.Load() || c.dead.Load() {
		<-r.Context().Done()
		return nil, context.Cause(r.Context())
	}
	return resp, err
}

// Write implements io.Writer.
func (c *cable) Write(p []byte) (int, error) {
	if c.dead.Load() {
		return len(p), nil
	}
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	return c.out.out.Write(p)
}

// pause lets some time pass for those who watch.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
