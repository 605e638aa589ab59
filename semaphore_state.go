package consul

// This file reads and writes the keys of a semaphore: the document of those that have a slot, and the contenders.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// semaphoreDocument is the document, as all Consul clients write it.
type semaphoreDocument struct {
	Limit   int
	Holders map[string]bool // by session
}

// semaphoreState is what is under a semaphore's prefix.
type semaphoreState struct {
	doc   semaphoreDocument
	dead  []string // the holders whose sessions have ended, or lost their contender's key
	index uint64   // of the document; 0 where there is none
	last  uint64   // index of the last change

	contenders KVPairs // those that live
}

// read reads all, once it has changed since index, or the wait has passed.
func (s *Semaphore) read(ctx context.Context, index uint64, wait time.Duration) (*semaphoreState, error) {
	ctx, cancel := limit(ctx, wait)
	defer cancel()
	pairs, meta, err := s.c.KV().List(ctx, s.prefix, s.queryOptions(Wait(index, wait))...)
	if err != nil {
		return nil, err
	}
	state := &semaphoreState{doc: semaphoreDocument{s.limit, map[string]bool{}}, last: max(1, meta.LastIndex)}
	if state.last < index {
		state.last = 0 // the servers' state went back: begin anew
	}
	alive := map[string]bool{}
	for _, pair := range pairs {
		switch {
		case pair.Key == s.prefix+DefaultSemaphoreKey:
			if err := s.decode(state, pair); err != nil {
				return nil, err
			}
		case pair.Session != "" && pair.Key == s.prefix+pair.Session:
			alive[pair.Session] = true
			state.contenders = append(state.contenders, pair)
		}
	}
	for session := range state.doc.Holders {
		if !alive[session] {
			state.dead = append(state.dead, session)
		}
	}
	return state, nil
}

// readDocument reads the document alone, as it is: a leader that lags behind may not know yet that the session is in it.
func (s *Semaphore) readDocument(ctx context.Context) (*semaphoreState, error) {
	state := &semaphoreState{doc: semaphoreDocument{s.limit, map[string]bool{}}}
	pair, _, err := s.c.KV().Get(ctx, s.prefix+DefaultSemaphoreKey, s.queryOptions(Consistent())...)
	switch {
	case errors.Is(err, ErrNotFound):
		return state, nil
	case err != nil:
		return nil, err
	}
	return state, s.decode(state, pair)
}

// decode reads the document, which anybody may have written.
func (s *Semaphore) decode(state *semaphoreState, pair *KVPair) error {
	if pair.Flags != SemaphoreFlagValue {
		return fmt.Errorf("key %q is not a semaphore's: %w", pair.Key, ErrSemaphoreConflict)
	}
	state.index = pair.ModifyIndex
	if len(pair.Value) == 0 {
		return nil
	}
	var doc semaphoreDocument
	if err := json.Unmarshal(pair.Value, &doc); err != nil {
		return fmt.Errorf("key %q is no semaphore's document: %w: %w", pair.Key, err, ErrSemaphoreConflict)
	}
	if doc.Limit != s.limit {
		return fmt.Errorf("its limit is %d, here it is %d: %w", doc.Limit, s.limit, ErrSemaphoreConflict)
	}
	for session, has := range doc.Holders {
		if has && isSessionID(session) {
			state.doc.Holders[session] = true
		}
	}
	return nil
}

// isSessionID reports whether a session can have the ID: a UUID.
func isSessionID(id string) bool {
	return len(id) == 36 && strings.Trim(id, "-0123456789abcdef") == ""
}

// place finds the session's key among the contenders', nil where it is none of them, and counts those without a slot that
// came before.
func (s *semaphoreState) place(session string) (own *KVPair, ahead int) {
	for _, pair := range s.contenders {
		if pair.Session == session {
			own = pair
		}
	}
	if own == nil {
		return nil, 0
	}
	for _, pair := range s.contenders {
		if !s.doc.Holders[pair.Session] && pair.CreateIndex < own.CreateIndex {
			ahead++
		}
	}
	return own, ahead
}
