package embedded

// This file holds what a server can be told when it starts.

import (
	"crypto/tls"
	"log/slog"
)

// Option changes how a server starts.
type Option func(*config)

type config struct {
	address    string
	tls        *tls.Config
	node       string
	nodeID     string
	nodeMeta   map[string]string
	datacenter string
	acl        ACL
	scripts    bool
	pretty     bool
	queries    int
	log        *slog.Logger
}

// defaultQueries bounds blocking queries where WithMaxBlockingQueries does not.
const defaultQueries = 1 << 16

func newConfig(opts []Option) config {
	c := config{
		node:       "embedded",
		nodeID:     newUUID(),
		datacenter: "dc1",
		queries:    defaultQueries,
		log:        slog.New(slog.DiscardHandler),
	}
	for _, opt := range opts {
		opt(&c)
	}
	return c
}

// WithAddress has the server listen on host:port; port 0 picks a free one. Without it the server listens on a free port of
// loopback, from the first call of Addr on.
func WithAddress(address string) Option { return func(c *config) { c.address = address } }

// WithTLS has the server speak HTTPS on its address. Over Transport nothing is encrypted.
func WithTLS(settings *tls.Config) Option { return func(c *config) { c.tls = settings.Clone() } }

// WithNodeName names the server's node, which is "embedded" otherwise.
func WithNodeName(name string) Option { return func(c *config) { c.node = name } }

// WithNodeID sets the ID of the server's node, a UUID. Without it each start has another.
func WithNodeID(id string) Option { return func(c *config) { c.nodeID = id } }

// WithNodeMeta adds metadata to the server's node.
func WithNodeMeta(meta map[string]string) Option { return func(c *config) { c.nodeMeta = meta } }

// WithDatacenter names the datacenter, which is "dc1" otherwise.
func WithDatacenter(name string) Option { return func(c *config) { c.datacenter = name } }

// WithACL switches ACLs on.
func WithACL(acl ACL) Option { return func(c *config) { c.acl = acl.withDefaults() } }

// WithScriptChecks allows checks that run a program, which are refused otherwise: who can reach the server could run
// whatever they like.
func WithScriptChecks() Option { return func(c *config) { c.scripts = true } }

// WithPrettyJSON indents all JSON, as "consul agent -dev" does.
func WithPrettyJSON() Option { return func(c *config) { c.pretty = true } }

// WithMaxBlockingQueries bounds the blocking queries that are held at once, to 65,536 without it. Those beyond are answered
// with status 429. 0 or less leaves it as it is.
func WithMaxBlockingQueries(n int) Option {
	return func(c *config) {
		if n > 0 {
			c.queries = n
		}
	}
}

// WithLogger has the server log to log, which it does not otherwise. No token is ever logged.
func WithLogger(log *slog.Logger) Option {
	return func(c *config) {
		if log != nil {
			c.log = log
		}
	}
}

// ACL is how a server with ACLs is set up.
type ACL struct {
	// DefaultPolicy is "allow" or "deny": what holds for requests that no rule speaks of. Empty is "deny".
	DefaultPolicy string
	// InitialManagement is the secret of a token that may do everything. Where it is empty there is none, until one is made
	// by PUT /v1/acl/bootstrap.
	InitialManagement string
	// Agent is the secret of the token as which the agent registers its own node and services; empty for the one of requests
	// without a token.
	Agent string
	// Default is the secret of the token of requests that bring none; empty for the anonymous token.
	Default string
	// Recovery is the secret of a token that the agent knows by itself, which may write to the agent and see all nodes; empty
	// for none.
	Recovery string
	// Legacy serves the ACL routes that Consul had before 1.4 (/v1/acl/create and the like), and answers on the others as Consul
	// 1.10 does: it is 1.10 in this alone, refusals included, and Consul of today in all else.
	Legacy bool

	on bool
}

func (a ACL) withDefaults() ACL {
	a.on = true
	if a.DefaultPolicy == "" {
		a.DefaultPolicy = "deny"
	}
	return a
}

// tokens are the tokens that the agent has from its start.
func (a ACL) tokens() *agentTokens {
	return &agentTokens{user: a.Default, agent: a.Agent, recovery: a.Recovery}
}

func (a ACL) enabled() bool { return a.on }
