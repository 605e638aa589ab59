package embedded_test

// This file measures the server: by itself, and beside a real one where CONSUL_TEST_BACKEND is real. "make bench-embedded"
// runs it.

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lictor-go/consul/embedded"
)

func startFor(b *testing.B, opts ...embedded.Option) *embedded.Server {
	b.Helper()
	s, err := embedded.Start(opts...)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	return s
}

// peer is a server to send requests to.
type peer struct {
	base      string
	transport http.RoundTripper
}

// request sends a request, and fails the benchmark unless it is answered with 200.
func (p peer) request(b *testing.B, method, path, body string) []byte {
	r, err := http.NewRequestWithContext(b.Context(), method, p.base+path, strings.NewReader(body))
	if err != nil {
		b.Error(err)
		return nil
	}
	answer, err := p.transport.RoundTrip(r)
	if err != nil {
		b.Error(err)
		return nil
	}
	defer func() { _ = answer.Body.Close() }()
	data, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		b.Errorf("%s %s: %d %s, %v", method, path, answer.StatusCode, data, err)
	}
	return data
}

// inMemory speaks to s without a socket.
func inMemory(s *embedded.Server) peer { return peer{"http://embedded", s.Transport()} }

// overLoopback speaks to the server at addr, from up to n callers.
func overLoopback(b *testing.B, addr string, n int) peer {
	t := &http.Transport{MaxIdleConnsPerHost: n, DisableCompression: true}
	b.Cleanup(t.CloseIdleConnections)
	return peer{"http://" + addr, t}
}

func BenchmarkStartStop(b *testing.B) {
	for b.Loop() {
		s, err := embedded.Start()
		if err != nil {
			b.Fatal(err)
		}
		_ = s.Addr()
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTransport(b *testing.B) {
	p := inMemory(startFor(b))
	p.request(b, "PUT", "/v1/kv/a", "value")
	b.Run("get", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p.request(b, "GET", "/v1/kv/a", "")
		}
	})
	b.Run("put", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			p.request(b, "PUT", "/v1/kv/a", fmt.Sprint(i))
		}
	})
}

// BenchmarkBeside has 16 callers read and write over loopback. The real server is started as "consul agent -dev" is: in
// memory, with one server.
func BenchmarkBeside(b *testing.B) {
	const callers = 16
	peers := map[string]peer{"embedded": overLoopback(b, startFor(b).Addr(), callers)}
	names := []string{"embedded"}
	if os.Getenv("CONSUL_TEST_BACKEND") == "real" {
		peers["real"] = overLoopback(b, startReal(b), callers)
		names = append(names, "real")
	}
	for _, work := range []struct{ name, method string }{{"get", "GET"}, {"put", "PUT"}} {
		for _, name := range names {
			b.Run(work.name+"/"+name, func(b *testing.B) {
				peers[name].request(b, "PUT", "/v1/kv/a", "value")
				var next atomic.Int64
				var wg sync.WaitGroup
				b.ResetTimer()
				for range callers {
					wg.Go(func() {
						for {
							i := next.Add(1)
							if i > int64(b.N) {
								return
							}
							body := ""
							if work.method == "PUT" {
								body = fmt.Sprint(i)
							}
							peers[name].request(b, work.method, "/v1/kv/a", body)
						}
					})
				}
				wg.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
			})
		}
	}
}

