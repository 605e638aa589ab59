package embedded_test

// This file tests what the agent does as time passes, in the time of a bubble.

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lictor-go/consul/embedded"
)

// tell sends a request that the server must accept, and gives its answer's body.
func tell(t *testing.T, s *embedded.Server, path, body string) string {
	t.Helper()
	a := ask(t, s, http.MethodPut, path, body)
	if a.status != http.StatusOK {
		t.Fatalf("PUT %s %s: %d %s", path, body, a.status, a.body)
	}
	return a.body
}

// read decodes what the server answers.
func read[T any](t *testing.T, s *embedded.Server, path string) (value T) {
	t.Helper()
	a := ask(t, s, http.MethodGet, path, "")
	if a.status != http.StatusOK {
		t.Fatalf("GET %s: %d %s", path, a.status, a.body)
	}
	decodeInto(t, a.body, &value)
	return value
}

func decodeInto(t *testing.T, body string, value any) {
	t.Helper()
	if err := json.Unmarshal([]byte(body), value); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
}

// seen is what is tested of a check.
type seen struct{ CheckID, Status, Output string }

// agentCheck gives a check of the agent's, the zero value where there is none.
func agentCheck(t *testing.T, s *embedded.Server, id string) seen {
	t.Helper()
	return read[map[string]seen](t, s, "/v1/agent/checks")[id]
}

// catalogCheck gives the check that the catalog has of the agent's node.
func catalogCheck(t *testing.T, s *embedded.Server, id string) seen {
	t.Helper()
	for _, check := range read[[]seen](t, s, "/v1/health/node/embedded") {
		if check.CheckID == id {
			return check
		}
	}
	return seen{}
}

// catalogServices gives the IDs of the services that the catalog has of the agent's node.
func catalogServices(t *testing.T, s *embedded.Server) []string {
	t.Helper()
	node := read[*struct{ Services map[string]any }](t, s, "/v1/catalog/node/embedded")
	if node == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(node.Services))
}

// pass lets time pass, and what is due then happen.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// twoSyncs is the time within which a full sync has begun and ended for sure.
const twoSyncs = 2*time.Minute + time.Second

func TestTTLCheckExpires(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		tell(t, s, "/v1/agent/check/register", `{"Name": "c", "TTL": "10s"}`)
		tell(t, s, "/v1/agent/check/pass/c?note=well", "")
		pass(9 * time.Second)
		tell(t, s, "/v1/agent/check/warn/c?note=shaky", "") // begins the TTL anew
		pass(10*time.Second - time.Nanosecond)
		if got := catalogCheck(t, s, "c"); got.Status != "warning" {
			t.Errorf("just before the TTL is over it is %+v, want it warning", got)
		}
		pass(time.Nanosecond)
		want := seen{"c", "critical", "TTL expired (last output before timeout follows): shaky"}
		if got := agentCheck(t, s, "c"); got != want {
			t.Errorf("the agent says %+v, want %+v", got, want)
		}
		if got := catalogCheck(t, s, "c"); got != want {
			t.Errorf("the catalog says %+v, want %+v", got, want)
		}
		tell(t, s, "/v1/agent/check/pass/c", "")
		if got := catalogCheck(t, s, "c"); got.Status != "passing" {
			t.Errorf("once it was told that all is well it is %+v", got)
		}
	})
}

func TestSessionEndsWithItsCheck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		tell(t, s, "/v1/agent/service/register", `{"Name": "web", "Check": {"TTL": "10s", "Status": "passing"}}`)
		var session struct{ ID string }
		body := tell(t, s, "/v1/session/create", `{"ServiceChecks": [{"ID": "service:web"}], "LockDelay": "20s"}`)
		decodeInto(t, body, &session)
		if got := tell(t, s, "/v1/kv/lock?acquire="+session.ID, "x"); got != "true" {
			t.Fatalf("acquired: %s", got)
		}
		index := ask(t, s, http.MethodGet, "/v1/kv/lock", "").header.Get("X-Consul-Index")
		begin := time.Now()
		a := ask(t, s, http.MethodGet, "/v1/kv/lock?wait=5m&index="+index, "")
		if waited := time.Since(begin); waited != 10*time.Second || strings.Contains(a.body, "Session") {
			t.Errorf("after %v the lock is %s, want it released after the 10s of the TTL", waited, a.body)
		}
		other := tell(t, s, "/v1/session/create", `{"LockDelay": "0s"}`)
		decodeInto(t, other, &session)
		if got := tell(t, s, "/v1/kv/lock?acquire="+session.ID, "y"); got != "false" {
			t.Errorf("acquired within the lock delay: %s", got)
		}
		pass(20 * time.Second)
		if got := tell(t, s, "/v1/kv/lock?acquire="+session.ID, "y"); got != "true" {
			t.Errorf("acquired after the lock delay: %s", got)
		}
	})
}

