package embedded_test

// This file tests the agent's checks that really run, its log, and its end.

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lictor-go/consul/embedded"
)

// TestChecksRun waits for a check to find out that something answers.
func TestChecksRun(t *testing.T) {
	t.Parallel()
	for name, check := range map[string]string{
		"HTTP":   `"HTTP": "http://%s/v1/status/leader", "Method": "GET"`,
		"TCP":    `"TCP": "%s"`,
		"script": `"Args": ["test", "%s"]`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, embedded.WithScriptChecks())
			tell(t, s, "/v1/agent/service/register",
				`{"Name": "web", "Check": {`+fmt.Sprintf(check, s.Addr())+`, "Interval": "1s", "Timeout": "5s"}}`)
			got := catalogCheck(t, s, "service:web")
			for index := "1"; got.Status != "passing"; {
				a := ask(t, s, http.MethodGet, "/v1/health/checks/web?wait=10s&index="+index, "")
				if next := a.header.Get("X-Consul-Index"); next != index {
					index, got = next, catalogCheck(t, s, "service:web")
					continue
				}
				t.Fatalf("it is %+v", got)
			}
		})
	}
}

func TestMonitorHidesTokens(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, s *embedded.Server, transport http.RoundTripper, base string) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/v1/agent/monitor?loglevel=debug", nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := transport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		ask(t, s, http.MethodGet, "/v1/kv/a?token=secret&raw", "")
		lines := bufio.NewScanner(response.Body)
		for lines.Scan() {
			if strings.Contains(lines.Text(), "secret") {
				t.Errorf("the log tells the token: %s", lines.Text())
			}
			if strings.Contains(lines.Text(), "[DEBUG] agent.http: Request finished: method=GET url=") {
				return
			}
		}
		t.Fatalf("the log ends without the request: %v", lines.Err())
	})
}

func TestLeave(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, s *embedded.Server, transport http.RoundTripper, base string) {
		a, err := send(t.Context(), transport, http.MethodPut, base+"/v1/agent/leave", "")
		if err != nil || a.status != http.StatusOK || a.body != "" {
			t.Fatalf("%+v, %v", a, err)
		}
		<-s.Done()
		if a, err := send(t.Context(), transport, http.MethodGet, base+"/v1/status/leader", ""); err == nil {
			t.Errorf("it still answers: %+v", a)
		}
	})
}

// TestCloseEndsChecksThatComeLate registers checks while the server closes: none of them may go on. That nothing does
// is seen at the end of the tests.
func TestCloseEndsChecksThatComeLate(t *testing.T) {
	t.Parallel()
	s := start(t)
	var registering sync.WaitGroup
	for i := range 8 {
		registering.Go(func() {
			for n := 0; ; n++ {
				body := fmt.Sprintf(`{"Name": "c-%d-%d", "TCP": "127.0.0.1:1", "Interval": "1h"}`, i, n)
				const register = "http://embedded/v1/agent/check/register"
				if _, err := send(context.Background(), s.Transport(), http.MethodPut, register, body); err != nil {
					return
				}
			}
		})
	}
	for len(read[map[string]seen](t, s, "/v1/agent/checks")) == 0 {
		continue
	}
	begin := time.Now()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	registering.Wait()
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
}

// TestForget shows that a server which was wiped is as one that has just started.
func TestForgetDropsServices(t *testing.T) {
	t.Parallel()
	s := start(t)
	tell(t, s, "/v1/agent/service/register", `{"Name": "web", "Check": {"TTL": "1h"}}`)
	if err := s.Forget(); err != nil {
		t.Fatal(err)
	}
	if got := read[map[string]any](t, s, "/v1/agent/services"); len(got) != 0 {
		t.Errorf("the agent has %v", got)
	}
	if got := catalogServices(t, s); len(got) != 1 || got[0] != "consul" {
		t.Errorf("the catalog has %v", got)
	}
	tell(t, s, "/v1/agent/service/register", `{"Name": "web"}`)
	if got := catalogServices(t, s); len(got) != 2 {
		t.Errorf("registered anew, the catalog has %v", got)
	}
}
