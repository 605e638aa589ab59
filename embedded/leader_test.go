package embedded_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lictor-go/consul/embedded"
)

// whatAnswersWithoutLeader was asked of a real server, the last of a cluster of three, with ACLs.
var whatAnswersWithoutLeader = []struct {
	method, path, body string
	status             int
	known              string // X-Consul-Knownleader
}{
	{"GET", "/v1/kv/a", "", 500, ""},
	{"GET", "/v1/kv/a?consistent", "", 500, ""},
	{"GET", "/v1/kv/a?index=999999&wait=1s", "", 500, ""},
	{"GET", "/v1/kv/a?stale", "", 200, "false"},
	{"GET", "/v1/kv/a?max_stale=1h", "", 200, "false"},
	{"GET", "/v1/kv/none?stale", "", 404, "false"},
	{"GET", "/v1/kv/a?stale&token=bogus", "", 403, ""},
	{"GET", "/v1/kv/a?token=bogus", "", 500, ""},
	{"PUT", "/v1/kv/a", "", 500, ""},
	{"DELETE", "/v1/kv/a", "", 500, ""},
	{"PUT", "/v1/txn", `[{"KV": {"Verb": "get", "Key": "a"}}]`, 500, ""},
	{"PUT", "/v1/txn?stale", `[{"KV": {"Verb": "get", "Key": "a"}}]`, 200, "false"},
	{"PUT", "/v1/txn?stale", `[{"KV": {"Verb": "set", "Key": "a"}}]`, 500, ""},
	{"GET", "/v1/session/list", "", 500, "false"},
	{"GET", "/v1/session/list?stale", "", 200, "false"},
	{"PUT", "/v1/session/create", "{}", 500, ""},
	{"PUT", "/v1/session/renew/aaaaaaaa-0000-4000-8000-000000000001", "", 500, ""},
	{"PUT", "/v1/session/destroy/aaaaaaaa-0000-4000-8000-000000000001", "", 500, ""},
	{"GET", "/v1/catalog/datacenters", "", 200, ""},
	{"GET", "/v1/catalog/nodes", "", 500, "false"},
	{"GET", "/v1/catalog/nodes?stale", "", 200, "false"},
	{"GET", "/v1/catalog/services?cached", "", 200, "false"},
	{"GET", "/v1/catalog/service/web?cached", "", 200, "false"},
	{"PUT", "/v1/catalog/register", `{"Node": "x", "Address": "192.0.2.1"}`, 500, ""},
	{"GET", "/v1/health/service/web?cached", "", 200, "false"},
	{"GET", "/v1/health/service/web?stale", "", 200, "false"},
	{"GET", "/v1/health/service/web", "", 500, ""},
	{"GET", "/v1/health/state/any?stale", "", 200, "false"},
	{"GET", "/v1/agent/self", "", 200, ""},
	{"GET", "/v1/agent/services", "", 200, ""},
	{"PUT", "/v1/agent/service/register", `{"Name": "db"}`, 200, ""},
	{"GET", "/v1/agent/connect/ca/roots", "", 500, ""},
	{"PUT", "/v1/event/fire/x", "", 200, ""},
	{"GET", "/v1/event/list", "", 200, ""},
	{"GET", "/v1/status/leader", "", 200, ""},
	{"GET", "/v1/status/peers", "", 200, ""},
	{"GET", "/v1/acl/tokens", "", 500, "false"},
	{"GET", "/v1/acl/tokens?stale", "", 200, "false"},
	{"GET", "/v1/acl/token/self", "", 500, "false"},
	{"GET", "/v1/acl/token/self?stale", "", 200, "false"},
	{"PUT", "/v1/acl/token", "{}", 500, ""},
	{"PUT", "/v1/acl/bootstrap", "", 500, ""},
	{"GET", "/v1/acl/replication", "", 500, ""},
	{"GET", "/v1/acl/templated-policies", "", 200, ""},
	{"POST", "/v1/acl/login", "{}", 500, ""},
	{"GET", "/v1/coordinate/datacenters", "", 200, ""},
	{"GET", "/v1/coordinate/nodes", "", 500, "false"},
	{"GET", "/v1/coordinate/nodes?stale", "", 200, "false"},
	// What makes no sense is refused before anybody looks for a leader.
	{"PUT", "/v1/txn", "nonsense", 400, ""},
	{"PUT", "/v1/session/create", "nonsense", 400, ""},
	{"GET", "/v1/kv/a?index=x", "", 400, ""},
	{"GET", "/v1/kv/a?ns=x", "", 400, ""},
	{"POST", "/v1/kv/a", "", 405, ""},
	{"GET", "/v1/nonsense", "", 404, ""},
}

