package consul_test

// This file tests options: what each puts on the wire, and how they combine.

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/lictor-go/consul"
)

// A sent request, as the server in memory saw it.
type sent struct {
	query, cacheControl, token string
}

// sending gives a client, and what its last request was.
func sending(t *testing.T, config consul.Config) (*consul.Client, *sent) {
	t.Helper()
	last := &sent{}
	config.Transport = respond(func(w http.ResponseWriter, r *http.Request) {
		*last = sent{r.URL.RawQuery, r.Header.Get("Cache-Control"), r.Header.Get("X-Consul-Token")}
		if r.Method == http.MethodGet {
			answer(200, onePair)(w, r)
			return
		}
		answer(200, "true")(w, r)
	})
	return clientWith(t, &config), last
}

func TestQueryOptionsOnTheWire(t *testing.T) {
	t.Parallel()
	type q = consul.QueryOption
	client, last := sending(t, consul.Config{})
	for _, tt := range []struct {
		name string
		opts []q
		want sent
	}{
		{"none", nil, sent{}},
		{"nil ones", []q{nil, (*consul.QueryOptions)(nil)}, sent{}},
		{"Stale", []q{consul.Stale()}, sent{query: "stale"}},
		{"Consistent", []q{consul.Consistent()}, sent{query: "consistent"}},
		{"Wait", []q{consul.Wait(7, 90*time.Second)}, sent{query: "index=7&wait=1m30s"}},
		{"Wait for the server's time", []q{consul.Wait(7, 0)}, sent{query: "index=7"}},
		{"WaitHash", []q{consul.WaitHash("a+b", time.Second)}, sent{query: "hash=a%2Bb&wait=1s"}},
		{"Cached", []q{consul.Cached(0, 0)}, sent{query: "cached"}},
		{"Cached, seconds", []q{consul.Cached(90*time.Second, time.Hour)}, sent{query: "cached", cacheControl: "max-age=90, stale-if-error=3600"}},
		{"Cached, part of a second", []q{consul.Cached(900*time.Millisecond, 0)}, sent{query: "cached", cacheControl: "max-age=0"}},
		{"Near", []q{consul.Near("_agent")}, sent{query: "near=_agent"}},
		{"WithNodeMeta", []q{consul.WithNodeMeta("b", "2"), consul.WithNodeMeta("a", "1")}, sent{query: "node-meta=a%3A1&node-meta=b%3A2"}},
		{"WithFilter", []q{consul.WithFilter(`Service.Meta.v == "2"`)}, sent{query: "filter=Service.Meta.v+%3D%3D+%222%22"}},
		{"WithTags", []q{consul.WithTags("v2", "a&b")}, sent{query: "tag=v2&tag=a%26b"}},
		{"PassingOnly", []q{consul.PassingOnly()}, sent{query: "passing"}},
		{"MergeCentralConfig", []q{consul.MergeCentralConfig()}, sent{query: "merge-central-config"}},
		{"WithPeer", []q{consul.WithPeer("east")}, sent{query: "peer=east"}},
		{"WithSamenessGroup", []q{consul.WithSamenessGroup("all")}, sent{query: "sameness-group=all"}},
		{"Segment", []q{consul.Segment("alpha")}, sent{query: "segment=alpha"}},
		{"WAN", []q{consul.WAN()}, sent{query: "wan=1"}},
		{"WithDatacenter", []q{consul.WithDatacenter("dc2")}, sent{query: "dc=dc2"}},
		{"WithNamespace", []q{consul.WithNamespace("team")}, sent{query: "ns=team"}},
		{"WithPartition", []q{consul.WithPartition("p1")}, sent{query: "partition=p1"}},
		{"WithToken", []q{consul.WithToken("t")}, sent{token: "t"}},
		{"Pretty", []q{consul.Pretty()}, sent{query: "pretty"}},
		{"WithParam", []q{consul.WithParam("z", "1 2"), consul.WithParam("a", "")}, sent{query: "a=&z=1+2"}},
		{"the later counts", []q{consul.WithDatacenter("dc1"), &consul.QueryOptions{Datacenter: "dc2", AllowStale: true}, consul.WithDatacenter("dc3")}, sent{query: "dc=dc3&stale"}},
		{"a set's zero fields change nothing", []q{consul.Stale(), consul.WithTags("a"), &consul.QueryOptions{Near: "n1"}}, sent{query: "stale&near=n1&tag=a"}},
		{"a whole set", []q{&consul.QueryOptions{Datacenter: "d", Namespace: "n", Partition: "p", Token: "t", WaitIndex: 7, WaitTime: time.Minute, Tags: []string{"a"}}},
			sent{query: "dc=d&ns=n&partition=p&index=7&tag=a&wait=1m0s", token: "t"}},
	} {
		if _, _, err := client.KV().Get(t.Context(), "k", tt.opts...); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if *last != tt.want {
			t.Errorf("%s: sent %+v, want %+v", tt.name, *last, tt.want)
		}
	}
}

