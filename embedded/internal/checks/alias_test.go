package checks_test

// This file holds the tests of alias checks, in virtual time.

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lictor-go/consul/embedded/internal/checks"
)

// followed is an AliasSource whose state tests set.
type followed struct {
	mu      sync.Mutex
	state   checks.AliasState
	changed chan struct{}
	asked   [2]string
}

func follow(state checks.AliasState) *followed {
	return &followed{state: state, changed: make(chan struct{})}
}

func (f *followed) Aliased(node, service string) (checks.AliasState, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = [2]string{node, service}
	return f.state, f.changed
}

// set changes the state, and says so where loud is true.
func (f *followed) set(loud bool, state checks.AliasState) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state = state
	if loud {
		close(f.changed)
		f.changed = make(chan struct{})
	}
}

func TestAliasFollows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := follow(checks.AliasState{})
		c, heard := newCheck(t, checks.Definition{AliasService: "web", AliasNode: "n", Interval: time.Hour},
			checks.Env{Aliases: source})
		c.Start()
		wantSaid(t, heard, said{"critical", "Service web could not be found on node n"})
		if source.asked != [2]string{"n", "web"} {
			t.Errorf("it asked for %q", source.asked)
		}

		source.set(true, checks.AliasState{ServiceExists: true})
		wantSaid(t, heard, said{"passing", "No checks found."})

		// Of what the source is silent about it hears after a minute.
		source.set(false, checks.AliasState{ServiceExists: true, Checks: []checks.AliasedCheck{{Status: "passing"}}})
		time.Sleep(time.Minute - 1)
		wantSaid(t, heard)
		time.Sleep(time.Nanosecond)
		wantSaid(t, heard, said{"passing", "All checks passing."})

		c.Stop()
		source.set(true, checks.AliasState{})
		time.Sleep(time.Hour)
		wantSaid(t, heard)
	})
}

func TestAliasStatus(t *testing.T) {
	t.Parallel()
	check := func(service, name, status string) checks.AliasedCheck {
		return checks.AliasedCheck{Name: name, ServiceID: service, Status: status, Output: "out of " + name}
	}
	tests := map[string]struct {
		service string
		state   checks.AliasState
		want    said
	}{
		"the service's": {"web", checks.AliasState{Checks: []checks.AliasedCheck{check("web", "w", "warning")}},
			said{"warning", `Aliased check "w" failing: out of w`}},
		"the node's": {"web",
			checks.AliasState{ServiceExists: true, Checks: []checks.AliasedCheck{check("", "n", "critical")}},
			said{"critical", `Aliased check "n" failing: out of n`}},
		"another's": {"web",
			checks.AliasState{ServiceExists: true, Checks: []checks.AliasedCheck{check("db", "d", "critical")}},
			said{"passing", "No checks found."}},
		"critical before warning": {"web",
			checks.AliasState{Checks: []checks.AliasedCheck{check("web", "c", "critical"), check("web", "w", "warning")}},
			said{"critical", `Aliased check "c" failing: out of c`}},
		"critical after warning": {"web",
			checks.AliasState{Checks: []checks.AliasedCheck{check("web", "w", "warning"), check("web", "c", "critical")}},
			said{"critical", `Aliased check "c" failing: out of c`}},
		"passing after warning": {"web",
			checks.AliasState{Checks: []checks.AliasedCheck{check("web", "w", "warning"), check("web", "p", "passing")}},
			said{"warning", `Aliased check "w" failing: out of w`}},
		"no service, critical node": {"web", checks.AliasState{Checks: []checks.AliasedCheck{check("", "n", "critical")}},
			said{"critical", "Service web could not be found on node "}},
		"a node alone": {"", checks.AliasState{Checks: []checks.AliasedCheck{check("", "n", "passing"), check("web", "w", "critical")}},
			said{"passing", "All checks passing."}},
		"quoted name": {"web", checks.AliasState{Checks: []checks.AliasedCheck{{Name: `a "b"`, ServiceID: "web", Status: "critical"}}},
			said{"critical", `Aliased check "a \"b\"" failing: `}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				def := checks.Definition{AliasService: test.service}
				if test.service == "" {
					def.AliasNode = "n"
				}
				if got := firstResult(t, def, checks.Env{Aliases: follow(test.state)}); got != test.want {
					t.Errorf("got %q, want %q", got, test.want)
				}
			})
		})
	}
}
