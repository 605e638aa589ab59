package consul

// This file holds Service: the healthy instances of a service, and one of them for each piece of work.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// ErrNoInstances says that a service has no instance to choose.
var ErrNoInstances = errors.New("no healthy instances")

// How long an instance is held back that failed its caller: a second, twice that each time it fails again, and so on.
const minHoldBack, maxHoldBack = time.Second, time.Minute

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
// KeepFor. Several of a client that ask the same thing share their questions.
//
// Route: GET /v1/health/service/:service
func (c *Client) Service(ctx context.Context, service string, opts ...ServiceOption) *Service {
	var o ServiceOptions
	for _, opt := range opts {
		if opt != nil {
			opt.applyService(&o)
		}
	}
	query := &o.Watch.Query
	query.PassingOnly = !o.Warning
	if o.Balance == Nearest {
		query.Near = cmp.Or(query.Near, "_agent")
	}
	return &Service{name: service, o: o, view: c.ViewService(ctx, service, &o.Watch)}
}

// A Service is the healthy instances of a service, followed in the background. It is safe for concurrent use.
type Service struct {
	name string
	o    ServiceOptions
	view *View[[]*ServiceEntry]

	now atomic.Pointer[instances]
	mu  sync.Mutex // held by who replaces now
}

// instances are those of one moment.
type instances struct {
	answer  []*ServiceEntry // that they were made of
	all     []*Instance
	chooser chooser
}

// An Instance is one instance of a service. It stays the same one for as long as the service has it.
type Instance struct {
	Address string // where it listens: host and port, for net.Dial
	entry   atomic.Pointer[ServiceEntry]

	pending  atomic.Int64 // picks that are not done
	failures atomic.Int64 // in a row
	heldTill atomic.Int64 // Unix time in nanoseconds; 0: it is not held back
}

// Entry is what Consul tells of the instance. It is shared and must not be changed.
func (i *Instance) Entry() *ServiceEntry { return i.entry.Load() }

// Ready waits until it is known which instances there are, be it none, at most until ctx ends: see View.Ready.
func (s *Service) Ready(ctx context.Context) error {
	if err := s.view.Ready(ctx); err != nil {
		return fmt.Errorf("consul: service %q: %w", s.name, err)
	}
	return nil
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
		return nil, s.none()
	}
	i := now.chooser.choose()
	i.pending.Add(1)
	return i, nil
}

// Done says that what an instance was picked for is done, and with which result. One that failed (err is not nil) is not
// picked for some time, unless all have failed: a second, and twice as long each time until it succeeds, up to a minute.
// That the caller has lost interest (context.Canceled) says nothing of the instance.
func (i *Instance) Done(err error) {
	i.pending.Add(-1)
	if errors.Is(err, context.Canceled) {
		return
	}
	if err == nil {
		if i.failures.Load() != 0 {
			i.failures.Store(0)
			i.heldTill.Store(0)
		}
		return
	}
	n := i.failures.Add(1)
	d := maxHoldBack
	if n < 7 {
		d = min(maxHoldBack, minHoldBack<<(n-1))
	}
	i.heldTill.Store(time.Now().Add(d).UnixNano())
}

// held reports whether the instance is held back.
func (i *Instance) held() bool {
	till := i.heldTill.Load()
	return till != 0 && time.Now().UnixNano() < till
}

// Updated gives a channel that is closed with the next change of the instances. To miss none, take it before Instances.
func (s *Service) Updated() <-chan struct{} { return s.view.Updated() }

// Err is why Consul can't be asked at the moment; nil where it can.
func (s *Service) Err() error { return s.view.Err() }

// Close ends it. More calls do nothing.
func (s *Service) Close() { s.view.Close() }

// none is the error where there is no instance.
func (s *Service) none() error {
	where := ""
	if dc := s.o.Watch.Query.Datacenter; dc != "" {
		where = fmt.Sprintf(" in datacenter %q", dc)
	}
	if err := s.view.Err(); err != nil {
		return fmt.Errorf("consul: service %q%s: %w known, and they can't be asked for: %w", s.name, where, ErrNoInstances, err)
	}
	return fmt.Errorf("consul: service %q%s: %w: is it registered, and do its checks pass?", s.name, where, ErrNoInstances)
}

// current gives the instances of the latest answer, nil where there is none.
func (s *Service) current() *instances {
	answer, ok := s.view.Get()
	if !ok {
		return nil
	}
	now := s.now.Load()
	if now != nil && sameSlice(now.answer, answer) {
		return now
	}
	return s.renew()
}

func sameSlice[T any](a, b []T) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// renew makes the instances of the latest answer, out of those that there were.
func (s *Service) renew() *instances {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer, ok := s.view.Get()
	if !ok {
		return nil
	}
	before := s.now.Load()
	if before != nil && sameSlice(before.answer, answer) {
		return before
	}
	known := map[string]*Instance{}
	if before != nil {
		for _, i := range before.all {
			known[identity(i.Entry())+" "+i.Address] = i
		}
	}
	now := &instances{answer: answer}
	for _, entry := range answer {
		address, ok := s.address(entry)
		if status := entry.Checks.AggregatedStatus(); !ok || status != HealthPassing && status != HealthWarning {
			continue
		}
		i := known[identity(entry)+" "+address]
		if i == nil {
			i = &Instance{Address: address}
		}
		i.entry.Store(entry)
		now.all = append(now.all, i)
	}
	now.chooser = s.o.Balance.over(now.all)
	s.now.Store(now)
	return now
}

// identity tells instances apart.
func identity(e *ServiceEntry) string { return e.Node.Node + "/" + e.Service.ID }

// address is where an instance listens. One without a port listens nowhere.
func (s *Service) address(e *ServiceEntry) (string, bool) {
	host, port := e.Service.Address, e.Service.Port
	if host == "" {
		host = e.Node.Address
	}
	if tag := s.o.TaggedAddress; tag != "" {
		if tagged, ok := e.Service.TaggedAddresses[tag]; ok {
			host = tagged.Address
			if tagged.Port != 0 {
				port = tagged.Port
			}
		} else if node := e.Node.TaggedAddresses[tag]; node != "" && e.Service.Address == "" {
			host = node
		}
	}
	return net.JoinHostPort(host, strconv.Itoa(port)), host != "" && port != 0
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
