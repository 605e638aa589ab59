package consul

// This file holds Lock: mutual exclusion by a key that a session holds.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"
)

// LockFlagValue is in the flags of each key that is a lock, so that a key which is something else is not taken for one.
// All Consul clients use this value.
const LockFlagValue = 0x2ddccbc058a50c18

// DefaultLockWaitTime is how long one question about a key may be held while nothing happens.
const DefaultLockWaitTime = 15 * time.Second

// What using a Lock or a FairLock can end with.
var (
	// ErrLockHeld says that the lock is held: by another, for TryLock, or by this Lock already.
	ErrLockHeld = errors.New("lock held")

	// ErrLockNotHeld says that this Lock does not hold the lock, and never did.
	ErrLockNotHeld = errors.New("lock not held")

	// ErrLockLost says that this Lock held the lock and lost it before it was unlocked.
	ErrLockLost = errors.New("lock lost")

	// ErrLockConflict says that the key exists and is no lock.
	ErrLockConflict = errors.New("key is not a lock")

	// ErrLockInUse says that the lock can't be destroyed, because somebody holds it.
	ErrLockInUse = errors.New("lock in use")
)

// LockOptions say which lock, and how it is held.
type LockOptions struct {
	Key   string // of the lock; needs the right to write it and to read it
	Value []byte // written into the key by whoever takes it: who and where

	// Session is the session to hold the lock with: one of the caller's, which the Lock does not end. It can hold many keys,
	// but each for one Lock at a time. What a call has taken that had failed, as by the end of its context, is given back some
	// seconds later; while that is looked after, TryLock with the session may give ErrLockHeld. Where it is nil, each Lock call
	// makes one from SessionOpts and destroys it after the hold.
	Session *SessionHandle

	// SessionOpts is what the session is made from; nil is the defaults of Session.KeepAlive. Its TTL is the time after
	// which a holder that is cut off has lost the lock.
	SessionOpts *SessionEntry

	LockWaitTime time.Duration // how long one question about the key may be held; 0: DefaultLockWaitTime

	Datacenter string // of the lock; empty: the agent's
	Token      string // for all calls of the lock; empty: the client's
	Namespace  string // Consul Enterprise
	Partition  string // Consul Enterprise
}

// A Lock is held by at most one at a time among all who use its key, on any machine: those of this package, those of the
// Consul API package of HashiCorp, and the command "consul lock".
//
// Taking it gives a context, the hold, which ends when the lock is lost, at the latest when another could have it. That is
// reckoned here, from the session's TTL and its renewals, and holds also where the network is silent. Code that may run
// on past the end of its hold, since it does not look, or was suspended (with its machine, the clock stands still too), needs
// Fence or Guard to be safe.
//
// A Lock is safe for concurrent use, holds the lock at most once, and can be used again after Unlock and after a loss.
type Lock struct {
	holder
	value []byte
}

// LockKey makes a Lock on a key with the default options. The error is ErrInvalidKey.
func (c *Client) LockKey(key string) (*Lock, error) { return c.LockOpts(&LockOptions{Key: key}) }

// LockOpts makes a Lock. Nothing is sent before it is used. The options are copied. The error is ErrInvalidKey or
// ErrInvalidOption.
func (c *Client) LockOpts(opts *LockOptions) (*Lock, error) {
	l := new(Lock)
	if err := l.init(c, "lock", opts); err != nil {
		return nil, err
	}
	l.holder.claim = lockClaim{l}
	return l, nil
}

// init sets a Lock up from its options.
func (l *Lock) init(c *Client, kind string, opts *LockOptions) error {
	if opts == nil {
		return fmt.Errorf("consul: %s: the options are nil, and have to name a key: %w", kind, ErrInvalidOption)
	}
	if r := keyRequest(http.MethodGet, opts.Key); r.err != nil {
		return fmt.Errorf("consul: %s: %w", kind, r.err)
	}
	l.value = bytes.Clone(opts.Value)
	errs := sentinels{ErrLockHeld, ErrLockNotHeld, ErrLockLost}
	return l.holder.init(c, kind, "Consul API Lock", errs, opts)
}

