// Package chaos shows that the recipes stay right, and that histories of keys are linearizable, on a cluster of three real
// servers that are killed, suspended and restarted while connections go silent. It is a module of its own, so that what it
// needs is no dependency of anyone else.
package chaos

// This file holds what the tests share.

import (
	"context"
	"flag"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/lictor-go/consul"
)

// rounds are what a run is short or long by: one takes about 7 s.
var rounds = flag.Int("rounds", 4, "how often the cluster is troubled")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newClient is a client of the server at an address, until the end of the test.
func newClient(t *testing.T, config *consul.Config) *consul.Client {
	t.Helper()
	c, err := consul.NewClient(config)
	must(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

// pause waits for d; it reports false if ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// eventually calls ok until it gives nil. It reports false, and the test fails, where that takes too long.
func eventually(t *testing.T, what string, within time.Duration, ok func(context.Context) error) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	for {
		err := ok(ctx)
		if err == nil {
			return true
		}
		if !pause(ctx, 50*time.Millisecond) {
			t.Errorf("not after %v: %s: %v", within, what, err)
			return false
		}
	}
}
