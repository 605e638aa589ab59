package consul

// This file holds keeper, which keeps one service of a Registrar registered.

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

const (
	// minKeeperBackoff bounds the first pause after a beat that failed. The pauses double up to the time between beats.
	minKeeperBackoff = 250 * time.Millisecond

	// maintenancePrefix is what the ID of the check begins with by which an agent takes a service out of use.
	maintenancePrefix = "_service_maintenance:"

	// drainReason tells the maintenance that a keeper began from an operator's.
	drainReason = "drained by its registrar, which deregisters it next"
)

// A keeper keeps one service registered. Its run is all that calls the agent.
type keeper struct {
	r    *Registrar
	id   string
	well *wellness
	wake chan struct{} // has one element when the definition was changed

	// What run alone uses.
	taken *definition // what the agent has; nil: nothing, or not known
	sent  bool        // whether the agent may have the service

	mu      sync.Mutex
	want    *definition
	status  ServiceStatus
	over    bool          // run has ended
	changed chan struct{} // closed when any of the above changes
}

func newKeeper(r *Registrar, s RegistrarService) (*keeper, error) {
	if s.Service == nil {
		return nil, fmt.Errorf("consul: registrar: RegistrarService.Service is nil: %w", ErrInvalidOption)
	}
	want, err := define(s.Service, s.Health != nil, r.opts.Interval)
	if err != nil {
		return nil, err
	}
	id := serviceID(s.Service)
	return &keeper{
		r: r, id: id, well: &wellness{service: id, health: s.Health}, wake: make(chan struct{}, 1),
		want: want, status: ServiceStatus{ID: id, Name: s.Service.Name}, changed: make(chan struct{}),
	}, nil
}

// begin makes ready for run.
func (k *keeper) begin() {
	k.note(func() { k.over = false })
}

// run keeps the service registered until ctx ends or that has no point, and then deregisters it.
func (k *keeper) run(ctx context.Context) error {
	err := k.keep(ctx)
	panicked, _ := errors.AsType[*HealthPanicError](err)
	if panicked != nil {
		k.log().Error("consul: a health function panicked", "error", err, "stack", string(panicked.Stack))
	}
	err = errors.Join(err, k.end(ctx, panicked != nil), k.well.finish(k.r.opts.DeregisterTimeout))
	k.note(func() {
		k.over = true
		k.status.Err = err
	})
	return err
}

// keep beats until ctx ends, or gives the reason why there is no point.
func (k *keeper) keep(ctx context.Context) error {
	k.taken = nil
	var said report
	var due time.Time // when the health function is to be asked again
	for failures := 0; ; {
		want := k.definition()
		pace := k.pace(want)
		if now := time.Now(); !now.Before(due) {
			var err error
			if said, err = k.well.ask(ctx, pace.period); err != nil {
				return err
			}
			due = now.Add(pace.pause())
		}
		if ctx.Err() != nil {
			return nil
		}
		err := k.beat(ctx, want, said)
		k.noteBeat(want, said, err)
		pause := time.Until(due)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			failures = 0
		case errors.Is(err, ErrClosed), futile(err) && k.state().Registrations == 0:
			return err
		default:
			if failures++; failures == 1 {
				k.log().Warn("consul: a service can't be kept registered, it is tried again", "service", k.id, "error", err)
			}
			pause = min(pause, jitter(minKeeperBackoff, pace.period, failures))
		}
		if k.await(ctx, pause) {
			due = time.Time{}
		}
	}
}

// pace is the definition whose heartbeats are due: the former's are until the agent has taken the one that is wanted.
func (k *keeper) pace(want *definition) *definition {
	if k.taken != nil && k.taken.period < want.period {
		return k.taken
	}
	return want
}

// await waits for a while, at most until ctx ends. It reports whether the definition was changed, which ends the wait too.
func (k *keeper) await(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-k.wake:
		return true
	}
	return false
}

// futile reports whether the agent refused what no later attempt would change.
func futile(err error) bool { return settled(err) && !errors.Is(err, ErrPermissionDenied) }

