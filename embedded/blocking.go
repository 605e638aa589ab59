package embedded

// This file runs reads: at once, or when what they read has changed.

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/hashicorp/go-memdb"

	"github.com/lictor-go/consul/embedded/internal/store"
)

const (
	defaultWait = 5 * time.Minute
	maxWait     = 10 * time.Minute
	// jitterFraction is the part of the wait that may be added to it, so that clients do not all come back at once.
	jitterFraction = 16
)

// errAbsent is what a read returns when what it reads is not there. The answer is none, but a client that waits is not
// answered just because another change moved the index: it waits for the thing to appear.
var errAbsent = errors.New("absent")

// meta is what the headers of an answer say about it.
type meta struct {
	index uint64
	// filtered says that ACLs hid a part of the answer.
	filtered bool
	// leaderless says that the answer does not come from the leader.
	leaderless bool
	// lastContact is how long ago the server heard from the leader.
	lastContact time.Duration
	// consistency is left out where empty. backend is "blocking-query" where empty.
	consistency, backend string
}

// read runs f on the state as it is, and where the request waits for an index, again whenever something in the watch set has
// changed, until the index that f notes is past the one asked for. At the end of the wait the last result stands. f must
// set its whole result anew each time.
func (c *call) read(f func(tx *store.Tx, ws memdb.WatchSet, m *meta) error) error {
	var m meta
	err := c.readMeta(&m, f)
	if err == nil {
		c.setMeta(&m)
	}
	return err
}

// readMeta is read, for endpoints that set the headers themselves.
func (c *call) readMeta(m *meta, f func(tx *store.Tx, ws memdb.WatchSet, m *meta) error) error {
	if err := c.forward(); err != nil {
		return err
	}
	if c.index == 0 {
		err := f(c.s.store.Read(), nil, m)
		c.finish(m)
		if errors.Is(err, errAbsent) {
			return nil
		}
		return err
	}
	if err := c.s.blocking.enter(); err != nil {
		return err
	}
	defer c.s.blocking.leave()
	timeout := time.NewTimer(waitTime(c.wait))
	defer timeout.Stop()
	return c.block(timeout.C, m, f)
}

// block is the loop of a blocking query.
func (c *call) block(timeout <-chan time.Time, m *meta, f func(tx *store.Tx, ws memdb.WatchSet, m *meta) error) error {
	seen, wasAbsent := c.index, false
	for {
		tx, ws := c.s.store.Read(), memdb.NewWatchSet()
		tx.WatchAll(ws)
		*m = meta{}
		err := f(tx, ws, m)
		c.finish(m)
		switch {
		case errors.Is(err, errAbsent):
			if wasAbsent { // still: other things have changed
				seen = m.index
			}
			wasAbsent = true
		case err != nil:
			return err
		}
		if m.index > seen || !changes(ws, c.r.Context(), timeout) || tx.Abandoned() {
			c.abortIfGone()
			return nil
		}
	}
}

// abortIfGone ends the request without an answer where nobody waits for one, or the server was closed.
func (c *call) abortIfGone() {
	if c.r.Context().Err() != nil {
		abort()
	}
}

// changes waits for something in the watch set to change, and reports false where ctx or the time ended first. Most sets
// are small, and a query that waits holds its stack: hence the select of its own for these.
func changes(ws memdb.WatchSet, ctx context.Context, timeout <-chan time.Time) bool {
	const few = 3
	if len(ws) > few {
		return changesOfMany(ws, ctx, timeout)
	}
	var watched [few]<-chan struct{}
	i := 0
	for ch := range ws {
		watched[i] = ch
		i++
	}
	select {
	case <-watched[0]:
	case <-watched[1]:
	case <-watched[2]:
	case <-ctx.Done():
		return false
	case <-timeout:
		return false
	}
	return true
}

func changesOfMany(ws memdb.WatchSet, ctx context.Context, timeout <-chan time.Time) bool {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := ws.WatchCh(ctx)
	select {
	case err := <-ended:
		return err == nil
	case <-timeout:
		return false
	}
}

// finish completes what f noted.
func (c *call) finish(m *meta) {
	m.index = max(m.index, 1) // an index of 0 would make clients poll without a wait
	if c.token == "" || c.token == anonymousToken {
		m.filtered = false // those without a token are not told that there is more
	}
	if !c.lost.IsZero() {
		m.leaderless, m.lastContact = true, time.Since(c.lost)
	}
}

// setMeta writes the headers that tell about the answer.
func (c *call) setMeta(m *meta) {
	header := c.w.Header()
	header["X-Consul-Index"] = []string{strconv.FormatUint(m.index, 10)}
	header["X-Consul-Knownleader"] = knownLeader
	if m.leaderless {
		header["X-Consul-Knownleader"] = noLeader
	}
	header["X-Consul-Lastcontact"] = lastContact
	if m.lastContact > 0 {
		header["X-Consul-Lastcontact"] = []string{strconv.FormatInt(m.lastContact.Milliseconds(), 10)}
	}
	if m.consistency != "" {
		header["X-Consul-Effective-Consistency"] = []string{m.consistency}
	}
	switch {
	case c.s.config.acl.Legacy: // Consul 1.10 has no such header
	case m.backend != "":
		header["X-Consul-Query-Backend"] = []string{m.backend}
	default:
		header["X-Consul-Query-Backend"] = blockingBackend
	}
	if m.filtered {
		header["X-Consul-Results-Filtered-By-Acls"] = knownLeader
	}
}

// setFailedMeta writes these headers beside an error, on the routes where the real server does: those of an answer that was
// never made.
func (c *call) setFailedMeta() {
	c.setMeta(&meta{index: 1, leaderless: true})
}

// unsetMeta takes the headers of setMeta back.
func (c *call) unsetMeta() {
	for _, name := range []string{
		"X-Consul-Index", "X-Consul-Knownleader", "X-Consul-Lastcontact", "X-Consul-Effective-Consistency",
		"X-Consul-Query-Backend", "X-Consul-Results-Filtered-By-Acls",
	} {
		c.w.Header().Del(name)
	}
}

var (
	knownLeader     = []string{"true"}
	noLeader        = []string{"false"}
	lastContact     = []string{"0"}
	blockingBackend = []string{"blocking-query"}
)

// waitTime is how long a blocking query is held that asks for the wait: 5 minutes where it does not say, 10 at most, and
// up to a sixteenth more.
func waitTime(wait time.Duration) time.Duration {
	if wait <= 0 {
		wait = defaultWait
	}
	wait = min(wait, maxWait)
	if jitter := int64(wait / jitterFraction); jitter > 0 {
		wait += time.Duration(rand.Int64N(jitter))
	}
	return wait
}

// gate bounds the blocking queries that are held at once.
type gate struct{ places chan struct{} }

func newGate(places int) gate { return gate{make(chan struct{}, places)} }

func (g gate) enter() error {
	select {
	case g.places <- struct{}{}:
		return nil
	default:
		return &httpError{status: http.StatusTooManyRequests, text: "Too many blocking queries: this server holds " +
			strconv.Itoa(cap(g.places)) + " at once. End some, or start it with a higher limit."}
	}
}

func (g gate) leave() { <-g.places }
