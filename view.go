package consul

// This file holds View, the latest answer to a question, which a watch keeps.

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"
)

// A View is the latest answer to a question, kept by a watch in the background: read without a request, without a lock and
// without waiting. It is safe for concurrent use. What it gives is shared by all who read it, and must not be changed.
//
// Through an outage it serves what it knows, for as long as KeepFor says; Err tells why the question can't be asked. It goes
// on after any error but those that say that nothing can be asked: ErrClosed, ErrInvalidKey, ErrInvalidOption. It has to be
// closed, unless its context ends. What it gives is then what it knew last, or has changed since where others share its
// questions.
type View[T any] struct {
	feed     *feed[T]
	keep     time.Duration
	ctx      context.Context // ends with the view
	end      context.CancelCauseFunc
	released chan struct{} // closed when the feed is given back
}

// NewView makes a View of a question, until ctx ends or Close is called. See Watch for what is asked when, and what the
// options do; an option that makes no sense is ErrInvalidOption by Err and Ready. Views of one thing had better be those
// that a Client makes, such as Client.ViewService: they share their questions.
func NewView[T any](ctx context.Context, query Query[T], opts ...WatchOption) *View[T] {
	w, err := newWatcher(query, opts)
	if err != nil {
		return newView(ctx, failedFeed[T](fmt.Errorf("consul: view: %w", err)), func() {}, 0)
	}
	f := newFeed(w)
	return newView(ctx, f, func() { f.end(errUnused) }, w.o.KeepFor)
}

// viewOf makes a View of a question that a client shares.
func viewOf[T any](ctx context.Context, c *Client, q question[T], opts []WatchOption) *View[T] {
	f, release := share(c, q, opts)
	o, _ := watchOptions(opts) // where there is an error, it is the feed's
	return newView(ctx, f, release, o.KeepFor)
}

func newView[T any](ctx context.Context, f *feed[T], release func(), keep time.Duration) *View[T] {
	if err := checkContext(ctx); err != nil {
		release()
		ctx, f, release = context.Background(), failedFeed[T](fmt.Errorf("consul: view: %w", err)), func() {}
	}
	v := &View[T]{feed: f, keep: keep, released: make(chan struct{})}
	v.ctx, v.end = context.WithCancelCause(ctx)
	context.AfterFunc(v.ctx, func() {
		defer close(v.released)
		release()
	})
	return v
}

// Get gives the latest answer. It reports false as long as there is none, and while questions have failed for longer than
// KeepFor.
func (v *View[T]) Get() (T, bool) {
	s := v.feed.state.Load()
	if s.version == 0 || s.err != nil && v.keep > 0 && time.Since(s.failing) > v.keep {
		var none T
		return none, false
	}
	return s.value, true
}

// Ready waits until there is an answer, at most until ctx ends. Its error is the cause of that, with the reason why there is
// none, what Err gives of a view that has ended, or at once an error that the next question would most likely meet too, such
// as ErrPermissionDenied.
func (v *View[T]) Ready(ctx context.Context) error {
	if err := checkContext(ctx); err != nil {
		return fmt.Errorf("consul: view: %w", err)
	}
	for {
		s := v.feed.state.Load()
		switch {
		case s.version > 0:
			return nil
		case v.ctx.Err() != nil:
			return context.Cause(v.ctx)
		case s.err != nil && settled(s.err):
			return s.err
		}
		select {
		case <-s.next:
		case <-v.ctx.Done():
		case <-ctx.Done():
			return fmt.Errorf("consul: view: no answer yet: %w", errors.Join(context.Cause(ctx), s.err))
		}
	}
}

// Updated gives a channel that is closed with the next change of the answer, with each question that fails, and with the
// first that does not. To miss none, take it before Get.
func (v *View[T]) Updated() <-chan struct{} { return v.feed.state.Load().next }

// All gives the answer, if there is one, and each that comes after it, with the errors between them, until ctx ends, the
// loop is left or the view ends. Of several that came while the loop's body ran the last is given.
func (v *View[T]) All(ctx context.Context) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		if err := checkContext(ctx); err != nil {
			yield(*new(T), fmt.Errorf("consul: view: %w", err))
			return
		}
		if v.ctx.Err() != nil {
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(v.ctx, cancel)()
		v.feed.follow(ctx, true)(yield)
	}
}

// Age is how long ago the servers last answered, whether anything had changed or not. It grows up to WatchOptions.Wait and a
// sixteenth of that while all is well. It is 0 as long as they never have.
func (v *View[T]) Age() time.Duration {
	if asked := v.feed.asked.Load(); asked != nil {
		return time.Since(*asked)
	}
	return 0
}

// Err is why the last question failed; nil where it did not. Of a view that was closed, or whose context ended, it is
// context.Canceled or that context's cause; where the client was closed, ErrClosed.
func (v *View[T]) Err() error {
	if v.ctx.Err() != nil {
		return context.Cause(v.ctx)
	}
	return v.feed.state.Load().err
}

// Close ends the view, and its watch where that is shared by no other. More calls do nothing.
func (v *View[T]) Close() {
	v.end(errViewClosed)
	<-v.released
}

// errViewClosed is why a view has ended that was closed.
var errViewClosed = fmt.Errorf("consul: the view was closed: %w", context.Canceled)
