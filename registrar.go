package consul

// This file holds Registrar: services that stay registered with an agent for as long as a context lasts.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Defaults of RegistrarOptions.
const (
	DefaultServiceTTL        = 15 * time.Second // of the check that a health function gets where its service has none
	DefaultServiceInterval   = 10 * time.Second
	DefaultDeregisterTimeout = 10 * time.Second
)

// ErrDegraded is for health functions: an error that wraps it says that something is wrong, but that the service works.
var ErrDegraded = errors.New("degraded")

// RegistrarOptions say what a Registrar registers, and how.
type RegistrarOptions struct {
	Services []RegistrarService // at least one, each with an ID of its own

	// Interval is how often the agent is asked whether it still has a service that has no TTL check; 0:
	// DefaultServiceInterval. A service that has one is heartbeaten three times in its TTL.
	Interval time.Duration

	// Drain is how long the services are in maintenance before they are deregistered at the end, so that those who use them
	// turn away while requests under way go on; 0: they are deregistered at once.
	Drain time.Duration

	// DeregisterTimeout is how long deregistration is tried at the end, where it fails, and how long a health function is
	// waited for that does not return; 0: DefaultDeregisterTimeout.
	DeregisterTimeout time.Duration

	Token string // for all calls, which the agent stores with the services; empty: the client's
}

// A RegistrarService is a service to be kept registered, and how to tell how it is.
type RegistrarService struct {
	// Service is what is registered. It is copied, what it points to is not, but for its checks. Its ID should be one that
	// no other process uses with the same agent.
	Service *AgentServiceRegistration

	// Health says how the service is: it passes if that is nil, warns if it wraps ErrDegraded, and is critical otherwise. The
	// text of the error becomes the check's output, for all to read. It is called three times in the TTL of the service's TTL
	// check; where the service has none it gets one with DefaultServiceTTL. A nil Health always passes: a TTL check then
	// says that the process lives, and no check is added.
	//
	// It has two fifths of the time until the next call, by its context; where it has not returned a little later the service
	// is critical. It is never called again before it has returned.
	Health func(ctx context.Context) error
}

// A Registrar keeps services registered with the agent, and heartbeats their TTL checks, while Run runs. Its methods may be
// called at any time, from several goroutines.
type Registrar struct {
	c       *Client
	opts    RegistrarOptions
	keepers []*keeper
	running atomic.Bool
}

// A ServiceStatus is how a Registrar fares with one of its services.
type ServiceStatus struct {
	ID, Name string

	Registered    bool      // whether the agent has it as it should be, as far as is known
	RegisteredAt  time.Time // of the last registration
	Registrations int       // how often it was: once, for each Update, and whenever the agent had forgotten it

	Heartbeat time.Time // when the agent last confirmed that it has the service, or took a heartbeat; zero: not yet
	Health    string    // what the last heartbeat said: HealthPassing, HealthWarning or HealthCritical; empty: none yet
	Output    string    // what the health function had to say to it

	Err error // what the last attempt failed with; nil: it did not
}

// Registrar makes a Registrar. Nothing is sent before it is run. The options are copied. What no agent can take, no service,
// two with one ID, two TTL checks in one, or a negative duration is ErrInvalidOption.
func (c *Client) Registrar(opts *RegistrarOptions) (*Registrar, error) {
	if opts == nil || len(opts.Services) == 0 {
		return nil, fmt.Errorf("consul: registrar: there is no service to register: %w", ErrInvalidOption)
	}
	r := &Registrar{c: c, opts: *opts}
	for _, d := range []struct {
		name  string
		value *time.Duration
		zero  time.Duration
	}{
		{"Interval", &r.opts.Interval, DefaultServiceInterval},
		{"Drain", &r.opts.Drain, 0},
		{"DeregisterTimeout", &r.opts.DeregisterTimeout, DefaultDeregisterTimeout},
	} {
		switch {
		case *d.value < 0:
			return nil, fmt.Errorf("consul: registrar: %s is negative (%v): %w", d.name, *d.value, ErrInvalidOption)
		case *d.value == 0:
			*d.value = d.zero
		}
	}
	for _, s := range opts.Services {
		k, err := newKeeper(r, s)
		if err != nil {
			return nil, err
		}
		if r.keeper(k.id) != nil {
			return nil, fmt.Errorf("consul: registrar: two services have the ID %q: %w", k.id, ErrInvalidOption)
		}
		r.keepers = append(r.keepers, k)
	}
	return r, nil
}

// keeper gives who keeps a service, nil if none does.
func (r *Registrar) keeper(id string) *keeper {
	for _, k := range r.keepers {
		if k.id == id {
			return k
		}
	}
	return nil
}

