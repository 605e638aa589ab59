package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lictor-go/consul"
	"github.com/lictor-go/consul/embedded"
)

// TestFailoverInVirtualTime has a leader die and another take over. The leader's session lives for twice its TTL of 10 s at
// most, and its lock-delay of 15 s keeps the key from the other for that long: about half a minute in all, which takes
// milliseconds.
func TestFailoverInVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, err := embedded.Start()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = server.Close() }()
		client, err := consul.NewClient(&consul.Config{Transport: server.Transport()})
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()

		stand := func(name string) *consul.KVPair {
			id, _, err := client.Session().Create(t.Context(), &consul.SessionEntry{
				Name: name, TTL: 10 * time.Second, LockDelay: 15 * time.Second, NodeChecks: []string{},
			})
			if err != nil {
				t.Fatal(err)
			}
			return &consul.KVPair{Key: "leader", Value: []byte(name), Session: id}
		}
		leader, rival := stand("first"), stand("second")
		if won, _, err := client.KV().Acquire(t.Context(), leader); err != nil || !won {
			t.Fatalf("the first candidate does not lead: %v, %v", won, err)
		}

		// From here on the leader is dead, and renews nothing. The rival renews its own session and asks again and again.
		begin := time.Now()
		for {
			if _, _, err := client.Session().Renew(t.Context(), rival.Session); err != nil {
				t.Fatal(err)
			}
			won, _, err := client.KV().Acquire(t.Context(), rival)
			if err != nil {
				t.Fatal(err)
			}
			if won {
				break
			}
			time.Sleep(time.Second)
		}
		if took := time.Since(begin); took < 35*time.Second || took > 36*time.Second {
			t.Errorf("the rival leads after %v; twice the TTL and the lock-delay are 35 s", took)
		}
		pair, _, err := client.KV().Get(t.Context(), "leader")
		if err != nil {
			t.Fatal(err)
		}
		if got, want := fmt.Sprintf("%s, lock %d", pair.Value, pair.LockIndex), "second, lock 2"; got != want {
			t.Errorf("the key says %q, want %q", got, want)
		}
	})
}

// TestElectionFailsOverInVirtualTime cuts the leader of an election off from Consul. It must stop before another begins, which
// takes as long as it does in production: the session's TTL, up to twice, and the lock-delay. Here that is milliseconds.
func TestElectionFailsOverInVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, err := embedded.Start()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = server.Close() }()
		ctx, stop := context.WithCancel(t.Context())
		var began, ended [2]time.Time
		done := make(chan struct{}, len(began))
		for i, name := range []string{"first", "second"} {
			client, err := consul.NewClient(&consul.Config{
				Transport: server.Transport(), Header: http.Header{"X-Candidate": {name}},
			})
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			election, err := client.Election("service/leader", &consul.ElectionOptions{
				Value: []byte(name), SessionOpts: &consul.SessionEntry{TTL: 10 * time.Second, LockDelay: 15 * time.Second},
			})
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				defer func() { done <- struct{}{} }()
				err := election.Run(ctx, func(leading context.Context) error {
					began[i] = time.Now()
					<-leading.Done()
					ended[i] = time.Now()
					return nil
				})
				if !errors.Is(err, context.Canceled) {
					t.Errorf("%s: %v", name, err)
				}
			}()
			synctest.Wait() // so that the first is the first
		}

		time.Sleep(time.Minute)
		server.Inject(embedded.Fault{
			Match:  func(r *http.Request) bool { return r.Header.Get("X-Candidate") == "first" },
			Effect: embedded.Hang(),
		})
		cut := time.Now()
		time.Sleep(time.Minute)
		synctest.Wait()
		if lasted := ended[0].Sub(cut); ended[0].IsZero() || lasted > 10*time.Second {
			t.Errorf("the first leads on for %v after it was cut off; its session's TTL is 10 s", lasted)
		}
		if vacant := began[1].Sub(ended[0]); began[1].IsZero() || vacant < 15*time.Second {
			t.Errorf("the second leads %v after the first has ceased to; the lock-delay is 15 s", vacant)
		}
		if took := began[1].Sub(cut); took > 36*time.Second {
			t.Errorf("the second leads %v after the first was cut off; twice the TTL and the lock-delay are 35 s", took)
		}
		stop()
		for range began {
			<-done
		}
	})
}
