package benchmarks

// This file gives the recipes of both clients one shape, so that they can be put to the same test.

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/hashicorp/go-cleanhttp"

	"github.com/lictor-go/consul"
)

// A locker is a lock or a semaphore in the hands of one contender, with a session of its own.
type locker interface {
	// take waits for the hold. The channel is closed when the contender learns that the hold is over.
	take(ctx context.Context) (<-chan struct{}, error)
	giveBack(ctx context.Context) error
}

// terms are what the session of a locker is made with; zero values are the client's own defaults.
type terms struct{ ttl, lockDelay time.Duration }

// A maker makes lockers of one client, all on one pool of connections.
type maker struct {
	name      string
	lock      func(key string, terms terms) (locker, error)
	semaphore func(prefix string, limit int) (locker, error)
	seen      *requests
}

// makers make the makers of a server, by client.
var makers = []func(t testing.TB, url string) maker{incumbentMaker, thisMaker}

type thisLock struct{ *consul.Lock }

func (l thisLock) take(ctx context.Context) (<-chan struct{}, error) { return done(l.Lock.Lock(ctx)) }
func (l thisLock) giveBack(ctx context.Context) error                { return l.Unlock(ctx) }

type thisFairLock struct{ *consul.FairLock }

func (l thisFairLock) take(ctx context.Context) (<-chan struct{}, error) { return done(l.Lock(ctx)) }
func (l thisFairLock) giveBack(ctx context.Context) error                { return l.Unlock(ctx) }

type thisSemaphore struct{ *consul.Semaphore }

func (s thisSemaphore) take(ctx context.Context) (<-chan struct{}, error) {
	return done(s.Acquire(ctx))
}
func (s thisSemaphore) giveBack(ctx context.Context) error { return s.Release(ctx) }

func done(hold context.Context, err error) (<-chan struct{}, error) {
	if err != nil {
		return nil, err
	}
	return hold.Done(), nil
}

// newCounted is this client with its requests counted.
func newCounted(t testing.TB, url string) (*consul.Client, *requests) {
	t.Helper()
	config := &consul.Config{Address: url}
	transport, err := consul.NewTransport(config)
	if err != nil {
		t.Fatal(err)
	}
	seen := &requests{next: transport}
	config.Transport = seen
	c, err := consul.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); transport.CloseIdleConnections() })
	return c, seen
}

func thisMaker(t testing.TB, url string) maker {
	c, seen := newCounted(t, url)
	return maker{
		name: thisName,
		lock: func(key string, terms terms) (locker, error) {
			l, err := c.LockOpts(&consul.LockOptions{
				Key: key, SessionOpts: &consul.SessionEntry{TTL: terms.ttl, LockDelay: terms.lockDelay},
			})
			return thisLock{l}, err
		},
		semaphore: func(prefix string, limit int) (locker, error) {
			s, err := c.SemaphorePrefix(prefix, limit)
			return thisSemaphore{s}, err
		},
		seen: seen,
	}
}

// fairMaker is this client with its fair lock in the place of the lock.
func fairMaker(t testing.TB, url string) maker {
	c, seen := newCounted(t, url)
	return maker{
		name: thisName,
		lock: func(key string, _ terms) (locker, error) {
			l, err := c.FairLockKey(key)
			return thisFairLock{l}, err
		},
		seen: seen,
	}
}

type theirLock struct{ *api.Lock }

func (l theirLock) take(ctx context.Context) (<-chan struct{}, error) {
	return notNil(l.Lock.Lock(ctx.Done()))
}
func (l theirLock) giveBack(context.Context) error { return l.Unlock() }

type theirSemaphore struct{ *api.Semaphore }

func (s theirSemaphore) take(ctx context.Context) (<-chan struct{}, error) {
	return notNil(s.Acquire(ctx.Done()))
}
func (s theirSemaphore) giveBack(context.Context) error { return s.Release() }

// notNil makes an error of what the incumbent gives when the wait was ended.
func notNil(lost <-chan struct{}, err error) (<-chan struct{}, error) {
	if err == nil && lost == nil {
		err = errors.New("the wait was ended")
	}
	return lost, err
}

// newCountedIncumbent is the incumbent with its requests counted.
func newCountedIncumbent(t testing.TB, url string) (*api.Client, *requests) {
	t.Helper()
	transport := cleanhttp.DefaultPooledTransport() // as the incumbent's own
	seen := &requests{next: transport}
	config := api.DefaultConfig()
	config.Address, config.HttpClient = url, &http.Client{Transport: seen}
	c, err := api.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(transport.CloseIdleConnections)
	return c, seen
}

func incumbentMaker(t testing.TB, url string) maker {
	t.Helper()
	c, seen := newCountedIncumbent(t, url)
	return maker{
		name: incumbentName,
		lock: func(key string, terms terms) (locker, error) {
			opts := &api.LockOptions{Key: key, LockDelay: terms.lockDelay}
			if terms.ttl != 0 {
				opts.SessionTTL = terms.ttl.String()
			}
			l, err := c.LockOpts(opts)
			return theirLock{l}, err
		},
		semaphore: func(prefix string, limit int) (locker, error) {
			s, err := c.SemaphorePrefix(prefix, limit)
			return theirSemaphore{s}, err
		},
		seen: seen,
	}
}
