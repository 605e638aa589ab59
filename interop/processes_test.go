package interop

// This file has processes contend, as programs do, one of which is killed while it is inside. They are this test's own
// program, run anew in another role.

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/lictor-go/consul"
)

// These tell a process of the test what it is: by what it contends, on which server, and who it is.
const (
	recipeVariable  = "INTEROP_RECIPE"
	addressVariable = "INTEROP_ADDRESS"
	nameVariable    = "INTEROP_NAME"
)

const (
	victim    = "victim" // the process that stays inside until it is killed
	holdsSeen = 4        // how often the victim gets in, and the others after its end
)

// A guarded is what a recipe protects: it gets in, runs inside with the fence, and leaves.
type guarded func(ctx context.Context, inside func(fence uint64)) error

// recipes are what processes contend by, and how many of them it lets in. expires is to await the end of the victim's
// session, which takes 20 s; the others have it destroyed.
var recipes = map[string]struct {
	limit   int
	expires bool
	guard   func(c *consul.Client, key string, session *consul.SessionEntry) (guarded, error)
}{
	"Lock": {1, true, func(c *consul.Client, key string, session *consul.SessionEntry) (guarded, error) {
		l, err := c.LockOpts(&consul.LockOptions{Key: key, SessionOpts: session})
		return guardedBy(l.Lock, l.Fence, l.Unlock), err
	}},
	"FairLock": {1, false, func(c *consul.Client, key string, session *consul.SessionEntry) (guarded, error) {
		l, err := c.FairLockOpts(&consul.LockOptions{Key: key, SessionOpts: session})
		return guardedBy(l.Lock, l.Fence, l.Unlock), err
	}},
	"Semaphore": {2, false, func(c *consul.Client, key string, session *consul.SessionEntry) (guarded, error) {
		s, err := c.SemaphoreOpts(&consul.SemaphoreOptions{Prefix: key, Limit: 2, SessionOpts: session})
		noFence := func() uint64 { return 0 }
		return guardedBy(s.Acquire, noFence, s.Release), err
	}},
	"Election": {1, false, func(c *consul.Client, key string, session *consul.SessionEntry) (guarded, error) {
		e, err := c.Election(key, &consul.ElectionOptions{SessionOpts: session})
		return func(ctx context.Context, inside func(uint64)) error {
			return e.Run(ctx, func(context.Context) error {
				inside(e.Fence())
				return nil
			})
		}, err
	}},
}

func guardedBy(
	take func(context.Context) (context.Context, error), fence func() uint64, give func(context.Context) error,
) guarded {
	return func(ctx context.Context, inside func(uint64)) error {
		if _, err := take(ctx); err != nil {
			return err
		}
		inside(fence())
		return give(ctx)
	}
}

// contendAlone is what a process does: it gets in and leaves until its standard input ends, and says so on its output.
func contendAlone() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	told := make(chan struct{})
	go func() {
		defer close(told)
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()
	c, err := consul.NewClient(&consul.Config{Address: os.Getenv(addressVariable)})
	if err != nil {
		return err
	}
	defer c.Close()
	name := os.Getenv(nameVariable)
	recipe := os.Getenv(recipeVariable)
	hold, err := recipes[recipe].guard(c, "processes/"+recipe, &consul.SessionEntry{
		Name: recipe + " " + name, TTL: 10 * time.Second, LockDelay: 50 * time.Millisecond,
	})
	if err != nil {
		return err
	}
	for n := 1; ; n++ {
		var stayed error
		err := hold(ctx, func(fence uint64) {
			fmt.Printf("in %d %d\n", time.Now().UnixNano(), fence)
			if name == victim && n == holdsSeen {
				<-told // or it is killed
			}
			stayed = stay(ctx, c)
			fmt.Printf("out %d 0\n", time.Now().UnixNano())
		})
		if err := cmp.Or(err, stayed); err != nil {
			return err
		}
		select {
		case <-told:
			return nil
		default:
		}
	}
}

// An event is that a process got in or out.
type event struct {
	process string
	in      bool
	at      int64 // in nanoseconds of Unix time
	fence   uint64
}

// A process is one that contends.
type process struct {
	cmd   *exec.Cmd
	stdin io.Closer
	ended chan struct{} // closed after its last event
}

