package consul

// This file holds what Lock, FairLock and Semaphore have in common: how something is taken with a session and watched over
// while it is held. What each of them does about it on the servers is its claim. How it is given back is in hold_end.go.

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// callLimit bounds one call on the way, on top of what it may wait, so that a connection that has gone silent is given up
// for another one. Servers hold a call back for 7 s while they elect a leader.
const callLimit = 8 * time.Second

// claim is what a recipe does on the servers. All its keys are held by the hold's session.
type claim interface {
	// take takes it, once it can, and sets h.fence and h.index. A call that fails ends it, and it is called again. Where once
	// is true it does not wait. It sets h.dirty before it leaves something on the servers that release has to remove.
	take(ctx context.Context, h *hold, once bool) error
	// key is the key that the session holds for as long as the hold lasts.
	key(h *hold) string
	// release gives it back, whether it was taken or only attempted, and reports false where the session did not have it. It
	// can be repeated.
	release(ctx context.Context, h *hold) (bool, error)
}

// sentinels are the errors that a recipe tells its states by.
type sentinels struct{ held, notHeld, lost error }

// holder takes one claim, at most once at a time.
type holder struct {
	c      *Client
	recipe string // what it is: a "lock"
	key    string // of which key, or prefix
	name   string // both, for errors
	claim  claim
	errs   sentinels

	session *SessionHandle // the caller's own, if any
	entry   SessionEntry   // what a session of its own is made from
	wait    time.Duration
	write   WriteOptions // where, and as whom

	mu    sync.Mutex
	busy  *hold // what is under way: an attempt, a hold, or the tidying up after these; nil when nothing is
	ended error // how the last hold ended: nil if it was given back
}

// hold is one attempt to take a claim and what comes of it: the hold, its end, and the tidying up.
type hold struct {
	of      *holder
	session *SessionHandle // nil until there is one
	own     bool           // the session was made for this hold

	// ctx is the hold's. The cause of its end is the recipe's lost, or errGivenUp.
	ctx   context.Context
	end   context.CancelCauseFunc
	got   atomic.Bool // it was taken; what take sets is set
	fence uint64
	index uint64 // of the key as it was when it was taken

	// dirty says that release has something to remove, or may have.
	dirty bool
	// doubtful says that a call failed with a session of the caller's that may take something yet.
	doubtful bool
	// unsure says that a release was tried before, and may have happened.
	unsure bool

	// watching is the context of the questions about the key. It goes on until the key is given back: the question under way
	// is answered by that, and keeps its connection.
	watching context.Context
	unwatch  context.CancelFunc

	// watched is closed when nothing watches the key any more, and done when all is tidied up.
	watched, done chan struct{}

	back *giving // the last try at giving it back; of.mu guards it
}

// errGivenUp is why the context of a hold ended that its holder gave back.
var errGivenUp = fmt.Errorf("consul: it was given up: %w", context.Canceled)

// take takes the claim, or where once is true, takes it if that can be done at once.
func (o *holder) take(ctx context.Context, once bool) (context.Context, error) {
	if err := checkContext(ctx); err != nil {
		return nil, fmt.Errorf("consul: %s: %w", o.name, err)
	}
	h, err := o.begin(ctx)
	if err != nil {
		return nil, err
	}
	contending, taken := o.tellTake(ctx)
	err = h.contend(contending, once)
	taken(err)
	if err != nil {
		h.abandon()
		return nil, fmt.Errorf("consul: %s: %w", o.name, err)
	}
	h.got.Store(true)
	go h.watch(h.tellHold())
	return h.ctx, nil
}

