package consul_test

// This file tests Session.RenewPeriodic: its timing in virtual time, and once that it works on the real server.

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lictor-go/consul"
	"github.com/lictor-go/consul/testutil"
)

const renewTTL = 20 * time.Second

// A renewServer answers renewals as renew says, and destructions as destroy says, and notes when they came.
type renewServer struct {
	renew, destroy http.HandlerFunc
	start          time.Time
	renewed        []time.Duration // since start
	destroyed      []time.Duration
}

func (s *renewServer) session(t testing.TB) *consul.Session {
	s.start = time.Now()
	server := respond(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method + " " + r.URL.Path {
		case "PUT /v1/session/renew/s":
			s.renewed = append(s.renewed, time.Since(s.start))
			s.renew(w, r)
		case "PUT /v1/session/destroy/s":
			s.destroyed = append(s.destroyed, time.Since(s.start))
			if s.destroy != nil {
				s.destroy(w, r)
			}
		default:
			t.Errorf("unexpected %s %s", r.Method, r.URL)
		}
	})
	return clientWith(t, &consul.Config{Transport: roundTripFunc(func(r *http.Request) (*http.Response, error) {
		resp, err := server(r)
		if r.Context().Err() != nil {
			return nil, r.Context().Err()
		}
		return resp, err
	})}).Session()
}

// pauses gives the times between renewals.
func (s *renewServer) pauses() []time.Duration {
	var pauses []time.Duration
	before := time.Duration(0)
	for _, at := range s.renewed {
		pauses = append(pauses, at-before)
		before = at
	}
	return pauses
}

// silent answers nothing until the caller is gone.
func silent(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

var renewOK = answer(200, `[{"ID":"s","TTL":"20s"}]`)

func TestRenewPeriodicRenewsUntilItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &renewServer{renew: renewOK}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		if err := s.session(t).RenewPeriodic(ctx, "s", renewTTL); err != nil {
			t.Errorf("got %v, want nil", err)
		}
		different := map[time.Duration]bool{}
		for _, pause := range s.pauses() {
			different[pause] = true
			if pause < renewTTL*2/5 || pause > renewTTL/2 {
				t.Errorf("a pause of %v, want 0.4 to 0.5 times %v", pause, renewTTL)
			}
		}
		if len(s.renewed) < 60 || len(different) < 10 {
			t.Errorf("%d renewals, %d different pauses", len(s.renewed), len(different))
		}
		if len(s.destroyed) != 1 || s.destroyed[0] != 10*time.Minute {
			t.Errorf("destroyed at %v, want at the end of the context", s.destroyed)
		}
	})
}

func TestRenewPeriodicGoesByTheTTLOfTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &renewServer{renew: answer(200, `[{"ID":"s","TTL":"1m"}]`)}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		if err := s.session(t).RenewPeriodic(ctx, "s", renewTTL); err != nil {
			t.Error(err)
		}
		for i, pause := range s.pauses() {
			want := time.Minute
			if i == 0 {
				want = renewTTL
			}
			if pause < want*2/5 || pause > want/2 {
				t.Errorf("pause %d of %v, want 0.4 to 0.5 times %v", i, pause, want)
			}
		}
	})
}

func TestRenewPeriodicRepeatsWhatFailedSooner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &renewServer{}
		failures := 0
		s.renew = func(w http.ResponseWriter, r *http.Request) {
			if len(s.renewed)%5 != 0 { // four of five fail
				failures++
				answer(500, "rpc error")(w, r)
				return
			}
			renewOK(w, r)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		if err := s.session(t).RenewPeriodic(ctx, "s", renewTTL); err != nil {
			t.Fatal(err)
		}
		for i, pause := range s.pauses() {
			least, most := renewTTL/20, renewTTL/10
			if i%5 == 0 {
				least, most = renewTTL*2/5, renewTTL/2
			}
			if pause < least || pause > most {
				t.Errorf("pause %d of %v, want %v to %v", i, pause, least, most)
			}
		}
		if failures < 100 {
			t.Errorf("only %d failures", failures)
		}
	})
}

func TestRenewPeriodicEndsWithTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &renewServer{renew: answer(404, "Session id 's' not found")}
		err := s.session(t).RenewPeriodic(t.Context(), "s", renewTTL)
		if !errors.Is(err, consul.ErrSessionExpired) || !errors.Is(err, consul.ErrNotFound) {
			t.Errorf("got %v, want ErrSessionExpired", err)
		}
		if len(s.renewed) != 1 || len(s.destroyed) != 0 {
			t.Errorf("renewed at %v, destroyed at %v", s.renewed, s.destroyed)
		}
	})
}

// After the TTL nobody can say that the session still holds anything: it ends then, not sooner and not later, whatever
// kept the renewals from succeeding.
func TestRenewPeriodicGivesUpAfterAWholeTTL(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fail http.HandlerFunc
		want error
	}{
		"denied": {answer(403, "Permission denied"), consul.ErrPermissionDenied},
		"failed": {answer(500, "No cluster leader"), consul.ErrNoLeader},
		"silent": {silent, context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &renewServer{}
				s.renew = func(w http.ResponseWriter, r *http.Request) {
					if len(s.renewed) == 1 {
						time.Sleep(time.Second) // the TTL counts from when it was asked for
						renewOK(w, r)
						return
					}
					test.fail(w, r)
				}
				err := s.session(t).RenewPeriodic(t.Context(), "s", renewTTL)
				if !errors.Is(err, test.want) || errors.Is(err, consul.ErrSessionExpired) || !strings.Contains(err.Error(), "20s") {
					t.Errorf("got %v, want %v, and the TTL", err, test.want)
				}
				if after := time.Since(s.start) - s.renewed[0]; after != renewTTL {
					t.Errorf("given up %v after the last success, want %v", after, renewTTL)
				}
				if len(s.renewed) < 3 || len(s.destroyed) != 0 {
					t.Errorf("renewed at %v, destroyed at %v", s.renewed, s.destroyed)
				}
			})
		})
	}
}

func TestRenewPeriodicLeavesARenewalUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &renewServer{renew: silent}
		ctx, cancel := context.WithCancel(t.Context())
		session := s.session(t)
		done := make(chan error, 1)
		go func() { done <- session.RenewPeriodic(ctx, "s", renewTTL) }()
		time.Sleep(renewTTL/2 + time.Second) // virtual: the first renewal waits for its answer now
		before := time.Now()
		cancel()
		if err := <-done; err != nil || time.Since(before) != 0 {
			t.Errorf("got %v after %v, want nil at once", err, time.Since(before))
		}
		if len(s.renewed) != 1 || len(s.destroyed) != 1 {
			t.Errorf("renewed at %v, destroyed at %v", s.renewed, s.destroyed)
		}
	})
}

func TestRenewPeriodicSaysThatTheSessionIsLeft(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		destroy http.HandlerFunc
		want    error
		took    time.Duration
	}{
		"denied": {answer(403, "Permission denied"), consul.ErrPermissionDenied, 0},
		"silent": {silent, context.DeadlineExceeded, 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &renewServer{renew: renewOK, destroy: test.destroy}
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				err := s.session(t).RenewPeriodic(ctx, "s", renewTTL)
				if !errors.Is(err, test.want) || errors.Is(err, context.Canceled) || time.Since(s.start) != test.took {
					t.Errorf("got %v after %v, want %v after %v", err, time.Since(s.start), test.want, test.took)
				}
				if len(s.renewed) != 0 || len(s.destroyed) != 1 {
					t.Errorf("renewed at %v, destroyed at %v", s.renewed, s.destroyed)
				}
			})
		})
	}
}

func TestRenewPeriodicOfAClosedClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clientWith(t, &consul.Config{Transport: respond(renewOK)})
		c.Close()
		if err := c.Session().RenewPeriodic(t.Context(), "s", renewTTL); !errors.Is(err, consul.ErrClosed) {
			t.Errorf("got %v, want ErrClosed", err)
		}
	})
}

func TestRenewPeriodicWithoutAContext(t *testing.T) {
	t.Parallel()
	var none context.Context
	if err := refuseAll(t).Session().RenewPeriodic(none, "s", renewTTL); !errors.Is(err, consul.ErrInvalidOption) {
		t.Errorf("got %v, want ErrInvalidOption", err)
	}
}

func TestRenewPeriodicTakesOptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		c := clientWith(t, &consul.Config{Transport: respond(func(w http.ResponseWriter, r *http.Request) {
			calls++
			if r.URL.RawQuery != "dc=dc2" || r.Header.Get("X-Consul-Token") != "t" {
				t.Errorf("sent %s with the token %q", r.URL, r.Header.Get("X-Consul-Token"))
			}
			io.WriteString(w, `[{"ID":"s"}]`)
		})})
		ctx, cancel := context.WithTimeout(t.Context(), renewTTL)
		defer cancel()
		if err := c.Session().RenewPeriodic(ctx, "s", renewTTL, consul.WithDatacenter("dc2"), consul.WithToken("t")); err != nil || calls < 3 {
			t.Errorf("%d calls, %v", calls, err)
		}
	})
}

// Of two sessions with a TTL of a second, the one that is renewed outlives the other, again and again.
func TestRenewPeriodicOnTheServer(t *testing.T) {
	testutil.NeedReal(t, "WithConfig")
	t.Parallel()
	c := clientWith(t, &consul.Config{Address: testutil.NewServer(t, testutil.WithConfig(`session_ttl_min = "1s"`)).Addr()})
	entry := &consul.SessionEntry{TTL: time.Second}
	kept := newSession(t, c, entry)
	ctx, cancel := context.WithCancel(testContext(t))
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- c.Session().RenewPeriodic(ctx, kept, entry.TTL) }()
	for range 2 {
		awaitEnd(t, c, newSession(t, c, entry))
		info(t, c, kept)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("got %v, want nil", err)
	}
	if _, _, err := c.Session().Info(testContext(t), kept); !errors.Is(err, consul.ErrNotFound) {
		t.Errorf("after the context: %v, want ErrNotFound", err)
	}
	if err := c.Session().RenewPeriodic(testContext(t), kept, entry.TTL); !errors.Is(err, consul.ErrSessionExpired) {
		t.Errorf("of a session that is gone: %v, want ErrSessionExpired", err)
	}
}

// awaitEnd waits until a session is gone.
func awaitEnd(t testing.TB, c *consul.Client, id string) {
	t.Helper()
	index := uint64(0)
	for {
		_, meta, err := c.Session().Info(testContext(t), id, consul.Wait(index, 30*time.Second))
		if errors.Is(err, consul.ErrNotFound) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		index = meta.LastIndex
	}
}
