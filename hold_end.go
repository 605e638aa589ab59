package consul

// This file holds how what a hold holds is given back: on request, and after a loss or an attempt that failed.

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// tidyTimeout bounds the end of a session that was made for one hold.
	tidyTimeout = 5 * time.Second
	// releaseTimeout bounds how long giving back is tried before it is left to the session's end.
	releaseTimeout = 10 * time.Second
)

// giving is a try at giving something back. It goes on when those who wait for it don't.
type giving struct {
	done   chan struct{}
	err    error // once done is closed
	failed bool  // it can be tried again; of.mu guards it
}

// giveUp gives back what is held, and waits for that until ctx ends. It can be called again, whatever came of it.
func (o *holder) giveUp(ctx context.Context) error {
	if err := checkContext(ctx); err != nil {
		return fmt.Errorf("consul: give up %s: %w", o.name, err)
	}
	o.mu.Lock()
	h, err := o.busy, o.ended
	o.mu.Unlock()
	if h != nil && h.got.Load() {
		back := h.giveBack()
		select {
		case <-back.done:
			err = back.err
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
	}
	if err != nil && !errors.Is(err, o.errs.lost) {
		return fmt.Errorf("consul: give up %s: %w", o.name, err)
	}
	return err
}

// giveBack ends the hold and begins to give back what it holds, unless that has begun.
func (h *hold) giveBack() *giving {
	h.end(errGivenUp)
	h.of.mu.Lock()
	defer h.of.mu.Unlock()
	if h.back == nil || h.back.failed {
		h.back = &giving{done: make(chan struct{})}
		go h.back.run(h)
	}
	return h.back
}

func (g *giving) run(h *hold) {
	defer close(g.done)
	if g.err = context.Cause(h.ctx); g.err != errGivenUp {
		<-h.watched // it was lost before
		return
	}
	g.err = h.yield()
	h.unwatch()
	<-h.watched
	if g.err == nil || errors.Is(g.err, h.of.errs.lost) {
		h.finish(g.err)
		return
	}
	h.of.mu.Lock()
	g.failed = true
	h.of.mu.Unlock()
}

// yield gives back what the hold holds, and ends a session that was made for it.
func (h *hold) yield() error {
	released, err := h.release(releaseTimeout)
	// Whether the session had it when this began can't be known where an earlier try failed, or the session ended meanwhile.
	known := !h.unsure && h.session.Context().Err() == nil
	if closed := h.close(); h.own && closed == nil && err != nil {
		// A session that is destroyed gives back what it holds, though with its lock-delay.
		released, err = true, nil
	}
	if err == nil && !released && known {
		err = fmt.Errorf("consul: %s: %w: %w", h.of.name, h.of.errs.lost, errTaken)
	}
	return err
}

// release gives back what was taken or attempted.
func (h *hold) release(timeout time.Duration) (bool, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(h.ctx), timeout)
	defer cancel()
	for {
		try, cancel := context.WithTimeout(ctx, timeout/3)
		released, err := h.of.claim.release(try, h)
		cancel()
		if err == nil {
			return released, nil
		}
		h.unsure = true
		if settled(err) || !sleep(ctx, lockPause()) {
			return false, err
		}
	}
}

// withdraw gives the hold's key back with a transaction, whose operations fail unless the key's last change was at an index.
// One that is late, after the session has taken the key again for another hold, does nothing then. It reports false where
// the session does not have the key.
func (h *hold) withdraw(ctx context.Context, ops func(index uint64) TxnOps) (bool, error) {
	for index := h.index; ; {
		if index > 0 {
			if _, _, err := h.of.c.Txn().Txn(ctx, ops(index), h.of.queryOptions()...); !refuses(err) {
				return err == nil, err
			}
		}
		modified, err := h.modified(ctx)
		if err != nil || modified == 0 {
			return false, err
		}
		index = modified
	}
}

// modified gives the index of the last change of the hold's key; 0 where the session does not have it.
func (h *hold) modified(ctx context.Context) (uint64, error) {
	pair, _, err := h.of.c.KV().Get(ctx, h.of.claim.key(h), h.of.queryOptions(Consistent())...)
	switch {
	case errors.Is(err, ErrNotFound), err == nil && pair.Session != h.session.ID():
		return 0, nil
	case err != nil:
		return 0, err
	}
	return pair.ModifyIndex, nil
}

// close destroys a session that was made for the hold. Where that fails, its TTL does it.
func (h *hold) close() error {
	if !h.own {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(h.ctx), tidyTimeout)
	defer cancel()
	return h.session.Close(ctx)
}

// abandon tidies up after an attempt that failed. Nobody waits for it but the next use.
func (h *hold) abandon() {
	h.end(errGivenUp)
	h.unwatch()
	h.of.mu.Lock()
	ended := h.of.ended
	h.of.mu.Unlock()
	if h.session == nil || !h.own && !h.dirty {
		h.finish(ended)
		return
	}
	go func() {
		for tidied := !h.dirty; !tidied; {
			_, err := h.release(releaseTimeout)
			// The session's end does it otherwise, which for a session of the caller's may be a long time.
			tidied = err == nil || h.own || settled(err) || h.session.Context().Err() != nil
		}
		h.tidy(ended)
	}()
}

// tidy ends the session that was made for the hold, and has the holder be free again.
func (h *hold) tidy(ended error) {
	_ = h.close()
	h.finish(ended)
}

// finish has the holder be free again.
func (h *hold) finish(ended error) {
	h.of.mu.Lock()
	defer h.of.mu.Unlock()
	if h.of.busy != h {
		return
	}
	h.of.busy, h.of.ended = nil, ended
	if !h.own {
		h.session.free(h)
	}
	if h.doubtful {
		go h.sweep()
	}
	close(h.done)
}

// sweep gives back what a call that had failed has taken later: a server may hold it back until there is a leader. Nobody
// else would, for as long as the session lives. Where the session has the key for another hold by then, that gives it back.
// It waits as long as a call may take, and ends with the session.
func (h *hold) sweep() {
	if sleep(h.session.Context(), callLimit) && h.session.reserve(h.of.claim.key(h), h) {
		defer h.session.free(h)
		h.index = 0 // look first
		_, _ = h.release(releaseTimeout)
	}
}
