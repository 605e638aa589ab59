package benchmarks

// This file measures changes on a real Consul: how soon all who watch have seen one, and with how many requests.

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/hashicorp/consul/api/watch"

	"github.com/lictor-go/consul"
	"github.com/lictor-go/consul/testutil"
)

const (
	// watchLimit is how long all changes may take.
	watchLimit = 2 * time.Minute
	// onItsWay is how long a question that was asked needs at most until it waits at the server.
	onItsWay = 100 * time.Millisecond

	watchedKey       = "bench/watched"
	watchedService   = "watched"
	watchedInstances = 10
)

// A follower is a client that watches. Its functions tell each state that they see until ctx ends, or fail.
type follower struct {
	name      string
	questions func(watchers int) int // of so many watchers that wait
	key       func(ctx context.Context, saw func(state string)) error
	service   func(ctx context.Context, saw func(state string)) error
	seen      *requests
}

// followers make the follower of a server, by client.
var followers = []func(t testing.TB, url string) follower{incumbentFollower, thisFollower}

func thisFollower(t testing.TB, url string) follower {
	c, seen := newCounted(t, url)
	return follower{
		name:      thisName,
		questions: func(int) int { return 1 },
		key: func(ctx context.Context, saw func(string)) error {
			for pair, err := range c.WatchKey(ctx, watchedKey) {
				if err != nil {
					return err
				}
				saw(string(pair.Value))
			}
			return nil
		},
		service: func(ctx context.Context, saw func(string)) error {
			for entries, err := range c.WatchService(ctx, watchedService) {
				if err != nil {
					return err
				}
				saw(stateOf(entries, func(e *consul.ServiceEntry) string { return e.Service.Meta["state"] }))
			}
			return nil
		},
		seen: seen,
	}
}

func incumbentFollower(t testing.TB, url string) follower {
	c, seen := newCountedIncumbent(t, url)
	return follower{
		name:      incumbentName,
		questions: func(watchers int) int { return watchers },
		key: func(ctx context.Context, saw func(string)) error {
			return runPlan(ctx, c, map[string]any{"type": "key", "key": watchedKey}, func(pair *api.KVPair) {
				saw(string(pair.Value))
			})
		},
		service: func(ctx context.Context, saw func(string)) error {
			return runPlan(ctx, c, map[string]any{"type": "service", "service": watchedService}, func(e []*api.ServiceEntry) {
				saw(stateOf(e, func(e *api.ServiceEntry) string { return e.Service.Meta["state"] }))
			})
		},
		seen: seen,
	}
}

// runPlan runs a plan of the incumbent's watch package until ctx ends. Told is told of each result.
func runPlan[T any](ctx context.Context, c *api.Client, params map[string]any, told func(T)) error {
	plan, err := watch.Parse(params)
	if err != nil {
		return err
	}
	plan.Handler = func(_ uint64, result any) { told(result.(T)) }
	defer context.AfterFunc(ctx, plan.Stop)()
	return plan.RunWithClientAndHclog(c, nil)
}

// stateOf is what the first instance says, where all are there.
func stateOf[E any](entries []E, state func(E) string) string {
	if len(entries) != watchedInstances {
		return fmt.Sprintf("%d instances", len(entries))
	}
	return state(entries[0])
}

// newWatchServer starts a real Consul that has what is watched, in the state "0", and gives a client that changes it. The
// server takes a connection of each of many watchers.
func newWatchServer(b *testing.B) (url string, writer *consul.Client) {
	b.Helper()
	testutil.NeedReal(b, "changes as the server has them")
	s := testutil.NewServer(b, testutil.WithConfig(`limits { http_max_conns_per_client = 5000 }`))
	writer = newThis(b, s.URL())
	for i := range watchedInstances {
		if err := writeInstance(b.Context(), writer, i, "0"); err != nil {
			b.Fatal(err)
		}
	}
	return s.URL(), writer
}

func writeInstance(ctx context.Context, c *consul.Client, i int, state string) error {
	return register(ctx, c, &consul.AgentService{
		ID: fmt.Sprintf("%s-%d", watchedService, i), Service: watchedService, Port: 8080,
		Tags: []string{"http", "v1.4.2"}, Meta: map[string]string{"state": state},
	})
}

// BenchmarkKeyWatcher has one watcher of a key, and changes that.
func BenchmarkKeyWatcher(b *testing.B) {
	url, writer := newWatchServer(b)
	for _, newFollower := range followers {
		f := newFollower(b, url)
		measureChanges(b, f, 1, 20, f.key, func(ctx context.Context, state string) error {
			_, err := writer.KV().Put(ctx, &consul.KVPair{Key: watchedKey, Value: []byte(state)})
			return err
		})
	}
}

