package chaos

// This file plays all of it: twenty contenders, clients that leave a history, and a cluster in trouble.

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lictor-go/consul"
	"github.com/lictor-go/consul/testutil"
)

// clusterConfig lets sessions be short, and keeps away two things that end holds too early, which no client can help:
//
//   - Each server keeps lock-delays in memory, as it applies what is in the log: one that restores from a snapshot has none.
//   - A server that is dead is removed from the cluster, and its node with all sessions, those without checks too.
const clusterConfig = `
session_ttl_min = "1s"
raft_snapshot_threshold = 10000000
autopilot { cleanup_dead_servers = false }
`

// entrants are the contenders, twenty in all.
var entrants = []struct {
	key     string
	make    func(*consul.Client, consul.LockOptions) (*place, error) // nil: it is an election
	session *consul.SessionEntry                                     // nil: one that is shared
	number  int
}{
	{lockKey, lockPlace, &byTTL, 2},
	{lockKey, lockPlace, &byCheck, 2},
	{lockKey, lockPlace, nil, 2},
	{fairKey, fairPlace, &byTTL, 2},
	{fairKey, fairPlace, &byCheck, 2},
	{fairKey, fairPlace, nil, 2},
	{semaphorePrefix, semaphorePlace, &byTTL, 1},
	{semaphorePrefix, semaphorePlace, &byCheck, 2},
	{semaphorePrefix, semaphorePlace, nil, 2},
	{electionKey, nil, &byCheckLater, 3},
}

// limits are how many may be inside at a time.
var limits = map[string]int{lockKey: 1, fairKey: 1, electionKey: 1, semaphorePrefix: semaphoreLimit}

func TestCluster(t *testing.T) {
	testutil.NeedReal(t, "a cluster")
	s := &stage{journal: newJournal(), cluster: testutil.NewCluster(t, 3, testutil.WithConfig(clusterConfig))}
	direct := newClient(t, &consul.Config{Address: s.cluster.Servers[0].Addr()})
	for key := range limits {
		_, err := direct.KV().Put(t.Context(), &consul.KVPair{Key: guardedKey(key), Value: []byte("0")})
		must(t, err)
	}
	history := s.play(t)
	s.wantNothingLeft(t, direct)
	t.Run("history", func(t *testing.T) { s.checkHistory(t, history) })
	for _, key := range slices.Sorted(maps.Keys(limits)) {
		t.Run(path.Base(key), func(t *testing.T) { checkHolds(t, s.journal, key, limits[key]) })
	}
	t.Logf("%d rounds of trouble in %v", *rounds, s.now().Round(time.Second))
}

// play has all contend while the cluster is in trouble, and until each was inside again after it. It gives the history that
// others left meanwhile.
func (s *stage) play(t *testing.T) *recorder {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	shared := []*sharer{s.share(t, 0), s.share(t, 1)}
	contend := s.enter(t, shared)
	var running sync.WaitGroup
	running.Go(func() { s.watchForStalls(ctx) })
	for i, c := range s.contenders {
		running.Go(func() {
			if err := c.run(ctx, contend[i]); err != nil {
				t.Error(err)
				stop()
			}
		})
	}
	history := &recorder{start: s.start}
	work, rest := context.WithCancel(ctx)
	defer rest()
	stopWork := s.workOn(work, t, history)
	if err := s.harass(ctx, *rounds); err != nil {
		t.Errorf("%v\n%s", err, s.timeline("", 0, s.now()))
	}
	rest()
	stopWork()
	s.calm.Store(true)
	if !eventually(t, "everybody is inside again", 20*ttl, s.hasEverybody) {
		s.tellMissing(t)
	}
	stop()
	running.Wait()
	for _, one := range shared {
		must(t, one.close(context.WithoutCancel(ctx)))
	}
	return history
}

// link makes a network between somebody and one of the servers.
func (s *stage) link(t *testing.T, i int) (*consul.Client, *relay) {
	link := newRelay(t, s.cluster.Servers[i%len(s.cluster.Servers)].Addr())
	return newClient(t, &consul.Config{Address: link.addr()}), link
}

