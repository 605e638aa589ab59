package embedded_test

import (
	"context"
	"encoding/json"
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
		remove := s.Inject(embedded.Fault{Effect: embedded.CutBody(4)})
		a, err := send(t.Context(), transport, "GET", base+"/v1/kv/a?raw", "")
		if !errors.Is(err, io.ErrUnexpectedEOF) || a.body != "0123" || a.status != 200 {
			t.Errorf("%+v, %v", a, err)
		}
		remove()
		defer s.Inject(embedded.Fault{Effect: embedded.CutBody(10)})()
		a, err = send(t.Context(), transport, "PUT", base+"/v1/kv/a", "x")
		if err != nil || a.body != "true" {
			t.Errorf("a body that is not longer than what is left of it: %+v, %v", a, err)
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
	overBoth(t, func(t *testing.T, s *embedded.Server, transport http.RoundTripper, base string) {
		defer s.Inject(embedded.Fault{Effect: embedded.Index(3)})()
		if a, err := send(t.Context(), transport, "PUT", base+"/v1/kv/a", ""); err != nil || a.header.Get("X-Consul-Index") != "" {
			t.Errorf("an answer without an index has one now: %+v, %v", a, err)
		}
		a, err := send(t.Context(), transport, "GET", base+"/v1/kv/a", "")
		if err != nil || a.header.Get("X-Consul-Index") != "3" || a.status != 200 {
			t.Errorf("%+v, %v", a, err)
		}
	})
}

func TestForget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		first := ask(t, s, "GET", "/v1/catalog/nodes", "").header.Get("X-Consul-Index")
		ask(t, s, "PUT", "/v1/kv/a", "x")
		ask(t, s, "PUT", "/v1/session/create", `{"TTL": "10s", "NodeChecks": []}`)
		ask(t, s, "PUT", "/v1/event/fire/deploy", "")
		ask(t, s, "PUT", "/v1/agent/service/register", `{"Name": "web", "Check": {"TTL": "10s"}}`)
		ended := make(chan error, 2)
		for _, path := range []string{"/v1/kv/a", "/v1/event/list"} {
			index := ask(t, s, "GET", path, "").header.Get("X-Consul-Index")
			go func() {
				_, err := send(t.Context(), s.Transport(), "GET", "http://consul.test"+path+"?index="+index, "")
				ended <- err
			}()
		}
		synctest.Wait()
		begin := time.Now()
		if err := s.Forget(); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := <-ended; err == nil || time.Since(begin) != 0 {
				t.Errorf("a request that waited ended %v after everything was forgotten, with the error %v", time.Since(begin), err)
			}
		}
		for path, want := range map[string]string{
			"/v1/session/list": "[]", "/v1/event/list": "[]", "/v1/catalog/services": `{"consul":[]}`,
			"/v1/agent/services": "{}", "/v1/agent/checks": "{}", "/v1/kv/?recurse": "",
		} {
			if a := ask(t, s, "GET", path, ""); a.body != want {
				t.Errorf("%s: %+v", path, a)
			}
		}
		if a := ask(t, s, "GET", "/v1/catalog/nodes", ""); a.header.Get("X-Consul-Index") != first {
			t.Errorf("the nodes were at index %s in the beginning and are at %s", first, a.header.Get("X-Consul-Index"))
		}
	})
}

// TestLifeAfterForget has what goes by time begin anew: nothing of before ends what is of now.
func TestLifeAfterForget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		create := func() string { return createSession(t, s, `{"TTL": "10s", "NodeChecks": []}`) }
		create()
		ask(t, s, "PUT", "/v1/kv/a", "")
		ask(t, s, "DELETE", "/v1/kv/a", "")
		time.Sleep(15 * time.Second)
		if err := s.Forget(); err != nil {
			t.Fatal(err)
		}
		id := create()
		time.Sleep(15 * time.Second)
		if a := ask(t, s, "GET", "/v1/session/info/"+id, ""); a.body == "[]" {
			t.Error("the session ended too early")
		}
		time.Sleep(5*time.Second + time.Nanosecond)
		if a := ask(t, s, "GET", "/v1/session/info/"+id, ""); a.body != "[]" {
			t.Errorf("the session did not end: %+v", a)
		}
	})
}

func TestForgetForgetsTokens(t *testing.T) {
	t.Parallel()
	const management = "aaaaaaaa-0000-4000-8000-000000000001"
	s := start(t, embedded.WithACL(embedded.ACL{InitialManagement: management}))
	made := "bbbbbbbb-0000-4000-8000-000000000001"
	ask(t, s, "PUT", "/v1/acl/token?token="+management, `{"SecretID": "`+made+`"}`)
	ask(t, s, "PUT", "/v1/agent/token/default?token="+management, `{"Token": "`+management+`"}`)
	for path, want := range map[string]int{"/v1/acl/token/self?token=" + made: 200, "/v1/acl/tokens": 200} {
		if a := ask(t, s, "GET", path, ""); a.status != want {
			t.Errorf("before: %s: %+v", path, a)
		}
	}
	if err := s.Forget(); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{
		"/v1/acl/token/self?token=" + made: 403, "/v1/acl/tokens": 403, "/v1/acl/tokens?token=" + management: 200,
	} {
		if a := ask(t, s, "GET", path, ""); a.status != want {
			t.Errorf("after: %s: %+v", path, a)
		}
	}
}

// createSession gives the ID of a new session.
func createSession(t *testing.T, s *embedded.Server, body string) string {
	t.Helper()
	var created struct{ ID string }
	a := ask(t, s, "PUT", "/v1/session/create", body)
	if err := json.Unmarshal([]byte(a.body), &created); err != nil {
		t.Fatalf("%+v: %v", a, err)
	}
	return created.ID
}

func TestExpireSession(t *testing.T) {
	t.Parallel()
	s := start(t)
	id := createSession(t, s, `{"TTL": "10s", "LockDelay": "0s", "NodeChecks": []}`)
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
