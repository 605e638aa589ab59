package consul

// This file decides whether a call that failed is made again, and when.

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"time"
)

// Defaults of RetryPolicy.
const (
	DefaultMaxAttempts = 8
	DefaultMinBackoff  = 100 * time.Millisecond
	DefaultMaxBackoff  = 2 * time.Second
)

// RetryPolicy says how often, and how soon, a call that SafeToRetry covers is made again. Reads are, after connection
// failures, 429, 502, 503, 504 and ErrNoLeader; writes only where they provably did not happen, after a dial that failed
// and 429. All attempts together stay within the call's context and Config.Timeout.
//
// The pause before an attempt is random, from 0 to a bound that starts at MinBackoff and doubles up to MaxBackoff, so
// that clients which failed together don't come back together. Where the server names a time (Retry-After), the
// pause is that and the random time on top of it. A call whose time would run out in the pause fails at once, with what
// the attempt failed with.
type RetryPolicy struct {
	MaxAttempts int           // attempts in all; 0: DefaultMaxAttempts; 1: no retries
	MinBackoff  time.Duration // bound of the first pause; 0: DefaultMinBackoff
	MaxBackoff  time.Duration // bound of any pause; 0: DefaultMaxBackoff, or MinBackoff if that is more
}

func (p *RetryPolicy) check() error {
	switch {
	case p.MaxAttempts < 0:
		return fmt.Errorf("consul: Config.Retry.MaxAttempts is negative (%d): %w", p.MaxAttempts, ErrInvalidConfig)
	case p.MinBackoff < 0:
		return fmt.Errorf("consul: Config.Retry.MinBackoff is negative (%v): %w", p.MinBackoff, ErrInvalidConfig)
	case p.MaxBackoff < 0:
		return fmt.Errorf("consul: Config.Retry.MaxBackoff is negative (%v): %w", p.MaxBackoff, ErrInvalidConfig)
	case p.MaxBackoff > 0 && p.MaxBackoff < p.MinBackoff:
		return fmt.Errorf("consul: Config.Retry.MaxBackoff (%v) is below MinBackoff (%v): %w", p.MaxBackoff, p.MinBackoff, ErrInvalidConfig)
	}
	return nil
}

// withDefaults replaces zeros by what they stand for.
func (p RetryPolicy) withDefaults() RetryPolicy {
	if p.MaxAttempts == 0 {
		p.MaxAttempts = DefaultMaxAttempts
	}
	if p.MinBackoff == 0 {
		p.MinBackoff = DefaultMinBackoff
		if p.MaxBackoff > 0 {
			p.MinBackoff = min(p.MinBackoff, p.MaxBackoff)
		}
	}
	if p.MaxBackoff == 0 {
		p.MaxBackoff = max(DefaultMaxBackoff, p.MinBackoff)
	}
	return p
}

// pause is how long to wait after the attempt'th attempt (from 1) ended with err.
func (p *RetryPolicy) pause(attempt int, err error) time.Duration {
	d := jitter(p.MinBackoff, p.MaxBackoff, attempt)
	if se, ok := errors.AsType[*StatusError](err); ok {
		d = plus(d, se.RetryAfter)
	}
	return d
}

// jitter is a random time from 0 to below a bound that starts at low, which is positive, and doubles with each attempt,
// up to high.
func jitter(low, high time.Duration, attempt int) time.Duration {
	bound := low
	for i := 1; i < attempt && bound < high; i++ {
		bound = plus(bound, bound)
	}
	return rand.N(min(bound, high))
}

// sleep waits for d; it reports false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// isPermanentTransport reports whether a connection failed for a reason that the next attempt would meet too: the two
// sides don't trust each other, or don't both speak TLS.
func isPermanentTransport(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return true
	}
	// What crypto/tls calls an alert of the other side. That one may come as late as with the first read, since TLS 1.3
	// lets the client send before the server has looked at its certificate; the server ignores what was sent.
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "remote error"
}

// plus adds two durations that are not negative; a sum too large for a Duration is the largest one.
func plus(a, b time.Duration) time.Duration {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
