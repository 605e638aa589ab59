package embedded

// This file takes tombstones away, by which deleted keys are remembered for blocking queries on prefixes. That can be seen:
// the index of a prefix goes back where a deletion was the last that happened there.

import (
	"sync"
	"time"

	"github.com/lictor-go/consul/embedded/internal/store"
)

const (
	// tombstoneLife is how long deletions are remembered at the least.
	tombstoneLife = 15 * time.Minute
	// reapEvery is the time whose deletions are forgotten together.
	reapEvery = 30 * time.Second
)

// graveyard knows when which tombstones are to be taken away.
type graveyard struct {
	mu sync.Mutex
	// due are the times to come, the next one first. timer goes off at that one.
	due    []reaping
	timer  *time.Timer
	closed bool
}

// reaping takes away the tombstones up to an index.
type reaping struct {
	at    time.Time
	index uint64
}

// bury notes that a write has left tombstones.
func (s *Server) bury(index uint64) {
	g := &s.graves
	at := time.Now().Add(tombstoneLife).Truncate(reapEvery).Add(reapEvery)
	g.mu.Lock()
	defer g.mu.Unlock()
	if last := len(g.due) - 1; last >= 0 && g.due[last].at.Equal(at) {
		g.due[last].index = index
		return
	}
	g.due = append(g.due, reaping{at, index})
	if len(g.due) == 1 {
		g.wait(s.reapTombstones)
	}
}

// wait has reap called when the next reaping is due. mu is held.
func (g *graveyard) wait(reap func()) {
	if !g.closed && len(g.due) > 0 {
		g.timer = time.AfterFunc(time.Until(g.due[0].at), reap)
	}
}

// reapTombstones takes away the tombstones that have stood long enough.
func (s *Server) reapTombstones() {
	if index := s.graves.next(s.reapTombstones); index > 0 {
		_ = s.store.Write(func(tx *store.Tx) error { // never fails
			tx.ReapTombstones(index)
			return nil
		})
	}
}

// next gives the index up to which tombstones are to be taken away now, 0 for none, and waits for the next time.
func (g *graveyard) next(reap func()) uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed || len(g.due) == 0 || time.Now().Before(g.due[0].at) {
		return 0 // they were forgotten with all else
	}
	index := g.due[0].index
	g.due = g.due[1:]
	g.wait(reap)
	return index
}

// clear forgets what is due.
func (g *graveyard) clear() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.due = nil
	if g.timer != nil {
		g.timer.Stop()
	}
}

// close ends the reaping for good.
func (g *graveyard) close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.clear()
}
