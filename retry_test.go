package consul_test

// This file tests how often, and when, calls are made again: in virtual time, against a server in memory.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lictor-go/consul"
)

// An attemptLog keeps the time and the wait parameter of each request.
type attemptLog struct {
	at    []time.Time
	waits []string
}

func (l *attemptLog) record(next roundTripFunc) roundTripFunc {
	return func(r *http.Request) (*http.Response, error) {
		l.at = append(l.at, time.Now())
		l.waits = append(l.waits, r.URL.Query().Get("wait"))
		return next(r)
	}
}

// pauses are the times between attempts.
func (l *attemptLog) pauses() []time.Duration {
	var ps []time.Duration
	for i := 1; i < len(l.at); i++ {
		ps = append(ps, l.at[i].Sub(l.at[i-1]))
	}
	return ps
}

func TestReadIsTriedAsOftenAsThePolicySays(t *testing.T) {
	t.Parallel()
	for attempts, want := range map[int]int{0: consul.DefaultMaxAttempts, 1: 1, 2: 2, 7: 7} {
		synctest.Test(t, func(t *testing.T) {
			var log attemptLog
			client := clientWith(t, &consul.Config{
				Retry:     consul.RetryPolicy{MaxAttempts: attempts},
				Transport: log.record(respond(answer(503, "out of order"))),
			})
			_, _, err := client.KV().Get(t.Context(), "k")
			if len(log.at) != want {
				t.Errorf("MaxAttempts %d: %d attempts, want %d", attempts, len(log.at), want)
			}
			if se, ok := errors.AsType[*consul.StatusError](err); !ok || se.Code != 503 {
				t.Errorf("MaxAttempts %d: %v, want what the last attempt met", attempts, err)
			}
		})
	}
}

func TestRetryEndsWithSuccess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log attemptLog
		client := clientWith(t, &consul.Config{Transport: log.record(func(r *http.Request) (*http.Response, error) {
			if len(log.at) < 3 {
				return respond(answer(500, "No cluster leader"))(r)
			}
			return respond(answer(200, `[{"Key":"k"}]`))(r)
		})})
		from := time.Now()
		pair, meta, err := client.KV().Get(t.Context(), "k")
		if err != nil || pair.Key != "k" || len(log.at) != 3 {
			t.Fatalf("%v, %v after %d attempts, want the third to succeed", pair, err, len(log.at))
		}
		if took := time.Since(from); meta.RequestTime != took {
			t.Errorf("RequestTime %v, want %v: retries and pauses count", meta.RequestTime, took)
		}
	})
}

// The pauses are random over the whole range from 0 to a bound that doubles.
func TestPausesHaveFullJitter(t *testing.T) {
	t.Parallel()
	policy := consul.RetryPolicy{MaxAttempts: 6, MinBackoff: 100 * time.Millisecond, MaxBackoff: 500 * time.Millisecond}
	bounds := []time.Duration{100, 200, 400, 500, 500} // milliseconds
	low, high := make([]time.Duration, len(bounds)), make([]time.Duration, len(bounds))
	const rounds = 300
	for range rounds {
		synctest.Test(t, func(t *testing.T) {
			var log attemptLog
			client := clientWith(t, &consul.Config{Retry: policy, Transport: log.record(respond(answer(502, "")))})
			client.KV().Get(t.Context(), "k")
			for i, p := range log.pauses() {
				if low[i] == 0 || p < low[i] {
					low[i] = p
				}
				high[i] = max(high[i], p)
			}
		})
	}
	// A uniform pause misses the lowest, or the highest, fifth of its range in all rounds once in 10^29 runs.
	for i, bound := range bounds {
		bound *= time.Millisecond
		if high[i] > bound || high[i] < bound*4/5 || low[i] > bound/5 {
			t.Errorf("pause %d ranges from %v to %v, want all of 0 to %v", i+1, low[i], high[i], bound)
		}
	}
}

