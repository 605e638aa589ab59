package consul

// This file holds Watch, a loop over what changes, and the options of watches and views.

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"time"
)

// Defaults of WatchOptions. With the server's jitter, a sixteenth, the wait stays below the minute after which proxies and
// load balancers commonly hang up.
const (
	DefaultWatchWait = 55 * time.Second
	DefaultWatchRate = 20
)

// A Query is a question that the server can hold back until the answer changes: a method of a family, with its arguments
// filled in. It passes the options on.
//
//	func(ctx context.Context, opts ...consul.QueryOption) (consul.HealthChecks, *consul.QueryMeta, error) {
//		return client.Health().State(ctx, consul.HealthCritical, opts...)
//	}
type Query[T any] func(ctx context.Context, opts ...QueryOption) (T, *QueryMeta, error)

// QueryOf fills in the argument of a method that takes one: QueryOf(client.KV().Get, "config/port").
func QueryOf[A, T any](method func(context.Context, A, ...QueryOption) (T, *QueryMeta, error), arg A) Query[T] {
	return func(ctx context.Context, opts ...QueryOption) (T, *QueryMeta, error) {
		return method(ctx, arg, opts...)
	}
}

// A WatchOption changes a watch or a view. *WatchOptions is one, as is what functions like Settle give, and so is each
// QueryOption, which then applies to each question: Stale(), WithTags("v2") … Options apply in the order given; of two
// that set the same thing the later counts.
type WatchOption interface {
	applyWatch(*WatchOptions)
	ServiceOption
}

// WatchOptions is a set of options for watches and views, to be kept and passed to many. The zero value and nil change
// nothing.
type WatchOptions struct {
	// Query is what each question says. Its WaitIndex, WaitHash and WaitTime are the watch's own to set.
	Query QueryOptions

	// Wait is how long the server may hold one question back; 0: DefaultWatchWait. A connection that has gone silent is
	// noticed when that, a sixteenth of it and Config.Timeout have passed.
	Wait time.Duration

	// Rate is how many questions there are at most in any second, whatever the server answers; 0: DefaultWatchRate. Half of
	// them may come one right after the other.
	Rate int

	// Settle is how long nothing has to change before a change is told of, so that several in quick succession come as one;
	// 0: each comes at once. What never settles is told of after ten times that. The first answer does not wait.
	Settle time.Duration

	// EveryAnswer has each answer told of, also where nothing has changed.
	EveryAnswer bool

	// Persistent has a watch go on after errors that the next question would meet too: ErrPermissionDenied, ErrBadRequest
	// and the like. Without it, such an error is its last. ErrClosed, ErrInvalidKey and ErrInvalidOption end it anyway. A
	// view is always persistent.
	Persistent bool

	// KeepFor is for how long a view serves what it knows while the servers can't be asked; 0: for ever.
	KeepFor time.Duration
}

// Settle waits until nothing has changed for d before a change is told of: see WatchOptions.Settle.
func Settle(d time.Duration) WatchOption {
	return watchFunc(func(o *WatchOptions) { o.Settle = d })
}

// EveryAnswer has each answer told of, also where nothing has changed.
func EveryAnswer() WatchOption {
	return watchFunc(func(o *WatchOptions) { o.EveryAnswer = true })
}

// Persistent has a watch go on after errors that the next question would meet too: see WatchOptions.Persistent.
func Persistent() WatchOption {
	return watchFunc(func(o *WatchOptions) { o.Persistent = true })
}

// KeepFor bounds for how long a view serves what it knows while the servers can't be asked.
func KeepFor(d time.Duration) WatchOption {
	return watchFunc(func(o *WatchOptions) { o.KeepFor = d })
}

// Watch asks query again and again, and gives each answer that differs from the one before, the first included, until ctx
// ends or the loop is left. Both end it at once: it runs in the loop's own goroutine, and while the loop's body runs
// nothing is asked. What changes meanwhile comes as one change; a state that did not last may be missed, the last one is
// not.
//
// What is absent (ErrNotFound, with an index) is a state: it comes as the zero value. Other errors come as such, and the
// question is asked again, after a pause that is random and grows up to ten seconds while it keeps failing; RetryPolicy has
// no part in that. An error that the next question would meet too ends the watch, unless it is Persistent:
// ErrPermissionDenied, ErrBadRequest, ErrInvalidOption, ErrClosed. The end of ctx is not told of as an error.
//
// What it gives must not be changed, nor sorted in place: the next answer is compared with it, and others may have it too,
// since watches and views of one Client share their answers.
//
// Answers are compared by their content, since servers raise an index for other reasons, too, and answer at the end of each
// wait. After an error, and where the index has gone backwards (the servers were restored from a snapshot, the agent was
// wiped), the question is asked anew, without an index. Where the server does not wait, as at an endpoint whose answers have
// neither an index nor a hash, the pauses between answers that say nothing new grow as those after errors do.
//
// Several watches of one thing by one client had better be those that a Client makes, such as Client.WatchService: they
// share their questions.
func Watch[T any](ctx context.Context, query Query[T], opts ...WatchOption) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		w, err := newWatcher(query, opts)
		if err == nil {
			err = checkContext(ctx)
		}
		if err != nil {
			yield(none, fmt.Errorf("consul: watch: %w", err))
			return
		}
		w.run(ctx, func(changed bool, err error) bool {
			if changed && !yield(w.told, nil) {
				return false
			}
			return err == nil || yield(none, err)
		})
	}
}

type watchFunc func(*WatchOptions)

func (f watchFunc) applyWatch(o *WatchOptions) { f(o) }

// Each QueryOption is a WatchOption.

func (f queryFunc) applyWatch(o *WatchOptions)     { f(&o.Query) }
func (f bothFuncs) applyWatch(o *WatchOptions)     { f.query(&o.Query) }
func (s *QueryOptions) applyWatch(o *WatchOptions) { s.applyQuery(&o.Query) }

// applyWatch lays the fields of the set that are not zero over those of o.
func (s *WatchOptions) applyWatch(o *WatchOptions) {
	if s == nil {
		return
	}
	s.Query.applyQuery(&o.Query)
	set(&o.Wait, s.Wait)
	set(&o.Rate, s.Rate)
	set(&o.Settle, s.Settle)
	set(&o.EveryAnswer, s.EveryAnswer)
	set(&o.Persistent, s.Persistent)
	set(&o.KeepFor, s.KeepFor)
}

func checkContext(ctx context.Context) error {
	if ctx == nil {
		return fmt.Errorf("the context is nil: %w", ErrInvalidOption)
	}
	return nil
}

// watchOptions gives what the options say together, or ErrInvalidOption.
func watchOptions(opts []WatchOption) (WatchOptions, error) {
	var o WatchOptions
	for _, opt := range opts {
		if opt != nil {
			opt.applyWatch(&o)
		}
	}
	for name, d := range map[string]time.Duration{"Wait": o.Wait, "Settle": o.Settle, "KeepFor": o.KeepFor} {
		if d < 0 {
			return o, fmt.Errorf("WatchOptions.%s is negative (%v): %w", name, d, ErrInvalidOption)
		}
	}
	if o.Rate < 0 {
		return o, fmt.Errorf("WatchOptions.Rate is negative (%d): %w", o.Rate, ErrInvalidOption)
	}
	o.Query.Tags = slices.Clone(o.Query.Tags) // the caller may change those that the options were made of
	o.Wait = cmp.Or(o.Wait, DefaultWatchWait)
	o.Rate = cmp.Or(o.Rate, DefaultWatchRate)
	return o, nil
}
