package embedded_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/lictor-go/consul/embedded"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t testing.TB, opts ...embedded.Option) *embedded.Server {
	t.Helper()
	s, err := embedded.Start(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// answer is what a request was answered with.
type answer struct {
	status int
	header http.Header
	body   string
}

func send(ctx context.Context, transport http.RoundTripper, method, url, body string) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	response, err := transport.RoundTrip(r)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(data)}, err
}

// ask sends a request to s without a socket.
func ask(t testing.TB, s *embedded.Server, method, path, body string) answer {
	t.Helper()
	a, err := send(t.Context(), s.Transport(), method, "http://embedded"+path, body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return a
}

func TestServesOverLoopback(t *testing.T) {
	t.Parallel()
	s := start(t)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	a, err := send(t.Context(), transport, "PUT", "http://"+s.Addr()+"/v1/kv/a", "x")
	if err != nil || a.status != 200 || a.body != "true" {
		t.Fatalf("%+v, %v", a, err)
	}
	if a := ask(t, s, "GET", "/v1/kv/a?raw", ""); a.body != "x" {
		t.Errorf("what was put over loopback is %q without a socket", a.body)
	}
	if host, _, err := net.SplitHostPort(s.Addr()); err != nil || host != "127.0.0.1" {
		t.Errorf("it listens on %s", s.Addr())
	}
}

func TestServersAreIndependent(t *testing.T) {
	t.Parallel()
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			s, err := embedded.Start()
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = s.Close() }()
			transport := &http.Transport{DisableKeepAlives: true}
			base := "http://" + s.Addr() + "/v1/kv/"
			own := strconv.Itoa(i)
			if a, err := send(t.Context(), transport, "PUT", base+own, own); err != nil || a.status != 200 {
				t.Errorf("%+v, %v", a, err)
			}
			if a, err := send(t.Context(), transport, "GET", base+"?keys", ""); err != nil || a.body != `["`+own+`"]` {
				t.Errorf("server %d has the keys %s, %v", i, a.body, err)
			}
		})
	}
	all.Wait()
}

