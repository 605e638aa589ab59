package consul

// This file holds FairLock: mutual exclusion in the order of arrival.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// FairLockFlagValue is in the flags of the keys of a FairLock.
const FairLockFlagValue = 0x6c6963746f720f1f

// A FairLock is a lock that goes to those who wait for it in the order in which they came. It excludes other FairLocks on
// the same key, and no Locks: those know nothing of a queue.
//
// Each contender has a key of its own under the lock's key, "<key>/<session>", and watches the one before its own, so that a
// hand-off wakes one contender, however many there are. The first in the order of creation has the lock. One that dies while
// it waits is skipped. One that dies while it may have had the lock is succeeded after its lock-delay; its session has to be
// of the behaviour SessionBehaviorRelease for that, which is the default.
//
// It is used as a Lock is, and keeps the same promises.
type FairLock struct {
	holder
	prefix string
	value  []byte
}

// FairLockKey makes a FairLock on a key with the default options. The error is ErrInvalidKey.
func (c *Client) FairLockKey(key string) (*FairLock, error) {
	return c.FairLockOpts(&LockOptions{Key: key})
}

// FairLockOpts makes a FairLock. Nothing is sent before it is used. The options are copied. The error is ErrInvalidKey or
// ErrInvalidOption.
func (c *Client) FairLockOpts(opts *LockOptions) (*FairLock, error) {
	var checked Lock // for what both have in common
	if err := checked.init(c, "fair lock", opts); err != nil {
		return nil, err
	}
	behavior := checked.entry.Behavior
	if opts.Session != nil {
		behavior = opts.Session.behavior
	}
	if behavior == SessionBehaviorDelete {
		return nil, fmt.Errorf("consul: %s: the session's behavior is %q, and has to leave the key of a contender that died: %w",
			checked.name, SessionBehaviorDelete, ErrInvalidOption)
	}
	l := &FairLock{prefix: strings.TrimSuffix(opts.Key, "/") + "/", value: checked.value}
	if err := l.holder.init(c, checked.recipe, checked.entry.Name, checked.errs, opts); err != nil {
		return nil, err
	}
	l.claim = fairClaim{l}
	return l, nil
}

// Lock takes the lock when all who came before have left, and waits for that until ctx ends: see Lock.Lock.
//
// Routes: PUT /v1/session/create, PUT /v1/txn, GET /v1/kv/:key, GET /v1/kv/:key?recurse
func (l *FairLock) Lock(ctx context.Context) (context.Context, error) {
	return l.holder.take(ctx, false)
}

// TryLock takes the lock if nobody has it or waits for it, else the error is ErrLockHeld: see Lock.TryLock.
func (l *FairLock) TryLock(ctx context.Context) (context.Context, error) {
	return l.holder.take(ctx, true)
}

// Unlock gives the lock up: see Lock.Unlock.
//
// Routes: PUT /v1/txn, GET /v1/kv/:key, PUT /v1/session/destroy/:id
func (l *FairLock) Unlock(ctx context.Context) error { return l.giveUp(ctx) }

// Fence is a number that grows with every change of the lock's holder: see Lock.Fence. Here it is the index of the write by
// which this contender came.
func (l *FairLock) Fence() uint64 {
	if h := l.current(); h != nil {
		return h.fence
	}
	return 0
}

// Deadline is when the hold ends unless the session is renewed before: see Lock.Deadline.
func (l *FairLock) Deadline() time.Time { return l.deadline() }

// Guard puts an operation before ops by which their transaction fails unless this hold goes on: see Lock.Guard.
func (l *FairLock) Guard(ops ...*TxnOp) (TxnOps, error) { return l.guard(ops) }

// fairClaim holds a place in the queue, and has the lock when it is the first.
type fairClaim struct{ *FairLock }

func (l fairClaim) key(h *hold) string { return l.prefix + h.session.ID() }

// take queues up and waits until nobody is before.
func (l fairClaim) take(ctx context.Context, h *hold, once bool) error {
	queue, err := l.enter(ctx, h)
	for err == nil {
		before, ok := l.before(queue, h)
		if !ok {
			return errTaken // somebody has deleted its key
		}
		if before, err = l.passDead(ctx, h, before); err != nil {
			return err
		}
		switch {
		case len(before) == 0:
			return nil
		case once:
			return ErrLockHeld
		}
		if err := l.await(ctx, h, before[len(before)-1]); err != nil {
			return err
		}
		queue, err = l.list(ctx)
	}
	return err
}

