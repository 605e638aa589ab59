package grpcresolver

// This file holds the builder, and the resolver of one connection.

import (
	"context"
	"errors"
	"fmt"

	"github.com/lictor-go/consul"
	"google.golang.org/grpc/resolver"
)

// New makes a builder of resolvers that ask a client, for grpc.WithResolvers. It stays the caller's to close, after the
// connections.
func New(client *consul.Client) resolver.Builder {
	return builder(func(authority string) (*consul.Client, func(), error) {
		switch {
		case client == nil:
			return nil, nil, errors.New("the resolver was made without a client")
		case authority != "":
			return nil, nil, fmt.Errorf("it names an agent (%s), and the resolver has a client: want consul:///service", authority)
		}
		return client, func() {}, nil
	})
}

// A builder gives the client for an authority, and what is to be done when it is no longer needed.
type builder func(authority string) (client *consul.Client, release func(), err error)

// Scheme is "consul".
func (builder) Scheme() string { return Scheme }

// Build starts to resolve a target, for as long as its connection lasts.
func (b builder) Build(from resolver.Target, cc resolver.ClientConn, _ resolver.BuildOptions) (resolver.Resolver, error) {
	t, err := parse(from)
	if err != nil {
		return nil, err
	}
	client, release, err := b(t.authority)
	if err != nil {
		return nil, t.fail(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &serviceResolver{target: t, cc: cc, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		defer release()
		r.follow(ctx, client)
	}()
	return r, nil
}

// serviceResolver tells a connection of the instances of a service.
type serviceResolver struct {
	target *target
	cc     resolver.ClientConn
	cancel context.CancelFunc
	done   chan struct{} // closed when nothing runs any more

	last []resolver.Endpoint // that the connection was told of, nil before the first
}

// ResolveNow does nothing: changes are told as they happen.
func (r *serviceResolver) ResolveNow(resolver.ResolveNowOptions) {}

// Close ends the resolver, and waits until nothing of it runs any more.
func (r *serviceResolver) Close() {
	r.cancel()
	<-r.done
}

// follow tells the connection of the instances, and of each change of them, until ctx ends. A failure is told as long as
// nothing is known: what was known is better than nothing. Connections with one client and target share their questions.
func (r *serviceResolver) follow(ctx context.Context, client *consul.Client) {
	known := false
	for instances, err := range client.WatchService(ctx, r.target.service, &r.target.options, consul.Persistent()) {
		switch {
		case err == nil:
			known = true
			r.tell(instances)
		case !known:
			r.cc.ReportError(r.target.fail(err))
		}
	}
}

// tell tells the connection of the instances as they are now, if that is news. What gRPC thinks of them changes nothing: it
// is told again when they change.
func (r *serviceResolver) tell(instances []*consul.ServiceEntry) {
	s := state(instances, r.target.port)
	if r.last != nil && same(r.last, s.Endpoints) {
		return
	}
	r.last = s.Endpoints
	_ = r.cc.UpdateState(s)
	if len(instances) > 0 && len(s.Endpoints) == 0 {
		r.cc.ReportError(r.target.fail(fmt.Errorf("of the %d instances of %q none has a port%s",
			len(instances), r.target.service, named(r.target.port))))
	}
}

func named(port string) string {
	if port == "" {
		return ""
	}
	return fmt.Sprintf(" %q", port)
}
