package checks_test

// This file holds what the tests share: how they start a check and hear from it.

import (
	"os"
	"testing"
	"time"

	"github.com/lictor-go/consul/embedded/internal/checks"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == leaveGroup {
		os.Exit(leave(os.Args[2]))
	}
	goleak.VerifyTestMain(m)
}

// said is one notification.
type said struct{ status, output string }

// newCheck makes a check that the test stops at its end if it did not before, and the channel of its notifications.
func newCheck(t *testing.T, def checks.Definition, env checks.Env) (checks.Runner, <-chan said) {
	t.Helper()
	heard := make(chan said, 1000)
	c, err := checks.New(def, env, func(status, output string) { heard <- said{status, output} })
	if err != nil {
		t.Fatal(err)
	}
	return c, heard
}

// atOnce is the stagger of tests that are not about it.
func atOnce(time.Duration) time.Duration { return 0 }

// firstResult runs a check until it says something.
func firstResult(t *testing.T, def checks.Definition, env checks.Env) said {
	t.Helper()
	env.Stagger = atOnce
	if def.Interval == 0 {
		def.Interval = time.Hour
	}
	c, heard := newCheck(t, def, env)
	c.Start()
	defer c.Stop()
	select {
	case s := <-heard:
		return s
	case <-time.After(time.Minute):
	}
	t.Fatal("the check says nothing")
	return said{}
}

// all is what was heard so far.
func all(heard <-chan said) (got []said) {
	for len(heard) > 0 {
		got = append(got, <-heard)
	}
	return got
}
