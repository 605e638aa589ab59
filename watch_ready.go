package consul

// This file holds the watches and views that a Client makes: of a key, a service, checks, services and nodes. Those of one
// client that ask the same thing, with the same options, share their questions.

import (
	"context"
	"fmt"
	"iter"
)

// watchOf gives the changes of what a question is about. It takes part in the feed for as long as the loop runs.
func watchOf[T any](ctx context.Context, c *Client, q question[T], opts []WatchOption) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		if err := checkContext(ctx); err != nil {
			var none T
			yield(none, fmt.Errorf("consul: watch: %w", err))
			return
		}
		f, release := share(c, q, opts)
		defer release()
		o, _ := watchOptions(opts) // where there is an error, it is the feed's
		f.follow(ctx, o.Persistent)(yield)
	}
}

// WatchKey gives a key, and each change of it: nil where there is none. See Watch for how it goes on, and ends.
//
// Route: GET /v1/kv/:key
func (c *Client) WatchKey(ctx context.Context, key string, opts ...WatchOption) iter.Seq2[*KVPair, error] {
	return watchOf(ctx, c, c.keyQuestion(key), opts)
}

// ViewKey gives a View of a key: nil where there is none.
//
// Route: GET /v1/kv/:key
func (c *Client) ViewKey(ctx context.Context, key string, opts ...WatchOption) *View[*KVPair] {
	return viewOf(ctx, c, c.keyQuestion(key), opts)
}

func (c *Client) keyQuestion(key string) question[*KVPair] {
	return question[*KVPair]{
		kind: "key", name: key,
		ask: func(ctx context.Context, opts ...QueryOption) (*KVPair, *QueryMeta, error) {
			return c.KV().Get(ctx, key, opts...)
		},
	}
}

// ViewPrefix gives a View of the pairs whose keys begin with prefix, in the order of their keys.
//
// Route: GET /v1/kv/:key?recurse
func (c *Client) ViewPrefix(ctx context.Context, prefix string, opts ...WatchOption) *View[KVPairs] {
	return viewOf(ctx, c, c.prefixQuestion(prefix), opts)
}

func (c *Client) prefixQuestion(prefix string) question[KVPairs] {
	return question[KVPairs]{
		kind: "prefix", name: prefix,
		ask: func(ctx context.Context, opts ...QueryOption) (KVPairs, *QueryMeta, error) {
			return c.KV().List(ctx, prefix, opts...)
		},
	}
}

// WatchService gives the instances of a service with their checks, and each change of them. PassingOnly() keeps the healthy
// ones. A service that nobody provides is an empty list. See Watch for how it goes on, and ends.
//
// Route: GET /v1/health/service/:service
func (c *Client) WatchService(ctx context.Context, service string, opts ...WatchOption) iter.Seq2[[]*ServiceEntry, error] {
	return watchOf(ctx, c, c.serviceQuestion(service), opts)
}

// ViewService gives a View of the instances of a service with their checks. PassingOnly() keeps the healthy ones.
//
// Route: GET /v1/health/service/:service
func (c *Client) ViewService(ctx context.Context, service string, opts ...WatchOption) *View[[]*ServiceEntry] {
	return viewOf(ctx, c, c.serviceQuestion(service), opts)
}

func (c *Client) serviceQuestion(service string) question[[]*ServiceEntry] {
	return question[[]*ServiceEntry]{
		kind: "service", name: service,
		ask: func(ctx context.Context, opts ...QueryOption) ([]*ServiceEntry, *QueryMeta, error) {
			return c.Health().Service(ctx, service, opts...)
		},
	}
}

// WatchChecks gives the checks that are in a state (HealthCritical …, HealthAny for all), and each change of them. See
// Watch for how it goes on, and ends.
//
// Route: GET /v1/health/state/:state
func (c *Client) WatchChecks(ctx context.Context, state string, opts ...WatchOption) iter.Seq2[HealthChecks, error] {
	return watchOf(ctx, c, c.checksQuestion(state), opts)
}

// ViewChecks gives a View of the checks that are in a state.
//
// Route: GET /v1/health/state/:state
func (c *Client) ViewChecks(ctx context.Context, state string, opts ...WatchOption) *View[HealthChecks] {
	return viewOf(ctx, c, c.checksQuestion(state), opts)
}

func (c *Client) checksQuestion(state string) question[HealthChecks] {
	return question[HealthChecks]{
		kind: "checks", name: state,
		ask: func(ctx context.Context, opts ...QueryOption) (HealthChecks, *QueryMeta, error) {
			return c.Health().State(ctx, state, opts...)
		},
	}
}

// WatchServices gives the names of all services with their tags, and each change of them. See Watch for how it goes on, and
// ends.
//
// Route: GET /v1/catalog/services
func (c *Client) WatchServices(ctx context.Context, opts ...WatchOption) iter.Seq2[map[string][]string, error] {
	return watchOf(ctx, c, c.servicesQuestion(), opts)
}

// ViewServices gives a View of the names of all services with their tags.
//
// Route: GET /v1/catalog/services
func (c *Client) ViewServices(ctx context.Context, opts ...WatchOption) *View[map[string][]string] {
	return viewOf(ctx, c, c.servicesQuestion(), opts)
}

func (c *Client) servicesQuestion() question[map[string][]string] {
	return question[map[string][]string]{kind: "services", ask: c.Catalog().Services}
}

// WatchNodes gives the nodes of the catalog, and each change of them. See Watch for how it goes on, and ends.
//
// Route: GET /v1/catalog/nodes
func (c *Client) WatchNodes(ctx context.Context, opts ...WatchOption) iter.Seq2[[]*Node, error] {
	return watchOf(ctx, c, c.nodesQuestion(), opts)
}

// ViewNodes gives a View of the nodes of the catalog.
//
// Route: GET /v1/catalog/nodes
func (c *Client) ViewNodes(ctx context.Context, opts ...WatchOption) *View[[]*Node] {
	return viewOf(ctx, c, c.nodesQuestion(), opts)
}

func (c *Client) nodesQuestion() question[[]*Node] {
	return question[[]*Node]{kind: "nodes", ask: c.Catalog().Nodes}
}