func TestCriticalServiceIsDeregistered(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		register string
		until    time.Duration // that long it is there: a multiple of 30s, when the agent looks
	}{
		"later than asked for, which is too soon": {
			`{"Name": "web", "Check": {"TTL": "10s", "DeregisterCriticalServiceAfter": "1s"}}`, 90 * time.Second},
		"the time begins with the first result": {
			`{"Name": "web", "Check": {"TTL": "50s", "DeregisterCriticalServiceAfter": "90s"}}`, 150 * time.Second},
		"in snake case": {
			`{"Name": "web", "Check": {"TTL": "10s", "deregister_critical_service_after": "2m"}}`, 150 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t)
				tell(t, s, "/v1/agent/service/register", test.register)
				pass(test.until - time.Nanosecond)
				if got := catalogServices(t, s); !slices.Equal(got, []string{"consul", "web"}) {
					t.Errorf("just before it is due there is %v", got)
				}
				pass(time.Nanosecond)
				if got := catalogServices(t, s); !slices.Equal(got, []string{"consul"}) {
					t.Errorf("once it is due there is %v", got)
				}
				if got := agentCheck(t, s, "service:web"); got != (seen{}) {
					t.Errorf("its check is there still: %+v", got)
				}
			})
		})
	}
}

func TestServiceThatIsNotCriticalForLongStays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		tell(t, s, "/v1/agent/service/register", `{"Name": "web", "Checks": [
			{"CheckID": "a", "TTL": "10s", "DeregisterCriticalServiceAfter": "1m"}, {"CheckID": "b", "TTL": "10s"}]}`)
		for range 10 {
			pass(time.Minute)
			tell(t, s, "/v1/agent/check/warn/a", "")
		}
		if got := catalogServices(t, s); !slices.Equal(got, []string{"consul", "web"}) {
			t.Errorf("there is %v", got)
		}
	})
}

