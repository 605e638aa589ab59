package consul

// This file holds Election: one of many leads, and does what only one may do.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// DefaultElectionGrace is how long the function of a leader may go on after its leadership has ended.
const DefaultElectionGrace = 15 * time.Second

var (
	// ErrNotLeader says that this process does not lead.
	ErrNotLeader = errors.New("not the leader")

	// ErrGraceExceeded says that the function of a leader goes on though its leadership and its grace have ended.
	ErrGraceExceeded = errors.New("the leader's function goes on past its grace")
)

// errResigned is why the context of a leadership ended that was given up.
var errResigned = fmt.Errorf("consul: the leadership was resigned: %w", context.Canceled)

// errExited is what the function of a leader comes to that never returns.
var errExited = errors.New("consul: the leader's function ended its goroutine")

// ElectionOptions say how an election is held. The zero value will do.
type ElectionOptions struct {
	Value []byte // of this candidate, for all to read who want to know who leads: an address, a name

	// SessionOpts is what the session of a candidacy is made from; nil is the defaults of Session.KeepAlive. Its TTL is the
	// time after which a leader that is cut off has ceased to lead.
	SessionOpts *SessionEntry

	// Grace is how long the function may go on after its leadership has ended, before Run gives up on it; 0:
	// DefaultElectionGrace.
	Grace time.Duration

	Datacenter string // of the election; empty: the agent's
	Token      string // for all calls; empty: the client's
	Namespace  string // Consul Enterprise
	Partition  string // Consul Enterprise
}

// An Election has one leader at most among all who run it with its key, on any machine. It is a Lock at heart, and excludes
// whoever holds that.
type Election struct {
	c     *Client
	key   string
	grace time.Duration
	lock  *Lock

	running atomic.Bool

	mu   sync.Mutex
	term *term // the leadership under way
}

// term is one leadership.
type term struct {
	leading context.Context
	end     context.CancelCauseFunc

	over chan struct{} // closed when the leadership was given up, or can't be
	err  error         // why it can't be, once over is closed
}

// A Leader is who leads.
type Leader struct {
	Value   []byte // what the leader published
	Session string // that it leads by; empty where nobody leads
	Index   uint64 // of the key's last change
}

// Election makes an Election with a key. Nothing is sent before it is used. Nil options are the defaults; they are copied.
// The error is ErrInvalidKey or ErrInvalidOption.
func (c *Client) Election(key string, opts *ElectionOptions) (*Election, error) {
	if opts == nil {
		opts = &ElectionOptions{}
	}
	if opts.Grace < 0 {
		return nil, fmt.Errorf("consul: election %q: Grace is negative (%v): %w", key, opts.Grace, ErrInvalidOption)
	}
	lock, err := c.LockOpts(&LockOptions{
		Key: key, Value: opts.Value, SessionOpts: opts.SessionOpts,
		Datacenter: opts.Datacenter, Token: opts.Token, Namespace: opts.Namespace, Partition: opts.Partition,
	})
	if err != nil {
		return nil, err
	}
	lock.recipe = "election"
	e := &Election{c: c, key: key, grace: opts.Grace, lock: lock}
	if e.grace == 0 {
		e.grace = DefaultElectionGrace
	}
	return e, nil
}

// Run stands for election until it wins, calls lead, and starts over when the leadership was lost or resigned. It returns
//
//   - what lead returns while it leads: nil if it is done, or its error; the leadership is given up first;
//   - the cause of ctx, when that ends; a leader is given its grace to return, and the leadership is given up;
//   - the error of Lock.Lock that no later attempt would change: ErrLockConflict, ErrPermissionDenied …;
//   - an error that says so, if lead ends its goroutine, as runtime.Goexit and testing.T.FailNow do;
//   - ErrLockHeld if this Election is run already;
//   - ErrGraceExceeded, and why the leadership ended, if lead has not returned Grace after that. If the leadership was lost
//     (ErrLockLost) another may lead by then, and the process had better end. If not, it is kept until lead returns.
//
// The context that lead gets is the leadership. It ends when that does, at the latest when another could lead: see
// Lock.Lock. It ends with ctx, too. After a leadership that was lost, what lead returns counts for nothing.
func (e *Election) Run(ctx context.Context, lead func(leading context.Context) error) error {
	if lead == nil {
		return fmt.Errorf("consul: election %q: the leader's function is nil: %w", e.key, ErrInvalidOption)
	}
	if !e.running.CompareAndSwap(false, true) {
		return fmt.Errorf("consul: election %q: it is run already: %w", e.key, ErrLockHeld)
	}
	defer e.running.Store(false)
	for {
		hold, err := e.lock.Lock(ctx)
		if err != nil {
			return err
		}
		ended, err := e.serve(ctx, hold, lead)
		switch {
		case ended == nil || err != nil:
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(ended, errResigned):
			sleep(ctx, resignPause()) // those who wait are let go first
		}
	}
}

// serve is one leadership. It gives why that ended, nil if lead has returned by itself, and the error that ends the
// election, if any.
func (e *Election) serve(ctx, hold context.Context, lead func(context.Context) error) (ended, err error) {
	t := &term{over: make(chan struct{})}
	t.leading, t.end = context.WithCancelCause(hold)
	defer t.end(nil)
	defer context.AfterFunc(ctx, func() { t.end(context.Cause(ctx)) })()
	e.begin(t)
	defer e.finish(t)

	result := make(chan error, 1)
	go func() {
		err := errExited
		defer func() { result <- err }()
		err = lead(t.leading)
	}()
	select {
	case err = <-result:
		ended = context.Cause(t.leading)
	case <-t.leading.Done():
		ended = context.Cause(t.leading)
		if t.err = e.await(result, ended); t.err != nil {
			go func() {
				<-result
				if hold.Err() == nil { // else it was lost, and what the lock holds by now is another term's
					e.giveUp(ctx)
				}
			}()
			return ended, t.err
		}
	}
	e.giveUp(ctx)
	if ended != nil {
		err = nil
	}
	return ended, err
}

