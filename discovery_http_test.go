package consul_test

// This file tests the RoundTripper of a Resolver: what is sent to which instance, and when to another one.

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lictor-go/consul"
)

// A site stands for the instances of a service: it answers each request as it is told to.
type site struct {
	mu     sync.Mutex
	answer func(r *http.Request) (*http.Response, error)
	served []string // instance, method and body of each request
	open   []*siteBody
}

func (s *site) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		r.Body.Close()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.served = append(s.served, fmt.Sprintf("%s %s %s", r.URL.Host, r.Method, body))
	resp, err := s.answer(r)
	if resp != nil {
		b := &siteBody{ReadCloser: resp.Body}
		resp.Body = b
		s.open = append(s.open, b)
	}
	return resp, err
}

// unclosed counts the answers whose bodies were not closed.
func (s *site) unclosed() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.open {
		if !b.closed {
			n++
		}
	}
	return n
}

type siteBody struct {
	io.ReadCloser
	closed bool
}

func (b *siteBody) Close() error { b.closed = true; return nil }

// ways in which an instance fails a request
var (
	errRefused = &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	errCut     = &net.OpError{Op: "read", Err: errors.New("connection reset by peer")}
)

// once fails the first request, and serves those after it.
func once(status int, err error) func(*http.Request) (*http.Response, error) {
	failed := false
	return func(r *http.Request) (*http.Response, error) {
		switch {
		case failed:
			return answerText(r, 200, "served"), nil
		case err != nil:
			failed = true
			return nil, err
		}
		failed = true
		return answerText(r, status, "not now"), nil
	}
}

// A request is sent again where that changes nothing, with the same body, and only there.
func TestWhatIsRepeated(t *testing.T) {
	t.Parallel()
	keyed := func(r *http.Request) { r.Header.Set("Idempotency-Key", "1") }
	stream := func(r *http.Request) { r.GetBody = nil }
	for name, test := range map[string]struct {
		method string
		change func(*http.Request)
		body   string
		status int
		err    error
		sent   int
	}{
		"GET, refused":                {"GET", nil, "", 0, errRefused, 2},
		"GET, cut":                    {"GET", nil, "", 0, errCut, 2},
		"GET, 502":                    {"GET", nil, "", 502, nil, 2},
		"GET, 503":                    {"GET", nil, "", 503, nil, 2},
		"GET, 504":                    {"GET", nil, "", 504, nil, 2},
		"GET, 500":                    {"GET", nil, "", 500, nil, 1},
		"GET, 429":                    {"GET", nil, "", 429, nil, 1},
		"HEAD, cut":                   {"HEAD", nil, "", 0, errCut, 2},
		"PUT, cut":                    {"PUT", nil, "body", 0, errCut, 2},
		"PUT, 503":                    {"PUT", nil, "body", 503, nil, 2},
		"PUT of a stream, cut":        {"PUT", stream, "body", 0, errCut, 1},
		"PUT of a stream, 503":        {"PUT", stream, "body", 503, nil, 1},
		"DELETE, cut":                 {"DELETE", nil, "", 0, errCut, 2},
		"POST, refused":               {"POST", nil, "body", 0, errRefused, 2},
		"POST of a stream, refused":   {"POST", stream, "body", 0, errRefused, 1},
		"POST, cut":                   {"POST", nil, "body", 0, errCut, 1},
		"POST, 503":                   {"POST", nil, "body", 503, nil, 1},
		"POST with a key, cut":        {"POST", keyed, "body", 0, errCut, 2},
		"POST with a key, 503":        {"POST", keyed, "body", 503, nil, 2},
		"PATCH, cut":                  {"PATCH", nil, "body", 0, errCut, 1},
		"GET whose body can't be had": {"GET", unavailableBody, "body", 0, errCut, 1},
		"GET, 200":                    {"GET", nil, "", 200, nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(w *world) {
				w.provide(1)
				w.provide(2)
				r, _ := w.resolver()
				site := &site{answer: once(test.status, test.err)}
				body := strings.NewReader(test.body)
				req, err := http.NewRequestWithContext(w.Context(), test.method, "http://web.service.consul/", body)
				if err != nil {
					w.Fatal(err)
				}
				if test.change != nil {
					test.change(req)
				}
				resp, err := r.RoundTripper(site).RoundTrip(req)
				if len(site.served) != test.sent {
					w.Fatalf("it was sent %d times, want %d: %q", len(site.served), test.sent, site.served)
				}
				for _, s := range site.served {
					if !strings.HasSuffix(s, test.method+" "+test.body) {
						w.Errorf("sent was %q", s)
					}
				}
				if test.sent == 2 && site.served[0] == site.served[1] {
					w.Error("it was sent to the same instance again")
				}
				switch {
				case test.sent == 1 && test.err != nil:
					if !errors.Is(err, test.err) || resp != nil {
						w.Errorf("got %v, %v", resp, err)
					}
					return
				case err != nil:
					w.Fatal(err)
				case test.sent == 1 && resp.StatusCode != test.status, test.sent == 2 && resp.StatusCode != 200:
					w.Errorf("the status is %d", resp.StatusCode)
				}
				resp.Body.Close()
				if n := site.unclosed(); n != 0 {
					w.Errorf("%d bodies were left open", n)
				}
			})
		})
	}
}

func unavailableBody(r *http.Request) {
	r.GetBody = func() (io.ReadCloser, error) { return nil, errCut }
}

