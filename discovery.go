package consul

// This file holds Service: the healthy instances of a service, and one of them for each piece of work.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
)

// ErrNoInstances says that a service has no instance to choose.
var ErrNoInstances = errors.New("no healthy instances")

// A ServiceOption changes how the instances of a service are followed and chosen. *ServiceOptions is one, as is what
// WithWarning gives, a Balance, and each WatchOption and QueryOption: WithTags("v2"), WithDatacenter("eu"), Settle …
// Options apply in the order given; of two that set the same thing the later counts.
type ServiceOption interface{ applyService(*ServiceOptions) }

// ServiceOptions is a set of options for services, to be kept and passed to many. The zero value and nil change nothing.
type ServiceOptions struct {
	// Watch says how the instances are followed.
	Watch WatchOptions

	// Balance says which of them is chosen; 0: RoundRobin.
	Balance Balance

	// Warning includes the instances of which a check warns. Without it, all checks have to pass.
	Warning bool

	// TaggedAddress is which of an instance's tagged addresses to use, such as "wan", where it or its node has that one;
	// empty: its address.
	TaggedAddress string
}

// WithWarning includes the instances of which a check warns.
func WithWarning() ServiceOption {
	return serviceFunc(func(o *ServiceOptions) { o.Warning = true })
}

// Service follows the instances of a service whose checks all pass, until ctx ends or Close is called. It asks at once,
// and in the background: Ready waits for the first answer. Through an outage of Consul it goes on with what it knows: see
// KeepFor. It goes on asking whatever is answered, also if the token may not see the service: that may change. Several of a
// client that ask the same thing share their questions.
//
// Route: GET /v1/health/service/:service
func (c *Client) Service(ctx context.Context, service string, opts ...ServiceOption) *Service {
	var o ServiceOptions
	for _, opt := range opts {
		if opt != nil {
			opt.applyService(&o)
		}
	}
	o.Watch.Persistent = true
	query := &o.Watch.Query
	query.PassingOnly = !o.Warning
	if o.Balance == Nearest {
		query.Near = cmp.Or(query.Near, "_agent")
	}
	s := &Service{name: service, o: o, view: c.viewInstances(ctx, service, &o)}
	s.turn.Store(rand.Uint64N(1 << 32)) // so that clients which begin together begin with different instances
	return s
}

// viewInstances gives a View of a service's instances. Where there is to be none it asks nothing.
func (c *Client) viewInstances(ctx context.Context, service string, o *ServiceOptions) *View[[]*ServiceEntry] {
	var err error
	switch {
	case !o.Balance.known():
		err = fmt.Errorf("ServiceOptions.Balance is none there is (%d): %w", o.Balance, ErrInvalidOption)
	case ctx != nil && ctx.Err() != nil:
		err = ErrClosed
	default:
		return c.ViewService(ctx, service, &o.Watch)
	}
	return newView(ctx, failedFeed[[]*ServiceEntry](err), func() {}, 0)
}

// A Service is the healthy instances of a service, followed in the background. It is safe for concurrent use.
type Service struct {
	name string
	o    ServiceOptions
	view *View[[]*ServiceEntry]

	now  atomic.Pointer[instances]
	mu   sync.Mutex    // held by who replaces now
	turn atomic.Uint64 // grows with the picks
}

// Ready waits until it is known which instances there are, be it none, at most until ctx ends. Its error is the cause of
// that, with the reason why they can't be asked for, or at once a reason that asking again won't change by itself:
// ErrPermissionDenied, ErrInvalidOption, ErrClosed and the like.
func (s *Service) Ready(ctx context.Context) error {
	if err := s.await(ctx, settled); err != nil {
		return fmt.Errorf("consul: service %q: %w", s.name, err)
	}
	return nil
}

// await waits until it is known which instances there are, or they can't be asked for because of an error that there is no
// waiting for.
func (s *Service) await(ctx context.Context, final func(error) bool) error {
	if err := checkContext(ctx); err != nil {
		return err
	}
	for {
		changed := s.Updated()
		if s.view.ctx.Err() != nil {
			return fmt.Errorf("%w: %w", ErrClosed, context.Cause(s.view.ctx))
		}
		if _, ok := s.view.Get(); ok {
			return nil
		}
		err := s.Err()
		if err != nil && final(err) {
			return err
		}
		select {
		case <-changed:
		case <-s.view.ctx.Done():
			return ErrClosed
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		}
	}
}

// Instances gives all that can be chosen, in the order of the server's answer. The list is shared and must not be changed.
func (s *Service) Instances() []*Instance {
	if now := s.current(); now != nil {
		return now.all
	}
	return nil
}

// Pick chooses an instance, as Balance says, among those that are not held back. Instance.Done is to be called when the
// work is done that it was picked for. Where there is none the error is ErrNoInstances, with the reason if Consul can't be
// asked. Pick never waits.
func (s *Service) Pick() (*Instance, error) {
	now := s.current()
	if now == nil || len(now.all) == 0 {
		return nil, s.none(s.Err())
	}
	i := now.chooser.choose()
	for !i.hold.pass() {
		i = now.chooser.choose()
	}
	i.pending.Add(1)
	return i, nil
}

// Updated gives a channel that is closed with the next change of the instances, or of Err. To miss none, take it before
// Instances.
func (s *Service) Updated() <-chan struct{} { return s.view.Updated() }

// Err is why Consul can't be asked at the moment; nil where it can.
func (s *Service) Err() error { return s.view.Err() }

// Close ends it: it follows the instances no more, and goes on giving those that it knew. More calls do nothing.
func (s *Service) Close() { s.view.Close() }

// none is the error where there is no instance, because of why they can't be asked for, unless that is nil.
func (s *Service) none(why error) error {
	q := &s.o.Watch.Query
	what := fmt.Sprintf("consul: service %q", s.name)
	if len(q.Tags) > 0 {
		what += fmt.Sprintf(" with the tags %q", q.Tags)
	}
	if q.Datacenter != "" {
		what += fmt.Sprintf(" in datacenter %q", q.Datacenter)
	}
	if why != nil {
		return fmt.Errorf("%s: %w known, and they can't be asked for: %w", what, ErrNoInstances, why)
	}
	if _, known := s.view.Get(); !known {
		return fmt.Errorf("%s: %w known yet: Ready waits for them", what, ErrNoInstances)
	}
	return fmt.Errorf("%s: %w: is it registered with a port, and do its checks pass?", what, ErrNoInstances)
}

type serviceFunc func(*ServiceOptions)

func (f serviceFunc) applyService(o *ServiceOptions) { f(o) }

// Each WatchOption, and with that each QueryOption, is a ServiceOption.

func (f watchFunc) applyService(o *ServiceOptions)     { f.applyWatch(&o.Watch) }
func (s *WatchOptions) applyService(o *ServiceOptions) { s.applyWatch(&o.Watch) }
func (f queryFunc) applyService(o *ServiceOptions)     { f.applyWatch(&o.Watch) }
func (f bothFuncs) applyService(o *ServiceOptions)     { f.applyWatch(&o.Watch) }
func (s *QueryOptions) applyService(o *ServiceOptions) { s.applyWatch(&o.Watch) }

// applyService lays the fields of the set that are not zero over those of o.
func (s *ServiceOptions) applyService(o *ServiceOptions) {
	if s == nil {
		return
	}
	s.Watch.applyWatch(&o.Watch)
	set(&o.Balance, s.Balance)
	set(&o.Warning, s.Warning)
	set(&o.TaggedAddress, s.TaggedAddress)
}
