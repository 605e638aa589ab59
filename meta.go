package consul

// This file reads what an answer says beside its body: QueryMeta and WriteMeta.

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// QueryMeta is what an answer to a read says beside its body. A field whose header the server did not send is zero.
type QueryMeta struct {
	// LastIndex is the index of what was asked for: Wait(LastIndex, …) waits for a change of it. It can go backwards, as
	// when servers are restored from a snapshot; start over from 0 then.
	LastIndex uint64

	// LastContentHash is the hash of the answer, where the endpoint works by hash: WaitHash(LastContentHash, …) waits for
	// a change.
	LastContentHash string

	// LastContact is how long ago the server that answered last heard from the leader, in whole milliseconds; 0 if it
	// leads. It bounds how old a stale answer is.
	LastContact time.Duration

	KnownLeader          bool   // whether the server that answered knows a leader
	EffectiveConsistency string // "leader", "consistent" or "stale": what was used in the end; empty where not said

	CacheHit bool          // whether the agent's cache answered (X-Cache: HIT)
	CacheAge time.Duration // with CacheHit: how old the answer is, in whole seconds

	QueryBackend              string // "blocking-query" or "streaming": how the agent waits for changes
	DefaultACLPolicy          string // "allow" or "deny": what the server does where no rule of a token's applies
	ResultsFilteredByACLs     bool   // whether the token's policies kept something out of the answer
	AddressTranslationEnabled bool   // whether addresses of other datacenters are their WAN addresses

	// RequestTime is how long the call took, with its retries; for a streamed answer, until its first byte.
	RequestTime time.Duration
}

// WriteMeta is what is known of a write beside its result.
type WriteMeta struct {
	// RequestTime is how long the call took, with its retries.
	RequestTime time.Duration
}

// parseQueryMeta reads the headers of an answer. Its error names the header that can't be parsed.
func parseQueryMeta(h http.Header, took time.Duration) (*QueryMeta, error) {
	p := headerParser{h: h}
	m := &QueryMeta{
		LastIndex:                 p.uint("X-Consul-Index"),
		LastContentHash:           p.text("X-Consul-Contenthash"),
		LastContact:               p.duration("X-Consul-Lastcontact", time.Millisecond),
		KnownLeader:               p.bool("X-Consul-Knownleader"),
		EffectiveConsistency:      p.text("X-Consul-Effective-Consistency"),
		CacheAge:                  p.duration("Age", time.Second),
		QueryBackend:              p.text("X-Consul-Query-Backend"),
		DefaultACLPolicy:          p.text("X-Consul-Default-Acl-Policy"),
		ResultsFilteredByACLs:     p.bool("X-Consul-Results-Filtered-By-Acls"),
		AddressTranslationEnabled: p.bool("X-Consul-Translate-Addresses"),
		RequestTime:               took,
	}
	switch p.text("X-Cache") {
	case "HIT":
		m.CacheHit = true
	case "", "MISS":
	default:
		p.fail("X-Cache", "is neither HIT nor MISS")
	}
	return m, p.err
}

// A headerParser reads headers by their canonical names and keeps the first error.
type headerParser struct {
	h   http.Header
	err error
}

func (p *headerParser) text(name string) string {
	if v := p.h[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

func (p *headerParser) uint(name string) uint64 {
	v := p.text(name)
	if v == "" {
		return 0
	}
	n, err := strconv.ParseUint(v, 10, 64)
	if err != nil {
		p.fail(name, "is not a whole number from 0 to 2^64-1")
	}
	return n
}

func (p *headerParser) duration(name string, unit time.Duration) time.Duration {
	n := p.uint(name)
	if n > uint64(1<<63-1)/uint64(unit) {
		p.fail(name, "is longer than any duration")
		return 0
	}
	return time.Duration(n) * unit
}

func (p *headerParser) bool(name string) bool {
	switch p.text(name) {
	case "true":
		return true
	case "", "false":
	default:
		p.fail(name, "is neither true nor false")
	}
	return false
}

func (p *headerParser) fail(name, problem string) {
	if p.err == nil {
		p.err = fmt.Errorf("header %s %s: %.100q", name, problem, p.text(name))
	}
}

// parseRetryAfter reads a Retry-After header, seconds or a date; 0 where there is none or it makes no sense, since it
// is only a wish of the server's.
func parseRetryAfter(h http.Header, now time.Time) time.Duration {
	v := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(v, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(v); err == nil {
		return max(0, date.Sub(now))
	}
	return 0
}
