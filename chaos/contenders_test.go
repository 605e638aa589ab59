package chaos

// This file holds those who contend: for a Lock, a FairLock, a Semaphore or an Election, each through a network of its own.

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lictor-go/consul"
)

// What contenders contend for.
const (
	lockKey         = "chaos/lock"
	fairKey         = "chaos/fair"
	electionKey     = "chaos/election"
	semaphorePrefix = "chaos/semaphore"
	semaphoreLimit  = 3
)

// ttl is that of all sessions: short, so that much is lost, and long enough for some elections to be outlived.
const ttl = 3 * time.Second

// Sessions are of two kinds, by what may end them. Those of the first kind end by their TTL alone: the servers wait for twice
// that, so that the holder has noticed whatever the lock-delay. Those of the second end as soon as the node of their agent is
// thought dead, while the holder may have a TTL to go: that is what the lock-delay has to cover, as it does by default.
var (
	byTTL   = consul.SessionEntry{TTL: ttl, LockDelay: 100 * time.Millisecond, NodeChecks: []string{}}
	byCheck = consul.SessionEntry{TTL: ttl, LockDelay: ttl}
	// An Election does not tell its deadline: its end is known when it was noticed, for which this leaves time.
	byCheckLater = consul.SessionEntry{TTL: ttl, LockDelay: ttl + slack}
)

// place is what a contender takes.
type place struct {
	take     func(context.Context) (context.Context, error)
	give     func(context.Context) error
	fence    func() uint64
	deadline func() time.Time
	guard    func(...*consul.TxnOp) (consul.TxnOps, error) // nil: there is none
}

func lockPlace(c *consul.Client, opts consul.LockOptions) (*place, error) {
	opts.Key = lockKey
	l, err := c.LockOpts(&opts)
	if err != nil {
		return nil, err
	}
	return &place{l.Lock, l.Unlock, l.Fence, l.Deadline, l.Guard}, nil
}

func fairPlace(c *consul.Client, opts consul.LockOptions) (*place, error) {
	opts.Key = fairKey
	l, err := c.FairLockOpts(&opts)
	if err != nil {
		return nil, err
	}
	return &place{l.Lock, l.Unlock, l.Fence, l.Deadline, l.Guard}, nil
}

func semaphorePlace(c *consul.Client, opts consul.LockOptions) (*place, error) {
	s, err := c.SemaphoreOpts(&consul.SemaphoreOptions{
		Prefix: semaphorePrefix, Limit: semaphoreLimit, Session: opts.Session, SessionOpts: opts.SessionOpts,
	})
	if err != nil {
		return nil, err
	}
	return &place{s.Acquire, s.Release, func() uint64 { return 0 }, s.Deadline, nil}, nil
}

// contender takes a place and gives it up, again and again.
type contender struct {
	*journal
	key, name string
	client    *consul.Client
	link      *relay
	calm      *atomic.Bool // set when the troubles are over: holds are short then
	sinceCalm atomic.Int64 // holds
	guards    sync.WaitGroup
}

