package checks_test

// This file holds the tests of when checks run and of what they make of results, in virtual time.

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lictor-go/consul/embedded/internal/checks"
)

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answer(status int) *http.Response {
	return &http.Response{
		StatusCode: status, Status: fmt.Sprint(status), Header: http.Header{}, Body: io.NopCloser(strings.NewReader("")),
	}
}

func TestIntervals(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		interval, stagger time.Duration
		want              []time.Duration // the begins of the first runs, each of which takes 0.3 s
	}{
		"at once":   {10 * second, 0, []time.Duration{0, 10300 * time.Millisecond, 20600 * time.Millisecond}},
		"staggered": {10 * second, 7 * second, []time.Duration{7 * second, 17300 * time.Millisecond}},
		"too short": {time.Millisecond, 0, []time.Duration{0, 1300 * time.Millisecond, 2600 * time.Millisecond}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				var runs []time.Duration
				env := checks.Env{
					Stagger: func(interval time.Duration) time.Duration {
						if want := max(test.interval, second); interval != want {
							t.Errorf("the stagger is within %v, want %v", interval, want)
						}
						return test.stagger
					},
					Transport: roundTripper(func(*http.Request) (*http.Response, error) {
						runs = append(runs, time.Since(began))
						time.Sleep(300 * time.Millisecond)
						return answer(200), nil
					}),
				}
				c, _ := newCheck(t, checks.Definition{HTTP: "http://x", Interval: test.interval}, env)
				c.Start()
				time.Sleep(test.want[len(test.want)-1] + second)
				c.Stop()
				if !slices.Equal(runs, test.want) {
					t.Errorf("got runs at %v, want %v", runs, test.want)
				}
			})
		})
	}
}

// TestStagger starts many checks: their first runs are spread over the interval, and none is later.
func TestStagger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		const n = 100
		first := make(chan time.Duration, n)
		env := checks.Env{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			first <- time.Since(began)
			return answer(200), nil
		})}
		for range n {
			c, _ := newCheck(t, checks.Definition{HTTP: "http://x", Interval: time.Minute}, env)
			c.Start()
			defer c.Stop()
		}
		time.Sleep(time.Minute - 1)
		synctest.Wait()
		if len(first) != n {
			t.Fatalf("%d of %d ran within the interval", len(first), n)
		}
		halves := [2]int{}
		for range n {
			halves[<-first/(30*second)]++
		}
		// One time in 2^99 all fall into one half.
		if halves[0] == 0 || halves[1] == 0 {
			t.Errorf("the first runs in both halves of the interval are %v", halves)
		}
	})
}

func TestThresholds(t *testing.T) {
	t.Parallel()
	// p, w and c are results, passing, warning and critical; what is said of each is one of them too, or - for nothing.
	tests := map[string]struct {
		def           checks.Definition
		results, said string
	}{
		"none":              {checks.Definition{}, "pcwcpwwcc", "pcwcpwwcc"},
		"passing":           {checks.Definition{SuccessBeforePassing: 3}, "ppcppppcwwp", "ppc--ppc--p"},
		"passing at first":  {checks.Definition{SuccessBeforePassing: 3}, "cppp", "c--p"},
		"critical":          {checks.Definition{FailuresBeforeCritical: 3}, "cpccpcccc", "cp--p--cc"},
		"warning":           {checks.Definition{FailuresBeforeWarning: 2, FailuresBeforeCritical: 4}, "pcccccwccp", "p-wwccw-wp"},
		"warning is 0":      {checks.Definition{FailuresBeforeCritical: 2}, "pccc", "p-cc"},
		"warning is enough": {checks.Definition{SuccessBeforePassing: 2}, "cwpc", "c-pc"},
		"negative": {checks.Definition{SuccessBeforePassing: -1, FailuresBeforeWarning: -1, FailuresBeforeCritical: -1},
			"pcwc", "pcwc"},
	}
	statuses := map[rune]int{'p': 200, 'w': 429, 'c': 500}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				next := make(chan int, len(test.results))
				for _, r := range test.results {
					next <- statuses[r]
				}
				def := test.def
				def.HTTP, def.Interval = "http://x", 10*second
				c, heard := newCheck(t, def, checks.Env{
					Stagger:   atOnce,
					Transport: roundTripper(func(*http.Request) (*http.Response, error) { return answer(<-next), nil }),
				})
				c.Start()
				defer c.Stop()
				got := ""
				for range test.results {
					synctest.Wait()
					select {
					case s := <-heard:
						got += s.status[:1]
					default:
						got += "-"
					}
					if len(got) < len(test.results) {
						time.Sleep(10 * second)
					}
				}
				if got != test.said {
					t.Errorf("of %s it says %s, want %s", test.results, got, test.said)
				}
			})
		})
	}
}

