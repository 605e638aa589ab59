package embedded

// This file stands in for the agent's cache, as far as it can be seen: in the headers of ?cached reads. What is served is
// always the current state. The real cache follows the state closely, and says that its entries have no age.

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// maxCached is how many entries are known at most. Beyond that all are forgotten.
const maxCached = 4096

// agentCache knows what was asked for, and since when.
type agentCache struct {
	mu    sync.Mutex
	since map[string]time.Time
}

// add adds an entry and gives since when it is there, if it is already.
func (a *agentCache) add(key string) (since time.Time, known bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if since, known = a.since[key]; known {
		return since, true
	}
	if a.since == nil || len(a.since) >= maxCached {
		a.since = map[string]time.Time{}
	}
	a.since[key] = time.Now()
	return time.Time{}, false
}

// renew has the entry be of now.
func (a *agentCache) renew(key string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.since != nil {
		a.since[key] = time.Now()
	}
}

// clear forgets all entries.
func (a *agentCache) clear() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.since = nil
}

// cacheUse is one read through the cache. The zero one is none.
type cacheUse struct {
	used, known bool
	// runs is how often the state was read.
	runs int
}

// useCache has the cache serve the request.
func (c *call) useCache(kind string) cacheUse {
	_, known := c.s.cache.add(c.cacheKey(kind))
	return cacheUse{used: true, known: known}
}

// cacheKey is the same for requests that ask the same, however long they wait and however they are answered.
func (c *call) cacheKey(kind string) string {
	key := []string{kind, c.token, c.datacenter, strings.ToLower(c.r.URL.Path)}
	for _, name := range []string{"tag", "node-meta", "filter", "peer", "passing", "merge-central-config"} {
		if c.has(name) {
			values := slices.Sorted(slices.Values(c.params[name]))
			key = append(key, name+"="+strings.Join(values, "\x00"))
		}
	}
	return strings.Join(key, "\x00\x00")
}

// setHeaders writes whether the answer was in the cache: it was there, and later than what the client has.
func (u *cacheUse) setHeaders(c *call, index uint64) {
	if u.used {
		c.setCache(u.known && u.runs == 1 && (c.index == 0 || index > c.index), 0)
	}
}

func (c *call) setCache(hit bool, age time.Duration) {
	header := c.w.Header()
	if !hit {
		header.Set("X-Cache", "MISS")
		return
	}
	header.Set("X-Cache", "HIT")
	header.Set("Age", strconv.FormatFloat(age.Seconds(), 'f', 0, 64))
}

// setDatacentersCache is for the list of datacenters, whose entry has an age and is renewed when a client wants it younger.
func (c *call) setDatacentersCache() {
	const key = "datacenters"
	since, known := c.s.cache.add(key)
	age := time.Since(since)
	if known && (c.mustRevalidate || c.maxAge > 0 && age > c.maxAge) {
		c.s.cache.renew(key)
		known = false
	}
	c.setCache(known, age)
}
