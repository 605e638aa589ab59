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
	<-h.watched
	if g.err = context.Cause(h.ctx); g.err != errGivenUp {
		return // it was lost before
	}
	if g.err = h.yield(); g.err == nil || errors.Is(g.err, h.of.errs.lost) {
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
	h.of.mu.Lock()
	ended := h.of.ended
	h.of.mu.Unlock()
	if h.session == nil || !h.own && !h.dirty {
		h.finish(ended)
		return
	}
	go func() {
		if h.dirty {
			_, _ = h.release(releaseTimeout) // the session's end does it otherwise
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
	close(h.done)
}
