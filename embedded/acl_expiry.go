package embedded

// This file deletes tokens whose time is over. They are refused from that moment on; this only clears them away.

import (
	"sync"
	"time"

	"github.com/lictor-go/consul/embedded/internal/store"
)

// reaper is the timer that goes off when the next token expires.
type reaper struct {
	mu     sync.Mutex
	timer  *time.Timer
	closed bool
}

// expireTokens deletes the tokens that have expired, and sees to it that it is called when the next one does.
func (s *Server) expireTokens() {
	r := &s.reaper
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	if r.timer != nil {
		r.timer.Stop()
	}
	now := time.Now()
	next := s.store.Read().FirstToExpire()
	if next != nil && next.Expired(now) {
		_ = s.store.Write(func(tx *store.Tx) error { // never fails
			for next != nil && next.Expired(now) {
				tx.DeleteToken(next.AccessorID)
				next = tx.FirstToExpire()
			}
			return nil
		})
	}
	if next != nil {
		// At its last moment a token is still good.
		r.timer = time.AfterFunc(next.ExpirationTime.Sub(now)+time.Nanosecond, s.expireTokens)
	}
}

// close stops the timer for good.
func (r *reaper) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	if r.timer != nil {
		r.timer.Stop()
	}
}
