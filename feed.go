package consul

// This file holds feeds: one watch each, whose state many read. The watches and views of a client that ask the same thing
// share one.

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"time"
)

// A feed is a watch and what it has found out.
type feed[T any] struct {
	state  atomic.Pointer[feedState[T]]
	asked  atomic.Pointer[time.Time] // when the last answer came; nil: none did
	cancel context.CancelCauseFunc
	done   chan struct{} // closed when the watch has ended
}

// A feedState is what is known at one moment. It does not change.
type feedState[T any] struct {
	value   T
	version uint64 // of value; 0: there is none yet

	err      error     // why the last question failed; nil where it did not
	failures uint64    // how many did so far
	failing  time.Time // since when they do
	ended    bool      // this is the last state

	next chan struct{} // closed when there is a newer state
}

// newFeed starts a feed. It runs until end is called, or an error is final.
func newFeed[T any](w *watcher[T]) *feed[T] {
	w.o.Persistent = true // each of those who follow it decides for itself
	f := &feed[T]{done: make(chan struct{})}
	f.state.Store(&feedState[T]{next: make(chan struct{})})
	ctx, cancel := context.WithCancelCause(context.Background())
	f.cancel = cancel
	go f.run(ctx, w)
	return f
}

// failedFeed is one that has failed before it could begin.
func failedFeed[T any](err error) *feed[T] {
	f := &feed[T]{done: make(chan struct{}), cancel: func(error) {}}
	f.state.Store(&feedState[T]{err: err, failures: 1, ended: true, next: make(chan struct{})})
	close(f.done)
	return f
}

// run keeps the state true until ctx ends, or the watch does.
func (f *feed[T]) run(ctx context.Context, w *watcher[T]) {
	defer close(f.done)
	w.run(ctx, func(changed bool, err error) bool {
		f.note(w.told, changed, err)
		return true
	})
	s := *f.state.Load()
	s.ended = true
	if cause := context.Cause(ctx); cause != nil && cause != errUnused {
		s.fail(cause)
	}
	f.publish(&s)
}

// errUnused is why a feed ends that nobody uses any more.
var errUnused = errors.New("nobody uses the feed")

// note takes in what the watch tells.
func (f *feed[T]) note(value T, changed bool, err error) {
	before := f.state.Load()
	s := *before
	if changed {
		s.value, s.version = value, s.version+1
	}
	if err != nil {
		s.fail(err)
	} else {
		now := time.Now()
		f.asked.Store(&now)
		s.err = nil
	}
	if changed || err != nil || before.err != nil {
		f.publish(&s)
	}
}

func (s *feedState[T]) fail(err error) {
	if s.err == nil {
		s.failing = time.Now()
	}
	s.err, s.failures = err, s.failures+1
}

// publish makes s the state.
func (f *feed[T]) publish(s *feedState[T]) {
	before := f.state.Load()
	s.next = make(chan struct{})
	f.state.Store(s)
	close(before.next)
}

// end ends the feed, and waits for that. Those who still follow it get the cause.
func (f *feed[T]) end(cause error) {
	f.cancel(cause)
	<-f.done
}

// follow gives the value, each one that comes after it, and each error, until ctx ends or the feed does, or, unless it is
// persistent, an error is permanent. Of several that came meanwhile the last is given.
func (f *feed[T]) follow(ctx context.Context, persistent bool) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var version, failures uint64
		for ctx.Err() == nil {
			s := f.state.Load()
			if s.version > version {
				if version = s.version; !yield(s.value, nil) {
					return
				}
			}
			if s.err != nil && s.failures > failures {
				var none T
				if failures = s.failures; !yield(none, s.err) || settled(s.err) && !persistent {
					return
				}
			}
			if s.ended {
				return
			}
			select {
			case <-s.next:
			case <-ctx.Done():
			}
		}
	}
}

// feeds are those of a client that are shared, by what they ask.
type feeds struct {
	mu     sync.Mutex
	closed bool
	shared map[string]*sharedFeed
}

// A sharedFeed is a feed and how many use it.
type sharedFeed struct {
	feed   any // a *feed[T]
	users  int
	ended  <-chan struct{}
	cancel context.CancelCauseFunc
}

// end ends the feed, and waits for that.
func (s *sharedFeed) end(cause error) {
	s.cancel(cause)
	<-s.ended
}

// A question is a Query and what tells it from others of the client.
type question[T any] struct {
	kind  string // of what is asked for: "service"
	name  string // of what is asked for; empty where the kind says all
	ask   Query[T]
	event bool // its indexes are no counters
}

func (q question[T]) String() string {
	if q.name == "" {
		return q.kind
	}
	return fmt.Sprintf("%s %q", q.kind, q.name)
}

// share gives the feed of a question, which is made unless there is one, and a function that gives it back: the last to do
// so ends it.
func share[T any](c *Client, q question[T], opts []WatchOption) (*feed[T], func()) {
	w, err := newWatcher(q.ask, opts)
	if err != nil {
		return failedFeed[T](fmt.Errorf("consul: watch %v: %w", q, err)), func() {}
	}
	w.anyIndex = q.event
	w.hooks, w.info = c.hooks, WatchInfo{q.kind, q.name}
	w.o.Persistent, w.o.KeepFor = false, 0 // are the matter of those who follow
	key := fmt.Sprintf("%v %#v", q, w.o)
	c.feeds.mu.Lock()
	defer c.feeds.mu.Unlock()
	if c.feeds.closed {
		return failedFeed[T](fmt.Errorf("consul: watch %v: %w", q, ErrClosed)), func() {}
	}
	s := c.feeds.shared[key]
	if s == nil || isClosed(s.ended) {
		f := newFeed(w)
		s = &sharedFeed{feed: f, ended: f.done, cancel: f.cancel}
		if c.feeds.shared == nil {
			c.feeds.shared = map[string]*sharedFeed{}
		}
		c.feeds.shared[key] = s
	}
	s.users++
	return s.feed.(*feed[T]), sync.OnceFunc(func() { c.feeds.release(key, s) })
}

// release ends a feed that nobody uses any more.
func (fs *feeds) release(key string, s *sharedFeed) {
	fs.mu.Lock()
	s.users--
	last := s.users == 0
	if last && fs.shared[key] == s {
		delete(fs.shared, key)
	}
	fs.mu.Unlock()
	if last {
		s.end(errUnused)
	}
}

// close ends all, and has none begin.
func (fs *feeds) close() {
	fs.mu.Lock()
	fs.closed = true
	shared := fs.shared
	fs.shared = nil
	fs.mu.Unlock()
	cause := fmt.Errorf("consul: watch: %w", ErrClosed)
	for _, s := range shared {
		s.cancel(cause)
	}
	for _, s := range shared {
		<-s.ended
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
