package consul

// This file holds the rounds of a watch: when it asks, from which index, and what counts as a change.

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"
)

// watchBackoff bounds the random pause after a question that was asked in vain.
var watchBackoff = RetryPolicy{MinBackoff: 250 * time.Millisecond, MaxBackoff: 10 * time.Second}

// settleLimit is after how many times the settle time a change is told of that has not settled.
const settleLimit = 10

// A watcher asks a question again and again.
type watcher[T any] struct {
	query Query[T]
	o     WatchOptions
	pace  pace
	hooks *Hooks // are told of the rounds of info; nil: none
	info  WatchInfo

	index    uint64 // of the last answer; 0: the next question is not held back
	hash     string // the same, where the endpoint works by hash
	anyIndex bool   // indexes are no counters, and don't go backwards

	vain int           // questions in a row that failed, or were answered at once with nothing new
	rest time.Duration // pause after the last of them

	value T         // of the last answer
	told  T         // what was told of last
	begun bool      // something was
	due   time.Time // when a change will have settled; zero where there is none
	limit time.Time // when it is told of though it has not
}

func newWatcher[T any](query Query[T], opts []WatchOption) (*watcher[T], error) {
	o, err := watchOptions(opts)
	switch {
	case err != nil:
		return nil, err
	case query == nil:
		return nil, fmt.Errorf("the query is nil: %w", ErrInvalidOption)
	}
	return &watcher[T]{query: query, o: o, pace: newPace(o.Rate)}, nil
}

// run asks until ctx ends, tell reports false, or an error is permanent. Tell is told of each answer and each error, and
// whether what is to be told of (w.told) has changed.
func (w *watcher[T]) run(ctx context.Context, tell func(changed bool, err error) bool) {
	for w.pause(ctx) {
		asking, asked := w.hooks.tellRound(ctx, &w.info)
		moved, err := w.ask(asking)
		asked(moved, err)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			// What is known does not wait for the end of an outage to settle.
			if !tell(w.settleNow(), err) || final(err) || settled(err) && !w.o.Persistent {
				return
			}
		case !tell(w.settle(moved), nil):
			return
		}
	}
}

// pause waits until the next question may be asked. It reports false if ctx ended.
func (w *watcher[T]) pause(ctx context.Context) bool {
	if d := max(w.pace.wait(time.Now()), w.rest); d > 0 && !sleep(ctx, d) {
		return false
	}
	w.pace.spend(time.Now())
	return ctx.Err() == nil
}

// ask asks once, and reports whether the answer differs from the one before.
func (w *watcher[T]) ask(ctx context.Context) (moved bool, err error) {
	o, began := w.o.Query, time.Now()
	o.WaitIndex, o.WaitHash, o.WaitTime, o.once = w.index, w.hash, w.wait(), true
	value, meta, err := w.query(ctx, &o)
	if isAbsence(meta, err) {
		var absent T
		value, err = absent, nil
	}
	if err != nil {
		w.index, w.hash = 0, "" // who answers next may know nothing of them
		w.inVain(err)
		return false, err
	}
	moved = !reflect.DeepEqual(value, w.value)
	w.value = value
	// A server may be set up to wait for less than it is asked to.
	if w.advance(meta) || moved || time.Since(began) >= min(o.WaitTime/2, watchBackoff.MaxBackoff) {
		w.vain, w.rest = 0, 0
	} else {
		w.inVain(nil)
	}
	return moved, nil
}

// isAbsence reports whether the servers say that what was asked for does not exist. A 404 of somebody else has no index.
func isAbsence(meta *QueryMeta, err error) bool {
	return errors.Is(err, ErrNotFound) && !errors.Is(err, ErrBadResponse) && meta != nil && meta.LastIndex > 0
}

// inVain notes that a question brought nothing, because of err or without an error.
func (w *watcher[T]) inVain(err error) {
	w.vain++
	w.rest = watchBackoff.pause(w.vain, err)
}

// final reports whether an error says that nothing was, or will be, sent.
func final(err error) bool {
	return errors.Is(err, ErrClosed) || errors.Is(err, ErrInvalidKey) || errors.Is(err, ErrInvalidOption)
}

// wait is how long the next question may be held back.
func (w *watcher[T]) wait() time.Duration {
	if w.due.IsZero() {
		return w.o.Wait
	}
	return min(w.o.Wait, max(time.Millisecond, time.Until(w.due)))
}

// advance notes from where to ask next, and reports whether that is on from before. An index below 1 would not be waited
// for, and one that has gone backwards is that of another state.
func (w *watcher[T]) advance(meta *QueryMeta) bool {
	if meta == nil {
		meta = &QueryMeta{}
	}
	index, hash := w.index, w.hash
	w.index, w.hash = max(1, meta.LastIndex), meta.LastContentHash
	switch {
	case w.hash != "":
		w.index = 0
		return w.hash != hash
	case w.anyIndex:
		return w.index != index
	case w.index < index:
		w.index = 0
		return false
	}
	return meta.LastIndex > index
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
	return w.settleNow()
}

// settleNow has what has not settled count as settled, and reports whether that is something to tell of: it may have
// changed back.
func (w *watcher[T]) settleNow() bool {
	if w.due.IsZero() {
		return false
	}
	w.due = time.Time{}
	changed := !reflect.DeepEqual(w.value, w.told)
	w.told = w.value
	return changed
}

// A pace bounds how often something is done: burst times at once after some quiet, and otherwise once an interval.
type pace struct {
	interval time.Duration
	burst    int
	spent    time.Time // until when what was done so far is spread out
}

// newPace makes one that allows rate times in any second. What begins with a burst goes on so much slower.
func newPace(rate int) pace {
	burst := max(1, rate/2)
	return pace{interval: time.Second/time.Duration(rate+1-burst) + 1, burst: burst}
}

// wait is how long it has to wait that is to be done once more.
func (p *pace) wait(now time.Time) time.Duration {
	return max(0, p.spent.Add(-time.Duration(p.burst-1)*p.interval).Sub(now))
}

// spend notes that it is done.
func (p *pace) spend(now time.Time) {
	if p.spent.Before(now) {
		p.spent = now
	}
	p.spent = p.spent.Add(p.interval)
}
