// Package store holds what the servers of a Consul datacenter agree on: keys, sessions, nodes with their services and
// checks, and ACLs, in memory, with the indexes that blocking queries go by.
package store

// This file holds the store itself and its transactions.

import (
	"sync"
	"sync/atomic"

	"github.com/hashicorp/go-memdb"
)

// firstIndex is that of the last write before those of the store's users. Index 1 is never seen on a real server, whose
// first entries of the log are its own.
const firstIndex = 10

// Store is safe for concurrent use: any number of reads, which see the state as of their begin, and one write at a time.
type Store struct {
	state atomic.Pointer[state]

	// writing guards last, and lets one write at a time through.
	writing sync.Mutex
	last    uint64

	delays     lockDelays
	aclVersion atomic.Uint64
	// sessionEnded is told of each session that is no more.
	sessionEnded func(id string)
	// buried is told of each write that leaves tombstones; nil where nobody takes these away.
	buried func(index uint64)
}

// state is what is lost when the store forgets everything.
type state struct {
	db *memdb.MemDB
	// abandoned is closed when the state is replaced, which wakes those that wait for it to change.
	abandoned chan struct{}
}

// New makes an empty store. sessionEnded is called for each session that ends, whatever ended it, before the next write.
func New(sessionEnded func(id string)) *Store {
	s := &Store{last: firstIndex, sessionEnded: sessionEnded}
	s.state.Store(newState())
	return s
}

// OnTombstones has buried called with the index of each write that leaves tombstones, before the next write. It is called
// before the store is used.
func (s *Store) OnTombstones(buried func(index uint64)) { s.buried = buried }

func newState() *state {
	db, err := memdb.NewMemDB(schema())
	if err != nil {
		panic(err) // the schema is wrong
	}
	return &state{db: db, abandoned: make(chan struct{})}
}

// Reset forgets everything but how far the indexes are, and wakes all who wait for a change. Where indexes is true it
// forgets these too, as servers do whose data was wiped.
func (s *Store) Reset(indexes bool) {
	s.writing.Lock()
	defer s.writing.Unlock()
	if indexes {
		s.last = firstIndex
	}
	s.delays.clear()
	old := s.state.Swap(newState())
	s.aclVersion.Add(1)
	close(old.abandoned)
	before := &Tx{txn: old.db.Txn(false), state: old, store: s}
	for _, session := range sessions.all(before, nil) {
		s.sessionEnded(session.ID)
	}
}

// Tx is a transaction: a read, or a write that is committed as a whole.
type Tx struct {
	txn   *memdb.Txn
	state *state
	store *Store
	// index is that of the write, 0 of a read.
	index uint64
	// committed are run once the write is committed.
	committed []func()
}

// Read begins a read of the state as it is now. It needs no end.
func (s *Store) Read() *Tx {
	state := s.state.Load()
	return &Tx{txn: state.db.Txn(false), state: state, store: s}
}

// Write runs f in a write of its own, and commits it unless f returns an error, which Write returns. Each write takes an
// index of its own, whether it changes something or not, as each entry of a real server's log does.
func (s *Store) Write(f func(*Tx) error) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	state := s.state.Load()
	s.last++
	tx := &Tx{txn: state.db.Txn(true), state: state, store: s, index: s.last}
	defer tx.txn.Abort()
	if err := f(tx); err != nil {
		return err
	}
	tx.txn.Commit()
	for _, f := range tx.committed {
		f()
	}
	return nil
}

// Index is the index of the write, or 0 for a read.
func (tx *Tx) Index() uint64 { return tx.index }

// WatchAll adds to ws what is closed when everything is forgotten.
func (tx *Tx) WatchAll(ws memdb.WatchSet) { ws.Add(tx.state.abandoned) }

// onCommit has f run once the write is committed, before another begins.
func (tx *Tx) onCommit(f func()) { tx.committed = append(tx.committed, f) }

// Abandoned reports whether everything was forgotten since the transaction began.
func (tx *Tx) Abandoned() bool {
	select {
	case <-tx.state.abandoned:
		return true
	default:
		return false
	}
}
