package consul

// This file holds Resolver: services by the names that they have in Consul's DNS, for dialers and for HTTP.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
)

// maxTries is how many instances are tried at most for one piece of work.
const maxTries = 3

// A Resolver connects to services by the names that they have in Consul's DNS:
//
//	web.service.consul           web
//	v2.web.service.consul        the instances of web that have the tag v2
//	web.service.eu.consul        web in the datacenter eu
//
// It asks no DNS server. A service is followed from its first use on, until the Resolver is closed: have the names come from
// programs and configuration, not from those whom a program serves. It is safe for concurrent use.
type Resolver struct {
	c    *Client
	opts []ServiceOption
	ctx  context.Context
	end  context.CancelFunc

	mu       sync.Mutex
	services map[string]*Service // by name, without a final dot, in lower case; by name

	// Dialer connects to what is no such name, and to the instances. It is to be set before the first use.
	Dialer interface {
		DialContext(ctx context.Context, network, address string) (net.Conn, error)
	}
}

// Resolver makes a Resolver that works until ctx ends or Close is called. The options say how services are followed, and
// how an instance is chosen.
func (c *Client) Resolver(ctx context.Context, opts ...ServiceOption) *Resolver {
	r := &Resolver{c: c, opts: opts, services: map[string]*Service{}, Dialer: &net.Dialer{}}
	r.ctx, r.end = context.WithCancel(ctx)
	return r
}

// Close ends the Resolver, and the Services that it gave. Connections are left alone.
func (r *Resolver) Close() {
	r.end()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.services {
		s.Close()
	}
	clear(r.services)
}

// Service gives the service of that name, such as "web.service.consul", followed from now on. It reports false where the
// name is none of a service.
func (r *Resolver) Service(name string) (*Service, bool) {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	service, opts, ok := parseServiceName(name)
	if !ok {
		return nil, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.services[name]; s != nil {
		return s, true
	}
	s := r.c.Service(r.ctx, service, append(opts, r.opts...)...)
	if r.ctx.Err() == nil {
		r.services[name] = s
	}
	return s, true
}

// parseServiceName reads [tag.]service.service[.datacenter].consul.
func parseServiceName(name string) (service string, opts []ServiceOption, ok bool) {
	name, ok = strings.CutSuffix(name, ".consul")
	if !ok {
		return "", nil, false
	}
	labels := strings.Split(name, ".")
	for n := len(labels) - 1; n >= max(1, len(labels)-2); n-- {
		if labels[n] != "service" {
			continue
		}
		if n < len(labels)-1 {
			opts = append(opts, WithDatacenter(labels[n+1]))
		}
		if tag := strings.Join(labels[:n-1], "."); tag != "" {
			opts = append(opts, WithTags(tag))
		}
		return labels[n-1], opts, labels[n-1] != ""
	}
	return "", nil, false
}

// DialContext connects to an instance of the service that address names, whatever its port: it is the instance's that
// counts. One that can't be connected to is held back, and another is tried, up to three in all. What is no name of a service
// is left to Dialer. It fits http.Transport.DialContext: the transport then keeps connections by the name, so that the choice
// is made for each connection, not for each request. Errors: that of the last dial, ErrNoInstances, and the cause of ctx.
func (r *Resolver) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	s, ok := r.Service(host)
	if !ok {
		return r.Dialer.DialContext(ctx, network, address)
	}
	var conn net.Conn
	err = s.try(ctx, func(i *Instance) (err error, again bool) {
		conn, err = r.Dialer.DialContext(ctx, network, i.Address)
		return err, true
	})
	return conn, err
}

// Dial is DialContext for TCP, as grpc.WithContextDialer takes it.
func (r *Resolver) Dial(ctx context.Context, address string) (net.Conn, error) {
	return r.DialContext(ctx, "tcp", address)
}

// try has work done by one instance after the other, until one does it, the work says that it is not to be done again, or
// there were maxTries.
func (s *Service) try(ctx context.Context, work func(*Instance) (err error, again bool)) error {
	if err := s.Ready(ctx); err != nil {
		return err
	}
	var failures []error
	for len(failures) < maxTries {
		i, err := s.Pick()
		if err != nil {
			return errors.Join(append(failures, err)...)
		}
		err, again := work(i)
		i.Done(err)
		if err == nil {
			return nil
		}
		failures = append(failures, fmt.Errorf("consul: service %q, instance %s at %s: %w", s.name, identity(i.Entry()), i.Address, err))
		if !again || ctx.Err() != nil || len(failures) >= len(s.Instances()) {
			break
		}
	}
	return errors.Join(failures...)
}