// run contends until ctx ends. An error is one that should not be.
func (c *contender) run(ctx context.Context, contend func(context.Context) error) error {
	defer c.guards.Wait()
	for ctx.Err() == nil {
		if err := contend(ctx); err != nil && ctx.Err() == nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return nil
}

// takeAndGive takes a place and gives it up after a while. Some don't wait for long.
func (c *contender) takeAndGive(ctx context.Context, p *place) error {
	patience := ctx
	if !c.calm.Load() && rand.N(8) == 0 {
		impatient, cancel := context.WithTimeout(ctx, rand.N(2*ttl))
		defer cancel()
		patience = impatient
	}
	s := span{key: c.key, who: c.name, asked: c.now()}
	hold, err := p.take(patience)
	if err != nil {
		if patience.Err() != nil {
			return nil
		}
		return err
	}
	s.from, s.fence = c.now(), p.fence()
	c.watch(ctx, hold, p, &s)
	give, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	if err := p.give(give); err != nil && !errors.Is(err, consul.ErrLockLost) && !errors.Is(err, consul.ErrSemaphoreLost) {
		c.note(c.key, c.name, fmt.Sprintf("has not given back: %v", err))
	}
	s.settled = c.now()
	c.add(s)
	return nil
}

// sharing gives a way to take places with a session that is shared, as long as it lasts.
func (c *contender) sharing(
	with *sharer, make func(*consul.Client, consul.LockOptions) (*place, error),
) func(context.Context) error {
	var session *consul.SessionHandle
	var p *place
	return func(ctx context.Context) error {
		now, err := with.session(ctx)
		if err != nil {
			pause(ctx, 100*time.Millisecond) // there will be one
			return nil
		}
		if now != session {
			if p, err = make(c.client, consul.LockOptions{Session: now}); err != nil {
				return err
			}
			session = now
		}
		if err := c.takeAndGive(ctx, p); !errors.Is(err, consul.ErrSessionExpired) {
			return err
		}
		return nil
	}
}

// lead takes part in an election, until it was won and its term is over.
func (c *contender) lead(ctx context.Context, e *consul.Election) error {
	p := &place{fence: e.Fence, guard: e.Guard, deadline: func() time.Time { return time.Time{} }}
	asked := c.now()
	return e.Run(ctx, func(leading context.Context) error {
		s := span{key: c.key, who: c.name, asked: asked, from: c.now(), fence: e.Fence()}
		c.watch(ctx, leading, p, &s)
		s.settled = c.now()
		asked = s.settled
		c.add(s)
		return nil
	})
}

// watch stays inside until the hold ends, or for a time of its own, and fills in how it ended.
func (c *contender) watch(ctx, hold context.Context, p *place, s *span) {
	c.enter(s)
	defer c.leave(s)
	if c.calm.Load() {
		c.sinceCalm.Add(1)
	}
	if p.guard != nil && s.fence != 0 {
		c.guards.Go(func() { c.writeGuarded(hold, p, s.fence) })
	}
	leave := time.NewTimer(c.stay())
	defer leave.Stop()
	for {
		// Each deadline is looked at again when it has come, so that none is missed.
		deadline := p.deadline()
		var due <-chan time.Time
		if !deadline.IsZero() {
			s.deadline = c.at(deadline)
			due = time.After(time.Until(deadline))
		}
		select {
		case <-hold.Done():
			s.until, s.lost = c.now(), context.Cause(hold)
			return
		case <-due:
		case <-leave.C:
			c.goOut(p, s)
			return
		case <-ctx.Done():
			c.goOut(p, s)
			return
		}
	}
}

// goOut notes that the holder leaves by itself.
func (c *contender) goOut(p *place, s *span) {
	s.until = c.now()
	if deadline := p.deadline(); !deadline.IsZero() { // a renewal may have moved it
		s.deadline = c.at(deadline)
	}
}

// stay is for how long a holder stays: a moment, or a while, or for as long as it lasts, within reason.
func (c *contender) stay() time.Duration {
	if c.calm.Load() {
		return rand.N(50 * time.Millisecond)
	}
	return [...]time.Duration{rand.N(50 * time.Millisecond), rand.N(50 * time.Millisecond), rand.N(ttl), 5 * ttl}[rand.N(4)]
}

// writeGuarded writes the fence into a key that no stale holder can write, and reads in the same transaction which was there
// before.
func (c *contender) writeGuarded(hold context.Context, p *place, fence uint64) {
	ops, err := p.guard(
		&consul.TxnOp{KV: &consul.KVTxnOp{Verb: consul.KVGet, Key: guardedKey(c.key)}},
		&consul.TxnOp{KV: &consul.KVTxnOp{
			Verb: consul.KVSet, Key: guardedKey(c.key), Value: []byte(strconv.FormatUint(fence, 10)),
		}},
	)
	if err != nil {
		return // the hold is over
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(hold), ttl)
	defer cancel()
	answer, _, err := c.client.Txn().Txn(ctx, ops)
	if err != nil {
		return
	}
	if before, err := strconv.ParseUint(string(answer.Results[1].KV.Value), 10, 64); err != nil || before >= fence {
		c.notRight(c.key, fmt.Sprintf("%s wrote its fence %d over %q (%v)", c.name, fence, answer.Results[1].KV.Value, err))
	}
}

func guardedKey(key string) string { return "chaos/guarded/" + key }

// sharer keeps one session alive, for several contenders.
type sharer struct {
	client *consul.Client
	link   *relay

	mu     sync.Mutex
	handle *consul.SessionHandle
}

// session gives the session, a new one where the last has ended.
func (s *sharer) session(ctx context.Context) (*consul.SessionHandle, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.handle != nil && s.handle.Context().Err() == nil {
		return s.handle, nil
	}
	// It lasts until close, so that those who leave at the end can give back with it.
	handle, err := s.client.Session().KeepAlive(context.WithoutCancel(ctx), named(byTTL, "shared"))
	if err == nil {
		s.handle = handle
	}
	return handle, err
}

func (s *sharer) close(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.handle == nil {
		return nil
	}
	return s.handle.Close(ctx)
}

// sessionPrefix is what the names of all sessions start with.
const sessionPrefix = "chaos "

// named gives an entry for the session of somebody.
func named(entry consul.SessionEntry, name string) *consul.SessionEntry {
	entry.Name = sessionPrefix + name
	return &entry
}
