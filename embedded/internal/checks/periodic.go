package checks

// This file holds what all kinds of check that ask something for its status share: when they run, and how many results
// in a row it takes.

import (
	"context"
	"math/rand/v2"
	"time"
)

// defaultTimeout bounds a run of most kinds.
const defaultTimeout = 10 * time.Second

// A probe is one run of a check. It ends soon after its context does.
type probe func(ctx context.Context) result

// result is what a run found.
type result struct {
	status, output string
	// certain results are not subject to thresholds: those of scripts which did not start or end.
	certain bool
	// silent is no result at all.
	silent bool
}

func passing(output string) result  { return result{status: Passing, output: output} }
func warning(output string) result  { return result{status: Warning, output: output} }
func critical(output string) result { return result{status: Critical, output: output} }

// periodic runs a probe at intervals, from Start to Stop.
type periodic struct {
	probe    probe
	first    time.Duration
	interval time.Duration
	results  thresholds

	ctx    context.Context // of the runs; ended by Stop
	cancel context.CancelFunc
	done   chan struct{}
}

func newPeriodic(def Definition, env Env, notify Notify, run probe) *periodic {
	interval := max(def.Interval, MinInterval)
	p := &periodic{
		probe:    run,
		first:    env.Stagger(interval),
		interval: interval,
		results:  newThresholds(def, notify),
		done:     make(chan struct{}),
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

func (p *periodic) Start() { go p.run() }

func (p *periodic) Stop() {
	p.cancel()
	<-p.done
}

func (p *periodic) run() {
	defer close(p.done)
	next := time.NewTimer(p.first)
	defer next.Stop()
	for {
		select {
		case <-p.ctx.Done():
			return
		case <-next.C:
		}
		found := p.probe(p.ctx)
		if p.ctx.Err() != nil {
			return // what a run finds that was cut short says nothing of what it asked
		}
		p.results.add(found)
		next.Reset(p.interval)
	}
}

// stagger spreads the checks that an agent starts at once over their interval.
func stagger(interval time.Duration) time.Duration {
	return time.Duration(rand.Int64N(int64(interval)))
}

// thresholds passes on results once there were enough of their kind in a row.
type thresholds struct {
	notify    Notify
	passing   int // so many that are not critical
	warning   int // so many that are critical are a warning
	critical  int // so many that are critical
	successes int
	failures  int
}

// newThresholds counts as if the thresholds had been reached before, so the first result is passed on.
func newThresholds(def Definition, notify Notify) thresholds {
	t := thresholds{
		notify:    notify,
		passing:   def.SuccessBeforePassing,
		warning:   def.FailuresBeforeWarning,
		critical:  def.FailuresBeforeCritical,
		successes: def.SuccessBeforePassing,
		failures:  def.FailuresBeforeCritical,
	}
	if t.warning == 0 {
		t.warning = t.critical
	}
	return t
}

func (t *thresholds) add(r result) {
	switch {
	case r.silent:
	case r.certain:
		t.notify(r.status, r.output)
	case r.status == Critical:
		t.failures++
		t.successes = 0
		switch {
		case t.failures >= t.critical:
			t.notify(Critical, r.output)
		case t.failures >= t.warning:
			t.notify(Warning, r.output)
		}
	default: // a warning is a success
		t.successes++
		t.failures = 0
		if t.successes >= t.passing {
			t.notify(r.status, r.output)
		}
	}
}
