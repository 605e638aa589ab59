package embedded

// This file reads what all requests have in common: the query parameters and headers that say where, as whom and how
// consistently to read, and how long to wait.

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// call is one request being served.
type call struct {
	s      *Server
	w      http.ResponseWriter
	r      *http.Request
	params url.Values
	// answered says that the head of an answer was written.
	answered bool
	// wipes is the server's count when the request came.
	wipes uint64
	// lost is since when the server knows no leader, as NoLeader has it; zero while there is one.
	lost time.Time
	// anyServer says that the request needs no leader: any server of the datacenter can serve it.
	anyServer bool

	// What follows is filled in by parse.

	datacenter string
	token      string
	filter     string

	stale, consistent, cached bool
	maxAge, staleIfError      time.Duration
	mustRevalidate            bool

	// index is that of the answer which the client has; it waits for a later one. 0 does not wait.
	index uint64
	wait  time.Duration
}

// has reports whether the query parameter is there, with a value or without.
func (c *call) has(name string) bool { return c.params.Has(name) }

// rest is what follows the route's prefix in the path, unescaped.
func (c *call) rest(prefix string) string { return strings.TrimPrefix(c.r.URL.Path, prefix) }

// parse reads what any request can say.
func (c *call) parse() error {
	c.parseTarget()
	c.filter = c.params.Get("filter")
	if err := c.parseConsistency(); err != nil {
		return err
	}
	if err := c.parseCacheControl(); err != nil {
		return err
	}
	return c.parseWait()
}

// parseTarget reads which datacenter is asked, and as whom: all that writes take.
func (c *call) parseTarget() {
	c.datacenter = c.s.config.datacenter
	for _, name := range []string{"dc", "datacenter"} { // the latter wins
		if dc := c.params.Get(name); dc != "" {
			c.datacenter = dc
		}
	}
	c.token = c.parseToken()
}

// parseToken reads the request's token, else the one that the agent has for requests without.
func (c *call) parseToken() string {
	if token := c.params.Get("token"); token != "" {
		return token
	}
	if token := c.r.Header.Get("X-Consul-Token"); token != "" {
		return token
	}
	if scheme, value, ok := strings.Cut(c.r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "bearer") {
		if token, _, _ := strings.Cut(strings.TrimSpace(value), " "); token != "" {
			return token
		}
	}
	return c.s.defaultToken()
}

func (c *call) parseConsistency() error {
	c.stale, c.consistent, c.cached = c.has("stale"), c.has("consistent"), c.has("cached")
	if text := c.params.Get("max_stale"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil {
			return badRequest("Invalid max_stale value %q", text)
		}
		c.stale = c.stale || d > 0
	}
	if c.stale && c.consistent {
		return badRequest("Cannot specify ?stale with ?consistent, conflicting semantics.")
	}
	if c.cached && c.consistent {
		return badRequest("Cannot specify ?cached with ?consistent, conflicting semantics.")
	}
	return nil
}

func (c *call) parseCacheControl() error {
	header := c.r.Header.Get("Cache-Control")
	if header == "" {
		return nil
	}
	for directive := range strings.SplitSeq(strings.ToLower(header), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		var target *time.Duration
		switch name {
		case "must-revalidate":
			c.mustRevalidate = true
			continue
		case "max-age":
			target = &c.maxAge
		case "stale-if-error":
			target = &c.staleIfError
		default:
			continue
		}
		seconds, err := strconv.Atoi(value)
		if err != nil {
			return badRequest("Invalid Cache-Control header.")
		}
		*target = time.Duration(seconds) * time.Second
		if name == "max-age" && seconds == 0 {
			c.mustRevalidate = true
		}
	}
	return nil
}

func (c *call) parseWait() error {
	if text := c.params.Get("wait"); text != "" {
		wait, err := time.ParseDuration(text)
		if err != nil {
			return badRequest("Invalid wait time")
		}
		c.wait = wait
	}
	if text := c.params.Get("index"); text != "" {
		index, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return badRequest("Invalid index")
		}
		c.index = index
	}
	return nil
}

// refuseEnterprise refuses the parameters of what only Consul Enterprise has.
func (c *call) refuseEnterprise() error {
	if c.r.Header.Get("X-Consul-Namespace") != "" {
		return badRequest("Invalid header: \"X-Consul-Namespace\" - Namespaces are a Consul Enterprise feature")
	}
	if c.params.Get("ns") != "" {
		return badRequest("Invalid query parameter: \"ns\" - Namespaces are a Consul Enterprise feature")
	}
	return c.refusePartition()
}

func (c *call) refusePartition() error {
	if c.r.Header.Get("X-Consul-Partition") != "" {
		return badRequest("Invalid header: \"X-Consul-Partition\" - Partitions are a Consul Enterprise feature")
	}
	if c.params.Get("partition") != "" {
		return badRequest("Invalid query parameter: \"partition\" - Partitions are a Consul Enterprise feature")
	}
	return nil
}

// forward checks that the request can be served: it is for this datacenter, there being no other, and there is a leader
// if it needs one.
func (c *call) forward() error {
	if c.datacenter != c.s.config.datacenter {
		return fmt.Errorf("No path to datacenter")
	}
	return c.needLeader()
}

// needLeader checks that there is a leader, or that the request can do without.
func (c *call) needLeader() error {
	if !c.lost.IsZero() && !c.stale && !c.anyServer {
		return fmt.Errorf("No cluster leader")
	}
	return nil
}
