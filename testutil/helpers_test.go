package testutil_test

// This file holds what the tests of the harness share. They speak to the servers with plain net/http.

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lictor-go/consul/testutil"
)

// request is one call of a server's API.
type request struct {
	method, path, token, body string
	client                    *http.Client // nil: one for plain HTTP
}

// do sends the request to the server and gives the status, 0 where there was no answer, and the body.
func do(ctx context.Context, s *testutil.Server, r request) (int, string, error) {
	if r.client == nil {
		r.client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	}
	req, err := http.NewRequestWithContext(ctx, r.method, s.URL()+r.path, strings.NewReader(r.body))
	if err != nil {
		return 0, "", err
	}
	if r.token != "" {
		req.Header.Set("X-Consul-Token", r.token)
	}
	response, err := r.client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), err
}

// expect sends the request and wants status and body; an empty body is not compared.
func expect(t testing.TB, s *testutil.Server, r request, status int, body string) {
	t.Helper()
	gotStatus, gotBody, err := do(t.Context(), s, r)
	if err != nil {
		t.Fatalf("%s %s: %v", r.method, r.path, err)
	}
	if gotStatus != status || body != "" && strings.TrimSpace(gotBody) != body {
		t.Fatalf("%s %s: got %d %q, want %d %q", r.method, r.path, gotStatus, gotBody, status, body)
	}
}

func put(t testing.TB, s *testutil.Server, key, value string) {
	t.Helper()
	expect(t, s, request{method: http.MethodPut, path: "/v1/kv/" + key, body: value, token: s.ManagementToken()}, 200, "true")
}

func wantValue(t testing.TB, s *testutil.Server, key, value string) {
	t.Helper()
	expect(t, s, request{method: http.MethodGet, path: "/v1/kv/" + key + "?raw", token: s.ManagementToken()}, 200, value)
}

// refuses waits until nothing listens on addr.
func refuses(t testing.TB, addr string) {
	t.Helper()
	eventually(t, addr+" is closed", func() bool {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return true
		}
		conn.Close()
		return false
	})
}

// eventually calls ok until it reports true.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("not after 20 s: %s", what)
		}
	}
}

// tlsClient trusts the CA of s, where trust is set, and shows its client certificate, where show is set.
func tlsClient(t testing.TB, s *testutil.Server, trust, show bool) *http.Client {
	t.Helper()
	config := &tls.Config{}
	if trust {
		pem, err := os.ReadFile(s.CAFile())
		if err != nil {
			t.Fatal(err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			t.Fatal("no certificate in the CA file")
		}
	}
	if show {
		pair, err := tls.LoadX509KeyPair(s.ClientCertFile(), s.ClientKeyFile())
		if err != nil {
			t.Fatal(err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
}

// recorder is a testing.TB that keeps what a test would have printed.
type recorder struct {
	testing.TB
	ctx context.Context

	mu       sync.Mutex
	failed   bool
	skipped  bool
	printed  strings.Builder
	cleanups []func()
}

// record runs test with a TB of its own, then its cleanups, and gives what was recorded.
func record(t *testing.T, test func(testing.TB)) *recorder {
	t.Helper()
	r := &recorder{ctx: t.Context()}
	done := make(chan struct{})
	go func() { // since Fatal ends the goroutine
		defer close(done)
		test(r)
	}()
	<-done
	for i := len(r.cleanups) - 1; i >= 0; i-- {
		r.cleanups[i]()
	}
	return r
}

func (r *recorder) Helper()                  {}
func (r *recorder) Context() context.Context { return r.ctx }
func (r *recorder) Cleanup(f func())         { r.cleanups = append(r.cleanups, f) }

func (r *recorder) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

func (r *recorder) Logf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(&r.printed, format+"\n", args...)
}

func (r *recorder) Skipf(format string, args ...any) {
	r.Logf(format, args...)
	r.skipped = true
	runtime.Goexit()
}

func (r *recorder) Error(args ...any) {
	r.Logf("%s", fmt.Sprintln(args...))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = true
}

func (r *recorder) Fatal(args ...any) {
	r.Error(args...)
	runtime.Goexit()
}

func (r *recorder) Fatalf(format string, args ...any) { r.Fatal(fmt.Sprintf(format, args...)) }
