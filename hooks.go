package consul

// This file holds Hooks, by which others are told of what a Client does, and the places where they are called.

import (
	"cmp"
	"context"
	"net/url"
	"time"
)

// Hooks are functions that a Client calls as it works, for traces, metrics and logs. Any of them may be nil. A Client
// without Hooks pays for none: no allocation, a comparison with nil.
//
// Most are called as something begins, and give a function that is called once, when it ends; nil says that the end is of
// no interest. Where they give a context too, what happens goes on with it: it is the one that they got, or is derived
// from that, so that spans nest, and reaches Config.Transport with the request.
//
// They are called from the goroutine that makes the call, or keeps the lock: they have to be quick and safe for concurrent
// use. What they get must not be changed.
type Hooks struct {
	// Call tells of a call, from before it waits for a connection to the end of its answer, with all its attempts. Err is
	// what it failed with, nil if an answer came; that the answer can't be decoded is not yet known. A call that is refused
	// before anything could be sent (ErrInvalidKey, ErrInvalidOption, ErrClosed) is not told of.
	Call func(ctx context.Context, call *CallInfo) (_ context.Context, end func(err error))

	// Attempt tells of one request of a call. It ends with the answer's body, or where that is read as it arrives, with its
	// header. Number is 1 for the first.
	Attempt func(ctx context.Context, call *CallInfo, number int) (_ context.Context, end func(*AttemptResult))

	// Watch tells of one round of a watch or a view: a question, and the wait for its answer. Those of one Client that share
	// their questions are told of as one; the functions Watch and NewView know of no Client, and are not told of. The context
	// serves the question's calls. A round that nobody waits for any more ends with context.Canceled.
	Watch func(ctx context.Context, watch *WatchInfo) (_ context.Context, end func(*WatchRound))

	// Take tells of an attempt to take a lock, a slot of a semaphore or a leadership, with the time that it waits for it. Err
	// is nil if it was taken. The context serves the calls that this needs; the hold does not get it.
	Take func(ctx context.Context, hold *HoldInfo) (_ context.Context, end func(err error))

	// Hold tells of a hold that was gained. Cause is why it ended: nil if it was given back, otherwise ErrLockLost or
	// ErrSemaphoreLost, with what happened.
	Hold func(ctx context.Context, hold *HoldInfo) (end func(cause error))
}

// CallInfo says what is called.
type CallInfo struct {
	Method   string // of HTTP
	Route    string // template of the path, such as "/v1/kv/:key"; empty where Raw calls a route that is not known
	URL      string // with the path and the query, less the time that a blocking query waits, and any secrets
	Server   string // host and port of the address, or the path of the unix socket
	Blocking bool   // the answer may wait for a change: the time that the call takes says nothing of the server
}

// AttemptResult says how one request ended.
type AttemptResult struct {
	Code  int           // HTTP status, 0 where no answer came
	Err   error         // nil if the answer is the one asked for
	Retry bool          // there will be another attempt
	Pause time.Duration // before that
}

// WatchInfo says what is watched.
type WatchInfo struct {
	Kind string // "key", "prefix", "service", "checks", "services", "nodes" or "events"
	Name string // of the key, the service …; the state of checks; empty where Kind says it all
}

// WatchRound says how one round of a watch ended.
type WatchRound struct {
	Changed bool  // the answer differs from the one before; the first, from nothing
	Err     error // nil where there is an answer
}

// HoldInfo says what is held, or to be taken.
type HoldInfo struct {
	Recipe  string // "lock", "fair lock", "semaphore" or "election"
	Key     string // or prefix, as the caller gave it
	Session string // that holds it; empty as long as it is not taken
}

// telling is what Hooks are told of one call. Its methods do nothing where it is nil.
type telling struct {
	hooks *Hooks
	info  *CallInfo
	ended func(error) // how the call ended; may be nil

	// Of the attempt under way:
	ctx  context.Context
	done func(*AttemptResult) // how it ended; may be nil
	code int                  // status of its answer
}

// tell begins to tell of a call. It is nil where nobody listens.
func (c *Client) tell(ctx context.Context, r *request, waits bool) (context.Context, *telling) {
	h := c.hooks
	if h == nil || h.Call == nil && h.Attempt == nil {
		return ctx, nil
	}
	t := &telling{hooks: h, info: &CallInfo{
		Method: r.method, Route: routeOf(r.path), URL: c.shownURL(r),
		Server: cmp.Or(c.address.socket, c.address.host), Blocking: waits,
	}}
	if h.Call != nil {
		ctx, t.ended = h.Call(ctx, t.info)
	}
	return ctx, t
}

// called tells how the call ended.
func (t *telling) called(err error) {
	if t != nil && t.ended != nil {
		t.ended(err)
	}
}

// attempt tells that an attempt begins.
func (t *telling) attempt(ctx context.Context, number int) {
	if t == nil {
		return
	}
	t.ctx, t.done, t.code = ctx, nil, 0
	if t.hooks.Attempt != nil {
		t.ctx, t.done = t.hooks.Attempt(ctx, t.info, number)
	}
}

// context is that of the attempt under way, in place of the call's.
func (t *telling) context(call context.Context) context.Context {
	if t == nil {
		return call
	}
	return t.ctx
}

// answered keeps the status of the attempt's answer.
func (t *telling) answered(code int) {
	if t != nil {
		t.code = code
	}
}

// attempted tells how the attempt ended, and whether there will be another.
func (t *telling) attempted(err error, again bool, pause time.Duration) {
	if t != nil && t.done != nil {
		t.done(&AttemptResult{Code: t.code, Err: err, Retry: again, Pause: pause})
	}
}

// shownURL is the URL of a call as others may see it.
func (c *Client) shownURL(r *request) string {
	u := url.URL{
		Scheme: c.address.scheme, Host: c.address.host,
		Path: c.address.prefix + cmp.Or(r.shown, r.path), RawQuery: string(r.query),
	}
	if r.shown == "" && r.rawPath != "" {
		u.RawPath = c.address.rawPrefix + r.rawPath
	}
	return u.String()
}

// unheard and unheardRound are told what nobody wants to know.
func unheard(error)            {}
func unheardRound(bool, error) {}

// tellRound tells that a round of a watch begins. The function is told what came of it.
func (h *Hooks) tellRound(ctx context.Context, info *WatchInfo) (context.Context, func(changed bool, err error)) {
	if h == nil || h.Watch == nil {
		return ctx, unheardRound
	}
	ctx, end := h.Watch(ctx, info)
	if end == nil {
		return ctx, unheardRound
	}
	return ctx, func(changed bool, err error) { end(&WatchRound{Changed: changed, Err: err}) }
}

// tellTake tells that a recipe sets out to take something. The function is told what came of it.
func (o *holder) tellTake(ctx context.Context) (context.Context, func(error)) {
	if o.c.hooks == nil || o.c.hooks.Take == nil {
		return ctx, unheard
	}
	ctx, taken := o.c.hooks.Take(ctx, &HoldInfo{Recipe: o.recipe, Key: o.key})
	if taken == nil {
		taken = unheard
	}
	return ctx, taken
}

// tellHold tells that something was taken. The function is told why the hold has ended.
func (h *hold) tellHold() func(error) {
	hooks := h.of.c.hooks
	if hooks == nil || hooks.Hold == nil {
		return unheard
	}
	ended := hooks.Hold(h.ctx, &HoldInfo{Recipe: h.of.recipe, Key: h.of.key, Session: h.session.ID()})
	if ended == nil {
		return unheard
	}
	return ended
}
