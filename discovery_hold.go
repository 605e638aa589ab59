package consul

// This file holds back instances that failed their callers, until it has shown that they work again.

import (
	"sync"
	"sync/atomic"
	"time"
)

// How long an instance is held back that failed its caller: a second, twice that when it fails again, and so on.
const minHoldBack, maxHoldBack = time.Second, time.Minute

// started is the zero of the clock by which instances are held back: one that nobody sets.
var started = time.Now()

func sinceStart() time.Duration { return time.Since(started) }

// A holdBack keeps an instance from being picked for some time after it failed. When the time is up, one caller gets the
// instance; the others do when that one has succeeded.
type holdBack struct {
	till     atomic.Int64 // a time.Duration since started; 0: the instance is not held back. It is written under mu
	mu       sync.Mutex
	failures int // in a row; one whose outcome is open counts
}

// active reports whether the instance is held back.
func (h *holdBack) active() bool {
	till := h.till.Load()
	return till != 0 && sinceStart() < time.Duration(till)
}

// pass reports whether a caller may have the instance. One that was held back is presumed to fail again, so that nobody else
// gets it before it is known. While its time is not up it is had only for want of another.
func (h *holdBack) pass() bool {
	till := h.till.Load()
	if till == 0 {
		return true
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.till.Load() != till {
		return false // someone else got it
	}
	if sinceStart() >= time.Duration(till) {
		h.failures++
		h.extend()
	}
	return true
}

// fail notes a failure. Those that come while the instance is held back already are of calls that began before, or for want
// of another instance: they make it no worse.
func (h *holdBack) fail() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failures = max(1, h.failures)
	h.extend()
}

// extend holds the instance back from now on.
func (h *holdBack) extend() {
	d := minHoldBack
	for i := 1; i < h.failures && d < maxHoldBack; i++ {
		d *= 2
	}
	h.till.Store(int64(sinceStart() + min(d, maxHoldBack)))
}

// succeed ends it.
func (h *holdBack) succeed() {
	if h.till.Load() == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failures = 0
	h.till.Store(0)
}