// beat has the agent have the service as it should be, and tells it how the service is. It is short enough that, after a
// connection that has gone silent, there is time for another one before the TTL runs out.
func (k *keeper) beat(ctx context.Context, want *definition, said report) error {
	ctx, cancel := context.WithTimeout(ctx, want.period*3/5)
	defer cancel()
	if k.taken == want {
		err := k.heartbeat(ctx, want, said)
		if !errors.Is(err, ErrNotFound) {
			return err
		}
		k.taken = nil
		k.log().Warn("consul: the agent has forgotten a service, it is registered again", "service", k.id)
	}
	if err := k.register(ctx, want, said); err != nil {
		if _, answered := errors.AsType[*StatusError](err); answered && k.taken != nil {
			_ = k.heartbeat(ctx, k.taken, said) // it is in force as long as another is refused, and its TTL runs on
		}
		return err
	}
	return k.heartbeat(ctx, want, said)
}

// heartbeat says how the service is. Where it has no TTL check, it makes sure that the agent has it.
func (k *keeper) heartbeat(ctx context.Context, want *definition, said report) error {
	var err error
	if want.ttl == nil {
		_, _, err = k.r.c.Agent().Service(ctx, k.id, want.options(k.r.opts.Token).reads())
	} else {
		_, err = k.r.c.Agent().UpdateTTL(ctx, want.ttl.CheckID, said.output, said.status, want.options(k.r.opts.Token))
	}
	return err
}

// register registers the service, and removes checks that it had before: not by ReplaceExistingChecks, which would end an
// operator's maintenance too.
func (k *keeper) register(ctx context.Context, want *definition, said report) error {
	agent, opts := k.r.c.Agent(), want.options(k.r.opts.Token)
	before, _, err := agent.HealthServiceByID(ctx, k.id, opts.reads())
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	// It is not given up where the end comes meanwhile: the agent might be through with it only after the deregistration.
	limit, _ := ctx.Deadline() // a beat has one
	whole, cancel := context.WithDeadline(context.WithoutCancel(ctx), limit)
	defer cancel()
	_, err = agent.ServiceRegister(whole, want.saying(said), opts)
	k.sent = k.sent || err == nil || !SafeToRetry(err) && !settled(err)
	if err != nil {
		return err
	}
	if before != nil {
		for _, check := range before.Checks {
			if check.ServiceID != k.id || want.checks[check.CheckID] || isMaintained(check) {
				continue
			}
			if _, err := agent.CheckDeregister(ctx, check.CheckID, opts); err != nil && !errors.Is(err, ErrNotFound) {
				return err
			}
		}
	}
	k.noteRegistered(want)
	return nil
}

// isMaintained reports whether a check is one by which an operator took the service out of use. That of a process that was
// killed while it drained the service is not.
func isMaintained(check *HealthCheck) bool {
	return strings.HasPrefix(check.CheckID, maintenancePrefix) && check.Notes != drainReason
}

// end deregisters the service although ctx is over, after a while in maintenance unless it is urgent.
func (k *keeper) end(ctx context.Context, urgent bool) error {
	if !k.sent {
		return nil
	}
	agent, opts := k.r.c.Agent(), k.definition().options(k.r.opts.Token)
	if drain := k.r.opts.Drain; drain > 0 && !urgent {
		started := time.Now()
		err := insist(ctx, drain, func(ctx context.Context) error {
			_, err := agent.EnableServiceMaintenance(ctx, k.id, drainReason, opts)
			return err
		})
		if err != nil {
			k.log().Warn("consul: a service can't be drained", "service", k.id, "error", err)
		} else {
			time.Sleep(time.Until(started.Add(drain)))
		}
	}
	err := insist(ctx, k.r.opts.DeregisterTimeout, func(ctx context.Context) error {
		_, err := agent.ServiceDeregister(ctx, k.id, opts)
		return err
	})
	if err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("consul: registrar: service %q stays registered: %w", k.id, err)
	}
	k.sent = false
	k.note(func() { k.status.Registered = false })
	k.log().Info("consul: a service was deregistered", "service", k.id)
	return nil
}

// insist makes a call that can be repeated, although ctx may be over, until it succeeds, no attempt would, or a time has
// passed. An attempt gets a fifth of that.
func insist(ctx context.Context, timeout time.Duration, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	for {
		try, cancel := context.WithTimeout(ctx, timeout/5)
		err := call(try)
		cancel()
		if err == nil || settled(err) || errors.Is(err, ErrNotFound) || !sleep(ctx, lockPause()) {
			return err
		}
	}
}
