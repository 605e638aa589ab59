package embedded_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lictor-go/consul/embedded"
)

// overBoth runs a test of requests without a socket and over loopback.
func overBoth(t *testing.T, f func(t *testing.T, s *embedded.Server, transport http.RoundTripper, base string)) {
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		f(t, s, s.Transport(), "http://embedded")
	})
	t.Run("loopback", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		transport := &http.Transport{DisableKeepAlives: true}
		f(t, s, transport, "http://"+s.Addr())
	})
}

func TestAnswerInstead(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, s *embedded.Server, transport http.RoundTripper, base string) {
		remove := s.Inject(embedded.Fault{
			Match: embedded.OfRequest("PUT", "/v1/kv/"), Skip: 1, Times: 2, Effect: embedded.Answer(503, "down"),
		})
		defer remove()
		for i, want := range []int{200, 503, 503, 200} {
			a, err := send(t.Context(), transport, "PUT", base+"/v1/kv/a", "x")
			if err != nil || a.status != want || want == 503 && a.body != "down" {
				t.Errorf("request %d: %+v, %v; want status %d", i, a, err, want)
			}
			if a, err := send(t.Context(), transport, "GET", base+"/v1/kv/a", ""); err != nil || a.status != 200 {
				t.Errorf("a request that does not match: %+v, %v", a, err)
			}
		}
	})
}

func TestDropBeforeAndAfter(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, s *embedded.Server, transport http.RoundTripper, base string) {
		for _, test := range []struct {
			effect embedded.Effect
			after  bool
		}{{embedded.Drop(), false}, {embedded.DropAfter(), true}} {
			remove := s.Inject(embedded.Fault{Match: embedded.OfRequest("PUT", ""), Effect: test.effect})
			if a, err := send(t.Context(), transport, "PUT", base+"/v1/kv/a", "x"); err == nil {
				t.Errorf("the request was answered: %+v", a)
			}
			remove()
			a, err := send(t.Context(), transport, "GET", base+"/v1/kv/a", "")
			if err != nil || (a.status == 200) != test.after {
				t.Errorf("after the drop: %+v, %v; want it to have taken effect: %v", a, err, test.after)
			}
		}
	})
}

func TestBodyCutShort(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, s *embedded.Server, transport http.RoundTripper, base string) {
		if _, err := send(t.Context(), transport, "PUT", base+"/v1/kv/a", "0123456789"); err != nil {
			t.Fatal(err)
		}
		defer s.Inject(embedded.Fault{Effect: embedded.CutBody(4)})()
		a, err := send(t.Context(), transport, "GET", base+"/v1/kv/a?raw", "")
		if !errors.Is(err, io.ErrUnexpectedEOF) || a.body != "0123" || a.status != 200 {
			t.Errorf("%+v, %v", a, err)
		}
	})
}

func TestHang(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, s *embedded.Server, transport http.RoundTripper, base string) {
		arrived := make(chan struct{})
		hang := embedded.Hang()
		defer s.Inject(embedded.Fault{Effect: func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			close(arrived)
			hang(w, r, next)
		}})()
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-arrived
			cancel()
		}()
		if a, err := send(ctx, transport, "GET", base+"/v1/kv/a", ""); !errors.Is(err, context.Canceled) {
			t.Errorf("%+v, %v", a, err)
		}
	})
}

func TestHangAfter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		remove := s.Inject(embedded.Fault{Effect: embedded.HangAfter()})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if a, err := send(ctx, s.Transport(), "PUT", "http://embedded/v1/kv/a", "x"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%+v, %v", a, err)
		}
		remove()
		if a := ask(t, s, "GET", "/v1/kv/a?raw", ""); a.body != "x" {
			t.Errorf("it did not take effect: %+v", a)
		}
	})
}

func TestDelayForAWhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		s.Inject(embedded.Fault{For: time.Minute, Effect: embedded.Delay(40 * time.Second)})
		for i, want := range []time.Duration{40 * time.Second, 40 * time.Second, 0} {
			begin := time.Now()
			ask(t, s, "GET", "/v1/kv/a", "")
			if took := time.Since(begin); took != want {
				t.Errorf("request %d took %v, want %v", i, took, want)
			}
		}
	})
}

