package consul

// This file holds what the keeper of a service knows of it: its definition, made ready to be sent, and its status.

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"slices"
	"time"
)

// minPeriod is the least time from one heartbeat to the next.
const minPeriod = 100 * time.Millisecond

// A definition is how a service is to be registered. It is never changed.
type definition struct {
	service AgentServiceRegistration // with all checks in Checks, each with its ID
	ttl     *AgentServiceCheck       // the one that is heartbeaten; nil: none
	checks  map[string]bool          // by ID
	period  time.Duration            // from one heartbeat to the next
}

func serviceID(s *AgentServiceRegistration) string { return cmp.Or(s.ID, s.Name) }

// define copies what a caller wants to have registered, with a TTL check if that is needed and there is none.
func define(service *AgentServiceRegistration, needsTTL bool, interval time.Duration) (*definition, error) {
	errorf := func(err error) error {
		return fmt.Errorf("consul: registrar: service %q: %w", serviceID(service), err)
	}
	// What is refused is said by the request that would register the service.
	r := &request{}
	if service.Name == "" {
		r.fail(ErrInvalidOption, "AgentServiceRegistration.Name is empty")
	}
	if service.check(r); r.err != nil {
		return nil, errorf(r.err)
	}
	d := &definition{service: *service, checks: map[string]bool{}, period: interval}
	d.service.ID, d.service.Check = serviceID(service), nil
	d.service.Checks = nil
	for _, c := range append(AgentServiceChecks{service.Check}, service.Checks...) {
		if c != nil && !reflect.ValueOf(*c).IsZero() { // an agent takes a Check that is zero for none
			d.service.Checks = append(d.service.Checks, new(*c))
		}
	}
	for _, c := range d.service.Checks {
		if c.TTL > 0 && d.ttl != nil {
			return nil, errorf(fmt.Errorf("it has more than one TTL check, and there is one heartbeat: %w", ErrInvalidOption))
		}
		if c.TTL > 0 {
			d.ttl = c
		}
	}
	if d.ttl == nil && needsTTL {
		d.ttl = &AgentServiceCheck{Name: "heartbeat", TTL: DefaultServiceTTL}
		d.service.Checks = append(d.service.Checks, d.ttl)
	}
	if d.ttl != nil {
		d.period = d.ttl.TTL / 3
	}
	d.period = max(d.period, minPeriod)
	d.nameChecks()
	return d, nil
}

// nameChecks gives checks the IDs that the agent would, so that they are known.
func (d *definition) nameChecks() {
	for i, c := range d.service.Checks {
		if c.CheckID == "" {
			c.CheckID = "service:" + d.service.ID
			if len(d.service.Checks) > 1 {
				c.CheckID += fmt.Sprintf(":%d", i+1)
			}
		}
		d.checks[c.CheckID] = true
	}
}

// saying is the registration, with a TTL check that starts with what was said of the service.
func (d *definition) saying(said report) *AgentServiceRegistration {
	if d.ttl == nil {
		return &d.service
	}
	service := d.service
	service.Checks = slices.Clone(service.Checks)
	i := slices.Index(service.Checks, d.ttl)
	service.Checks[i] = new(*d.ttl)
	service.Checks[i].Status = said.status
	return &service
}

// options are for all calls about the service.
func (d *definition) options(token string) *WriteOptions {
	return &WriteOptions{Token: token, Namespace: d.service.Namespace, Partition: d.service.Partition}
}

// pause is the time until the next heartbeat, a tenth more or less, so that services registered together are not
// heartbeaten together.
func (d *definition) pause() time.Duration {
	return d.period - d.period/10 + rand.N(d.period/5+1)
}

func (k *keeper) log() *slog.Logger { return k.r.c.logger }

// update has another definition be kept.
func (k *keeper) update(service *AgentServiceRegistration) error {
	want, err := define(service, k.well.health != nil, k.r.opts.Interval)
	if err != nil {
		return err
	}
	k.note(func() {
		k.want = want
		k.status.Name, k.status.Registered, k.status.Err = service.Name, false, nil
	})
	select {
	case k.wake <- struct{}{}:
	default:
	}
	return nil
}

// note changes what others see of the keeper.
func (k *keeper) note(change func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	change()
	close(k.changed)
	k.changed = make(chan struct{})
}

// noteRegistered notes that the agent has taken a definition.
func (k *keeper) noteRegistered(taken *definition) {
	k.note(func() {
		k.status.RegisteredAt = time.Now()
		k.status.Registrations++
	})
	k.taken = taken
	k.log().Info("consul: a service was registered", "service", k.id)
}

// noteBeat notes what came of a beat, unless the definition was changed meanwhile: another follows at once then.
func (k *keeper) noteBeat(want *definition, said report, err error) {
	k.note(func() {
		if k.want != want {
			return
		}
		k.status.Registered, k.status.Err = k.taken == want, err
		if err != nil {
			return
		}
		k.status.Heartbeat = time.Now()
		if want.ttl != nil {
			k.status.Health, k.status.Output = said.status, said.output
		}
	})
}

func (k *keeper) definition() *definition {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.want
}

func (k *keeper) state() ServiceStatus {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.status
}

// ready waits until the agent has the service as it is wanted now.
func (k *keeper) ready(ctx context.Context) error {
	for {
		k.mu.Lock()
		status, over, changed := k.status, k.over, k.changed
		k.mu.Unlock()
		switch {
		case over:
			return fmt.Errorf("consul: registrar: service %q is kept no more: %w", k.id, cmp.Or(status.Err, context.Canceled))
		case status.Registered && status.Err == nil:
			return nil
		case futile(status.Err):
			return fmt.Errorf("consul: registrar: service %q is refused: %w", k.id, status.Err)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			err := fmt.Errorf("consul: registrar: service %q is not registered yet: %w", k.id, context.Cause(ctx))
			if status.Err != nil {
				err = fmt.Errorf("%w (last failure: %w)", err, status.Err)
			}
			return err
		}
	}
}
