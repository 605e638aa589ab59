package benchmarks

// This file measures the recipes when something goes wrong. It needs a real Consul. What is measured waits most of the
// time, so that all of it, by both clients, goes on at once.

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lictor-go/consul"
)

const (
	// sessionTTL is that of the sessions here: the shortest that servers take.
	sessionTTL = 10 * time.Second
	// patience is how long the end of a hold is waited for.
	patience = 30 * time.Second
	// electionTime is how long a leader is missing.
	electionTime = 3 * time.Second
	// lossTime is how long after the fault a hold that was not lost counts as kept: a renewal is due in it.
	lossTime = 6 * time.Second
	// shortDelay is the lock-delay of the contender whose session ends.
	shortDelay = 2 * time.Second
)

// BenchmarkFaults measures what becomes of a hold in faults.
func BenchmarkFaults(b *testing.B) {
	server := newRecipeServer(b)
	ctx, cancel := context.WithTimeout(b.Context(), recipeLimit)
	defer cancel()
	type outcome struct {
		name    string
		figures map[string]float64
		err     error
	}
	var all sync.WaitGroup
	var outcomes []*outcome
	begin := func(what string, m maker, run func() (map[string]float64, error)) {
		o := &outcome{name: "what=" + what + "/client=" + m.name}
		outcomes = append(outcomes, o)
		all.Go(func() { o.figures, o.err = run() })
	}
	admin := newThis(b, server)
	for _, newMaker := range makers {
		direct := newMaker(b, server)
		begin("lockdelay", direct, func() (map[string]float64, error) { return afterDelay(ctx, direct, admin) })

		r := newRelay(b, strings.TrimPrefix(server, "http://"))
		relayed := newMaker(b, r.url())
		begin("silence", relayed, func() (map[string]float64, error) { return silence(ctx, r, relayed, admin) })

		once, url := newFront(b, server)
		interrupted := newMaker(b, url)
		begin("503", interrupted, func() (map[string]float64, error) {
			return lostBy(ctx, interrupted, "503", func() {
				once.failOnce(outage{http.StatusServiceUnavailable, "Service Unavailable"})
			})
		})

		election, url := newFront(b, server)
		leaderless := newMaker(b, url)
		begin("election", leaderless, func() (map[string]float64, error) {
			return lostBy(ctx, leaderless, "election", func() {
				election.fail(outage{http.StatusInternalServerError, "No cluster leader"})
				pause(ctx, electionTime)
				election.recover()
			})
		})
	}
	all.Wait()
	for _, o := range outcomes {
		b.Run(o.name, func(b *testing.B) {
			if o.err != nil {
				b.Fatal(o.err)
			}
			for unit, v := range o.figures {
				b.ReportMetric(v, unit)
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// silence has the network of a holder go silent, and tells after how long it knows that its hold is over, and after how
// long a rival, whose network works, has the lock. A hold that has not ended within patience counts as that.
func silence(ctx context.Context, r *relay, m maker, admin *consul.Client) (map[string]float64, error) {
	key := "bench/silence/" + m.name
	l, err := m.lock(key, terms{ttl: sessionTTL, lockDelay: time.Second})
	if err != nil {
		return nil, err
	}
	watched := m.seen.wait()
	lost, err := l.take(ctx)
	if err != nil {
		return nil, err
	}
	<-watched
	rival, err := admin.LockKey(key)
	if err != nil {
		return nil, err
	}
	r.silence()
	start := time.Now()
	var both sync.WaitGroup
	var rivalErr error
	end, rivalHolds := patience, patience
	both.Go(func() {
		select {
		case <-lost:
			end = time.Since(start)
		case <-time.After(patience):
		}
	})
	both.Go(func() {
		if _, rivalErr = rival.Lock(ctx); rivalErr == nil {
			rivalHolds = time.Since(start)
			rivalErr = rival.Unlock(ctx)
		}
	})
	both.Wait()
	return map[string]float64{"end-s": end.Seconds(), "rival-s": rivalHolds.Seconds()}, rivalErr
}

// lostBy tells whether a fault loses a hold: 1, or 0 where the hold is kept.
func lostBy(ctx context.Context, m maker, what string, fault func()) (map[string]float64, error) {
	l, err := m.lock("bench/"+what+"/"+m.name, terms{ttl: sessionTTL})
	if err != nil {
		return nil, err
	}
	watched := m.seen.wait()
	lost, err := l.take(ctx)
	if err != nil {
		return nil, err
	}
	<-watched
	pause(ctx, 100*time.Millisecond) // the question that watches the lock is on its way to the server
	fault()
	select {
	case <-lost:
		return map[string]float64{"lost": 1}, nil
	case <-time.After(lossTime):
		return map[string]float64{"lost": 0}, l.giveBack(ctx)
	}
}

// afterDelay has a session end that holds a lock, and tells how long after that a contender has it: at most, of some.
func afterDelay(ctx context.Context, m maker, admin *consul.Client) (map[string]float64, error) {
	const contenders = 5
	var all sync.WaitGroup
	var took [contenders]time.Duration
	var errs [contenders]error
	for i := range contenders {
		// They begin one after the other: who waits is told by the requests of all.
		ended, taken, err := takeOver(ctx, m, admin, fmt.Sprintf("bench/delay/%s/%d", m.name, i))
		if err != nil {
			return nil, err
		}
		all.Go(func() {
			errs[i] = <-taken
			took[i] = time.Since(ended)
		})
	}
	all.Wait()
	longest := took[0]
	for _, t := range took {
		longest = max(longest, t)
	}
	return map[string]float64{"next-s": longest.Seconds()}, errors.Join(errs[:]...)
}

// takeOver ends a session that holds the key while a contender waits. It tells when, and gives what comes of the
// contender.
func takeOver(
	ctx context.Context, m maker, admin *consul.Client, key string,
) (ended time.Time, taken <-chan error, err error) {
	session, _, err := admin.Session().Create(ctx, &consul.SessionEntry{LockDelay: shortDelay})
	if err != nil {
		return ended, nil, err
	}
	pair := &consul.KVPair{Key: key, Flags: consul.LockFlagValue, Session: session}
	if held, _, err := admin.KV().Acquire(ctx, pair); err != nil || !held {
		return ended, nil, fmt.Errorf("acquire: %v, %w", held, err)
	}
	l, err := m.lock(key, terms{})
	if err != nil {
		return ended, nil, err
	}
	waits := m.seen.wait()
	result := make(chan error, 1)
	go func() {
		_, err := l.take(ctx)
		result <- err
	}()
	select {
	case <-waits:
	case err := <-result:
		return ended, nil, fmt.Errorf("the lock was given to two: %v", err)
	}
	pause(ctx, 10*time.Millisecond) // the question that waits is on its way to the server
	ended = time.Now()
	_, err = admin.Session().Destroy(ctx, session)
	return ended, result, err
}

// pause lets some time go by.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