// startReal starts "consul agent -dev" and gives its address. The harness of testutil has its servers keep their data on
// disk, which this one does not.
func startReal(b *testing.B) string {
	ports := make([]string, 4)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		_, ports[i], _ = net.SplitHostPort(l.Addr().String())
		_ = l.Close()
	}
	server := exec.Command(os.Getenv("CONSUL_BIN"), "agent", "-dev", "-bind=127.0.0.1", "-log-level=error", "-http-port="+ports[0],
		"-server-port="+ports[1], "-serf-lan-port="+ports[2], "-serf-wan-port="+ports[3], "-dns-port=-1", "-grpc-port=-1", "-grpc-tls-port=-1")
	if err := server.Start(); err != nil {
		b.Fatalf("CONSUL_BIN has to name a consul: %v", err)
	}
	b.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	addr := "127.0.0.1:" + ports[0]
	ctx, cancel := context.WithTimeout(b.Context(), 30*time.Second)
	defer cancel()
	for {
		r, _ := http.NewRequestWithContext(ctx, "PUT", "http://"+addr+"/v1/kv/a", nil)
		answer, err := http.DefaultTransport.RoundTrip(r)
		if err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return addr
			}
		}
		select {
		case <-ctx.Done():
			b.Fatalf("consul agent -dev did not become ready: %v", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func BenchmarkList10000(b *testing.B) {
	p := inMemory(startFor(b))
	for i := range 10_000 {
		p.request(b, "PUT", fmt.Sprintf("/v1/kv/list/%05d", i), "a value of some twenty-eight b")
	}
	for b.Loop() {
		p.request(b, "GET", "/v1/kv/list/?recurse", "")
	}
}

// BenchmarkWake1000 has 1,000 blocking queries wait for a key, and writes it.
func BenchmarkWake1000(b *testing.B) {
	const waiting = 1000
	s := startFor(b)
	p := inMemory(s)
	p.request(b, "PUT", "/v1/kv/a", "0")
	for b.Loop() {
		b.StopTimer()
		index := indexOf(b, p)
		var wg sync.WaitGroup
		for range waiting {
			wg.Go(func() { p.request(b, "GET", "/v1/kv/a?index="+index, "") })
		}
		waitUntilHeld(b, s, waiting)
		b.StartTimer()
		p.request(b, "PUT", "/v1/kv/a", index)
		wg.Wait()
	}
}

func indexOf(b *testing.B, p peer) string {
	r, err := http.NewRequestWithContext(b.Context(), "GET", p.base+"/v1/kv/a", nil)
	if err != nil {
		b.Fatal(err)
	}
	answer, err := p.transport.RoundTrip(r)
	if err != nil {
		b.Fatal(err)
	}
	_ = answer.Body.Close()
	return answer.Header.Get("X-Consul-Index")
}

// waitUntilHeld waits until the server holds n blocking queries.
func waitUntilHeld(b testing.TB, s *embedded.Server, n int) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), 30*time.Second)
	defer cancel()
	for embedded.Held(s) != n {
		if ctx.Err() != nil {
			b.Fatalf("%d blocking queries are held, %d are expected", embedded.Held(s), n)
		}
		runtime.Gosched()
	}
}

// BenchmarkIdleQuery tells the memory that a blocking query holds while nothing happens.
func BenchmarkIdleQuery(b *testing.B) {
	const queries = 2000
	b.Run("transport", func(b *testing.B) {
		s := startFor(b)
		p := inMemory(s)
		p.request(b, "PUT", "/v1/kv/a", "0")
		index := indexOf(b, p)
		ctx, cancel := context.WithCancel(b.Context())
		var wg sync.WaitGroup
		measureIdle(b, s, queries, func() {
			wg.Go(func() {
				r, _ := http.NewRequestWithContext(ctx, "GET", p.base+"/v1/kv/a?index="+index, nil)
				if answer, err := p.transport.RoundTrip(r); err == nil {
					_ = answer.Body.Close()
				}
			})
		})
		cancel()
		wg.Wait()
	})
	// The client is a bare connection, so that the memory is the server's.
	b.Run("loopback", func(b *testing.B) {
		s := startFor(b)
		p := inMemory(s)
		p.request(b, "PUT", "/v1/kv/a", "0")
		index := indexOf(b, p)
		var conns []net.Conn
		measureIdle(b, s, queries, func() {
			conn, err := net.Dial("tcp", s.Addr())
			if err != nil {
				b.Fatal(err)
			}
			conns = append(conns, conn)
			_, _ = fmt.Fprintf(conn, "GET /v1/kv/a?index=%s HTTP/1.1\r\nHost: embedded\r\n\r\n", index)
		})
		p.request(b, "PUT", "/v1/kv/a", "1")
		for _, conn := range conns {
			if _, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil {
				b.Error(err)
			}
			_ = conn.Close()
		}
	})
}

func measureIdle(b *testing.B, s *embedded.Server, n int, begin func()) {
	before := memory()
	for range n {
		begin()
	}
	waitUntilHeld(b, s, n)
	b.ReportMetric(float64(memory()-before)/float64(n), "B/query")
	b.ReportMetric(0, "ns/op")
}

// memory is what the process uses for its heap and its stacks.
func memory() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what the first one's finalizers freed, and stacks that shrink
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

// BenchmarkExpire1000 ends 1,000 sessions at once, each of which holds a key.
func BenchmarkExpire1000(b *testing.B) {
	const sessions = 1000
	s := startFor(b)
	p := inMemory(s)
	for b.Loop() {
		b.StopTimer()
		ids := make([]string, sessions)
		for i := range ids {
			answer := p.request(b, "PUT", "/v1/session/create", `{"TTL": "10s", "LockDelay": "0s"}`)
			ids[i] = strings.Trim(strings.TrimPrefix(string(answer), `{"ID":`), `"}`)
			p.request(b, "PUT", fmt.Sprintf("/v1/kv/lock/%d?acquire=%s", i, ids[i]), "")
		}
		b.StartTimer()
		var wg sync.WaitGroup
		for _, id := range ids {
			wg.Go(func() { embedded.Expire(s, id) })
		}
		wg.Wait()
	}
}