func TestExtremeBackoffs(t *testing.T) {
	t.Parallel()
	for _, policy := range []consul.RetryPolicy{
		{MinBackoff: 1, MaxBackoff: 1},
		{MinBackoff: 1<<62 + 1},
		{MinBackoff: 1<<62 + 1, MaxBackoff: 1<<63 - 1},
		{MaxBackoff: 1<<63 - 1, MaxAttempts: 100},
	} {
		synctest.Test(t, func(t *testing.T) {
			client := clientWith(t, &consul.Config{Retry: policy, Timeout: 1<<63 - 1, Transport: respond(answer(503, ""))})
			ctx, cancel := context.WithTimeout(t.Context(), 1<<61)
			defer cancel()
			if _, _, err := client.KV().Get(ctx, "k"); err == nil {
				t.Errorf("%+v: no error", policy)
			}
		})
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	t.Parallel()
	headers := map[string]func() string{
		"seconds": func() string { return "3" },
		"date":    func() string { return time.Now().Add(3 * time.Second).UTC().Format(http.TimeFormat) },
	}
	for name, header := range headers {
		synctest.Test(t, func(t *testing.T) {
			var log attemptLog
			client := clientWith(t, &consul.Config{
				Retry: consul.RetryPolicy{MaxAttempts: 2, MaxBackoff: 100 * time.Millisecond},
				Transport: log.record(respond(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Retry-After", header())
					answer(429, "rate limit exceeded")(w, r)
				})),
			})
			_, err := client.KV().Put(t.Context(), &consul.KVPair{Key: "k"})
			se, ok := errors.AsType[*consul.StatusError](err)
			if !ok || !errors.Is(err, consul.ErrRateLimited) || se.RetryAfter > 3*time.Second || se.RetryAfter <= 2*time.Second {
				t.Fatalf("%s: %v, want ErrRateLimited with RetryAfter 3s, a date being in whole seconds", name, err)
			}
			if ps := log.pauses(); len(ps) != 1 || ps[0] < 3*time.Second || ps[0] > 3100*time.Millisecond {
				t.Errorf("%s: pauses %v, want one of 3s and a jitter of at most 100ms", name, ps)
			}
		})
	}
}

func TestNoRetryThatTimeWouldNotAllow(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		retryAfter string
		timeout    time.Duration
		context    time.Duration
	}{
		{"Retry-After beyond Config.Timeout", "3", 2 * time.Second, time.Hour},
		{"Retry-After beyond the context's deadline", "3", time.Hour, 2 * time.Second},
		{"Retry-After beyond all measure", "99999999999999999999", time.Second, time.Hour},
		{"Retry-After in the far future", "Fri, 31 Dec 9999 23:59:59 GMT", time.Hour, time.Hour},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				client := clientWith(t, &consul.Config{Timeout: tt.timeout, Transport: respond(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Retry-After", tt.retryAfter)
					answer(429, "")(w, r)
				})})
				ctx, cancel := context.WithTimeout(t.Context(), tt.context)
				defer cancel()
				from := time.Now()
				_, _, err := client.KV().Get(ctx, "k")
				if !errors.Is(err, consul.ErrRateLimited) {
					t.Errorf("got %v, want ErrRateLimited", err)
				}
				if took := time.Since(from); took > time.Second {
					t.Errorf("took %v to find out", took)
				}
			})
		})
	}
}

func TestContextEndsInAPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log attemptLog
		client := clientWith(t, &consul.Config{Transport: log.record(respond(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "10")
			answer(500, "No cluster leader")(w, r)
		}))})
		ctx, cancel := context.WithCancelCause(t.Context())
		reason := errors.New("changed my mind")
		time.AfterFunc(time.Second, func() { cancel(reason) })
		from := time.Now()
		_, _, err := client.KV().Get(ctx, "k")
		if took := time.Since(from); took != time.Second {
			t.Errorf("returned after %v, want at once when the context ended, after 1s", took)
		}
		for _, want := range []error{context.Canceled, reason, consul.ErrNoLeader} {
			if !errors.Is(err, want) {
				t.Errorf("%v is not %v", err, want)
			}
		}
		if consul.SafeToRetry(err) || len(log.at) != 1 {
			t.Errorf("%d attempts, SafeToRetry %v", len(log.at), consul.SafeToRetry(err))
		}
	})
}

// A blocking query that has to be sent again asks for no more than is left of its wait.
func TestBlockingQueryWaitsOnlyOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log attemptLog
		client := clientWith(t, &consul.Config{
			Retry: consul.RetryPolicy{MaxAttempts: 4, MaxBackoff: 1},
			Transport: log.record(func(r *http.Request) (*http.Response, error) {
				time.Sleep(25 * time.Second) // virtual
				return nil, io.ErrUnexpectedEOF
			}),
		})
		_, _, err := client.KV().Get(t.Context(), "k", consul.Wait(7, time.Minute))
		if err == nil {
			t.Fatal("no error")
		}
		if got := strings.Join(log.waits, " "); got != "1m0s 35s 10s 1ms" {
			t.Errorf("waits %q, want 1m0s 35s 10s 1ms", got)
		}
	})
}