// startProcess starts a process, whose events go to events until the end of the test.
func startProcess(t *testing.T, recipe, address, name string, events chan<- event) *process {
	t.Helper()
	path, err := os.Executable()
	must(t, err)
	cmd := exec.CommandContext(t.Context(), path)
	cmd.Env = append(os.Environ(), recipeVariable+"="+recipe, addressVariable+"="+address, nameVariable+"="+name)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	must(t, err)
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	p := &process{cmd, stdin, make(chan struct{})}
	go func() {
		defer close(p.ended)
		for scanner := bufio.NewScanner(stdout); scanner.Scan(); {
			e, what := event{process: name}, ""
			if _, err := fmt.Sscan(scanner.Text(), &what, &e.at, &e.fence); err != nil {
				t.Errorf("the process %s printed %q", name, scanner.Text())
			}
			e.in = what == "in"
			select {
			case events <- e:
			case <-t.Context().Done():
			}
		}
	}()
	t.Cleanup(func() {
		stdin.Close()
		<-p.ended
		_ = cmd.Wait() // where the test has not done so, it has failed
	})
	return p
}

// await collects events until one of them, or what came before, is enough.
func await(t *testing.T, what string, events <-chan event, enough func(event) bool) (seen []event) {
	t.Helper()
	deadline := time.NewTimer(35 * time.Second)
	defer deadline.Stop()
	for {
		select {
		case e := <-events:
			if seen = append(seen, e); enough(e) {
				return seen
			}
		case <-deadline.C:
			t.Fatalf("not after 35 s: %s; so far %+v", what, seen)
		}
	}
}

// checkHolds checks that no more than limit were inside at once, and that fences only grow where one is.
func checkHolds(t *testing.T, limit int, all []event) {
	t.Helper()
	slices.SortStableFunc(all, func(a, b event) int { return cmp.Compare(a.at, b.at) })
	var inside []string
	var fence uint64
	for _, e := range all {
		if !e.in {
			i := slices.Index(inside, e.process)
			if i < 0 {
				t.Fatalf("%s gets out, inside are %v", e.process, inside)
			}
			inside = slices.Delete(inside, i, i+1)
			continue
		}
		inside = append(inside, e.process)
		if len(inside) > limit {
			t.Errorf("%v are inside at once", inside)
		}
		if limit == 1 && e.fence <= fence {
			t.Errorf("%s has the fence %d, after %d", e.process, e.fence, fence)
		}
		fence = e.fence
	}
	if len(inside) > 0 {
		t.Errorf("in the end %v are inside", inside)
	}
}

// destroySession ends the session of a process that is dead, as its TTL would.
func destroySession(t *testing.T, c *consul.Client, name string) {
	t.Helper()
	sessions, _, err := c.Session().List(t.Context())
	must(t, err)
	destroyed := false
	for _, s := range sessions {
		if s.Name == name {
			_, err := c.Session().Destroy(t.Context(), s.ID)
			must(t, err)
			destroyed = true
		}
	}
	if !destroyed {
		t.Errorf("the one of %q was killed inside, and has no session", name)
	}
}

// The one that is killed while it is inside is succeeded, and not before it is dead.
func TestProcesses(t *testing.T) {
	t.Parallel()
	for _, peer := range peers(t) {
		for recipe := range recipes {
			t.Run(peer.name+"/"+recipe, func(t *testing.T) {
				t.Parallel()
				processes(t, recipe, peer.address)
			})
		}
	}
}

func processes(t *testing.T, recipe, address string) {
	r, events := recipes[recipe], make(chan event)
	running := make(map[string]*process)
	for _, name := range []string{victim, "first", "second"} {
		running[name] = startProcess(t, recipe, address, name, events)
	}
	times := 0
	all := await(t, "the victim is inside", events, func(e event) bool {
		if e.process == victim && e.in {
			times++
		}
		return times == holdsSeen
	})
	must(t, running[victim].cmd.Process.Kill())
	<-running[victim].ended
	_ = running[victim].cmd.Wait() // it was killed
	dead := event{process: victim, at: time.Now().UnixNano()}
	all = append(all, dead)
	if !r.expires {
		destroySession(t, newClient(t, address), recipe+" "+victim)
	}
	after := make(map[string]int)
	all = append(all, await(t, "the others get in again", events, func(e event) bool {
		if e.in && e.at > dead.at {
			after[e.process]++
		}
		return after["first"] >= holdsSeen && after["second"] >= holdsSeen
	})...)
	var rest []event
	collected := make(chan struct{})
	go func() {
		defer close(collected)
		for e := range events {
			rest = append(rest, e)
		}
	}()
	for _, name := range []string{"first", "second"} {
		running[name].stdin.Close()
	}
	for _, name := range []string{"first", "second"} {
		<-running[name].ended
		if err := running[name].cmd.Wait(); err != nil {
			t.Errorf("the process %s ended with %v", name, err)
		}
	}
	close(events)
	<-collected
	checkHolds(t, r.limit, append(all, rest...))
}
