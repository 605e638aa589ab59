package checks_test

// This file holds the tests of TTL checks, in virtual time.

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lictor-go/consul/embedded/internal/checks"
)

// wantSaid compares what was heard so far.
func wantSaid(t *testing.T, heard <-chan said, want ...said) {
	t.Helper()
	synctest.Wait()
	got := all(heard)
	if len(got) != len(want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("%d: got %q, want %q", i, got[i], want[i])
		}
	}
}

func startTTL(t *testing.T, def checks.Definition, env checks.Env) (*checks.TTL, <-chan said) {
	t.Helper()
	c, heard := newCheck(t, def, env)
	c.Start()
	return c.(*checks.TTL), heard
}

func TestTTLExpires(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ttl, heard := startTTL(t, checks.Definition{TTL: 10 * second}, checks.Env{})
		defer ttl.Stop()

		time.Sleep(10*second - 1)
		wantSaid(t, heard)
		time.Sleep(time.Nanosecond)
		wantSaid(t, heard, said{"critical", "TTL expired"})

		// It expires once, whatever time passes.
		time.Sleep(time.Hour)
		wantSaid(t, heard)

		ttl.SetStatus("warning", "so so")
		wantSaid(t, heard, said{"warning", "so so"})
		time.Sleep(9 * second)
		ttl.SetStatus("passing", "good")
		time.Sleep(10*second - 1)
		wantSaid(t, heard, said{"passing", "good"})
		time.Sleep(time.Nanosecond)
		wantSaid(t, heard, said{"critical", "TTL expired (last output before timeout follows): good"})
	})
}

func TestTTLIsTruncated(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, test := range []struct {
			agent, check int
			length, want int
		}{
			{0, 0, 4096, 4096},
			{0, 0, 4097, 4096},
			{0, 10, 11, 10},
			{20, 0, 21, 20},
			{20, 10, 21, 10},
			{10, 20, 21, 10}, // a check can't have more than the agent allows
			{0, 5000, 5000, 4096},
		} {
			ttl, heard := startTTL(t, checks.Definition{TTL: second, OutputMaxSize: test.check}, checks.Env{OutputMaxSize: test.agent})
			ttl.SetStatus("passing", strings.Repeat("x", test.length))
			got := <-heard
			kept, rest, cut := strings.Cut(got.output, " ")
			if len(kept) != test.want || cut != (test.length > test.want) {
				t.Errorf("%+v: got %d bytes, and %q", test, len(kept), rest)
			}
			ttl.Stop()
		}

		ttl, heard := startTTL(t, checks.Definition{TTL: second, OutputMaxSize: 3}, checks.Env{})
		ttl.SetStatus("passing", "abcdef")
		time.Sleep(second)
		wantSaid(t, heard, said{"passing", "abc ... (captured 3 of 6 bytes)"},
			said{"critical", "TTL expired (last output before timeout follows): abc ... (captured 3 of 6 bytes)"})
		ttl.Stop()
	})
}

func TestTTLStops(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, heard := newCheck(t, checks.Definition{TTL: second}, checks.Env{})
		ttl := c.(*checks.TTL)
		ttl.SetStatus("passing", "early")
		ttl.Start()
		ttl.Stop()
		ttl.SetStatus("passing", "late")
		time.Sleep(time.Hour)
		wantSaid(t, heard)
	})
}

// TestTTLInTime tells a check its status at the instant at which it expires. Whichever comes first, the status comes last.
func TestTTLInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ttl, heard := startTTL(t, checks.Definition{TTL: second}, checks.Env{})
		defer ttl.Stop()
		time.Sleep(second)
		ttl.SetStatus("passing", "")
		synctest.Wait()
		got := all(heard)
		if last := got[len(got)-1]; last.status != "passing" {
			t.Errorf("got %q", got)
		}
	})
}
