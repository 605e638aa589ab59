package interop

// This file watches for changes by way of the client library that Consul comes with.

import (
	"io"
	"testing"

	"github.com/hashicorp/consul/api"
	"github.com/hashicorp/consul/api/watch"
	"github.com/hashicorp/go-hclog"
)

func TestAPIWatch(t *testing.T) {
	for kind, test := range map[string]struct {
		params map[string]any
		change func(c *api.Client) error
		seen   func(result any) bool
	}{
		"key": {map[string]any{"key": "w"},
			func(c *api.Client) error { return setKey(c, "w") },
			func(r any) bool { pair, _ := r.(*api.KVPair); return pair != nil && pair.Key == "w" }},
		"keyprefix": {map[string]any{"prefix": "p/"},
			func(c *api.Client) error { return setKey(c, "p/a") },
			func(r any) bool { pairs, _ := r.(api.KVPairs); return len(pairs) == 1 }},
		"services": {nil,
			func(c *api.Client) error {
				return c.Agent().ServiceRegister(&api.AgentServiceRegistration{Name: "one"})
			},
			func(r any) bool { names, _ := r.(map[string][]string); return names["one"] != nil }},
		"service": {map[string]any{"service": "two"},
			func(c *api.Client) error {
				return c.Agent().ServiceRegister(&api.AgentServiceRegistration{Name: "two"})
			},
			func(r any) bool { entries, _ := r.([]*api.ServiceEntry); return len(entries) == 1 }},
		"checks": {map[string]any{"state": "critical"},
			func(c *api.Client) error {
				return c.Agent().CheckRegister(&api.AgentCheckRegistration{Name: "bad", AgentServiceCheck: api.AgentServiceCheck{TTL: "1h"}})
			},
			func(r any) bool { checks, _ := r.([]*api.HealthCheck); return len(checks) == 1 }},
		"nodes": {nil,
			func(c *api.Client) error {
				_, err := c.Catalog().Register(&api.CatalogRegistration{Node: "guest", Address: "10.0.0.1"}, nil)
				return err
			},
			func(r any) bool { nodes, _ := r.([]*api.Node); return len(nodes) == 2 }},
		"event": {map[string]any{"name": "deploy"},
			func(c *api.Client) error {
				_, _, err := c.Event().Fire(&api.UserEvent{Name: "deploy"}, nil)
				return err
			},
			func(r any) bool { events, _ := r.([]*api.UserEvent); return len(events) == 1 }},
	} {
		t.Run(kind, func(t *testing.T) {
			onEachAPI(t, func(t *testing.T, c *api.Client) { watchChange(t, c, kind, test.params, test.change, test.seen) })
		})
	}
}

func setKey(c *api.Client, key string) error {
	_, err := c.KV().Put(&api.KVPair{Key: key, Value: []byte("1")}, nil)
	return err
}

// watchChange runs a watch, makes the change, and waits until the watch has seen it and stopped.
func watchChange(t *testing.T, c *api.Client, kind string, params map[string]any, change func(*api.Client) error, seen func(any) bool) {
	all := map[string]any{"type": kind}
	for name, value := range params {
		all[name] = value
	}
	plan, err := watch.Parse(all)
	must(t, err)
	found := false
	plan.Handler = func(_ uint64, result any) {
		if seen(result) {
			found = true
			plan.Stop()
		}
	}
	ended := make(chan error, 1)
	go func() {
		ended <- plan.RunWithClientAndHclog(c, hclog.New(&hclog.LoggerOptions{Output: io.Discard}))
	}()
	must(t, change(c))
	must(t, <-ended)
	if !found {
		t.Error("the watch ended without the change")
	}
}