// begin makes this call the one that uses the holder, once what went before is tidied up.
func (o *holder) begin(ctx context.Context) (*hold, error) {
	for {
		o.mu.Lock()
		before := o.busy
		if before == nil {
			h := &hold{of: o, session: o.session, own: o.session == nil, watched: make(chan struct{}), done: make(chan struct{})}
			h.ctx, h.end = context.WithCancelCause(context.WithoutCancel(ctx))
			h.watching, h.unwatch = context.WithCancel(context.WithoutCancel(ctx))
			o.busy = h
			o.mu.Unlock()
			return h, nil
		}
		o.mu.Unlock()
		if before.ctx.Err() == nil {
			return nil, fmt.Errorf("consul: %s: by this one already: %w", o.name, o.errs.held)
		}
		back := &giving{done: before.done}
		if before.got.Load() && context.Cause(before.ctx) == errGivenUp {
			back = before.giveBack()
		}
		select {
		case <-back.done:
			// If that has failed its session's end does it. A session of the caller's takes nothing again before that is known:
			// else a release that is late could end the next hold.
			if before.own || settled(back.err) {
				before.finish(nil)
			}
		case <-ctx.Done():
			return nil, fmt.Errorf("consul: %s: %w", o.name, context.Cause(ctx))
		}
	}
}

// contend takes the claim, with a session that is replaced should it end before. Each call that fails is tried again until
// ctx ends, unless it is meant to be the only one, or would fail again.
func (h *hold) contend(ctx context.Context, once bool) error {
	var failure error
	for {
		err := h.contendAsSession(ctx, once)
		h.doubtful = h.doubtful || err != nil && h.dirty && !h.own
		expired := errors.Is(err, ErrSessionExpired) && h.own
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil && failure == nil:
			return context.Cause(ctx)
		case ctx.Err() != nil:
			return fmt.Errorf("%w (last failure: %v)", context.Cause(ctx), failure)
		case once, settled(err) && !expired:
			return err
		case expired:
			h.session.end(errSessionClosed)
			h.session, h.dirty = nil, false
		}
		failure = err
		sleep(ctx, lockPause())
	}
}

// contendAsSession takes the claim within the life of a session.
func (h *hold) contendAsSession(ctx context.Context, once bool) error {
	if h.session == nil {
		create, cancel := context.WithTimeout(ctx, callLimit)
		defer cancel()
		// Its life ends with the hold, once that is given back.
		session, err := h.of.c.Session().keepAlive(create, context.WithoutCancel(h.ctx), &h.of.entry, h.of.writeOptions())
		if err != nil {
			return err
		}
		h.session = session
	}
	if !h.own && !h.session.reserve(h.of.claim.key(h), h) {
		return fmt.Errorf("with this session by another: %w", h.of.errs.held)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	life := h.session.Context()
	defer context.AfterFunc(life, func() { cancel(context.Cause(life)) })()
	err := h.of.claim.take(ctx, h, once)
	if life.Err() != nil || err == nil && !h.session.bind(h) {
		return fmt.Errorf("%w: %w", ErrSessionExpired, context.Cause(life))
	}
	return err
}

// watch looks after the hold: it ends with its session, and when the key is another's. It returns when the hold has ended,
// and tidies up after a loss. Ended is told why it has ended.
func (h *hold) watch(ended func(cause error)) {
	stop := context.AfterFunc(h.session.Context(), func() { h.lose(context.Cause(h.session.Context())) })
	for index := h.index; h.ctx.Err() == nil; {
		index = h.look(index)
	}
	stop()
	cause := context.Cause(h.ctx)
	if cause == errGivenUp {
		cause = nil
	}
	ended(cause)
	close(h.watched)
	if cause != nil {
		h.tidy(cause)
	}
}

// look asks whether the key is still this session's, once it has changed since index or some time has passed, and gives the
// index to ask from next. A failure says nothing: the session's deadline is what counts then.
func (h *hold) look(index uint64) uint64 {
	mine, next, err := h.mine(h.of.wait, Wait(index, h.of.wait))
	doubtful := err == nil && !mine && h.ctx.Err() == nil
	if doubtful {
		// A new leader may not know yet of writes that were acknowledged, unless it is asked to make sure.
		mine, next, err = h.mine(0, Consistent())
	}
	switch {
	case h.ctx.Err() != nil:
	case err == nil && !mine:
		h.lose(errTaken)
	case err != nil, doubtful:
		sleep(h.ctx, lockPause())
		return 0
	case next < index:
		return 0
	}
	return next
}

var errTaken = errors.New("the key was released, deleted or taken by another")

// mine reports whether the key is this session's.
func (h *hold) mine(wait time.Duration, opts ...QueryOption) (mine bool, index uint64, err error) {
	ctx, cancel := limit(h.watching, wait)
	defer cancel()
	pair, meta, err := h.of.c.KV().Get(ctx, h.of.claim.key(h), h.of.queryOptions(opts...)...)
	switch {
	case err == nil:
		return pair.Session == h.session.ID(), max(1, meta.LastIndex), nil
	case errors.Is(err, ErrNotFound) && meta != nil:
		return false, max(1, meta.LastIndex), nil
	}
	return false, 0, err
}

// limit bounds a call that may wait.
func limit(ctx context.Context, wait time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, plus(wait+wait/16, callLimit))
}

