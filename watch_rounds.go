package consul

// This file holds the rounds of a watch: when it asks, from which index, and what counts as a change.

import (
	"context"
	"errors"
	"reflect"
	"time"
)

const (
	// Bounds of the random pause after a question that failed.
	minWatchBackoff, maxWatchBackoff = 250 * time.Millisecond, 10 * time.Second

	// settleLimit is after how many times the settle time a change is told of that has not settled.
	settleLimit = 10
)

// A watcher asks a question again and again.
type watcher[T any] struct {
	query Query[T]
	o     WatchOptions
	pace  pace

	index    uint64 // of the last answer; 0: the next question is not held back
	hash     string // the same, where the endpoint works by hash
	anyIndex bool   // indexes are no counters, and don't go backwards
	failures int    // questions that failed since one succeeded

	value T         // of the last answer
	told  T         // what was told of last
	begun bool      // something was
	due   time.Time // when a change will have settled; zero where there is none
	limit time.Time // when it is told of though it has not
}

func newWatcher[T any](query Query[T], opts []WatchOption) (*watcher[T], error) {
	o, err := watchOptions(opts)
	if err != nil {
		return nil, err
	}
	return &watcher[T]{query: query, o: o, pace: pace{interval: time.Second / time.Duration(o.Rate), burst: o.Rate}}, nil
}

// run asks until ctx ends, tell reports false, or an error is permanent. Tell is told of each answer, with whether what is
// to be told of (w.told) has changed, and of each error.
func (w *watcher[T]) run(ctx context.Context, tell func(changed bool, err error) bool) {
	for w.pause(ctx) {
		moved, err := w.ask(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			if !tell(false, err) || settled(err) && !w.o.Persistent {
				return
			}
		case !tell(w.settle(moved), nil):
			return
		}
	}
}

// pause waits until the next question may be asked. It reports false if ctx ended.
func (w *watcher[T]) pause(ctx context.Context) bool {
	d := w.pace.next(time.Now())
	if w.failures > 0 {
		d = max(d, jitter(minWatchBackoff, maxWatchBackoff, w.failures))
	}
	if d == 0 {
		return ctx.Err() == nil
	}
	return sleep(ctx, d)
}

// ask asks once, and reports whether the answer differs from the one before.
func (w *watcher[T]) ask(ctx context.Context) (moved bool, err error) {
	o := w.o.Query
	o.WaitIndex, o.WaitHash, o.WaitTime = w.index, w.hash, w.wait()
	value, meta, err := w.query(ctx, &o)
	if errors.Is(err, ErrNotFound) && meta != nil {
		var absent T
		value, err = absent, nil
	}
	if err != nil {
		w.failures++
		w.index, w.hash = 0, "" // who answers next may know nothing of them
		return false, err
	}
	w.failures = 0
	w.advance(meta)
	if reflect.DeepEqual(value, w.value) {
		return false, nil
	}
	w.value = value
	return true, nil
}

// wait is how long the next question may be held back.
func (w *watcher[T]) wait() time.Duration {
	if w.due.IsZero() {
		return w.o.Wait
	}
	return min(w.o.Wait, max(time.Millisecond, time.Until(w.due)))
}

// advance notes from where to ask next. An index below 1 would not be waited for, and one that has gone backwards is that
// of another state.
func (w *watcher[T]) advance(meta *QueryMeta) {
	if meta == nil {
		meta = &QueryMeta{}
	}
	next := max(1, meta.LastIndex)
	if next < w.index && !w.anyIndex {
		next = 0
	}
	w.index, w.hash = next, meta.LastContentHash
	if w.hash != "" {
		w.index = 0
	}
}

// settle reports whether there is something to tell of, after an answer that was another one or not.
func (w *watcher[T]) settle(moved bool) bool {
	switch {
	case !w.begun, w.o.EveryAnswer:
		w.begun, w.told, w.due = true, w.value, time.Time{}
		return true
	case w.o.Settle == 0:
		w.told = w.value
		return moved
	}
	now := time.Now()
	if moved {
		if w.due.IsZero() {
			w.limit = now.Add(settleLimit * w.o.Settle)
		}
		w.due = now.Add(min(w.o.Settle, w.limit.Sub(now)))
	}
	if w.due.IsZero() || now.Before(w.due) {
		return false
	}
	w.due = time.Time{}
	changed := !reflect.DeepEqual(w.value, w.told) // and not changed back
	w.told = w.value
	return changed
}

// A pace bounds how often something is done: once an interval in the long run, and burst times at once after some quiet.
type pace struct {
	interval time.Duration
	burst    int
	spent    time.Time // until when what was done so far is spread out
}

// next is how long to wait before it is done once more.
func (p *pace) next(now time.Time) time.Duration {
	if p.spent.Before(now) {
		p.spent = now
	}
	wait := p.spent.Sub(now) - time.Duration(p.burst-1)*p.interval
	p.spent = p.spent.Add(p.interval)
	return max(0, wait)
}
