package interop

// This file has those contend that a fleet is mixed of while it moves to this project's client: that client, the one that
// Consul comes with, and the command "consul lock".

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/lictor-go/consul"
)

// holdsOfEach is how often each gets in.
const holdsOfEach = 8

// A contender gets in, does what it does there, and gives the place up. It may be made to wait until ctx ends.
type contender struct {
	name string
	hold func(ctx context.Context, inside func() error) error
}

// A protocol is the path of a file to which each who is inside appends "in", and before it leaves "out": processes, too.
type protocol string

func (p protocol) write(event string) error {
	f, err := os.OpenFile(string(p), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = fmt.Fprintln(f, event)
	return err
}

// most reads how many were inside at once at the most, and checks that of holds none is missing and all are over.
func (p protocol) most(t *testing.T, holds int) int {
	t.Helper()
	text, err := os.ReadFile(string(p))
	must(t, err)
	inside, most := 0, 0
	for line := range strings.Lines(string(text)) {
		switch line {
		case "in\n":
			inside++
			holds--
		case "out\n":
			inside--
		default:
			t.Errorf("the protocol has the line %q", line)
		}
		most = max(most, inside)
	}
	if inside != 0 || holds != 0 {
		t.Errorf("in the end %d are inside, and %d holds are missing", inside, holds)
	}
	return most
}

// contend has each get in holdsOfEach times, all at once, and gives how many were inside at once at the most.
func contend(t *testing.T, c *consul.Client, p protocol, contenders []contender) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 35*time.Second)
	defer cancel()
	inside := func() error {
		if err := p.write("in"); err != nil {
			return err
		}
		if err := stay(ctx, c); err != nil {
			return err
		}
		return p.write("out")
	}
	var all sync.WaitGroup
	for _, c := range contenders {
		all.Go(func() {
			for i := range holdsOfEach {
				if err := c.hold(ctx, inside); err != nil {
					t.Errorf("%s, after %d holds: %v", c.name, i, err)
					cancel()
					return
				}
			}
		})
	}
	all.Wait()
	return p.most(t, holdsOfEach*len(contenders))
}

// stay stays inside for a moment: for as long as a question about a key waits in which nothing happens. It is long enough
// for another to come in, if the place is not kept, and for those who wait to wait again.
func stay(ctx context.Context, c *consul.Client) error {
	const key = "mixed/quiet"
	_, meta, err := c.KV().Get(ctx, key)
	if errors.Is(err, consul.ErrNotFound) {
		_, err = c.KV().Put(ctx, &consul.KVPair{Key: key})
		return err
	}
	if err == nil {
		_, _, err = c.KV().Get(ctx, key, consul.Wait(meta.LastIndex, 20*time.Millisecond))
	}
	return err
}

// newClient is this project's client of a server, until the end of the test.
func newClient(t *testing.T, address string) *consul.Client {
	t.Helper()
	c, err := consul.NewClient(&consul.Config{Address: address})
	must(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

// lockCommand is a contender that runs "consul lock", whose program writes the protocol.
func lockCommand(t *testing.T, address string, p protocol, args ...string) contender {
	c := newCLI(t, address, "")
	program := fmt.Sprintf("echo in >> '%[1]s'; cat '%[1]s' > /dev/null; echo out >> '%[1]s'", p)
	args = append(append([]string{"lock", "-child-exit-code"}, args...), program)
	return contender{"consul lock", func(ctx context.Context, _ func() error) error {
		if out, err := c.command(ctx, args...).CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	}}
}

// hasCommand says whether there is a consul command to run.
func hasCommand() bool { return os.Getenv("CONSUL_TEST_BACKEND") == "real" }

// ours is a contender of this project's client.
func ours(name string, take func(context.Context) (context.Context, error), give func(context.Context) error) contender {
	return contender{name, func(ctx context.Context, inside func() error) error {
		hold, err := take(ctx)
		if err != nil {
			return err
		}
		if err := inside(); err != nil {
			return err
		}
		if hold.Err() != nil {
			return context.Cause(hold)
		}
		return give(ctx)
	}}
}

// theirs is a contender of the client that Consul comes with. Its call that was stopped gives neither a channel nor an error.
func theirs(name string, take func(stop <-chan struct{}) (<-chan struct{}, error), give func() error) contender {
	return contender{name, func(ctx context.Context, inside func() error) error {
		lost, err := take(ctx.Done())
		if err != nil || lost == nil {
			return fmt.Errorf("take: %v, %w", err, ctx.Err())
		}
		if err := inside(); err != nil {
			return err
		}
		return give()
	}}
}

// mixed has the contenders that some make with both clients, and the command where there is one, contend on each server, and
// checks that as many as may be inside at once are, and no more.
func mixed(t *testing.T, limit int, some func(*testing.T, *consul.Client, *api.Client) []contender, command ...string) {
	for _, peer := range peers(t) {
		t.Run(peer.name, func(t *testing.T) {
			t.Parallel()
			client := newClient(t, peer.address)
			contenders := some(t, client, newAPI(t, &api.Config{Address: peer.address}))
			p := protocol(filepath.Join(t.TempDir(), "protocol"))
			if hasCommand() {
				contenders = append(contenders, lockCommand(t, peer.address, p, command...))
			}
			if most := contend(t, client, p, contenders); most != limit {
				t.Errorf("%d were inside at once at the most, want %d", most, limit)
			}
		})
	}
}

func TestMixedLock(t *testing.T) {
	t.Parallel()
	const prefix, key = "mixed/lock", "mixed/lock/" + api.DefaultSemaphoreKey // where "consul lock" has it
	mixed(t, 1, func(t *testing.T, c *consul.Client, a *api.Client) (all []contender) {
		for range 2 {
			our, err := c.LockKey(key)
			must(t, err)
			their, err := a.LockKey(key)
			must(t, err)
			all = append(all, ours("our lock", our.Lock, our.Unlock), theirs("their lock", their.Lock, their.Unlock))
		}
		return all
	}, prefix)
}

func TestMixedSemaphore(t *testing.T) {
	t.Parallel()
	const prefix, limit = "mixed/semaphore", 2
	mixed(t, limit, func(t *testing.T, c *consul.Client, a *api.Client) (all []contender) {
		for range 2 {
			our, err := c.SemaphorePrefix(prefix, limit)
			must(t, err)
			their, err := a.SemaphorePrefix(prefix, limit)
			must(t, err)
			all = append(all,
				ours("our semaphore", our.Acquire, our.Release), theirs("their semaphore", their.Acquire, their.Release))
		}
		return all
	}, fmt.Sprintf("-n=%d", limit), prefix)
}
