package consul_test

// This file has many watches follow many services of real servers that are killed and wiped, while registrations go on.

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/lictor-go/consul"
	"github.com/lictor-go/consul/testutil"
)

const watchedServices, watchesInAll = 50, 500

// A crowd is many watches of many services through one client, half of them behind views, and what each saw last.
type crowd struct {
	t    *testing.T
	last [watchesInAll]atomic.Int64 // port of the service's instance, 0 where there is none
	open atomic.Int64               // connections
	most atomic.Int64               // of them at once
	done sync.WaitGroup
}

// newCrowd has a crowd follow until the test ends.
func newCrowd(t *testing.T, address string) *crowd {
	t.Helper()
	config := consul.Config{Address: address}
	transport, err := consul.NewTransport(&config)
	if err != nil {
		t.Fatal(err)
	}
	c := &crowd{t: t}
	dial := transport.DialContext
	transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return c.count(conn), nil
	}
	config.Transport = transport
	client := clientWith(t, &config)
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(func() {
		stop()
		c.done.Wait()
		transport.CloseIdleConnections()
	})
	for i := range watchesInAll {
		loop := client.WatchService(ctx, watchedService(i))
		if i%2 == 0 {
			loop = client.ViewService(ctx, watchedService(i)).All(ctx)
		}
		c.done.Go(func() {
			for entries, err := range loop {
				if err != nil {
					continue // the server is down
				}
				port := 0
				if len(entries) == 1 {
					port = entries[0].Service.Port
				}
				c.last[i].Store(int64(port))
			}
		})
	}
	return c
}

func watchedService(i int) string { return fmt.Sprint("watched-", i%watchedServices) }

// count counts a connection until it is closed.
func (c *crowd) count(conn net.Conn) net.Conn {
	for n := c.open.Add(1); ; {
		most := c.most.Load()
		if n <= most || c.most.CompareAndSwap(most, n) {
			return &countedConn{Conn: conn, closed: sync.OnceFunc(func() { c.open.Add(-1) })}
		}
	}
}

type countedConn struct {
	net.Conn
	closed func()
}

func (c *countedConn) Close() error {
	c.closed()
	return c.Conn.Close()
}

// want waits until each watch has seen this port last.
func (c *crowd) want(port func(i int) int) {
	c.t.Helper()
	eventually(c.t, "each watch has the last state", func() bool {
		for i := range c.last {
			if int(c.last[i].Load()) != port(i%watchedServices) {
				return false
			}
		}
		return true
	})
	most := c.most.Load()
	c.t.Logf("%d watches of %d services had %d connections at most", watchesInAll, watchedServices, most)
	// One a question, and those that take the place of broken ones before these are closed.
	if most > 2*watchedServices {
		c.t.Errorf("there were %d connections at once", most)
	}
}

// churn registers services with other ports, over and over, until the function is called that it gives.
func churn(t *testing.T, client *consul.Client) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(testContext(t))
	var done sync.WaitGroup
	done.Go(func() {
		for ctx.Err() == nil {
			registerWatched(ctx, client, rand.IntN(watchedServices), 1+rand.IntN(1000)) // fails while there is no leader
		}
	})
	return func() {
		cancel()
		done.Wait()
	}
}

func registerWatched(ctx context.Context, client *consul.Client, i, port int) error {
	_, err := client.Catalog().Register(ctx, &consul.CatalogRegistration{
		Node: watchedService(i), Address: "10.0.0.1", Service: &consul.AgentService{Service: watchedService(i), Port: port},
	})
	return err
}

// settleWatched gives each service its last port.
func settleWatched(t *testing.T, client *consul.Client, port func(i int) int) {
	t.Helper()
	for i := range watchedServices {
		eventually(t, "a service is registered", func() bool { return registerWatched(testContext(t), client, i, port(i)) == nil })
	}
}

func TestCrowdOnACluster(t *testing.T) {
	testutil.NeedReal(t, "a cluster")
	t.Parallel()
	cluster := testutil.NewCluster(t, 3)
	leader, follower := leaderAndFollower(t, cluster)
	var third *testutil.Server
	for _, s := range cluster.Servers {
		if s != leader && s != follower {
			third = s
		}
	}
	writer := clientWith(t, &consul.Config{Address: third.Addr()})
	crowd := newCrowd(t, follower.Addr())
	stop := churn(t, writer)
	ctx := testContext(t)
	crowd.moves()
	if err := leader.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := cluster.Leader(ctx); err != nil {
		t.Fatal(err)
	}
	crowd.moves()
	if err := errors.Join(leader.Restart(ctx), follower.Kill(), follower.Restart(ctx)); err != nil {
		t.Fatal(err)
	}
	crowd.moves()
	stop()
	last := func(i int) int { return 2000 + i }
	settleWatched(t, writer, last)
	crowd.want(last)
}

// moves waits until watches have seen something that was not there before.
func (c *crowd) moves() {
	c.t.Helper()
	var before [watchesInAll]int64
	for i := range before {
		before[i] = c.last[i].Load()
	}
	eventually(c.t, "a tenth of the watches see a change", func() bool {
		moved := 0
		for i := range before {
			if c.last[i].Load() != before[i] {
				moved++
			}
		}
		return moved > watchesInAll/10
	})
}

// The indexes of an agent that was wiped start anew, below those that the watches have seen.
func TestCrowdOnAnAgentThatIsWiped(t *testing.T) {
	testutil.NeedReal(t, "one whose data is lost")
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	server := testutil.NewServer(t, testutil.WithConfig(fmt.Sprintf("data_dir = %q", data)))
	writer := clientWith(t, &consul.Config{Address: server.Addr()})
	crowd := newCrowd(t, server.Addr())
	stop := churn(t, writer)
	crowd.moves()
	stop()
	settleWatched(t, writer, func(i int) int { return 3000 + i })
	crowd.want(func(i int) int { return 3000 + i })
	if err := errors.Join(server.Kill(), os.RemoveAll(data), server.Restart(testContext(t))); err != nil {
		t.Fatal(err)
	}
	last := func(i int) int { return 4000 + i }
	settleWatched(t, writer, last)
	crowd.want(last)
}