func TestCatalogIsPutRight(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ verb, change string }{
		"a service deregistered": {"deregister", `{"Node": "embedded", "ServiceID": "web"}`},
		"a check deregistered":   {"deregister", `{"Node": "embedded", "CheckID": "service:web"}`},
		"the node deregistered":  {"deregister", `{"Node": "embedded"}`},
		"the server's own service deregistered": {
			"deregister", `{"Node": "embedded", "ServiceID": "consul"}`},
		"the node's health deregistered": {"deregister", `{"Node": "embedded", "CheckID": "serfHealth"}`},
		"a service changed": {
			"register", `{"Node": "embedded", "SkipNodeUpdate": true, "Service": {"Service": "web", "Port": 99}}`},
		"a check changed": {
			"register", `{"Node": "embedded", "SkipNodeUpdate": true,
				"Check": {"CheckID": "service:web", "ServiceID": "web", "Status": "critical"}}`},
		"a service added": {"register", `{"Node": "embedded", "SkipNodeUpdate": true, "Service": {"Service": "stray"}}`},
		"a check added":   {"register", `{"Node": "embedded", "SkipNodeUpdate": true, "Check": {"Name": "stray"}}`},
		"the node changed": {
			"register", `{"Node": "embedded", "Address": "127.0.0.1", "NodeMeta": {"a": "b"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t, embedded.WithNodeID("0a0b4f8e-2b0d-4f1a-9d36-7e1b8a90c2d4"))
				tell(t, s, "/v1/agent/service/register", `{"Name": "web", "Port": 1, "Check": {"TTL": "1h", "Status": "passing"}}`)
				right := catalogOfNode(t, s)
				put(t, s, test.verb, test.change)
				if wrong := catalogOfNode(t, s); wrong == right {
					t.Fatalf("the change changes nothing")
				}
				pass(twoSyncs)
				if got := catalogOfNode(t, s); got != right {
					t.Errorf("the catalog has\n%s\nwant\n%s", got, right)
				}
			})
		})
	}
}

// catalogOfNode is what the catalog has of the agent's node, whenever it was registered.
func catalogOfNode(t *testing.T, s *embedded.Server) string {
	t.Helper()
	var all []any
	for _, path := range []string{"/v1/catalog/node/embedded", "/v1/health/node/embedded"} {
		all = append(all, withoutIndexes(read[any](t, s, path)))
	}
	return encode(all)
}

// withoutIndexes takes away what no two registrations have in common.
func withoutIndexes(value any) any {
	switch value := value.(type) {
	case map[string]any:
		delete(value, "CreateIndex")
		delete(value, "ModifyIndex")
		for _, member := range value {
			withoutIndexes(member)
		}
	case []any:
		for _, item := range value {
			withoutIndexes(item)
		}
	}
	return value
}

func TestTagsAreTheCatalogsWhereTheServiceSaysSo(t *testing.T) {
	t.Parallel()
	for override, want := range map[string]string{"true": "theirs", "false": "own"} {
		t.Run(override, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t)
				tell(t, s, "/v1/agent/service/register",
					`{"Name": "web", "Tags": ["own"], "EnableTagOverride": `+override+`}`)
				put(t, s, "register", `{"Node": "embedded", "SkipNodeUpdate": true,
					"Service": {"Service": "web", "Tags": ["theirs"], "EnableTagOverride": `+override+`}}`)
				pass(twoSyncs)
				type service struct{ Tags, ServiceTags []string }
				if got := read[[]service](t, s, "/v1/catalog/service/web")[0].ServiceTags; !slices.Equal(got, []string{want}) {
					t.Errorf("the catalog's tags are %v, want %s", got, want)
				}
				if got := read[service](t, s, "/v1/agent/service/web").Tags; !slices.Equal(got, []string{want}) {
					t.Errorf("the agent's tags are %v, want %s", got, want)
				}
			})
		})
	}
}

// TestOutputIsToldLate shows what keeps checks that write something else each time from being told each time.
func TestOutputIsToldLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		tell(t, s, "/v1/agent/check/register", `{"Name": "c", "TTL": "1h", "Status": "passing"}`)
		tell(t, s, "/v1/agent/check/pass/c?note=first", "")
		pass(150*time.Second - time.Nanosecond)
		tell(t, s, "/v1/agent/check/pass/c?note=second", "")
		if got := agentCheck(t, s, "c").Output; got != "second" {
			t.Errorf("the agent says %q", got)
		}
		if got := catalogCheck(t, s, "c").Output; got != "" {
			t.Errorf("after two minutes and a half the catalog says %q", got)
		}
		pass(5 * time.Minute)
		if got := catalogCheck(t, s, "c").Output; got != "second" {
			t.Errorf("after seven minutes and a half the catalog says %q", got)
		}
		tell(t, s, "/v1/agent/check/pass/c?note=third", "")
		tell(t, s, "/v1/agent/check/warn/c?note=fourth", "")
		if got := catalogCheck(t, s, "c"); got != (seen{"c", "warning", "fourth"}) {
			t.Errorf("with another status the catalog says %+v", got)
		}
	})
}

func TestMaintenanceOutlastsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		tell(t, s, "/v1/agent/service/register", `{"Name": "web"}`)
		tell(t, s, "/v1/agent/service/maintenance/web?enable=true&reason="+url.QueryEscape("to be repaired"), "")
		pass(time.Hour)
		if got := catalogCheck(t, s, "_service_maintenance:web"); got.Status != "critical" {
			t.Errorf("after an hour it is %+v", got)
		}
		tell(t, s, "/v1/agent/service/maintenance/web?enable=false", "")
		if got := catalogCheck(t, s, "_service_maintenance:web"); got != (seen{}) {
			t.Errorf("once it has ended it is %+v", got)
		}
	})
}
