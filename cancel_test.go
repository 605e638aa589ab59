package consul_test

// This file holds the tests of how calls end that the server does not: by their context, and by their time limit.

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lictor-go/consul"
)

// A call returns within this of its context's end.
const cancelLimit = 10 * time.Millisecond

func TestEachEndpointEndsWithItsContext(t *testing.T) {
	t.Parallel()
	got := make(chan struct{}, 1)
	s := newFaultServer(t, func(w http.ResponseWriter, r *http.Request) {
		got <- struct{}{}
		silence(w, r)
	})
	client := s.client(t)
	for _, e := range endpoints {
		checkCancel(t, e.name, got, func(ctx context.Context) error { return e.call(ctx, client) })
	}
	wait := consul.Wait(7, time.Minute)
	checkCancel(t, "a blocking query", got, func(ctx context.Context) error {
		_, _, err := client.KV().Get(ctx, "k", wait)
		return err
	})
}

// checkCancel cancels a call once the server has it. The machine may be busy with other tests, which can only make it
// take longer: the best of five times counts.
func checkCancel(t *testing.T, name string, got <-chan struct{}, call func(context.Context) error) {
	t.Helper()
	reason := errors.New("changed my mind")
	best := time.Hour
	for range 5 {
		ctx, cancel := context.WithCancelCause(testContext(t))
		done := start(func() error { return call(ctx) })
		select {
		case <-got:
		case early := <-done:
			t.Fatalf("%s: ended before it was cancelled: %v", name, early.err)
		}
		from := time.Now()
		cancel(reason)
		end := <-done
		if !errors.Is(end.err, context.Canceled) || !errors.Is(end.err, reason) {
			t.Fatalf("%s: %v; want Canceled, and the cause", name, end.err)
		}
		if best = min(best, end.at.Sub(from)); best <= cancelLimit {
			return
		}
	}
	t.Errorf("%s: returned %v after its context ended, want at most %v", name, best, cancelLimit)
}

func TestEachEndpointEndsAtItsTimeLimit(t *testing.T) {
	t.Parallel()
	for _, e := range endpoints {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				client := silentClient(t, 20*time.Second)
				from := time.Now()
				err := e.call(t.Context(), client)
				if took := time.Since(from); took != 20*time.Second {
					t.Errorf("took %v, want 20s", took)
				}
				if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "nothing within 20s (Config.Timeout)") {
					t.Errorf("got %v, want DeadlineExceeded and the limit", err)
				}
			})
		})
	}
}

// The same over a real connection, which has to be closed then.
func TestSilentServerIsLeftAtTheTimeLimit(t *testing.T) {
	t.Parallel()
	left := make(chan struct{}, 1)
	s := newFaultServer(t, func(w http.ResponseWriter, r *http.Request) {
		silence(w, r)
		left <- struct{}{}
	})
	client := clientWith(t, &consul.Config{Address: s.URL, Timeout: 20 * time.Millisecond})
	_, _, err := client.KV().Get(testContext(t), "k")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want DeadlineExceeded", err)
	}
	if consul.SafeToRetry(err) {
		t.Error("a call that used up its time is not to be repeated")
	}
	<-left
	if n := len(s.seen()); n != 1 {
		t.Errorf("sent %d times, want once", n)
	}
}

// silentClient gives a client of a server in memory that never answers.
func silentClient(t *testing.T, timeout time.Duration) *consul.Client {
	return clientWith(t, &consul.Config{Timeout: timeout, Transport: roundTripFunc(func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	})})
}

func TestTimeLimitOfBlockingQuery(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		option consul.QueryOption
		want   time.Duration // beside Config.Timeout
	}{
		{"wait and its jitter", consul.Wait(7, 16*time.Minute/10), 17 * time.Minute / 10},
		{"no wait is the server's 5 minutes", consul.Wait(7, 0), 5*time.Minute + 5*time.Minute/16},
		{"at most 10 minutes", consul.Wait(7, time.Hour), 10*time.Minute + 10*time.Minute/16},
		{"by hash", consul.WaitHash("abc", 32*time.Second), 34 * time.Second},
		{"index 0 does not block", consul.Wait(0, time.Minute), 0},
		{"an empty hash does not block", consul.WaitHash("", time.Minute), 0},
		{"a wait alone does not block", &consul.QueryOptions{WaitTime: time.Minute}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				client := silentClient(t, 3*time.Second)
				from := time.Now()
				_, _, err := client.KV().Get(t.Context(), "k", tt.option)
				if took, want := time.Since(from), tt.want+3*time.Second; took != want {
					t.Errorf("took %v, want %v", took, want)
				}
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v, want DeadlineExceeded", err)
				}
			})
		})
	}
}

// The longest Timeout there is means no limit, not one in the past.
func TestLongestTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := silentClient(t, 1<<63-1)
		for _, option := range []consul.QueryOption{nil, consul.Wait(7, time.Hour)} {
			ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
			defer cancel()
			from := time.Now()
			_, _, err := client.KV().Get(ctx, "k", option)
			if took := time.Since(from); took != 24*time.Hour {
				t.Errorf("ended after %v with %v, want the context's 24h", took, err)
			}
		}
	})
}

func TestShorterContextWins(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := silentClient(t, time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		from := time.Now()
		_, err := client.KV().Put(ctx, &consul.KVPair{Key: "k"})
		if took := time.Since(from); took != time.Second || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ended after %v with %v", took, err)
		}
		if strings.Contains(err.Error(), "Config.Timeout") {
			t.Errorf("blames Config.Timeout: %v", err)
		}
	})
}

func TestEndedContextSendsNothing(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	client := clientWith(t, &consul.Config{Transport: roundTripFunc(func(r *http.Request) (*http.Response, error) {
		t.Errorf("sent %s %s", r.Method, r.URL)
		return nil, errors.New("not to be reached")
	})})
	for _, e := range endpoints {
		if err := e.call(ctx, client); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want Canceled", e.name, err)
		}
	}
}

func TestNilContextIsRefused(t *testing.T) {
	t.Parallel()
	client := clientWith(t, &consul.Config{})
	//lint:ignore SA1012 a nil context is what the test is about
	if _, _, err := client.KV().Get(nil, "k"); !errors.Is(err, consul.ErrInvalidOption) {
		t.Errorf("got %v, want ErrInvalidOption", err)
	}
}

// A server that sends its answer in parts is as slow as it likes between them, up to the limit.
func TestSlowBodyIsLeftAtTheTimeLimit(t *testing.T) {
	t.Parallel()
	s := newFaultServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte("["))
		w.(http.Flusher).Flush()
		silence(w, r)
	})
	client := clientWith(t, &consul.Config{Address: s.URL, Timeout: 20 * time.Millisecond})
	_, _, err := client.KV().List(testContext(t), "")
	if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, consul.ErrBadResponse) {
		t.Errorf("got %v, want DeadlineExceeded alone", err)
	}
}