func TestWriteOptionsOnTheWire(t *testing.T) {
	t.Parallel()
	type w = consul.WriteOption
	client, last := sending(t, consul.Config{})
	for _, tt := range []struct {
		name string
		opts []w
		want sent
	}{
		{"none", nil, sent{}},
		{"nil ones", []w{nil, (*consul.WriteOptions)(nil)}, sent{}},
		{"Prune", []w{consul.Prune()}, sent{query: "prune"}},
		{"ReplaceExistingChecks", []w{consul.ReplaceExistingChecks()}, sent{query: "replace-existing-checks"}},
		{"WAN", []w{consul.WAN()}, sent{query: "wan=1"}},
		{"where and who", []w{consul.WithDatacenter("dc2"), consul.WithNamespace("team"), consul.WithPartition("p1"), consul.WithToken("t")},
			sent{query: "dc=dc2&ns=team&partition=p1", token: "t"}},
		{"Pretty, WithParam", []w{consul.Pretty(), consul.WithParam("z", "1")}, sent{query: "pretty&z=1"}},
		{"the later counts", []w{consul.WithDatacenter("dc1"), &consul.WriteOptions{Datacenter: "dc2"}}, sent{query: "dc=dc2"}},
	} {
		if _, err := client.KV().Put(t.Context(), &consul.KVPair{Key: "k"}, tt.opts...); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if *last != tt.want {
			t.Errorf("%s: sent %+v, want %+v", tt.name, *last, tt.want)
		}
	}
}

func TestClientsOwnPlace(t *testing.T) {
	t.Parallel()
	client, last := sending(t, consul.Config{Datacenter: "dc1", Namespace: "team", Partition: "p1"})
	if _, _, err := client.KV().Get(t.Context(), "k"); err != nil || last.query != "dc=dc1&ns=team&partition=p1" {
		t.Errorf("a read sent %q, %v", last.query, err)
	}
	if _, err := client.KV().Put(t.Context(), &consul.KVPair{Key: "k"}, consul.WithNamespace("other")); err != nil || last.query != "dc=dc1&ns=other&partition=p1" {
		t.Errorf("a write sent %q, %v", last.query, err)
	}
}

func TestOptionsThatNoServerAccepts(t *testing.T) {
	t.Parallel()
	client := clientWith(t, &consul.Config{Transport: roundTripFunc(func(r *http.Request) (*http.Response, error) {
		t.Errorf("sent %s", r.URL)
		return nil, errors.New("not to be reached")
	})})
	for name, option := range map[string]consul.QueryOption{
		"stale and consistent":     &consul.QueryOptions{AllowStale: true, RequireConsistent: true},
		"cached and consistent":    &consul.QueryOptions{UseCache: true, RequireConsistent: true},
		"negative wait":            consul.Wait(1, -1),
		"negative max age":         consul.Cached(-1, 0),
		"negative stale-if-error":  consul.Cached(0, -1),
		"peer and sameness group":  &consul.QueryOptions{Peer: "p", SamenessGroup: "g"},
		"a token in the URL":       consul.WithParam("token", "x"),
		"a Token in the URL":       consul.WithParam("Token", "x"),
		"a wait without its limit": consul.WithParam("wait", "1h"),
		"a parameter without name": consul.WithParam("", "x"),
	} {
		if _, _, err := client.KV().Get(t.Context(), "k", option); !errors.Is(err, consul.ErrInvalidOption) {
			t.Errorf("%s: got %v, want ErrInvalidOption", name, err)
		}
		if both, ok := option.(consul.WriteOption); ok {
			if _, err := client.KV().Put(t.Context(), &consul.KVPair{Key: "k"}, both); !errors.Is(err, consul.ErrInvalidOption) {
				t.Errorf("%s: a write gives %v, want ErrInvalidOption", name, err)
			}
		}
	}
}

// A set that is kept, and used by calls at the same time, is only read.
func TestSetOfOptionsIsShared(t *testing.T) {
	t.Parallel()
	client := clientWith(t, &consul.Config{Transport: respond(answer(200, onePair))})
	set := &consul.QueryOptions{NodeMeta: map[string]string{"a": "1"}, Tags: []string{"t"}, Params: map[string]string{"x": "y"}}
	var calls []<-chan outcome
	for range 8 {
		calls = append(calls, start(func() error {
			_, _, err := client.KV().Get(t.Context(), "k", set, consul.WithNodeMeta("b", "2"), consul.WithParam("z", "1"))
			return err
		}))
	}
	for _, call := range calls {
		if end := <-call; end.err != nil {
			t.Error(end.err)
		}
	}
	if len(set.NodeMeta) != 1 || len(set.Params) != 1 {
		t.Errorf("the set is now %+v", set)
	}
}