// Run registers the services and keeps them registered until ctx ends. Then it deregisters them, after Drain in
// maintenance, and returns when that is done. Whatever fails is tried again, in pauses that grow up to the time between two
// heartbeats, and told by Status. The client's Logger hears of it.
//
// A service that the agent has forgotten, because it was wiped or someone deregistered it, is found missing by the next
// heartbeat and registered again, so that it is visible within two. The check of a health function is registered with what
// the function says: a service that is well is never critical meanwhile. Where a service is registered anew, checks of it that
// its definition lacks are removed, but for maintenance: what an operator took out of use stays so.
//
// Run returns
//
//   - nil when ctx ended and the services were deregistered, or were gone already: this is how it is meant to end;
//   - the error of the deregistration if that failed for DeregisterTimeout, or was denied;
//   - the agent's refusal of a service that was never registered, where no later attempt would change it: ErrBadRequest,
//     ErrInvalidOption and the like. ErrPermissionDenied is not among them: a token may reach the agent later than its user;
//   - a *HealthPanicError when a health function panics;
//   - ErrClosed when the client was closed, and ErrInvalidOption if the Registrar is run already.
//
// In each case the services are deregistered first, if they can be; one whose health function panicked without Drain.
//
// Routes: PUT /v1/agent/service/register, PUT /v1/agent/check/update/:id, GET /v1/agent/service/:id,
// GET /v1/agent/health/service/id/:id, PUT /v1/agent/check/deregister/:id, PUT /v1/agent/service/maintenance/:id,
// PUT /v1/agent/service/deregister/:id
func (r *Registrar) Run(ctx context.Context) error {
	if err := checkContext(ctx); err != nil {
		return fmt.Errorf("consul: registrar: %w", err)
	}
	if !r.running.CompareAndSwap(false, true) {
		return fmt.Errorf("consul: registrar: it is run already: %w", ErrInvalidOption)
	}
	defer r.running.Store(false)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	failed := make([]error, len(r.keepers))
	var all sync.WaitGroup
	for i, k := range r.keepers {
		k.begin()
		all.Go(func() {
			defer cancel() // what can't be kept ends the others, too
			failed[i] = k.run(ctx)
		})
	}
	all.Wait()
	return errors.Join(failed...)
}

// Ready waits until the agent has all services, as they were last defined, with their first heartbeat. Its errors are
// what Run ended with or ends with, a refusal of the agent that no later attempt would change, and ctx's if that ends before,
// with what the last attempt failed with.
func (r *Registrar) Ready(ctx context.Context) error {
	for _, k := range r.keepers {
		if err := k.ready(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Update has a service registered as another definition says, which is copied as the first one was. The service is the one
// with its ID; the health function stays the same. It is sent at once if Run runs: Ready waits for it. While the agent refuses
// it, the former one stays in force there, and Status tells why. Errors: ErrInvalidOption for what no agent can take,
// ErrNotFound where the Registrar has no service with the ID.
func (r *Registrar) Update(service *AgentServiceRegistration) error {
	if service == nil {
		return fmt.Errorf("consul: registrar: update: the service is nil: %w", ErrInvalidOption)
	}
	k := r.keeper(serviceID(service))
	if k == nil {
		return fmt.Errorf("consul: registrar: update: service %q is none of its own: %w", serviceID(service), ErrNotFound)
	}
	return k.update(service)
}

// Status tells how it stands with the services, in the order of RegistrarOptions.Services. It sends nothing.
func (r *Registrar) Status() []ServiceStatus {
	all := make([]ServiceStatus, len(r.keepers))
	for i, k := range r.keepers {
		all[i] = k.state()
	}
	return all
}

// ServeHTTP tells people how it stands with the services, a line each. The status is 200 if all are registered and nothing
// failed last, else 503.
func (r *Registrar) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	all := r.Status()
	for _, s := range all {
		if !s.Registered || s.Err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			break
		}
	}
	for _, s := range all {
		_, _ = io.WriteString(w, s.String()+"\n")
	}
}

// String is the status in one line.
func (s ServiceStatus) String() string {
	text := s.ID + ": not registered"
	if s.Registered {
		text = s.ID + ": registered"
	}
	if s.Health != "" {
		text += ", " + s.Health
	}
	if s.Output != "" {
		text += fmt.Sprintf(" (%q)", s.Output)
	}
	if !s.Heartbeat.IsZero() {
		text += fmt.Sprintf(", heartbeat %v ago", time.Since(s.Heartbeat).Round(time.Millisecond))
	}
	if s.Err != nil {
		text += fmt.Sprintf(", last attempt failed: %v", s.Err)
	}
	return text
}