// BenchmarkServiceWatchers has 1,000 watchers of a service, and changes one of its instances.
func BenchmarkServiceWatchers(b *testing.B) {
	url, writer := newWatchServer(b)
	for _, newFollower := range followers {
		f := newFollower(b, url)
		measureChanges(b, f, 1000, 10, f.service, func(ctx context.Context, state string) error {
			return writeInstance(ctx, writer, 0, state)
		})
	}
}

// changesAMinute is for how many changes the requests of a minute are told.
const changesAMinute = 10

// measureChanges has watchers see so many changes, one after the other: the time from before one is written until the last
// of them has seen it, and the requests of that.
func measureChanges(b *testing.B, f follower, watchers, changes int,
	watch func(ctx context.Context, saw func(state string)) error, write func(ctx context.Context, state string) error,
) {
	b.Run("client="+f.name, func(b *testing.B) {
		ctx, cancel := context.WithTimeout(b.Context(), watchLimit)
		defer cancel()
		if err := write(ctx, "0"); err != nil {
			b.Fatal(err)
		}
		c := beginWatching(ctx, watchers, watch)
		defer c.end()
		took, err := c.change(ctx, f, changes, write)
		if err != nil {
			b.Fatal(err)
		}
		slices.Sort(took.times)
		b.ReportMetric(took.times[len(took.times)/2].Seconds(), "seen-s")
		aChange := float64(took.questions) / float64(changes)
		b.ReportMetric(aChange, "questions/change")
		b.ReportMetric(aChange*changesAMinute, "questions/min")
		b.ReportMetric(took.idle, "idle-questions/min")
	})
}

// A crowd is all who watch.
type crowd struct {
	size     int
	cancel   context.CancelFunc
	sights   chan sight
	failures chan error // one of each
}

// A sight is the state that a watcher saw.
type sight struct {
	state string
	at    time.Time
}

func beginWatching(ctx context.Context, size int, watch func(ctx context.Context, saw func(state string)) error) *crowd {
	ctx, cancel := context.WithCancel(ctx)
	c := &crowd{size, cancel, make(chan sight, size), make(chan error, size)}
	for range size {
		go func() {
			c.failures <- watch(ctx, func(state string) {
				select {
				case c.sights <- sight{state, time.Now()}:
				case <-ctx.Done():
				}
			})
		}()
	}
	return c
}

// end ends all, and waits for that.
func (c *crowd) end() {
	c.cancel()
	for range c.size {
		<-c.failures
	}
}

// await waits until all have seen a state, each once, and tells when the last did.
func (c *crowd) await(ctx context.Context, state string) (last time.Time, err error) {
	for n := range c.size {
		select {
		case s := <-c.sights:
			if s.state != state {
				return last, fmt.Errorf("a watcher saw the state %q, want %q", s.state, state)
			}
			if s.at.After(last) {
				last = s.at
			}
		case err := <-c.failures:
			c.failures <- err // it is counted by end
			return last, fmt.Errorf("a watch ended: %v", err)
		case <-ctx.Done():
			return last, fmt.Errorf("%d of %d have seen the state %q: %w", n, c.size, state, ctx.Err())
		}
	}
	return last, nil
}

// awaitQuestions waits until so many questions wait at the server.
func awaitQuestions(ctx context.Context, r *requests, want int) error {
	for now := -1; now != want; {
		if now, _ = r.held(); ctx.Err() != nil {
			return fmt.Errorf("%d questions wait, want %d: %w", now, want, ctx.Err())
		}
		time.Sleep(time.Millisecond)
	}
	time.Sleep(onItsWay)
	return nil
}

// changed is what changes took.
type changed struct {
	times     []time.Duration
	questions int     // that all changes together were asked for with
	idle      float64 // requests a minute, while nothing changes
}

// change changes the state from "0" on, each time when all have seen the one before and wait.
func (c *crowd) change(ctx context.Context, f follower, times int, write func(context.Context, string) error) (*changed, error) {
	var took changed
	if _, err := c.await(ctx, "0"); err != nil {
		return nil, err
	}
	want := f.questions(c.size)
	if err := awaitQuestions(ctx, f.seen, want); err != nil {
		return nil, err
	}
	_, took.idle = f.seen.held()
	before, _ := f.seen.counts()
	for i := range times {
		state, start := strconv.Itoa(i+1), time.Now()
		if err := write(ctx, state); err != nil {
			return nil, err
		}
		last, err := c.await(ctx, state)
		if err != nil {
			return nil, err
		}
		took.times = append(took.times, last.Sub(start))
		if err := awaitQuestions(ctx, f.seen, want); err != nil {
			return nil, err
		}
	}
	after, _ := f.seen.counts()
	took.questions = after - before
	return &took, nil
}
