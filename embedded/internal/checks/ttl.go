package checks

// This file holds TTL checks, which are told their status.

import (
	"fmt"
	"sync"
	"time"
)

// TTL is a check that is critical unless it is told its status again and again. Notifications come from within SetStatus,
// or from the timer.
type TTL struct {
	ttl     time.Duration
	maxSize int
	notify  Notify

	// mu is held while the check notifies, so that an expiry can't come after the SetStatus that prevents it, or after Stop.
	mu         sync.Mutex
	timer      *time.Timer
	expires    time.Time
	lastOutput string
	stopped    bool
}

func newTTL(def Definition, env Env, notify Notify) *TTL {
	return &TTL{ttl: def.TTL, maxSize: env.OutputMaxSize, notify: notify}
}

// Start begins the time within which the first status must come.
func (t *TTL) Start() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expires = time.Now().Add(t.ttl)
	t.timer = time.AfterFunc(t.ttl, t.expire)
}

// Stop ends the check.
func (t *TTL) Stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stopped = true
	t.timer.Stop()
}

// SetStatus is how the check is told its status, which holds for the TTL. Output beyond the limit is cut. A check that
// does not run stays silent.
func (t *TTL) SetStatus(status, output string) {
	if total := len(output); total > t.maxSize {
		output = fmt.Sprintf("%s ... (captured %d of %d bytes)", output[:t.maxSize], t.maxSize, total)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.timer == nil || t.stopped {
		return
	}
	t.lastOutput = output
	t.expires = time.Now().Add(t.ttl)
	t.timer.Reset(t.ttl)
	t.notify(status, output)
}

func (t *TTL) expire() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stopped || time.Now().Before(t.expires) {
		return
	}
	output := "TTL expired"
	if t.lastOutput != "" {
		output += " (last output before timeout follows): " + t.lastOutput
	}
	t.notify(Critical, output)
}
