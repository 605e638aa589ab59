package consul

// This file holds Resolver: services by the names that they have in Consul's DNS.

import (
	"context"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/go-cleanhttp"
)

// A Resolver connects to services by the names that they have in Consul's DNS:
//
//	web.service.consul           web
//	v2.web.service.consul        the instances of web that have the tag v2
//	web.service.eu.consul        web in the datacenter eu
//
// It asks no DNS server. A service is followed from its first use on, until the Resolver is closed: have the names come from
// programs and configuration, not from those whom a program serves. It is safe for concurrent use.
type Resolver struct {
	// Dialer connects to what is no such name, and to the instances. It is to be set before the first use.
	Dialer interface {
		DialContext(ctx context.Context, network, address string) (net.Conn, error)
	}

	c    *Client
	opts []ServiceOption
	ctx  context.Context
	end  context.CancelFunc

	transport func() *http.Transport // that a RoundTripper uses which is given none; one for all

	mu       sync.Mutex
	services map[string]*Service // by name, in lower case, without a final dot
}

// Resolver makes a Resolver that works until ctx ends or Close is called. The options say how services are followed, and
// how an instance is chosen. A name's tag is added to theirs, and its datacenter goes before theirs.
func (c *Client) Resolver(ctx context.Context, opts ...ServiceOption) *Resolver {
	r := &Resolver{Dialer: &net.Dialer{}, c: c, opts: opts, services: map[string]*Service{}}
	if err := checkContext(ctx); err != nil {
		ended, end := context.WithCancelCause(context.Background())
		end(err)
		ctx = ended
	}
	r.ctx, r.end = context.WithCancel(ctx)
	r.transport = sync.OnceValue(r.newTransport)
	return r
}

// newTransport makes a transport whose idle connections are closed with the Resolver.
func (r *Resolver) newTransport() *http.Transport {
	t := cleanhttp.DefaultPooledTransport()
	t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, maxDial)
		defer cancel()
		return r.Dialer.DialContext(ctx, network, address)
	}
	context.AfterFunc(r.ctx, t.CloseIdleConnections)
	return t
}

// Close ends the Resolver, and the Services that it gave. Connections in use are left alone.
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
// name is none of a service. It is the Resolver's to close.
func (r *Resolver) Service(name string) (*Service, bool) {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	service, ofName, ok := parseServiceName(name)
	if !ok {
		return nil, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.services[name]; s != nil {
		return s, true
	}
	s := r.c.Service(r.ctx, service, slices.Concat(r.opts, ofName)...)
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
	if slices.Contains(labels, "") {
		return "", nil, false
	}
	for n := len(labels) - 1; n >= max(1, len(labels)-2); n-- {
		if labels[n] != "service" {
			continue
		}
		if n < len(labels)-1 {
			opts = append(opts, WithDatacenter(labels[n+1]))
		}
		if tag := strings.Join(labels[:n-1], "."); tag != "" {
			opts = append(opts, withTag(tag))
		}
		return labels[n-1], opts, true
	}
	return "", nil, false
}

// withTag adds a tag to those that are asked for.
func withTag(tag string) ServiceOption {
	return serviceFunc(func(o *ServiceOptions) {
		tags := &o.Watch.Query.Tags
		*tags = append(slices.Clone(*tags), tag)
	})
}
