package main

// This file prints what happens, and lets the play wait for it.

import (
	"context"
	"fmt"
	"io"
	"maps"
	"sync"
	"time"
)

// timeline prints what happens, and when.
type timeline struct {
	out   io.Writer
	start time.Time

	mu      sync.Mutex
	now     map[string]string // what was told last, by whom
	changed chan struct{}     // closed when that changes
}

func newTimeline(out io.Writer) *timeline {
	return &timeline{out: out, start: time.Now(), now: map[string]string{}, changed: make(chan struct{})}
}

// tell prints what somebody says, if it is news.
func (l *timeline) tell(who, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.now[who] == text {
		return
	}
	l.now[who] = text
	close(l.changed)
	l.changed = make(chan struct{})
	fmt.Fprintf(l.out, "%6.1f s  %-8s  %s\n", time.Since(l.start).Seconds(), who, text)
}

// await waits until all say what they are to.
func (l *timeline) await(ctx context.Context, want map[string]string) error {
	for {
		l.mu.Lock()
		now, changed := maps.Clone(l.now), l.changed
		l.mu.Unlock()
		missing := 0
		for who, text := range want {
			if now[who] != text {
				missing++
			}
		}
		if missing == 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("waited for %q, but it stayed at %q: %w", want, now, context.Cause(ctx))
		}
	}
}
