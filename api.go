// This file holds Client and its families.

package consul

import (
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"
)

// A Client talks to one Consul agent or server. It is safe for concurrent use; make one and share it. What it offers is
// grouped into families, one a group of endpoints: KV, Agent, Catalog and so on.
type Client struct {
	address   *address
	transport http.RoundTripper
	owned     *http.Transport // the transport, where the Client made it
	token     tokenFunc
	header    http.Header
	timeout   time.Duration
	retry     RetryPolicy
	logger    *slog.Logger
	hooks     *Hooks        // nil: none
	blocking  chan struct{} // a place for each blocking query that may run at once; nil: no bound
	closed    atomic.Bool
	feeds     feeds

	datacenter, namespace, partition string
}

// NewClient makes a client from a copy of config; nil stands for what ConfigFromEnv gives, and only then is the
// environment read. It connects to nothing yet. A configuration that makes no sense, or names a file that can't be read,
// is an error that wraps ErrInvalidConfig.
func NewClient(config *Config) (*Client, error) {
	if config == nil {
		var err error
		if config, err = ConfigFromEnv(); err != nil {
			return nil, err
		}
	}
	if err := config.check(); err != nil {
		return nil, err
	}
	addr, err := parseAddress(config.Address)
	if err != nil {
		return nil, fmt.Errorf("consul: Config.Address: %w: %w", err, ErrInvalidConfig)
	}
	c := &Client{
		address:    addr,
		transport:  config.Transport,
		header:     newHeader(config),
		timeout:    config.Timeout,
		retry:      config.Retry.withDefaults(),
		logger:     config.Logger,
		hooks:      config.Hooks,
		datacenter: config.Datacenter,
		namespace:  config.Namespace,
		partition:  config.Partition,
	}
	if c.timeout == 0 {
		c.timeout = DefaultTimeout
	}
	if c.logger == nil {
		c.logger = slog.New(slog.DiscardHandler)
	}
	if c.token, err = newTokenFunc(config, c.logger); err != nil {
		return nil, err
	}
	if c.transport == nil {
		if c.owned, err = NewTransport(config); err != nil {
			return nil, err
		}
		c.transport = c.owned
		// One connection in eight, at least one, stays free for calls that don't wait.
		conns := maxConns(config)
		c.blocking = make(chan struct{}, conns-max(1, conns/8))
	}
	return c, nil
}

// newHeader is what every request carries.
func newHeader(config *Config) http.Header {
	h := make(http.Header, len(config.Header)+2)
	for name, values := range config.Header {
		h[http.CanonicalHeaderKey(name)] = append([]string(nil), values...)
	}
	if config.BasicAuth != nil {
		r := http.Request{Header: h}
		r.SetBasicAuth(config.BasicAuth.Username, config.BasicAuth.Password)
	}
	return h
}

// Close ends the use of the client: calls made from now on fail with ErrClosed, its watches and views end with that, and
// idle connections are closed. Calls under way go on until their contexts end or they are done. A Transport that came with
// the Config is left alone. Close may be called more than once and always returns nil.
func (c *Client) Close() error {
	c.closed.Store(true)
	c.feeds.close()
	c.closeIdle()
	return nil
}

func (c *Client) closeIdle() {
	if c.owned != nil {
		c.owned.CloseIdleConnections()
	}
}