// enter adds the hold's key to the queue, and reads the queue, in one round trip. Where an earlier attempt may have done so
// the queue tells.
func (l fairClaim) enter(ctx context.Context, h *hold) (KVPairs, error) {
	if h.dirty {
		queue, err := l.list(ctx, Consistent())
		if _, ok := l.before(queue, h); ok || err != nil {
			return queue, err
		}
	}
	ctx, cancel := limit(ctx, 0)
	defer cancel()
	own, all := l.op(KVLock, l.key(h), h), l.op(KVGetTree, l.prefix, h)
	own.KV.Value, own.KV.Flags = l.value, FairLockFlagValue
	h.dirty = true
	answer, _, err := l.c.Txn().Txn(ctx, TxnOps{own, all}, l.queryOptions()...)
	if err != nil {
		return nil, err
	}
	var queue KVPairs
	for i, result := range answer.Results {
		if i > 0 && result.KV != nil { // the first is that of the lock, and there again
			queue = append(queue, result.KV)
		}
	}
	if _, ok := l.before(queue, h); !ok {
		return nil, errUnreadable
	}
	return queue, nil
}

// list reads the queue.
func (l fairClaim) list(ctx context.Context, opts ...QueryOption) (KVPairs, error) {
	ctx, cancel := limit(ctx, 0)
	defer cancel()
	queue, _, err := l.c.KV().List(ctx, l.prefix, l.queryOptions(opts...)...)
	return queue, err
}

// before gives those of the queue that came before the hold, in order, and notes the hold's own place. It reports false
// where the hold is not in the queue. A key that is older than the place that was noted is an earlier hold's: a leader that
// lags behind tells of it.
func (l fairClaim) before(queue KVPairs, h *hold) (KVPairs, bool) {
	at := slices.IndexFunc(queue, func(p *KVPair) bool {
		return p.Key == l.key(h) && p.Session == h.session.ID() && p.CreateIndex >= h.fence
	})
	if at < 0 {
		return nil, false
	}
	h.fence, h.index = queue[at].CreateIndex, queue[at].ModifyIndex
	var before KVPairs
	for _, p := range queue {
		nested := strings.Contains(p.Key[len(l.prefix):], "/") // a key of another lock
		if p.Flags == FairLockFlagValue && p.CreateIndex < h.fence && !nested {
			before = append(before, p)
		}
	}
	slices.SortFunc(before, func(a, b *KVPair) int { return cmp.Compare(a.CreateIndex, b.CreateIndex) })
	return before, true
}

// passDead passes those before the hold that are dead, up to the nearest that lives, and gives those that are left.
func (l fairClaim) passDead(ctx context.Context, h *hold, before KVPairs) (KVPairs, error) {
	ctx, cancel := limit(ctx, 0)
	defer cancel()
	for len(before) > 0 {
		passed := false
		var err error
		switch nearest := before[len(before)-1]; {
		case nearest.Session != "":
			return before, nil
		case len(before) == 1:
			passed, err = l.succeed(ctx, h, nearest)
		default:
			// Another was before it all the time, so that it never had the lock.
			passed, _, err = l.c.KV().DeleteCAS(ctx, nearest, l.writeOptions()...)
		}
		if err != nil || !passed {
			return before, err
		}
		before = before[:len(before)-1]
	}
	return nil, nil
}

// succeed takes the place of the first in the queue, which is dead and may have had the lock: the servers let nobody take
// its key before its lock-delay has passed. It reports false where that is not yet so.
func (l fairClaim) succeed(ctx context.Context, h *hold, dead *KVPair) (bool, error) {
	lock, remove := l.op(KVLock, dead.Key, h), l.op(KVDelete, dead.Key, h)
	lock.KV.Flags = FairLockFlagValue
	_, _, err := l.c.Txn().Txn(ctx, TxnOps{lock, remove}, l.queryOptions()...)
	if refuses(err) {
		return false, nil
	}
	return err == nil, err
}

// await waits until the one before the hold has left or died. A dead one is looked at again soon: its lock-delay passes
// without a sign.
func (l fairClaim) await(ctx context.Context, h *hold, nearest *KVPair) error {
	wait := l.wait
	if nearest.Session == "" {
		wait = probeMin + rand.N(probeMax-probeMin)
	}
	for index := max(nearest.ModifyIndex, h.index); ; {
		now, last, err := l.look(ctx, nearest.Key, index, wait)
		// Where the servers' state went back, all of it is to be looked at.
		if err != nil || now.Session == "" || last < nearest.ModifyIndex {
			return err
		}
		index = max(index, last)
	}
}

// look reads a key, once it has changed since index, or the wait has passed. One that does not exist has no session.
func (l fairClaim) look(ctx context.Context, key string, index uint64, wait time.Duration) (*KVPair, uint64, error) {
	ctx, cancel := limit(ctx, wait)
	defer cancel()
	pair, meta, err := l.c.KV().Get(ctx, key, l.queryOptions(Wait(index, wait))...)
	switch {
	case errors.Is(err, ErrNotFound) && meta != nil:
		return &KVPair{}, meta.LastIndex, nil
	case err != nil:
		return nil, 0, err
	}
	return pair, meta.LastIndex, nil
}

// release leaves the queue.
func (l fairClaim) release(ctx context.Context, h *hold) (bool, error) {
	return h.withdraw(ctx, func(index uint64) TxnOps {
		remove := l.op(KVDeleteCAS, l.key(h), h)
		remove.KV.Index = index
		return TxnOps{l.op(KVCheckSession, l.key(h), h), remove}
	})
}