func TestServesTLS(t *testing.T) {
	t.Parallel()
	web := httptest.NewTLSServer(nil) // for its certificate
	web.Close()
	s := start(t, embedded.WithTLS(&tls.Config{Certificates: web.TLS.Certificates}))
	roots := x509.NewCertPool()
	roots.AddCert(web.Certificate())
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "example.com"}}
	defer transport.CloseIdleConnections()
	a, err := send(t.Context(), transport, "GET", "https://"+s.Addr()+"/v1/status/leader", "")
	if err != nil || a.status != 200 {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestAddressInUse(t *testing.T) {
	t.Parallel()
	s := start(t)
	_, err := embedded.Start(embedded.WithAddress(s.Addr()))
	if err == nil || !strings.Contains(err.Error(), s.Addr()) {
		t.Errorf("a second server on the same address: %v", err)
	}
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	for name, option := range map[string]embedded.Option{
		"default policy": embedded.WithACL(embedded.ACL{DefaultPolicy: "maybe"}),
		"node":           embedded.WithNodeName(""),
		"datacenter":     embedded.WithDatacenter(""),
	} {
		if s, err := embedded.Start(option); err == nil {
			_ = s.Close()
			t.Errorf("%s: it started", name)
		}
	}
}

func TestCloseEndsBlockingQueries(t *testing.T) {
	t.Parallel()
	s, err := embedded.Start()
	if err != nil {
		t.Fatal(err)
	}
	ask(t, s, "PUT", "/v1/kv/a", "x")
	index := ask(t, s, "GET", "/v1/kv/a", "").header.Get("X-Consul-Index")
	transport := &http.Transport{}
	other := httptest.NewServer(s) // a listener that the server knows nothing of
	defer other.Close()
	const queries = 3
	ended := make(chan error, queries)
	query := func(transport http.RoundTripper, base string) {
		_, err := send(t.Context(), transport, "GET", base+"/v1/kv/a?index="+index, "")
		ended <- err
	}
	go query(transport, "http://"+s.Addr())
	go query(s.Transport(), "http://embedded")
	go query(transport, other.URL)
	waitUntilHeld(t, s, queries)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for range queries {
		if err := <-ended; err == nil {
			t.Error("a blocking query was answered by a server that is closed")
		}
	}
	if err := s.Close(); err != nil {
		t.Errorf("closing it again: %v", err)
	}
	if _, err := send(t.Context(), s.Transport(), "GET", "http://embedded/v1/kv/a", ""); err == nil {
		t.Error("a server that is closed answers")
	}
}

// TestCloseWhileRequestsCome closes a server amid requests of every kind, of which each is answered or fails, and none stays.
func TestCloseWhileRequestsCome(t *testing.T) {
	t.Parallel()
	for range 10 {
		s, err := embedded.Start()
		if err != nil {
			t.Fatal(err)
		}
		socket := &http.Transport{}
		var clients sync.WaitGroup
		begun := make(chan struct{}, 1)
		for _, to := range []struct {
			transport http.RoundTripper
			base      string
		}{{socket, "http://" + s.Addr()}, {s.Transport(), "http://embedded"}} {
			for method, path := range map[string]string{
				"PUT": "/v1/kv/a", "GET": "/v1/kv/a?index=1000000", "DELETE": "/v1/kv/a?recurse",
			} {
				clients.Go(func() {
					for {
						if _, err := send(t.Context(), to.transport, method, to.base+path, "x"); err != nil {
							return
						}
						select {
						case begun <- struct{}{}:
						default:
						}
					}
				})
			}
		}
		<-begun
		var closers sync.WaitGroup
		for range 2 {
			closers.Go(func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		closers.Wait()
		clients.Wait()
		socket.CloseIdleConnections()
	}
}

func TestBlockingQueriesAreBounded(t *testing.T) {
	t.Parallel()
	s := start(t, embedded.WithMaxBlockingQueries(1))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := send(ctx, s.Transport(), "GET", "http://embedded/v1/kv/a?index=100", "")
		ended <- err
	}()
	waitUntilHeld(t, s, 1)
	if a := ask(t, s, "GET", "/v1/kv/a?index=100", ""); a.status != http.StatusTooManyRequests {
		t.Errorf("one more than it holds: %+v", a)
	}
	if a := ask(t, s, "GET", "/v1/kv/a", ""); a.status != http.StatusNotFound {
		t.Errorf("a query that does not wait: %+v", a)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the client that gave up got %v", err)
	}
	waitUntilHeld(t, s, 0)
}

func TestWaitHasItsJitter(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		wait     string
		from, to time.Duration
	}{
		{"&wait=16s", 16 * time.Second, 17 * time.Second},
		{"", 5 * time.Minute, 5*time.Minute + 5*time.Minute/16},
		{"&wait=0s", 5 * time.Minute, 5*time.Minute + 5*time.Minute/16},
		{"&wait=1h", 10 * time.Minute, 10*time.Minute + 10*time.Minute/16},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := start(t)
			begin := time.Now()
			a := ask(t, s, "GET", "/v1/kv/a?index=100"+test.wait, "")
			if took := time.Since(begin); took < test.from || took > test.to || a.status != http.StatusNotFound {
				t.Errorf("wait %q was answered after %v with %+v", test.wait, took, a)
			}
		})
	}
}

// TestPrefixWakesForItsOwn has blocking queries wait on prefixes, and tells which writes wake them.
func TestPrefixWakesForItsOwn(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		query, method, path string
		wakes               bool
	}{
		{"a/?recurse", "PUT", "a/x", true},
		{"a/?recurse", "PUT", "a/new/deep", true},
		{"a/?recurse", "DELETE", "a/x", true},
		{"a/?recurse", "DELETE", "a/?recurse", true},
		{"a/?keys", "DELETE", "a/y", true},
		{"a/?recurse", "PUT", "ab", false},
		{"a/?recurse", "PUT", "b/x", false},
		{"a/?recurse", "DELETE", "b/y", false},
		{"a/x", "PUT", "a/y", false},
		{"a/x", "DELETE", "a/x", true},
		{"a/none", "PUT", "a/none", true},
		{"a/none", "PUT", "a/other", false},
	} {
		t.Run(fmt.Sprint(test), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := start(t)
				for _, key := range []string{"a/x", "a/y", "b/y"} {
					ask(t, s, "PUT", "/v1/kv/"+key, "1")
				}
				separator := "?"
				if strings.Contains(test.query, "?") {
					separator = "&"
				}
				index := ask(t, s, "GET", "/v1/kv/"+test.query, "").header.Get("X-Consul-Index")
				begin := time.Now()
				var took time.Duration
				done := make(chan struct{})
				go func() {
					defer close(done)
					ask(t, s, "GET", "/v1/kv/"+test.query+separator+"wait=10s&index="+index, "")
					took = time.Since(begin)
				}()
				time.Sleep(time.Second)
				ask(t, s, test.method, "/v1/kv/"+test.path, "2")
				<-done
				if woken := took == time.Second; woken != test.wakes {
					t.Errorf("it was answered after %v", took)
				}
			})
		})
	}
}