// When no instance can serve, the caller gets the last answer, after three of them at most.
func TestNoneCanServe(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		for port := 1; port <= 5; port++ {
			w.provide(port)
		}
		r, _ := w.resolver()
		site := &site{answer: func(r *http.Request) (*http.Response, error) { return answerText(r, 503, r.URL.Host), nil }}
		client := &http.Client{Transport: r.RoundTripper(site)}
		resp, err := client.Get("http://web.service.consul/")
		if err != nil {
			w.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != 503 || !strings.HasPrefix(site.served[len(site.served)-1], string(body)+" ") {
			w.Errorf("the status is %d, the body %q after %q", resp.StatusCode, body, site.served)
		}
		slices.Sort(site.served)
		if len(slices.Compact(site.served)) != 3 {
			w.Errorf("three instances were to be asked, and asked were %q", site.served)
		}
		if n := site.unclosed(); n != 0 {
			w.Errorf("%d bodies were left open", n)
		}
	})
}

// Without an instance nothing is sent, the body is closed, and the error says what is wrong.
func TestNobodyServes(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		r, _ := w.resolver()
		body := &siteBody{ReadCloser: io.NopCloser(strings.NewReader("body"))}
		client := &http.Client{Transport: r.RoundTripper(&site{})}
		_, err := client.Post("http://v2.web.service.dc1.consul/", "text/plain", body)
		wantError(w, "POST", err, consul.ErrNoInstances)
		for _, want := range []string{`"web"`, `"v2"`, `"dc1"`} {
			if !strings.Contains(err.Error(), want) {
				w.Errorf("the error lacks %s: %v", want, err)
			}
		}
		if !body.closed {
			w.Error("the request's body was left open")
		}
	})
}

// The caller's request is left as it is, the Host header is the service's name or what the caller says, and other hosts are
// none of the Resolver's business.
func TestRequestsAndHosts(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.provide(1)
		r, _ := w.resolver()
		var got *http.Request
		rt := r.RoundTripper(&site{answer: func(r *http.Request) (*http.Response, error) {
			got = r
			return answerText(r, 200, ""), nil
		}})
		for _, test := range []struct{ url, host, wantHost, wantTo string }{
			{"http://web.service.consul/a?b=c", "", "web.service.consul", "10.0.0.1:1"},
			{"http://web.service.consul:8080/a?b=c", "", "web.service.consul:8080", "10.0.0.1:1"},
			{"http://web.service.consul/a?b=c", "shop.example", "shop.example", "10.0.0.1:1"},
			{"http://example.com:81/a?b=c", "", "", "example.com:81"},
		} {
			req, err := http.NewRequestWithContext(w.Context(), "GET", test.url, nil)
			if err != nil {
				w.Fatal(err)
			}
			req.Host = test.host
			resp, err := rt.RoundTrip(req)
			if err != nil {
				w.Fatal(err)
			}
			resp.Body.Close()
			if got.Host != test.wantHost || got.URL.Host != test.wantTo || got.URL.RequestURI() != "/a?b=c" {
				w.Errorf("%s was sent to %s with the host %q as %s", test.url, got.URL.Host, got.Host, got.URL.RequestURI())
			}
			if req.Host != test.host || req.URL.String() != test.url {
				w.Errorf("the caller's request has become %s, %s", req.Host, req.URL)
			}
		}
	})
}

// With LeastPending a request is pending until its answer's body is closed. An answer that breaks off is a failure.
func TestBodies(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.provide(1)
		w.provide(2)
		r, _ := w.resolver(consul.LeastPending)
		broken := false
		client := &http.Client{Transport: r.RoundTripper(&site{answer: func(r *http.Request) (*http.Response, error) {
			resp := answerText(r, 200, r.URL.Host)
			if broken {
				resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(r.URL.Host), brokenReader{}))
			}
			return resp, nil
		}})}
		get := func() (io.Closer, string) {
			w.Helper()
			resp, err := client.Get("http://web.service.consul/")
			if err != nil {
				w.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			if (err != nil) != broken {
				w.Errorf("reading: %v", err)
			}
			return resp.Body, string(body)
		}
		open, busy := get()
		for range 20 {
			body, from := get()
			body.Close()
			if from == busy {
				w.Fatal("the busy instance was asked")
			}
		}
		open.Close()
		open.Close()

		broken = true
		body, bad := get()
		body.Close()
		broken = false
		for range 20 {
			body, from := get()
			body.Close()
			if from == bad {
				w.Fatal("the instance whose answer broke off was asked")
			}
		}
	})
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errCut }

// A dead server is found alive again by the requests themselves.
func TestServerComesBack(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.provide(1)
		w.provide(2)
		r, _ := w.resolver()
		dead := true
		client := &http.Client{Transport: r.RoundTripper(&site{answer: func(r *http.Request) (*http.Response, error) {
			if dead && r.URL.Host == "10.0.0.1:1" {
				return nil, errRefused
			}
			return answerText(r, 200, r.URL.Host), nil
		}})}
		from := func() map[string]int {
			w.Helper()
			count := map[string]int{}
			for range 100 {
				resp, err := client.Get("http://web.service.consul/")
				if err != nil {
					w.Fatal(err)
				}
				body, _ := io.ReadAll(resp.Body)
				resp.Body.Close()
				count[string(body)]++
			}
			return count
		}
		wantPicks(w, from(), map[string]int{"10.0.0.1:2": 100})
		w.sleep(time.Second)
		wantPicks(w, from(), map[string]int{"10.0.0.1:2": 100})
		dead = false
		w.sleep(2 * time.Second)
		if got := from(); got["10.0.0.1:1"] < 49 {
			w.Errorf("the answers came from %v", got)
		}
	})
}