func TestNoLeader(t *testing.T) {
	t.Parallel()
	const management = "aaaaaaaa-0000-4000-8000-000000000001"
	s := start(t, embedded.WithACL(embedded.ACL{InitialManagement: management, Default: management}))
	ask(t, s, "PUT", "/v1/kv/a", "x")
	remove := s.Inject(embedded.Fault{Effect: embedded.NoLeader()})
	for _, test := range whatAnswersWithoutLeader {
		a := ask(t, s, test.method, test.path, test.body)
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
	if a := ask(t, s, "GET", "/v1/kv/a", ""); a.status != 200 || a.header.Get("X-Consul-Knownleader") != "true" {
		t.Errorf("after the fault: %+v", a)
	}
}

func TestLastContactWithLeader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		s.Inject(embedded.Fault{Effect: embedded.NoLeader()})
		time.Sleep(1500 * time.Millisecond)
		if a := ask(t, s, "GET", "/v1/kv/a?stale", ""); a.header.Get("X-Consul-Lastcontact") != "1500" {
			t.Errorf("%+v", a)
		}
		a := ask(t, s, "PUT", "/v1/txn?stale", `[{"KV": {"Verb": "get-tree", "Key": "a"}}]`)
		var answer struct{ LastContact time.Duration }
		if err := json.Unmarshal([]byte(a.body), &answer); err != nil || answer.LastContact != 1500*time.Millisecond ||
			a.header.Get("X-Consul-Lastcontact") != "1500" {
			t.Errorf("%+v, %v", a, err)
		}
	})
}

// TestSessionsOutliveTheLossOfTheLeader has a session that is not renewed, since nobody can.
func TestSessionsOutliveTheLossOfTheLeader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		id := createSession(t, s, `{"TTL": "10s", "NodeChecks": []}`)
		there := func() bool { return ask(t, s, "GET", "/v1/session/info/"+id+"?stale", "").body != "[]" }
		time.Sleep(15 * time.Second)
		elect, electAgain := s.LoseLeader(), s.LoseLeader()
		time.Sleep(time.Hour)
		if a := ask(t, s, "PUT", "/v1/session/renew/"+id, ""); a.status != http.StatusInternalServerError || !there() {
			t.Errorf("without a leader it is there: %v; it is renewed: %+v", there(), a)
		}
		elect()
		elect()
		if a := ask(t, s, "GET", "/v1/session/info/"+id, ""); a.status != http.StatusInternalServerError {
			t.Errorf("one of two losses is over: %+v", a)
		}
		electAgain()
		time.Sleep(20*time.Second - time.Nanosecond)
		if !there() {
			t.Error("it has not its whole time after the election")
		}
		time.Sleep(2 * time.Nanosecond)
		if there() {
			t.Error("it did not end")
		}
	})
}

// TestTombstonesAreReaped has the index of a prefix tell of a deletion for a quarter of an hour, as on the real server, which
// counts in half minutes.
func TestTombstonesAreReaped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		index := func(path string) uint64 {
			index, err := strconv.ParseUint(ask(t, s, "GET", path, "").header.Get("X-Consul-Index"), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return index
		}
		for key := range strings.FieldsSeq("a/x a/y a/z") {
			ask(t, s, "PUT", "/v1/kv/"+key, "")
		}
		first := index("/v1/kv/a/x")
		ask(t, s, "DELETE", "/v1/kv/a/y", "")
		ask(t, s, "DELETE", "/v1/kv/a/z", "")
		ask(t, s, "PUT", "/v1/kv/b", "")
		deleted := index("/v1/kv/a/?recurse")
		time.Sleep(15 * time.Minute)
		if now := index("/v1/kv/a/?recurse"); now != deleted || now <= first {
			t.Errorf("after 15 minutes the prefix is at %d; it was written at %d, deletions were at %d", now, first, deleted)
		}
		time.Sleep(30*time.Second + time.Nanosecond)
		now := ask(t, s, "GET", "/v1/kv/a/x", "")
		if left := index("/v1/kv/a/?recurse"); left >= deleted {
			t.Errorf("the prefix is still at %d: %+v", left, now)
		}
		ask(t, s, "DELETE", "/v1/kv/a/x", "") // the next one is reaped as well
		gone := index("/v1/kv/a/?recurse")
		ask(t, s, "PUT", "/v1/kv/c", "")
		time.Sleep(15*time.Minute + 30*time.Second + time.Nanosecond)
		if left := index("/v1/kv/a/?recurse"); left <= gone {
			t.Errorf("nothing is left that tells of the prefix, whose index is %d as that of the last deletion", left)
		}
	})
}
