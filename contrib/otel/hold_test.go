package consulotel_test

// This file tests the spans and metrics of holds, on the embedded Consul in virtual time.

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lictor-go/consul"
	"github.com/lictor-go/consul/embedded"
)

// inWorld runs a test with a server, in virtual time.
func inWorld(t *testing.T, test func(t *testing.T, c *collector, client *consul.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		server, err := embedded.Start()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			server.Close()
			time.Sleep(time.Minute) // what tidies up may end
		})
		c := newCollector(t)
		test(t, c, c.client(t, server.Transport()))
	})
}

// request is the span of a request that took place in another.
func request(method, route, url, in string) string {
	return method + " " + route + " client in " + in + " {http.request.method=" + method +
		" http.response.status_code=200 " + local + " url.full=http://127.0.0.1:8500" + url + " url.template=" + route + "}"
}

func TestHoldIsTracedAndMeasured(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, c *collector, client *consul.Client) {
		lock, err := client.LockOpts(&consul.LockOptions{Key: "plan", SessionOpts: &consul.SessionEntry{TTL: time.Hour}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, span := c.tracer.Start(t.Context(), "job")
		if _, err := lock.Lock(ctx); err != nil {
			t.Fatal(err)
		}
		c.wantMetrics(t, "consul.client.hold", map[string]string{"consul.client.hold.active[{hold}] {consul.recipe=lock}": "1"})
		time.Sleep(time.Minute)
		if err := lock.Unlock(ctx); err != nil {
			t.Fatal(err)
		}
		span.End()

		spans := c.spans.GetSpans()
		c.spans.Reset()
		var got []string
		for _, s := range spans {
			if s.Name != "PUT /v1/session/destroy/:id" && s.Name != "GET /v1/kv/:key" { // which have IDs in their URLs
				got = append(got, spanText(s, spans))
			}
			if took := s.EndTime.Sub(s.StartTime); s.Name == "hold lock" && (took < time.Minute || took > 61*time.Second) {
				t.Errorf("the span of the hold lasts %v", took)
			}
		}
		want := []string{
			request("PUT", "/v1/session/create", "/v1/session/create", "take lock"),
			request("PUT", "/v1/txn", "/v1/txn", "take lock"),
			"take lock internal in job {consul.key=plan consul.recipe=lock}",
			"hold lock internal linked to job {consul.key=plan consul.recipe=lock consul.session=…}",
			"job internal {}",
		}
		for _, w := range want {
			if !slices.Contains(got, w) {
				t.Errorf("no span\n%s\namong\n%s", w, got)
			}
		}
		c.wantMetrics(t, "consul.client.hold", map[string]string{
			"consul.client.hold.active[{hold}] {consul.recipe=lock}": "0",
			"consul.client.hold.duration[s] {consul.recipe=lock}":    "1 in 1m0s",
		})
	})
}

func TestHoldThatIsLost(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, c *collector, client *consul.Client) {
		lock, err := client.LockKey("plan")
		if err != nil {
			t.Fatal(err)
		}
		hold, err := lock.Lock(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		rival, err := client.LockKey("plan")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := rival.TryLock(t.Context()); !errors.Is(err, consul.ErrLockHeld) {
			t.Fatalf("the rival gets %v", err)
		}
		if _, err := client.KV().Delete(t.Context(), "plan"); err != nil {
			t.Fatal(err)
		}
		<-hold.Done()
		synctest.Wait()
		c.wantMetrics(t, "consul.client.hold", map[string]string{
			"consul.client.hold.active[{hold}] {consul.recipe=lock}":                   "0",
			"consul.client.hold.duration[s] {consul.recipe=lock error.type=lock_lost}": "1 in 0s",
		})
		c.wantMetrics(t, "consul.client.take", map[string]string{
			"consul.client.take.duration[s] {consul.recipe=lock}":                      "1 in 0s",
			"consul.client.take.duration[s] {consul.recipe=lock error.type=lock_held}": "1 in 0s",
		})
		ends := map[string]string{
			"take lock": "take lock internal {consul.key=plan consul.recipe=lock error.type=lock_held} Error",
			"hold lock": "hold lock internal {consul.key=plan consul.recipe=lock consul.session=… error.type=lock_lost} Error",
		}
		spans := c.spans.GetSpans()
		for _, s := range spans { // of two with one name, the later counts
			if text := spanText(s, spans); text == ends[s.Name] {
				delete(ends, s.Name)
			}
		}
		for _, missing := range ends {
			t.Errorf("no span %s", missing)
		}
	})
}

// An election is one, though there is a lock in it; and what is waited for counts as waiting.
func TestElectionIsNamed(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, c *collector, client *consul.Client) {
		for range 2 {
			election, err := client.Election("leader", nil)
			if err != nil {
				t.Fatal(err)
			}
			err = election.Run(t.Context(), func(context.Context) error {
				time.Sleep(3 * time.Second)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		c.wantMetrics(t, "consul.client.hold", map[string]string{
			"consul.client.hold.active[{hold}] {consul.recipe=election}": "0",
			"consul.client.hold.duration[s] {consul.recipe=election}":    "2 in 6s",
		})
	})
}