func TestFaultsNest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		s.Inject(embedded.Fault{Effect: embedded.Delay(time.Second)})
		s.Inject(embedded.Fault{Effect: embedded.Answer(500, "no")})
		begin := time.Now()
		if a := ask(t, s, "GET", "/v1/kv/a", ""); a.status != 500 || time.Since(begin) != time.Second {
			t.Errorf("%+v after %v", a, time.Since(begin))
		}
	})
}

func TestIndexGoesBack(t *testing.T) {
	t.Parallel()
	s := start(t)
	ask(t, s, "PUT", "/v1/kv/a", "x")
	defer s.Inject(embedded.Fault{Effect: embedded.Index(3)})()
	if a := ask(t, s, "GET", "/v1/kv/a", ""); a.header.Get("X-Consul-Index") != "3" || a.status != 200 {
		t.Errorf("%+v", a)
	}
	if a := ask(t, s, "PUT", "/v1/kv/a", ""); a.header.Get("X-Consul-Index") != "" {
		t.Errorf("an answer without an index has one now: %+v", a)
	}
}

func TestNoLeader(t *testing.T) {
	t.Parallel()
	s := start(t)
	ask(t, s, "PUT", "/v1/kv/a", "x")
	remove := s.Inject(embedded.Fault{Effect: embedded.NoLeader()})
	for _, test := range []struct {
		method, path string
		status       int
		known        string
	}{
		{"GET", "/v1/kv/a", 500, ""},
		{"GET", "/v1/kv/a?consistent", 500, ""},
		{"PUT", "/v1/kv/a", 500, ""},
		{"GET", "/v1/kv/a?stale", 200, "false"},
		{"GET", "/v1/status/leader", 200, ""},
	} {
		a := ask(t, s, test.method, test.path, "")
		if a.status != test.status || a.header.Get("X-Consul-Knownleader") != test.known {
			t.Errorf("%s %s: %+v", test.method, test.path, a)
		}
		if test.status == 500 && a.body != "No cluster leader" {
			t.Errorf("%s %s says %q", test.method, test.path, a.body)
		}
	}
	if a := ask(t, s, "GET", "/v1/status/leader", ""); a.body != `""` {
		t.Errorf("the leader is %s", a.body)
	}
	remove()
	if a := ask(t, s, "GET", "/v1/kv/a", ""); a.status != 200 {
		t.Errorf("after the fault: %+v", a)
	}
}

func TestForget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		ask(t, s, "PUT", "/v1/kv/a", "x")
		ask(t, s, "PUT", "/v1/session/create", `{"TTL": "10s", "NodeChecks": []}`)
		ask(t, s, "PUT", "/v1/event/fire/deploy", "")
		index := ask(t, s, "GET", "/v1/kv/a", "").header.Get("X-Consul-Index")
		waiting := make(chan answer, 1)
		go func() { waiting <- ask(t, s, "GET", "/v1/kv/a?index="+index, "") }()
		synctest.Wait()
		begin := time.Now()
		if err := s.Forget(); err != nil {
			t.Fatal(err)
		}
		<-waiting
		if took := time.Since(begin); took != 0 {
			t.Errorf("a blocking query was answered %v after everything was forgotten", took)
		}
		if a := ask(t, s, "GET", "/v1/kv/?recurse", ""); a.status != http.StatusNotFound {
			t.Errorf("a key is left: %+v", a)
		}
		for _, path := range []string{"/v1/session/list", "/v1/event/list"} {
			if a := ask(t, s, "GET", path, ""); a.body != "[]" {
				t.Errorf("%s: %+v", path, a)
			}
		}
		if a := ask(t, s, "PUT", "/v1/session/create", `{"NodeChecks": []}`); a.status != 200 {
			t.Errorf("the node is not there again: %+v", a)
		}
	})
}

func TestExpireSession(t *testing.T) {
	t.Parallel()
	s := start(t)
	created := ask(t, s, "PUT", "/v1/session/create", `{"TTL": "10s", "LockDelay": "0s", "NodeChecks": []}`)
	id := created.body[len(`{"ID":"`) : len(created.body)-len(`"}`)]
	ask(t, s, "PUT", "/v1/kv/a?acquire="+id, "")
	if err := s.ExpireSession(id); err != nil {
		t.Fatal(err)
	}
	if a := ask(t, s, "GET", "/v1/session/info/"+id, ""); a.body != "[]" {
		t.Errorf("the session is still there: %+v", a)
	}
	if err := s.ExpireSession(id); err != nil {
		t.Errorf("once more: %v", err)
	}
}