func TestWritesAreRepeatedOnlyWhereTheyDidNotHappen(t *testing.T) {
	t.Parallel()
	fails := func(err error) roundTripFunc {
		return func(*http.Request) (*http.Response, error) { return nil, err }
	}
	tests := []struct {
		name   string
		server roundTripFunc
		want   int // attempts
	}{
		{"refused dial", fails(&net.OpError{Op: "dial", Err: errors.New("connection refused")}), consul.DefaultMaxAttempts},
		{"dial that timed out", fails(&net.OpError{Op: "dial", Err: context.DeadlineExceeded}), consul.DefaultMaxAttempts},
		{"refused by the proxy", fails(&net.OpError{Op: "proxyconnect", Err: errors.New("no way")}), consul.DefaultMaxAttempts},
		{"rate limit", respond(answer(429, "")), consul.DefaultMaxAttempts},
		{"rate limit of the leader", respond(answer(503, "rate limit exceeded for operation")), 1},
		{"connection lost", fails(io.EOF), 1},
		{"connection reset", fails(&net.OpError{Op: "read", Err: errors.New("connection reset by peer")}), 1},
		{"no leader", respond(answer(500, "No cluster leader")), 1},
		{"server error", respond(answer(500, "")), 1},
		{"gateway", respond(answer(502, "")), 1},
		{"no Transport at all", fails(nil), 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var log attemptLog
				var bodies []string
				client := clientWith(t, &consul.Config{Transport: log.record(func(r *http.Request) (*http.Response, error) {
					b, _ := io.ReadAll(r.Body)
					bodies = append(bodies, string(b))
					return tt.server(r)
				})})
				_, err := client.KV().Put(t.Context(), &consul.KVPair{Key: "k", Value: []byte("value")})
				if err == nil {
					t.Fatal("no error")
				}
				if len(log.at) != tt.want {
					t.Errorf("%d attempts, want %d (%v)", len(log.at), tt.want, err)
				}
				if safe := consul.SafeToRetry(err); safe != (tt.want > 1) {
					t.Errorf("SafeToRetry is %v", safe)
				}
				for _, b := range bodies {
					if b != "value" {
						t.Errorf("an attempt sent %q", b)
					}
				}
			})
		})
	}
}

func TestSafeToRetry(t *testing.T) {
	t.Parallel()
	// Errors as calls return them.
	failed := func(method string, server roundTripFunc) error {
		client := clientWith(t, &consul.Config{Retry: consul.RetryPolicy{MaxAttempts: 1}, Transport: server})
		if method == http.MethodPut {
			_, err := client.KV().Put(t.Context(), &consul.KVPair{Key: "k"})
			return err
		}
		_, _, err := client.KV().Get(t.Context(), "k")
		return err
	}
	status := func(method string, code int, body string) error { return failed(method, respond(answer(code, body))) }
	broken := func(method string, err error) error {
		return failed(method, func(*http.Request) (*http.Response, error) { return nil, err })
	}
	dial := &net.OpError{Op: "dial", Err: errors.New("refused")}
	tests := []struct {
		name string
		err  error
		want bool
	}{
		{"nil", nil, false},
		{"another error", errors.New("other"), false},
		{"a bare EOF", io.EOF, false},
		{"Canceled", context.Canceled, false},
		{"DeadlineExceeded", context.DeadlineExceeded, false},
		{"read, dial", broken("GET", dial), true},
		{"write, dial", broken("PUT", dial), true},
		{"write, dial, wrapped", fmt.Errorf("saving: %w", broken("PUT", dial)), true},
		{"read, EOF", broken("GET", io.EOF), true},
		{"write, EOF", broken("PUT", io.EOF), false},
		{"read, 429", status("GET", 429, ""), true},
		{"write, 429", status("PUT", 429, ""), true},
		{"write, 429, wrapped", fmt.Errorf("saving: %w", status("PUT", 429, "")), true},
		{"read, 503", status("GET", 503, ""), true},
		{"write, 503", status("PUT", 503, ""), false},
		{"read, 502", status("GET", 502, ""), true},
		{"read, 504", status("GET", 504, ""), true},
		{"read, 503 rate limit", status("GET", 503, "rate limit exceeded"), true},
		{"write, 503 rate limit", status("PUT", 503, "rate limit exceeded"), false},
		{"read, no leader", status("GET", 500, "No cluster leader"), true},
		{"write, no leader", status("PUT", 500, "No cluster leader"), false},
		{"read, 500", status("GET", 500, "oops"), false},
		{"read, 400", status("GET", 400, ""), false},
		{"read, 403", status("GET", 403, ""), false},
		{"read, 404", status("GET", 404, ""), false},
		{"write, 413", status("PUT", 413, ""), false},
		{"read, redirect", status("GET", 301, ""), false},
		{"read, not JSON", status("GET", 200, "<"), false},
		{"made by hand", &consul.StatusError{Method: "GET", Code: 429}, true},
		{"joined with a context's end", errors.Join(status("GET", 503, ""), context.Canceled), false},
	}
	for _, tt := range tests {
		if got := consul.SafeToRetry(tt.err); got != tt.want {
			t.Errorf("%s: SafeToRetry(%v) is %v, want %v", tt.name, tt.err, got, tt.want)
		}
	}
}
