package embedded_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lictor-go/consul/embedded"
)

// put changes the catalog.
func put(t *testing.T, s *embedded.Server, verb, body string) {
	t.Helper()
	if a := ask(t, s, http.MethodPut, "/v1/catalog/"+verb, body); a.status != http.StatusOK {
		t.Fatalf("%s %s: %d %s", verb, body, a.status, a.body)
	}
}

// TestStreams waits for changes of a service in ways that only streams show: what no index tells of, and what other services
// do not disturb.
func TestStreams(t *testing.T) {
	const (
		web    = `{"Node":"n","Address":"192.0.2.1","Service":{"ID":"w","Service":"web"}}`
		native = `{"Node":"m","Address":"192.0.2.1","Service":{"ID":"w","Service":"web","Port":1,"Connect":{"Native":true}}}`
	)
	for name, test := range map[string]struct {
		before, path string
		verb, change string
		woken        bool
		body         string // a part of the answer
	}{
		"the service has another name": {
			web, "/v1/health/service/web", "register",
			`{"Node":"n","SkipNodeUpdate":true,"Service":{"ID":"w","Service":"other"}}`, true, "[]"},
		"the service is gone": {
			web, "/v1/health/service/web", "deregister", `{"Node":"n","ServiceID":"w"}`, true, "[]"},
		"a check of it": {
			web, "/v1/health/service/web", "register",
			`{"Node":"n","SkipNodeUpdate":true,"Check":{"Name":"c","ServiceID":"w"}}`, true, `"CheckID":"c"`},
		"an instance that the mesh could reach is gone": {
			native, "/v1/health/connect/web", "deregister", `{"Node":"m","ServiceID":"w"}`, true, "[]"},
		"a change elsewhere": {
			web, "/v1/health/service/web", "register",
			`{"Node":"x","Address":"192.0.2.2","Service":{"Service":"web2"}}`, false, `"w"`},
		"another is gone while it is not there": {
			web, "/v1/health/service/none", "deregister", `{"Node":"n","ServiceID":"w"}`, false, "[]"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t)
				put(t, s, "register", `{"Node":"z","Address":"192.0.2.9","Service":{"Service":"gone"}}`)
				put(t, s, "deregister", `{"Node":"z"}`)
				put(t, s, "register", test.before)
				index := ask(t, s, http.MethodGet, test.path, "").header.Get("X-Consul-Index")
				begin, waited := time.Now(), make(chan answer)
				go func() { waited <- ask(t, s, http.MethodGet, test.path+"?wait=1m&index="+index, "") }()
				synctest.Wait()
				put(t, s, test.verb, test.change)
				a := <-waited
				if woken := time.Since(begin) < time.Minute; woken != test.woken {
					t.Errorf("it is answered after %v, before the minute is over: %v, want %v",
						time.Since(begin), woken, test.woken)
				}
				if !strings.Contains(a.body, test.body) {
					t.Errorf("the answer is %s, without %s", a.body, test.body)
				}
				for header, want := range map[string]string{
					"X-Consul-Query-Backend": "streaming", "X-Consul-Knownleader": "false",
				} {
					if got := a.header.Get(header); got != want {
						t.Errorf("%s is %q, want %q", header, got, want)
					}
				}
			})
		})
	}
}

// TestCacheHeaders asks the same several times.
func TestCacheHeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		put(t, s, "register", `{"Node":"n","Address":"192.0.2.1","Service":{"Service":"web"}}`)
		for _, step := range []struct{ path, control, cache, age string }{
			{"/v1/catalog/service/web?cached", "", "MISS", ""},
			{"/v1/catalog/service/web?cached", "", "HIT", "0"},
			{"/v1/catalog/service/web?cached&stale", "must-revalidate", "HIT", "0"},
			{"/v1/catalog/service/WEB?cached", "", "HIT", "0"},
			{"/v1/catalog/service/web?cached&tag=a", "", "MISS", ""},
			{"/v1/catalog/service/web?cached&index=1", "", "HIT", "0"},
			{"/v1/catalog/service/web?cached&index=1000&wait=1s", "", "MISS", ""},
			{"/v1/catalog/service/web", "", "", ""},
			{"/v1/health/service/web?cached", "", "MISS", ""},
			{"/v1/health/service/web?cached", "", "HIT", "0"},
			{"/v1/health/service/web?cached&passing", "", "MISS", ""},
			{"/v1/health/connect/web?index=1", "", "", ""},
			{"/v1/health/connect/web?cached", "", "HIT", "0"}, // the stream of the one before is still there
			{"/v1/catalog/datacenters?cached", "", "MISS", ""},
			{"/v1/catalog/datacenters?cached", "max-age=60", "HIT", "10"},
			{"/v1/catalog/datacenters?cached", "max-age=15", "MISS", ""},
			{"/v1/catalog/datacenters?cached", "max-age=15", "HIT", "10"},
			{"/v1/catalog/datacenters?cached", "max-age=0", "MISS", ""},
		} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://consul"+step.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Cache-Control", step.control)
			response, err := s.Transport().RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			if cache, age := response.Header.Get("X-Cache"), response.Header.Get("Age"); cache != step.cache || age != step.age {
				t.Errorf("%s %s: X-Cache %q, Age %q, want %q, %q", step.path, step.control, cache, age, step.cache, step.age)
			}
			time.Sleep(10 * time.Second)
		}
	})
}
