package consul_test

// This file tests how requests are built: paths, headers, bodies, and what building one costs.

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/lictor-go/consul"
)

func TestPathElementsAreEscaped(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"plain":    "plain",
		"a b":      "a%20b",
		"a/b":      "a%2Fb",
		"a%2Fb":    "a%252Fb",
		"a?b#c":    "a%3Fb%23c",
		"ü":        "%C3%BC",
		"a+b&c=d":  "a+b&c=d",
		"...":      "...",
		"\x00\xff": "%00%FF",
	} {
		var got string
		client := clientWith(t, &consul.Config{Transport: respond(func(w http.ResponseWriter, r *http.Request) {
			got = r.URL.EscapedPath()
			answer(200, "[]")(w, r)
		})})
		if _, _, err := client.Catalog().Service(t.Context(), id); err != nil {
			t.Errorf("%q: %v", id, err)
		}
		if got != "/v1/catalog/service/"+want {
			t.Errorf("%q goes to %s, want …/%s", id, got, want)
		}
	}
}

func TestBodyCanBeSentAgain(t *testing.T) {
	t.Parallel()
	client := clientWith(t, &consul.Config{Transport: roundTripFunc(func(r *http.Request) (*http.Response, error) {
		for range 2 {
			body, err := r.GetBody()
			if err != nil {
				return nil, err
			}
			if b, err := io.ReadAll(body); err != nil || string(b) != "value" {
				t.Errorf("body %q, %v", b, err)
			}
		}
		if r.ContentLength != 5 || r.Header.Get("Content-Type") != "application/octet-stream" {
			t.Errorf("length %d, type %s", r.ContentLength, r.Header.Get("Content-Type"))
		}
		return respond(answer(200, "true"))(r)
	})})
	if _, err := client.KV().Put(t.Context(), &consul.KVPair{Key: "k", Value: []byte("value")}); err != nil {
		t.Error(err)
	}
}

// An empty value is sent with its length, not in chunks.
func TestEmptyBodyHasALength(t *testing.T) {
	t.Parallel()
	s := newFaultServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 || len(r.TransferEncoding) > 0 {
			t.Errorf("length %d, encoding %v", r.ContentLength, r.TransferEncoding)
		}
		answer(200, "true")(w, r)
	})
	if _, err := s.client(t).KV().Put(testContext(t), &consul.KVPair{Key: "k"}); err != nil {
		t.Error(err)
	}
}

// A read takes 18 allocations over a transport that takes 3, decoding included. Some are to spare for the race detector,
// which empties pools at random.
const maxAllocations = 21

func TestAllocationsOfARead(t *testing.T) {
	client := clientWith(t, &consul.Config{Token: "token", Transport: cannedPair()})
	ctx := t.Context()
	got := testing.AllocsPerRun(1000, func() {
		if _, _, err := client.KV().Get(ctx, "a/key/of/usual/length"); err != nil {
			t.Fatal(err)
		}
	})
	if got > maxAllocations {
		t.Errorf("%.0f allocations for a read, want at most %d", got, maxAllocations)
	}
}

// cannedPair is a transport that answers each read of a key at once, with as little work as can be.
func cannedPair() roundTripFunc {
	header := http.Header{"X-Consul-Index": {"7"}, "X-Consul-Knownleader": {"true"}, "X-Consul-Lastcontact": {"0"}}
	return func(*http.Request) (*http.Response, error) {
		body := io.NopCloser(strings.NewReader(onePair))
		return &http.Response{StatusCode: 200, Header: header, Body: body, ContentLength: int64(len(onePair))}, nil
	}
}
