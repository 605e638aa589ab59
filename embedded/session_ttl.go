package embedded

// This file ends sessions whose time has run out.

import (
	"sync"
	"time"

	"github.com/lictor-go/consul/embedded/internal/store"
)

const (
	minTTL = 10 * time.Second
	maxTTL = 24 * time.Hour
	// ttlMultiplier is how many times its TTL a session lives without being renewed, so that none ends too early.
	ttlMultiplier = 2
)

// sessionTimers holds a timer for each session with a TTL.
type sessionTimers struct {
	mu     sync.Mutex
	timers map[string]*sessionTimer
	// suspended is how many hold the time of all sessions still.
	suspended int
	closed    bool
}

// sessionTimer ends a session that is not renewed for the whole of its life.
type sessionTimer struct {
	*time.Timer
	life time.Duration
}

// reset has the session's time begin anew: expire is called when it has passed.
func (t *sessionTimers) reset(id string, ttl time.Duration, expire func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	timer, ok := t.timers[id]
	switch {
	case !ok:
		if t.timers == nil {
			t.timers = map[string]*sessionTimer{}
		}
		life := ttl * ttlMultiplier
		timer = &sessionTimer{time.AfterFunc(life, expire), life}
		t.timers[id] = timer
	case t.suspended == 0:
		timer.Reset(timer.life)
	}
	if t.suspended > 0 {
		timer.Stop()
	}
}

// stop forgets a session that has ended.
func (t *sessionTimers) stop(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if timer, ok := t.timers[id]; ok {
		timer.Stop()
		delete(t.timers, id)
	}
}

// suspend holds the time of all sessions still, until resume was called as often: then it begins anew for all.
func (t *sessionTimers) suspend() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.suspended++
	for _, timer := range t.timers {
		timer.Stop()
	}
}

func (t *sessionTimers) resume() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.suspended--; t.suspended > 0 || t.closed {
		return
	}
	for _, timer := range t.timers {
		timer.Reset(timer.life)
	}
}

// close stops all timers for good.
func (t *sessionTimers) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	for id, timer := range t.timers {
		timer.Stop()
		delete(t.timers, id)
	}
}

// keepSession begins the time of a session, anew where it has begun. Sessions without a TTL live until something ends them.
func (s *Server) keepSession(session *store.Session) {
	if ttl, err := time.ParseDuration(session.TTL); err == nil && ttl > 0 {
		s.sessions.reset(session.ID, ttl, func() { _ = s.expireSession(session.ID) })
	}
}

// expireSession ends a session as its TTL does.
func (s *Server) expireSession(id string) error {
	if s.ctx.Err() != nil {
		return errServerClosed
	}
	s.log.Debug("session expired", "session", id)
	err := s.store.Write(func(tx *store.Tx) error { return tx.DestroySession(id) })
	s.sessions.stop(id) // also where the session had ended before its time began
	if err != nil {
		s.log.Error("a session that expired can't be ended", "session", id, "error", err)
	}
	return err
}