func (s *stage) share(t *testing.T, i int) *sharer {
	client, link := s.link(t, i)
	return &sharer{client: client, link: link}
}

// enter makes the contenders, and what each does again and again.
func (s *stage) enter(t *testing.T, shared []*sharer) (contend []func(context.Context) error) {
	for _, e := range entrants {
		for i := range e.number {
			n := len(s.contenders)
			c := &contender{journal: s.journal, key: e.key, calm: &s.calm}
			c.name = fmt.Sprintf("%s %d", path.Base(e.key), n+1)
			s.contenders = append(s.contenders, c)
			if e.session == nil {
				c.client, c.link = shared[i].client, shared[i].link
				contend = append(contend, c.sharing(shared[i], e.make))
				continue
			}
			c.client, c.link = s.link(t, n)
			session := named(*e.session, c.name)
			if e.make == nil {
				election, err := c.client.Election(e.key, &consul.ElectionOptions{SessionOpts: session})
				must(t, err)
				contend = append(contend, func(ctx context.Context) error { return c.lead(ctx, election) })
				continue
			}
			p, err := e.make(c.client, consul.LockOptions{SessionOpts: session})
			must(t, err)
			contend = append(contend, func(ctx context.Context) error { return c.takeAndGive(ctx, p) })
		}
	}
	return contend
}

// hasEverybody gives nil when each contender was inside since the troubles were over.
func (s *stage) hasEverybody(context.Context) error {
	var missing []string
	for _, c := range s.contenders {
		if c.sinceCalm.Load() == 0 {
			missing = append(missing, c.name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%s: not yet", strings.Join(missing, ", "))
	}
	return nil
}

// tellMissing tells what happened to what nobody gets into any more, and who holds what.
func (s *stage) tellMissing(t *testing.T) {
	told := map[string]bool{}
	for _, c := range s.contenders {
		if c.sinceCalm.Load() > 0 || told[c.key] {
			continue
		}
		told[c.key] = true
		t.Logf("%s:\n%s", c.key, s.timeline(c.key, 0, s.now()))
		keys, _, err := c.client.KV().List(t.Context(), c.key, consul.Consistent())
		must(t, err)
		for _, pair := range keys {
			t.Logf("%s since index %d, held by %q", pair.Key, pair.CreateIndex, pair.Session)
		}
	}
	sessions, _, err := s.contenders[0].client.Session().List(t.Context(), consul.Consistent())
	must(t, err)
	for _, session := range sessions {
		t.Logf("session %s is that of %q", session.ID, session.Name)
	}
}

// isPlace reports whether a key is that of one who contends: beneath that of a fair lock or a semaphore, and not what these
// keep for all.
func isPlace(key string) bool {
	return strings.HasPrefix(key, fairKey+"/") ||
		strings.HasPrefix(key, semaphorePrefix+"/") && key != semaphorePrefix+"/"+consul.DefaultSemaphoreKey
}

// wantNothingLeft waits until no key is held or a contender's, and no session is there: one whose making was not answered ends with its TTL.
func (s *stage) wantNothingLeft(t *testing.T, c *consul.Client) {
	t.Helper()
	eventually(t, "nothing is left", 10*ttl, func(ctx context.Context) error {
		keys, _, err := c.KV().List(ctx, "chaos/", consul.Consistent())
		if err != nil {
			return err
		}
		sessions, _, err := c.Session().List(ctx, consul.Consistent())
		if err != nil {
			return err
		}
		var left []error
		for _, pair := range keys {
			switch {
			case pair.Session != "":
				left = append(left, fmt.Errorf("%s is held by %s", pair.Key, pair.Session))
			case isPlace(pair.Key):
				left = append(left, fmt.Errorf("%s is left, and nobody's", pair.Key))
			}
		}
		for _, session := range sessions {
			if strings.HasPrefix(session.Name, sessionPrefix) {
				left = append(left, fmt.Errorf("session %s of %q", session.ID, session.Name))
			}
		}
		return errors.Join(left...)
	})
}