// init sets a holder up for a recipe. sessionName is that of sessions for which the options do not say one.
func (o *holder) init(c *Client, recipe, sessionName string, errs sentinels, opts *LockOptions) error {
	name := fmt.Sprintf("%s %q", recipe, opts.Key)
	switch {
	case opts.LockWaitTime < 0:
		return fmt.Errorf("consul: %s: the wait time is negative (%v): %w", name, opts.LockWaitTime, ErrInvalidOption)
	case opts.Session != nil && opts.SessionOpts != nil:
		return fmt.Errorf("consul: %s: Session and SessionOpts are both set: %w", name, ErrInvalidOption)
	case opts.Session != nil && opts.Session.id == "":
		return fmt.Errorf("consul: %s: Session is not one that KeepAlive gave: %w", name, ErrInvalidOption)
	}
	o.c, o.recipe, o.key, o.name = c, recipe, opts.Key, name
	o.errs, o.session, o.ended = errs, opts.Session, errs.notHeld
	o.wait = opts.LockWaitTime
	if o.wait == 0 {
		o.wait = DefaultLockWaitTime
	}
	if opts.SessionOpts != nil {
		e := *opts.SessionOpts
		e.NodeChecks, e.Checks = slices.Clone(e.NodeChecks), slices.Clone(e.Checks)
		e.ServiceChecks = slices.Clone(e.ServiceChecks)
		o.entry = e
	}
	if o.entry.Name == "" {
		o.entry.Name = sessionName
	}
	o.write = WriteOptions{
		Datacenter: opts.Datacenter, Token: opts.Token, Namespace: opts.Namespace, Partition: opts.Partition,
	}
	return nil
}

// Lock takes the lock, and waits for it until ctx ends. What it gives is the hold: a context that ends when the lock is
// lost or unlocked, and not with ctx, of which it has the values. context.Cause tells why it ended: ErrLockLost with what
// happened, or context.Canceled after Unlock.
//
// Failures on the way, of the network or of the servers, are ridden out until ctx ends. Errors: the cause of ctx,
// ErrLockHeld if this Lock holds the lock or is about to take it, ErrLockConflict, ErrPermissionDenied, ErrBadRequest, and
// ErrSessionExpired if a Session of the caller's is gone.
//
// Routes: PUT /v1/session/create, GET /v1/kv/:key, PUT /v1/txn
func (l *Lock) Lock(ctx context.Context) (context.Context, error) { return l.take(ctx, false) }

// TryLock takes the lock if it is free, and gives the hold as Lock does. Where another holds it, or its lock-delay has not
// passed, the error is ErrLockHeld. A call that fails is its error.
//
// Routes: PUT /v1/session/create, GET /v1/kv/:key, PUT /v1/txn
func (l *Lock) TryLock(ctx context.Context) (context.Context, error) { return l.take(ctx, true) }

// Unlock gives the lock up: the hold's context ends first, then the key is released, and the session that Lock made is
// destroyed. It waits for that until ctx ends, at most 15 s; where ctx ends first, or has ended already, giving up goes on.
// It may be called again after an error, and after it has succeeded, when it is nil. If the hold was lost before, the error
// is ErrLockLost, and there is nothing left to do; if there never was one, ErrLockNotHeld.
//
// Routes: PUT /v1/txn, GET /v1/kv/:key, PUT /v1/session/destroy/:id
func (l *Lock) Unlock(ctx context.Context) error { return l.giveUp(ctx) }

// Fence is a number that grows with every change of the lock's holder, also when the key was deleted in between: the index
// of the write by which this Lock took it, which no other write of the datacenter has. Whoever takes orders from holders
// can refuse those with a number lower than the highest it has seen. It is 0 where the lock is not held.
func (l *Lock) Fence() uint64 {
	if h := l.current(); h != nil {
		return h.fence
	}
	return 0
}

// Deadline is when the hold ends unless the session is renewed before. It is the zero time where the lock is not held.
func (l *Lock) Deadline() time.Time { return l.deadline() }

// Guard puts an operation before ops by which their transaction fails, with ErrTxnRolledBack, unless the session of this
// hold still holds the lock: what a holder writes in such a transaction can't come after another has taken the lock. The
// first of the transaction's results is that operation's. The error is ErrLockNotHeld.
func (l *Lock) Guard(ops ...*TxnOp) (TxnOps, error) { return l.guard(ops) }

// Destroy deletes the key of a lock that nobody holds. ErrLockInUse is that somebody does, ErrLockHeld that it is this
// Lock, ErrLockConflict that the key is no lock. A key that does not exist is no error.
//
// Routes: GET /v1/kv/:key, DELETE /v1/kv/:key?cas=
func (l *Lock) Destroy(ctx context.Context) error {
	errorf := func(err error) error { return fmt.Errorf("consul: destroy %s: %w", l.name, err) }
	if l.inUse() {
		return errorf(ErrLockHeld)
	}
	pair, _, err := l.c.KV().Get(ctx, l.key, l.queryOptions(Consistent())...)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil
	case err != nil:
		return errorf(err)
	case pair.Flags != LockFlagValue:
		return errorf(ErrLockConflict)
	case pair.Session != "":
		return errorf(ErrLockInUse)
	}
	deleted, _, err := l.c.KV().DeleteCAS(ctx, pair, l.writeOptions()...)
	switch {
	case err != nil:
		return errorf(err)
	case !deleted:
		return errorf(ErrLockInUse)
	}
	return nil
}

