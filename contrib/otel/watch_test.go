package consulotel_test

// This file tests the spans and metrics of watches, in virtual time.

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/lictor-go/consul"
	consulotel "github.com/lictor-go/consul/contrib/otel"
)

func TestWatchIsMeasured(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, c *collector, client *consul.Client) {
		view := client.ViewKey(t.Context(), "plan")
		time.Sleep(150 * time.Second) // two waits of a minute, and the server's jitter, pass without a change
		if _, err := client.KV().Put(t.Context(), &consul.KVPair{Key: "plan"}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		view.Close()
		c.wantMetrics(t, "consul.client.watch", map[string]string{
			"consul.client.watch.rounds[{round}] {consul.watch.changed=false consul.watch.kind=key}": "3",
			"consul.client.watch.rounds[{round}] {consul.watch.changed=true consul.watch.kind=key}":  "1",
		})
		for _, s := range c.spans.GetSpans() {
			if s.Name == "watch key" {
				t.Error("a watch is traced that nobody has asked for")
			}
		}
	})
}

func TestWatchIsTraced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCollector(t)
		client := c.client(t, script(answer(200, onePair), answer(403, "Permission denied")), consulotel.WithBlockingQueries())
		for _, err := range client.WatchKey(t.Context(), "secret/plan") {
			if err != nil {
				break
			}
		}
		const asked = "GET /v1/kv/:key client in watch key {"
		c.wantSpans(t,
			asked+"http.request.method=GET http.response.status_code=200 "+local+" "+full+" "+byKey+"}",
			"watch key internal {consul.watch.changed=true consul.watch.kind=key consul.watch.name=secret/plan}",
			asked+"consul.blocking=true error.type=403 http.request.method=GET http.response.status_code=403 "+
				local+" "+full+"?index=7 "+byKey+"} Error",
			"watch key internal {consul.watch.kind=key consul.watch.name=secret/plan error.type=403} Error",
		)
		c.wantMetrics(t, "consul.client.watch", map[string]string{
			"consul.client.watch.rounds[{round}] {consul.watch.changed=true consul.watch.kind=key}": "1",
			"consul.client.watch.rounds[{round}] {consul.watch.kind=key error.type=403}":            "1",
		})
	})
}
