package consul_test

// This file tests what calls read from the headers of an answer.

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lictor-go/consul"
)

// withHeader makes a client of a server in memory that answers with one status, body and set of headers.
func withHeader(t testing.TB, code int, body string, header map[string]string) *consul.Client {
	return clientWith(t, &consul.Config{Transport: respond(func(w http.ResponseWriter, _ *http.Request) {
		for name, value := range header {
			w.Header().Set(name, value)
		}
		w.WriteHeader(code)
		w.Write([]byte(body))
	})})
}

func TestQueryMetaFromEachHeader(t *testing.T) {
	t.Parallel()
	tests := []struct {
		header, value string
		want          consul.QueryMeta
	}{
		{"X-Consul-Index", "18446744073709551615", consul.QueryMeta{LastIndex: 1<<64 - 1}},
		{"X-Consul-Index", "0", consul.QueryMeta{}},
		{"X-Consul-ContentHash", "9f8e", consul.QueryMeta{LastContentHash: "9f8e"}},
		{"X-Consul-LastContact", "1500", consul.QueryMeta{LastContact: 1500 * time.Millisecond}},
		{"X-Consul-KnownLeader", "true", consul.QueryMeta{KnownLeader: true}},
		{"X-Consul-KnownLeader", "false", consul.QueryMeta{}},
		{"X-Consul-Effective-Consistency", "stale", consul.QueryMeta{EffectiveConsistency: "stale"}},
		{"X-Cache", "HIT", consul.QueryMeta{CacheHit: true}},
		{"X-Cache", "MISS", consul.QueryMeta{}},
		{"Age", "12", consul.QueryMeta{CacheAge: 12 * time.Second}},
		{"X-Consul-Query-Backend", "streaming", consul.QueryMeta{QueryBackend: "streaming"}},
		{"X-Consul-Default-ACL-Policy", "deny", consul.QueryMeta{DefaultACLPolicy: "deny"}},
		{"X-Consul-Results-Filtered-By-ACLs", "true", consul.QueryMeta{ResultsFilteredByACLs: true}},
		{"X-Consul-Translate-Addresses", "true", consul.QueryMeta{AddressTranslationEnabled: true}},
		{"Date", "whenever", consul.QueryMeta{}},
	}
	for _, tt := range tests {
		client := withHeader(t, 200, `[{"Key":"k"}]`, map[string]string{tt.header: tt.value})
		_, meta, err := client.KV().Get(t.Context(), "k")
		if err != nil {
			t.Errorf("%s: %s: %v", tt.header, tt.value, err)
			continue
		}
		if meta.RequestTime <= 0 {
			t.Errorf("RequestTime is %v", meta.RequestTime)
		}
		meta.RequestTime = 0
		if *meta != tt.want {
			t.Errorf("%s: %s gives %+v, want %+v", tt.header, tt.value, *meta, tt.want)
		}
	}
}

func TestUnreadableHeaderIsNamed(t *testing.T) {
	t.Parallel()
	bad := map[string][]string{
		"X-Consul-Index":                    {"-1", "abc", "1.5", "18446744073709551616", " 1 2"},
		"X-Consul-Lastcontact":              {"-1", "1s", "18446744073709551615"},
		"X-Consul-Knownleader":              {"yes", "1", "TRUE"},
		"X-Cache":                           {"hit", "MAYBE"},
		"Age":                               {"-3", "old", "9223372037"},
		"X-Consul-Results-Filtered-By-Acls": {"no"},
		"X-Consul-Translate-Addresses":      {"2"},
	}
	calls := map[string]func(context.Context, *consul.Client) (*consul.QueryMeta, error){
		"Get": func(ctx context.Context, c *consul.Client) (*consul.QueryMeta, error) {
			_, meta, err := c.KV().Get(ctx, "k")
			return meta, err
		},
		"GetRaw": func(ctx context.Context, c *consul.Client) (*consul.QueryMeta, error) {
			_, meta, err := c.KV().GetRaw(ctx, "k")
			return meta, err
		},
	}
	for header, values := range bad {
		for _, value := range values {
			for name, call := range calls {
				for _, code := range []int{200, 404} {
					client := withHeader(t, code, `[{"Key":"k"}]`, map[string]string{header: value})
					meta, err := call(t.Context(), client)
					if !errors.Is(err, consul.ErrBadResponse) || !strings.Contains(err.Error(), header) {
						t.Errorf("%s, %d with %s: %s: got %v, want ErrBadResponse that names the header", name, code, header, value, err)
					}
					if code == 404 && (meta == nil || !errors.Is(err, consul.ErrNotFound)) {
						t.Errorf("%s, 404 with %s: %s: meta %v, %v; want a meta and ErrNotFound", name, header, value, meta, err)
					}
				}
			}
		}
	}
}

func TestAbsentThingHasMeta(t *testing.T) {
	t.Parallel()
	client := withHeader(t, 404, "", map[string]string{"X-Consul-Index": "42", "X-Consul-KnownLeader": "true"})
	_, meta, err := client.KV().Get(t.Context(), "k")
	if !errors.Is(err, consul.ErrNotFound) || meta == nil || meta.LastIndex != 42 || !meta.KnownLeader || meta.RequestTime <= 0 {
		t.Errorf("Get: %+v, %v", meta, err)
	}
	body, meta, err := client.KV().GetRaw(t.Context(), "k")
	if !errors.Is(err, consul.ErrNotFound) || meta == nil || meta.LastIndex != 42 || body != nil {
		t.Errorf("GetRaw: %v, %+v, %v", body, meta, err)
	}
	list, meta, err := client.KV().List(t.Context(), "k")
	if err != nil || list == nil || len(list) != 0 || meta == nil || meta.LastIndex != 42 {
		t.Errorf("List: %v, %+v, %v; want an empty list", list, meta, err)
	}
}

// A write has no use for the headers of reads: garbage there does not make it a failure.
func TestWriteIgnoresHeadersOfReads(t *testing.T) {
	t.Parallel()
	client := withHeader(t, 200, "true", map[string]string{"X-Consul-Index": "garbage"})
	meta, err := client.KV().Put(t.Context(), &consul.KVPair{Key: "k"})
	if err != nil || meta.RequestTime <= 0 {
		t.Errorf("%+v, %v", meta, err)
	}
}