// TestStopCutsShort stops a check in the midst of a run: Stop waits for the end of it, and nothing is said of it.
func TestStopCutsShort(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ended := false
		c, heard := newCheck(t, checks.Definition{HTTP: "http://x", Interval: second}, checks.Env{
			Stagger: atOnce,
			Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				<-r.Context().Done()
				time.Sleep(second) // as a transport that is slow to notice
				ended = true
				return nil, r.Context().Err()
			}),
		})
		c.Start()
		time.Sleep(second)
		c.Stop()
		if !ended {
			t.Error("Stop did not wait for the run")
		}
		time.Sleep(time.Hour)
		wantSaid(t, heard)
	})
}

// TestTimeouts runs checks of nobody who answers: connections are pipes, so no real time passes.
func TestTimeouts(t *testing.T) {
	t.Parallel()
	const address = "nobody:1"
	tests := map[string]struct {
		def  checks.Definition
		want string
	}{
		"HTTP": {checks.Definition{HTTP: "http://" + address},
			`Get "http://nobody:1": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`},
		"TCP, TLS": {checks.Definition{TCP: address, TCPUseTLS: true}, "context deadline exceeded"},
		"gRPC": {checks.Definition{GRPC: address},
			"rpc error: code = DeadlineExceeded desc = context deadline exceeded while waiting for connections to become ready"},
		"gRPC, TLS": {checks.Definition{GRPC: address, GRPCUseTLS: true},
			"rpc error: code = DeadlineExceeded desc = context deadline exceeded while waiting for connections to become ready"},
		"H2PING":      {checks.Definition{H2PING: address}, "HTTP2 ping failed: context deadline exceeded"},
		"H2PING, TLS": {checks.Definition{H2PING: address, H2PingUseTLS: true}, "Failed to dial to nobody:1: context deadline exceeded"},
	}
	for name, test := range tests {
		for timeout, want := range map[time.Duration]time.Duration{0: 10 * second, -second: 10 * second, 3 * second: 3 * second} {
			t.Run(fmt.Sprint(name, ", ", timeout), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					began := time.Now()
					def := test.def
					def.Timeout = timeout
					got := firstResult(t, def, checks.Env{Dial: dialSilence})
					if got != (said{"critical", test.want}) {
						t.Errorf("got %q, want %q", got, test.want)
					}
					if took := time.Since(began); took != want {
						t.Errorf("it took %v, want %v", took, want)
					}
				})
			})
		}
	}
}

// dialSilence connects to somebody who takes all and says nothing.
func dialSilence(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	go func() {
		defer server.Close()
		_, _ = io.Copy(io.Discard, server)
	}()
	return client, nil
}

// TestUDPSilence runs a check of nobody who answers: the real server has neither a result nor an end for it.
func TestUDPSilence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, heard := newCheck(t, checks.Definition{UDP: "x:1", Interval: second, Timeout: second},
			checks.Env{Stagger: atOnce, Dial: dialSilence})
		c.Start()
		time.Sleep(24 * time.Hour)
		wantSaid(t, heard)
		c.Stop()
		wantSaid(t, heard)
	})
}
