package store

// This file holds lock-delays: for how long nobody can take a key whose holder's session was invalidated.

import (
	"sync"
	"time"
)

// maxLockDelay is the longest lock-delay that takes effect, whatever the session asked for.
const maxLockDelay = 60 * time.Second

type lockDelays struct {
	mu   sync.Mutex
	ends map[string]time.Time
	// prune is when ends that have passed are thrown out next.
	prune time.Time
}

// set has the key's delay begin now.
func (d *lockDelays) set(key string, delay time.Duration) {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ends == nil {
		d.ends = map[string]time.Time{}
	}
	if now.After(d.prune) {
		for key, end := range d.ends {
			if !end.After(now) {
				delete(d.ends, key)
			}
		}
		d.prune = now.Add(maxLockDelay)
	}
	d.ends[key] = now.Add(delay)
}

func (d *lockDelays) clear() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ends = nil
}

// LockDelayed reports whether the key's lock-delay has not passed yet.
func (s *Store) LockDelayed(key string) bool {
	s.delays.mu.Lock()
	defer s.delays.mu.Unlock()
	return s.delays.ends[key].After(time.Now())
}