// lose ends the hold, which somebody or something else has ended.
func (h *hold) lose(cause error) {
	defer h.unwatch()
	h.end(fmt.Errorf("consul: %s: %w: %w", h.of.name, h.of.errs.lost, cause))
}

// current is the hold, nil where there is none or it has ended.
func (o *holder) current() *hold {
	o.mu.Lock()
	defer o.mu.Unlock()
	// The timer that ends the hold may be late, in a process that was suspended.
	if h := o.busy; h != nil && h.got.Load() && h.ctx.Err() == nil && time.Now().Before(h.session.Deadline()) {
		return h
	}
	return nil
}

// inUse reports whether an attempt or a hold is under way.
func (o *holder) inUse() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.busy != nil && o.busy.ctx.Err() == nil
}

func (o *holder) deadline() time.Time {
	if h := o.current(); h != nil {
		return h.session.Deadline()
	}
	return time.Time{}
}

// guard is an operation that fails unless the hold's session still holds its key.
func (o *holder) guard(ops []*TxnOp) (TxnOps, error) {
	h := o.current()
	if h == nil {
		return nil, fmt.Errorf("consul: %s: guard: %w", o.name, o.errs.notHeld)
	}
	check := o.op(KVCheckSession, o.claim.key(h), h)
	return append(TxnOps{check}, ops...), nil
}

// op is an operation on a key, for the hold's session.
func (o *holder) op(verb KVOp, key string, h *hold) *TxnOp {
	return &TxnOp{KV: &KVTxnOp{
		Verb: verb, Key: key, Session: h.session.ID(), Namespace: o.write.Namespace, Partition: o.write.Partition,
	}}
}

func (o *holder) writeOptions() []WriteOption { return []WriteOption{&o.write} }

func (o *holder) queryOptions(more ...QueryOption) []QueryOption {
	return append([]QueryOption{o.write.reads()}, more...)
}

// reads gives what options for writes say of where, and as whom, for reads.
func (s *WriteOptions) reads() *QueryOptions {
	return &QueryOptions{Datacenter: s.Datacenter, Token: s.Token, Namespace: s.Namespace, Partition: s.Partition}
}

// lockPause is how long it takes until something is tried again that failed.
func lockPause() time.Duration { return 100*time.Millisecond + rand.N(200*time.Millisecond) }

// settled reports whether err is the outcome of an attempt, rather than a failure to be ridden out.
func settled(err error) bool {
	for _, sentinel := range []error{
		ErrPermissionDenied, ErrBadRequest, ErrTooLarge, ErrInvalidKey, ErrInvalidOption, ErrClosed, ErrRedirect,
		errors.ErrUnsupported, ErrLockConflict, ErrSemaphoreConflict, ErrSessionExpired,
	} {
		if errors.Is(err, sentinel) {
			return true
		}
	}
	// A TTL that the server does not take. It says so with a 500.
	se, ok := errors.AsType[*StatusError](err)
	return ok && strings.Contains(se.Body, "Session TTL")
}