const (
	// probeMin and probeMax bound the pause between two attempts at a key that is free and can't be taken yet, because of a
	// lock-delay, of which Consul does not say how much is left.
	probeMin, probeMax = 60 * time.Millisecond, 220 * time.Millisecond

	// Those that have lost a race for the key step back for up to spreadMin, twice that after another, up to spreadMax, and
	// look before they try again: most of many contenders find that another was quicker, and have written nothing.
	spreadMin, spreadMax = 2 * time.Millisecond, 64 * time.Millisecond
)

// lockClaim takes the key itself, as all Consul clients do.
type lockClaim struct{ *Lock }

func (l lockClaim) key(*hold) string { return l.Lock.key }

// take waits for the key to be free and takes it.
func (l lockClaim) take(ctx context.Context, h *hold, once bool) error {
	var index uint64
	var refused bool // the last attempt at the key, which was free
	var spread time.Duration
	for {
		wait := l.wait
		if refused {
			wait = probeMin + rand.N(probeMax-probeMin)
		}
		pair, last, err := l.read(ctx, index, wait)
		if err != nil {
			return err
		}
		// Where it is the session's own, a call took it whose answer was lost, or a leader lags behind that knows of an earlier
		// hold only: acquire tells.
		held := pair.Session != "" && pair.Session != h.session.ID()
		switch {
		case held && once:
			return ErrLockHeld
		case held:
			if refused { // another was quicker
				spread = min(max(2*spread, spreadMin), spreadMax)
			}
			index, refused = last, false
			continue
		case spread > 0 && index != 0 && !refused:
			sleep(ctx, rand.N(spread))
			index = 0 // look again before trying
			continue
		}
		taken, err := l.acquire(ctx, h)
		switch {
		case err != nil:
			return err
		case taken != nil:
			h.fence, h.index = taken.ModifyIndex, taken.ModifyIndex
			return nil
		case once:
			return ErrLockHeld
		}
		index, refused = last, true
	}
}

// read reads the key, once it has changed since index, or the wait has passed. A key that does not exist is one that
// nobody holds.
func (l lockClaim) read(ctx context.Context, index uint64, wait time.Duration) (*KVPair, uint64, error) {
	ctx, cancel := limit(ctx, wait)
	defer cancel()
	pair, meta, err := l.c.KV().Get(ctx, l.Lock.key, l.queryOptions(Wait(index, wait))...)
	switch {
	case errors.Is(err, ErrNotFound) && meta != nil:
		pair = &KVPair{}
	case err != nil:
		return nil, 0, err
	case pair.Flags != LockFlagValue:
		return nil, 0, ErrLockConflict
	}
	if meta.LastIndex < index {
		return pair, 0, nil // the servers' state went back: begin anew
	}
	return pair, max(1, meta.LastIndex), nil
}

// acquire takes the key, and gives it as it is then, all in one round trip. It is nil where the key could not be taken: it
// is held, or its lock-delay has not passed.
func (l lockClaim) acquire(ctx context.Context, h *hold) (*KVPair, error) {
	ctx, cancel := limit(ctx, 0)
	defer cancel()
	op := l.op(KVLock, l.Lock.key, h)
	op.KV.Value, op.KV.Flags = l.value, LockFlagValue
	before := h.dirty
	h.dirty = true
	answer, _, err := l.c.Txn().Txn(ctx, TxnOps{op}, l.queryOptions()...)
	if errors.Is(err, ErrTxnRolledBack) {
		h.dirty = before
	}
	switch {
	case err == nil && len(answer.Results) == 1 && answer.Results[0].KV != nil:
		return answer.Results[0].KV, nil
	case err == nil:
		return nil, errUnreadable
	case refuses(err):
		return nil, nil
	}
	return nil, err
}

// errUnreadable is what a transaction shows that was made and whose results are left out.
var errUnreadable = fmt.Errorf("the token may write the key and not read it: %w", ErrPermissionDenied)

// refuses reports whether a transaction was rolled back by what the keys are like, rather than by who asked.
func refuses(err error) bool {
	return errors.Is(err, ErrTxnRolledBack) && !errors.Is(err, ErrSessionExpired) && !errors.Is(err, ErrPermissionDenied)
}

func (l lockClaim) release(ctx context.Context, h *hold) (bool, error) {
	return h.withdraw(ctx, func(index uint64) TxnOps {
		same, unlock := l.op(KVCheckIndex, l.key(h), h), l.op(KVUnlock, l.key(h), h)
		same.KV.Index = index
		unlock.KV.Value, unlock.KV.Flags = l.value, LockFlagValue
		return TxnOps{same, unlock}
	})
}
