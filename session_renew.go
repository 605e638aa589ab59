package consul

// This file holds Session.RenewPeriodic, which keeps a session alive for as long as a context lasts.

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"
)

const (
	destroyTimeout = 5 * time.Second // how long RenewPeriodic may take, after its context, to destroy the session
	maxRetryPause  = 5 * time.Second // longest pause after a renewal that failed, before its jitter
)

// RenewPeriodic keeps a session alive until ctx ends, and then destroys it. It returns when that is done, at most 5
// seconds after ctx, or when the session can't be kept: start it in a goroutine of the caller's. Ttl is the session's; the
// server may raise it, which is honoured from the first renewal on.
//
// A renewal starts 0.4 to 0.5 TTLs after the one before, and one that failed is repeated sooner. The result is
//
//   - nil when ctx ended and the session was destroyed, or was gone already: ending ctx is how this is meant to end;
//   - ErrSessionExpired (and ErrNotFound) when a renewal finds the session gone;
//   - the error of the last renewal when none succeeded for a whole TTL: the session may have expired;
//   - the error of the destruction when ctx ended and that failed: the session lives until its TTL runs out;
//   - ErrInvalidOption for an empty ID or a TTL that is not positive, and ErrClosed, at once.
//
// Routes: PUT /v1/session/renew/:id, PUT /v1/session/destroy/:id
func (s *Session) RenewPeriodic(ctx context.Context, id string, ttl time.Duration, opts ...WriteOption) error {
	r := newRequest(http.MethodPut, "session", "renew", id)
	switch {
	case ctx == nil:
		r.fail(ErrInvalidOption, "the context is nil")
	case ttl <= 0:
		r.fail(ErrInvalidOption, "the TTL is not positive (%v)", ttl)
	}
	if r.err != nil {
		return fmt.Errorf("consul: renewing session %q: %w", id, r.err)
	}
	renewed := time.Now()
	pause := renewalPause(ttl)
	var failure error
	for sleep(ctx, pause) {
		start := time.Now()
		left := renewed.Add(ttl).Sub(start)
		if left <= 0 {
			return fmt.Errorf("consul: session %s was not renewed for its TTL of %v and may be gone: %w", id, ttl, failure)
		}
		entry, err := s.renewWithin(ctx, min(left, ttl/4), id, opts)
		switch {
		case err == nil:
			// What the server grants counts from when it was asked, not from when its answer arrived.
			renewed = start
			if entry.TTL > 0 {
				ttl = entry.TTL
			}
			pause = renewalPause(ttl)
		case ctx.Err() != nil:
			return s.destroyAfter(ctx, id, opts)
		case errors.Is(err, ErrSessionExpired), errors.Is(err, ErrInvalidOption), errors.Is(err, ErrClosed):
			return err
		default:
			failure = err
			pause = min(retryPause(ttl), time.Until(renewed.Add(ttl)))
		}
	}
	return s.destroyAfter(ctx, id, opts)
}

// renewWithin renews a session within a time limit of its own, so that a server that is silent does not use up all the
// time in which another attempt could succeed.
func (s *Session) renewWithin(ctx context.Context, limit time.Duration, id string, opts []WriteOption) (*SessionEntry, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return s.renewOnce(ctx, id, opts)
}

// destroyAfter destroys a session although ctx is over.
func (s *Session) destroyAfter(ctx context.Context, id string, opts []WriteOption) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), destroyTimeout)
	defer cancel()
	_, err := s.Destroy(ctx, id, opts...)
	return err
}

// renewalPause is how long after a renewal the next one starts. It differs each time, so that sessions which were made
// together are not renewed together.
func renewalPause(ttl time.Duration) time.Duration {
	return ttl/5*2 + rand.N(ttl/10+1)
}

// retryPause is how long after a renewal that failed the next one starts.
func retryPause(ttl time.Duration) time.Duration {
	d := min(ttl/20, maxRetryPause)
	return d + rand.N(d+1)
}
