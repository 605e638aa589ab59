package benchmarks

// This file records the answers in testdata/recorded, and checks that what they show is still what a server sends.

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lictor-go/consul/testutil"
)

// recordings are the requests whose answers are recorded.
var recordings = []struct{ name, method, path string }{
	{"kv-get", http.MethodGet, "/v1/kv/" + smallKey},
	{"kv-get-raw", http.MethodGet, "/v1/kv/" + smallKey + "?raw"},
	{"kv-put", http.MethodPut, "/v1/kv/" + smallKey},
	{"kv-list", http.MethodGet, "/v1/kv/bench/list/?recurse"},
	{"health", http.MethodGet, "/v1/health/service/web"},
	{"session-renew", http.MethodPut, "/v1/session/renew/"},
}

// TestRecordings asks a server what testdata/recorded has the answers to, and compares them, but for indexes and times.
// With -update it writes them anew.
func TestRecordings(t *testing.T) {
	t.Parallel()
	s := testutil.NewServer(t)
	session := prepare(t, s)
	for _, r := range recordings {
		path, body := r.path, ""
		switch {
		case strings.HasSuffix(path, "/renew/"):
			path += session
		case r.method == http.MethodPut:
			body = smallValue
		}
		header, got := ask(t, s, r.method, path, body)
		got = strings.ReplaceAll(got, session, sessionID)
		got = strings.ReplaceAll(got, s.NodeName(), "agent")
		if *update {
			writeRecording(t, r.name, header, got)
			continue
		}
		data, err := os.ReadFile(recordingPath(r.name))
		if err != nil {
			t.Fatal(err)
		}
		want, err := parseAnswer(data)
		if err != nil {
			t.Fatal(err)
		}
		if a, b := settle(got), settle(string(want.body)); a != b {
			t.Errorf("%s: the server sends\n%s\nrecorded is\n%s", r.name, a, b)
		}
		names, recorded := slices.Sorted(maps.Keys(header)), slices.Sorted(maps.Keys(want.header))
		if !slices.Equal(names, recorded) {
			t.Errorf("%s: the server's header has %v, recorded is %v", r.name, names, recorded)
		}
	}
}

// settle blanks out what no two servers have in common.
func settle(body string) string {
	return regexp.MustCompile(`Index":\d+`).ReplaceAllString(body, `Index":0`)
}

func writeRecording(t *testing.T, name string, header http.Header, body string) {
	t.Helper()
	var out bytes.Buffer
	for _, k := range slices.Sorted(maps.Keys(header)) {
		fmt.Fprintf(&out, "%s: %s\n", k, header.Get(k))
	}
	fmt.Fprintf(&out, "\n%s", body)
	if err := os.MkdirAll(filepath.Dir(recordingPath(name)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(recordingPath(name), out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// prepare writes what the recorded answers are about, and gives the ID of a session.
func prepare(t *testing.T, s *testutil.Server) string {
	t.Helper()
	ask(t, s, http.MethodPut, "/v1/kv/"+smallKey, smallValue)
	for i := 1; i <= recordedItems; i++ {
		ask(t, s, http.MethodPut, "/v1/kv/bench/list/"+itemNumber(i), itemValue(i))
		ask(t, s, http.MethodPut, "/v1/catalog/register", instance(i, "web"))
	}
	_, answer := ask(t, s, http.MethodPut, "/v1/session/create", `{"Name": "bench", "TTL": "15s", "LockDelay": "15s"}`)
	var id string
	if _, err := fmt.Sscanf(answer, `{"ID":%q}`, &id); err != nil {
		t.Fatalf("the server answered %q: %v", answer, err)
	}
	return id
}

// instance is a registration of what an agent registers: a node, an instance of a service on it, and a check of each.
func instance(i int, service string) string {
	return strings.NewReplacer("NUMBER", itemNumber(i), "ADDRESS", itemAddress(i), "SERVICE", service).Replace(`{
		"ID": "0000c0de-0000-4000-8000-0000000NUMBER", "Node": "node-NUMBER", "Address": "ADDRESS",
		"TaggedAddresses": {"lan": "ADDRESS", "lan_ipv4": "ADDRESS", "wan": "ADDRESS", "wan_ipv4": "ADDRESS"},
		"NodeMeta": {"consul-network-segment": "", "consul-version": "1.22.7"},
		"Service": {
			"ID": "SERVICE-NUMBER", "Service": "SERVICE", "Tags": ["http", "v1.4.2", "zone-a"], "Address": "ADDRESS", "Port": 8080,
			"TaggedAddresses": {
				"lan_ipv4": {"Address": "ADDRESS", "Port": 8080}, "wan_ipv4": {"Address": "ADDRESS", "Port": 8080}
			},
			"Meta": {"version": "1.4.2", "team": "storefront"}
		},
		"Checks": [
			{
				"Node": "node-NUMBER", "CheckID": "serfHealth", "Name": "Serf Health Status", "Status": "passing",
				"Output": "Agent alive and reachable"
			},
			{
				"Node": "node-NUMBER", "CheckID": "service:SERVICE-NUMBER", "Name": "Service 'SERVICE' check", "Status": "passing",
				"Output": "HTTP GET http://ADDRESS:8080/health: 200 OK Output: ok", "Type": "http", "Interval": "10s",
				"Timeout": "2s", "ServiceID": "SERVICE-NUMBER"
			}
		]
	}`)
}

// ask sends a request as bare as it gets, and gives the header and the body of the answer, less what a server writes anew.
func ask(t testing.TB, s *testutil.Server, method, path, body string) (http.Header, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, s.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept-Encoding", "identity")
	resp, err := s.Transport().RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %d %s, %v", method, path, resp.StatusCode, answer, err)
	}
	for _, name := range []string{"Date", "Content-Length"} {
		resp.Header.Del(name)
	}
	return resp.Header, string(answer)
}