func resignPause() time.Duration { return 250*time.Millisecond + rand.N(250*time.Millisecond) }

// await waits for the function to return, within its grace.
func (e *Election) await(result <-chan error, ended error) error {
	grace := time.NewTimer(e.grace)
	defer grace.Stop()
	select {
	case <-result:
		return nil
	case <-grace.C:
		return fmt.Errorf("consul: election %q: %w of %v: %w", e.key, ErrGraceExceeded, e.grace, ended)
	}
}

// begin notes a leadership, for Resign and those who ask.
func (e *Election) begin(t *term) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.term = t
}

func (e *Election) finish(t *term) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.term = nil
	close(t.over)
}

// giveUp gives up the lock. Where that fails, the session's end does it.
func (e *Election) giveUp(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tidyTimeout)
	defer cancel()
	_ = e.lock.Unlock(ctx)
}

// Resign ends the leadership of this process, and waits until it is given up, at most until ctx ends. Run stands for
// election again a moment later. Errors: ErrNotLeader where this process does not lead, ErrGraceExceeded as Run's. The
// leader's function may call it with the context that it got: then it does not wait, and the function is to return.
//
// Route: that of Lock.Unlock
func (e *Election) Resign(ctx context.Context) error {
	errorf := func(err error) error { return fmt.Errorf("consul: election %q: resign: %w", e.key, err) }
	e.mu.Lock()
	t := e.term
	e.mu.Unlock()
	if t == nil || t.leading.Err() != nil && !errors.Is(context.Cause(t.leading), errResigned) {
		return errorf(ErrNotLeader)
	}
	t.end(errResigned)
	select {
	case <-t.over:
		return t.err
	case <-ctx.Done():
		if cause := context.Cause(ctx); cause != errResigned {
			return errorf(cause)
		}
		return nil // it is the leader's function that asks
	}
}

// IsLeader reports whether this process leads now.
func (e *Election) IsLeader() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.term != nil && e.term.leading.Err() == nil && e.lock.current() != nil
}

// Fence is a number that grows with every change of leader: see Lock.Fence. It is 0 where this process does not lead, though
// a leader that is giving up keeps it until its function has returned.
func (e *Election) Fence() uint64 { return e.lock.Fence() }

// Guard puts an operation before ops by which their transaction fails unless this process is the leader still: see
// Lock.Guard. As Fence, it is good until the function of a leader that is giving up has returned.
func (e *Election) Guard(ops ...*TxnOp) (TxnOps, error) { return e.lock.Guard(ops...) }

// Leader tells who leads. Where nobody does the error is ErrNotFound.
//
// Route: GET /v1/kv/:key
func (e *Election) Leader(ctx context.Context) (*Leader, error) {
	leader, _, err := e.read(ctx)
	switch {
	case err != nil:
		return nil, err
	case leader.Session == "":
		return nil, fmt.Errorf("consul: election %q has no leader: %w", e.key, ErrNotFound)
	}
	return leader, nil
}

// Observe tells who leads, and each change of that, until ctx ends or the loop is left. A Leader without a Session says that
// nobody leads. Errors are told and do not end it, but for one that would come again: ErrPermissionDenied, ErrLockConflict
// and the like. A change that did not last may not be told of.
//
// Route: GET /v1/kv/:key
func (e *Election) Observe(ctx context.Context) iter.Seq2[*Leader, error] {
	return func(yield func(*Leader, error) bool) {
		if err := checkContext(ctx); err != nil {
			yield(nil, fmt.Errorf("consul: election %q: %w", e.key, err))
			return
		}
		var index uint64
		var last *Leader
		for ctx.Err() == nil {
			leader, next, err := e.read(ctx, Wait(index, e.lock.wait))
			if next < index {
				next = 0 // the servers' state went back: begin anew
			}
			index = next
			switch {
			case ctx.Err() != nil:
			case err != nil:
				if !yield(nil, err) || settled(err) || !sleep(ctx, lockPause()) {
					return
				}
			case last == nil || last.Session != leader.Session || string(last.Value) != string(leader.Value):
				last = leader
				if !yield(leader, nil) {
					return
				}
			}
		}
	}
}

func (e *Election) read(ctx context.Context, opts ...QueryOption) (*Leader, uint64, error) {
	pair, meta, err := e.c.KV().Get(ctx, e.key, e.lock.queryOptions(opts...)...)
	switch {
	case errors.Is(err, ErrNotFound) && meta != nil:
		return &Leader{Index: meta.LastIndex}, max(1, meta.LastIndex), nil
	case err != nil:
		return nil, 0, err
	case pair.Flags != LockFlagValue:
		return nil, 0, fmt.Errorf("consul: election %q: %w", e.key, ErrLockConflict)
	}
	leader := &Leader{Value: pair.Value, Session: pair.Session, Index: pair.ModifyIndex}
	if pair.Session == "" {
		leader.Value = nil // of the last one
	}
	return leader, max(1, meta.LastIndex), nil
}

// ServeHTTP answers whether this process leads, for health checks and load balancers: with status 200 if it does, else 503.
func (e *Election) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if !e.IsLeader() {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "not the leader\n")
		return
	}
	_, _ = io.WriteString(w, "the leader\n")
}
