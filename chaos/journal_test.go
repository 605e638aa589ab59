package chaos

// This file holds the journal: who held what from when until when, and what befell the servers meanwhile.

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// journal notes what happens, at times since its start by the monotonic clock.
type journal struct {
	start time.Time

	mu     sync.Mutex
	events []event
	spans  []span
	wrongs map[string][]wrong // by key: what holders found that must not be
	inside map[string]bool    // those that hold something now
	stalls []stall
}

// event is a line of the timeline.
type event struct {
	at        time.Duration
	key       string // that it is about; "" for what befalls the servers
	who, what string
}

// span is one hold, by the clock of its holder.
type span struct {
	key, who string
	fence    uint64 // 0: it has none
	asked    time.Duration
	from     time.Duration
	until    time.Duration // when the holder found it ended, or began to give it up
	deadline time.Duration // the last that was promised; 0: none
	settled  time.Duration // when giving it up had ended
	lost     error         // why it ended, where it was not given up
}

// end is when the hold ended. A holder goes by the deadline, however late the scheduler tells it.
func (s *span) end() time.Duration {
	if s.deadline > 0 {
		return min(s.until, s.deadline)
	}
	return s.until
}

func newJournal() *journal {
	return &journal{start: time.Now(), wrongs: map[string][]wrong{}, inside: map[string]bool{}}
}

func (j *journal) now() time.Duration { return time.Since(j.start) }

// at gives a time as the journal has it; 0 for none.
func (j *journal) at(t time.Time) time.Duration {
	if t.IsZero() {
		return 0
	}
	return t.Sub(j.start)
}

// note adds a line to the timeline.
func (j *journal) note(key, who, what string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.events = append(j.events, event{j.now(), key, who, what})
}

// enter notes that somebody is inside, leave that it was.
func (j *journal) enter(s *span) {
	j.note(s.key, s.who, fmt.Sprintf("gets in, fence %d", s.fence))
	j.mu.Lock()
	defer j.mu.Unlock()
	j.inside[s.who] = true
}

func (j *journal) leave(s *span) {
	what := "leaves"
	if s.lost != nil {
		what = fmt.Sprintf("is out: %v", s.lost)
	}
	j.note(s.key, s.who, what)
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.inside, s.who)
}

func (j *journal) isInside(who string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.inside[who]
}

// notRight notes that something is, now, that must not be.
func (j *journal) notRight(key, what string) {
	j.note(key, "WRONG", what)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.wrongs[key] = append(j.wrongs[key], wrong{j.now(), what})
}

func (j *journal) add(s span) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.spans = append(j.spans, s)
}

// spansOf gives the holds of a key in the order in which they began.
func (j *journal) spansOf(key string) []span {
	j.mu.Lock()
	defer j.mu.Unlock()
	var of []span
	for _, s := range j.spans {
		if s.key == key {
			of = append(of, s)
		}
	}
	slices.SortFunc(of, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	return of
}

// timeline tells what happened to a key and to the servers meanwhile.
func (j *journal) timeline(key string, from, to time.Duration) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var text strings.Builder
	for _, e := range j.events { // which are in order
		if (e.key == key || e.key == "") && e.at > from && e.at < to {
			fmt.Fprintf(&text, "%9.3f s  %-12s %s\n", e.at.Seconds(), e.who, e.what)
		}
	}
	return text.String()
}

// slack is how much later than at its deadline a hold may be found ended, by a goroutine on a machine that is busy with three
// servers: a second in which this process runs. One that stands still, as it may for seconds where many share a machine, finds
// nothing ended.
const slack = time.Second

// stall is a time in which this process stood still.
type stall struct{ from, until time.Duration }

// watchForStalls notes stalls until ctx ends.
func (j *journal) watchForStalls(ctx context.Context) {
	const often, long = 10 * time.Millisecond, 100 * time.Millisecond
	for last := j.now(); pause(ctx, often); {
		now := j.now()
		if now-last > long {
			j.note("", "", fmt.Sprintf("this process stood still for %v", now-last))
			j.mu.Lock()
			j.stalls = append(j.stalls, stall{last, now})
			j.mu.Unlock()
		}
		last = now
	}
}

// ran is for how long this process ran between two times.
func (j *journal) ran(from, until time.Duration) time.Duration {
	j.mu.Lock()
	defer j.mu.Unlock()
	ran := max(0, until-from)
	for _, s := range j.stalls {
		ran -= max(0, min(until, s.until)-max(from, s.from))
	}
	return ran
}

// wrong is something that must not be, and when it was.
type wrong struct {
	at   time.Duration
	what string
}

// overlaps finds holds that begin while limit others last.
func overlaps(holds []span, limit int) (all []wrong) {
	for i, s := range holds {
		var others []string
		for _, before := range holds[:i] {
			if before.end() > s.from {
				others = append(others, fmt.Sprintf("%s until %.3f s", before.who, before.end().Seconds()))
			}
		}
		if len(others) >= limit {
			all = append(all, wrong{s.from, fmt.Sprintf("%s gets in while there are inside: %s", s.who, strings.Join(others, ", "))})
		}
	}
	return all
}

// unordered finds fences that have not grown. One of 0 could not be read before its hold ended.
func unordered(holds []span) (all []wrong) {
	var highest uint64
	for _, s := range holds {
		if s.fence != 0 && s.fence <= highest {
			all = append(all, wrong{s.from, fmt.Sprintf("%s has the fence %d, after %d", s.who, s.fence, highest)})
		}
		highest = max(highest, s.fence)
	}
	return all
}

// overdue finds holds that went on past their deadlines.
func (j *journal) overdue(holds []span) (all []wrong) {
	for _, s := range holds {
		if s.deadline > 0 && j.ran(s.deadline, s.until) > slack {
			all = append(all, wrong{s.until, fmt.Sprintf("%s was inside for %v past its deadline", s.who, s.until-s.deadline)})
		}
	}
	return all
}

// checkHolds checks the holds of a key, of which there may be limit at a time, and tells what it was like.
func checkHolds(t *testing.T, j *journal, key string, limit int) {
	t.Helper()
	holds := j.spansOf(key)
	found := slices.Concat(j.wrongs[key], overlaps(holds, limit), j.overdue(holds))
	if limit == 1 {
		found = append(found, unordered(holds)...)
		if !porcupine.CheckOperations(mutex, mutexHistory(holds)) {
			t.Errorf("%s: the history is not that of a lock", key)
		}
	}
	for _, w := range found {
		t.Errorf("%s: at %.3f s %s", key, w.at.Seconds(), w.what)
	}
	if len(found) > 0 {
		t.Logf("around the first of these:\n%s", j.timeline(key, found[0].at-15*time.Second, found[0].at+3*time.Second))
	}
	lost, late := 0, time.Duration(0)
	var idle, last time.Duration
	for _, s := range holds {
		if s.lost != nil {
			lost++
		}
		if s.deadline > 0 {
			late = max(late, s.until-s.deadline)
		}
		if last > 0 {
			idle = max(idle, s.from-last)
		}
		last = max(last, s.end())
	}
	t.Logf("%d holds, %d of them lost, %d wrong; at most %.1f s without a holder, %v past a deadline",
		len(holds), lost, len(found), idle.Seconds(), late.Round(time.Millisecond))
}
