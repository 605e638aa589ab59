package consul_test

// This file tests calls of any route.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lictor-go/consul"
	"github.com/lictor-go/consul/testutil"
)

var rawEndpoints = []endpoint{
	{name: "Raw.Query", route: "GET /v1/operator/raft/configuration", result: `{"Index":1}`,
		call: func(ctx context.Context, c *consul.Client) error {
			var out map[string]any
			_, err := c.Raw().Query(ctx, "/v1/operator/raft/configuration", &out)
			return err
		}},
	{name: "Raw.Query to a Writer", route: "GET /v1/snapshot", result: "archive", text: true, stream: true,
		call: func(ctx context.Context, c *consul.Client) error {
			_, err := c.Raw().Query(ctx, "/v1/snapshot", new(bytes.Buffer))
			return err
		}},
	{name: "Raw.Write", route: "PUT /v1/config", result: "true",
		call: func(ctx context.Context, c *consul.Client) error {
			var ok bool
			_, err := c.Raw().Write(ctx, "/v1/config", map[string]string{"Kind": "mesh"}, &ok)
			return err
		}},
	{name: "Raw.Delete", route: "DELETE /v1/config/", result: "{}",
		call: func(ctx context.Context, c *consul.Client) error {
			var out map[string]any
			_, err := c.Raw().Delete(ctx, "/v1/config/mesh/mesh", &out)
			return err
		}},
	{name: "Raw.Do", route: "POST /v1/query", result: `{"ID":"i"}`,
		call: func(ctx context.Context, c *consul.Client) error {
			var out struct{ ID string }
			_, err := c.Raw().Do(ctx, http.MethodPost, "/v1/query", map[string]string{"Name": "q"}, &out)
			return err
		}},
}

func TestRawQueryDecodesJSON(t *testing.T) {
	t.Parallel()
	c, ctx := newClient(t), testContext(t)
	var nodes []struct{ Node string }
	meta, err := c.Raw().Query(ctx, "/v1/catalog/nodes", &nodes, consul.Consistent())
	if err != nil || len(nodes) == 0 || nodes[0].Node == "" {
		t.Errorf("got %v, %v", nodes, err)
	}
	if meta == nil || meta.LastIndex == 0 || !meta.KnownLeader || meta.EffectiveConsistency != "consistent" || meta.RequestTime <= 0 {
		t.Errorf("QueryMeta is %+v", meta)
	}
	var raw json.RawMessage
	if _, err := c.Raw().Query(ctx, "/v1/status/peers", &raw, consul.Pretty()); err != nil || !bytes.HasPrefix(raw, []byte("[")) {
		t.Errorf("got %s, %v", raw, err)
	}
	if meta, err := c.Raw().Query(ctx, "/v1/catalog/nodes", nil); err != nil || meta.LastIndex == 0 {
		t.Errorf("without a place for the answer: %+v, %v", meta, err)
	}
}

func TestRawReadsAndWritesBytes(t *testing.T) {
	t.Parallel()
	c, ctx := newClient(t), testContext(t)
	path := "/v1/kv/" + unique(t) + "/a%20b%2Fc%25"
	value := []byte{0, 1, 2, 0xff}
	var ok bool
	if meta, err := c.Raw().Write(ctx, path, value, &ok); err != nil || !ok || meta.RequestTime <= 0 {
		t.Fatalf("Write: %v, %v", ok, err)
	}
	var got bytes.Buffer
	meta, err := c.Raw().Query(ctx, path, &got, consul.WithParam("raw", ""))
	if err != nil || !bytes.Equal(got.Bytes(), value) || meta.LastIndex == 0 {
		t.Errorf("Query to a Writer: %q, %+v, %v", got.Bytes(), meta, err)
	}
	var answer bytes.Buffer
	if _, err := c.Raw().Delete(ctx, path, &answer); err != nil || strings.TrimSpace(answer.String()) != "true" {
		t.Errorf("Delete to a Writer: %q, %v", &answer, err)
	}
	meta, err = c.Raw().Query(ctx, path, &got)
	wantAbsent(t, meta, err)
	meta, err = c.Raw().Query(ctx, path, &ok)
	wantAbsent(t, meta, err)

	// An absent thing can be waited for.
	found := make(chan error, 1)
	go func() {
		found <- untilFound(func(index uint64) (*consul.QueryMeta, error) {
			return c.Raw().Query(ctx, path, nil, consul.Wait(index, 30*time.Second))
		}, meta.LastIndex)
	}()
	if _, err := c.Raw().Write(ctx, path, nil, nil); err != nil {
		t.Fatal(err)
	}
	if err := <-found; err != nil {
		t.Error(err)
	}
}

func TestRawStreamsASnapshot(t *testing.T) {
	testutil.NeedReal(t, "a snapshot")
	t.Parallel()
	var archive bytes.Buffer
	meta, err := newClient(t).Raw().Query(testContext(t), "/v1/snapshot", &archive)
	if err != nil || meta.LastIndex == 0 {
		t.Fatalf("QueryMeta is %+v, %v", meta, err)
	}
	if !bytes.HasPrefix(archive.Bytes(), []byte{0x1f, 0x8b}) {
		t.Errorf("%d bytes that are no gzip archive", archive.Len())
	}
}

func TestRawWritesWithEachMethod(t *testing.T) {
	testutil.NeedReal(t, "prepared queries")
	t.Parallel()
	c, ctx := newClient(t), testContext(t)
	name := unique(t)
	var query struct{ ID string }
	definition := map[string]any{"Name": name, "Service": map[string]any{"Service": name}}
	if _, err := c.Raw().Do(ctx, http.MethodPost, "/v1/query", definition, &query); err != nil || query.ID == "" {
		t.Fatalf("POST: %v, %v", query, err)
	}
	definition["Name"] = name + "-2"
	if _, err := c.Raw().Write(ctx, "/v1/query/"+query.ID, definition, nil); err != nil {
		t.Errorf("PUT: %v", err)
	}
	var queries []struct{ Name string }
	if _, err := c.Raw().Query(ctx, "/v1/query/"+query.ID, &queries); err != nil || len(queries) != 1 || queries[0].Name != name+"-2" {
		t.Errorf("GET: %v, %v", queries, err)
	}
	if _, err := c.Raw().Delete(ctx, "/v1/query/"+query.ID, nil); err != nil {
		t.Errorf("DELETE: %v", err)
	}
	_, err := c.Raw().Query(ctx, "/v1/query/"+query.ID, nil)
	if !errors.Is(err, consul.ErrNotFound) {
		t.Errorf("GET after DELETE: %v, want ErrNotFound", err)
	}
}

func TestRawErrorsAreThoseOfOtherCalls(t *testing.T) {
	t.Parallel()
	c, ctx := newClient(t), testContext(t)
	_, err := c.Raw().Query(ctx, "/v1/no/such/route", nil)
	if !errors.Is(err, errors.ErrUnsupported) || errors.Is(err, consul.ErrNotFound) {
		t.Errorf("an unknown route: %v, want errors.ErrUnsupported", err)
	}
	wantAnswer(t, err, http.StatusNotFound, "not a recognized HTTP API endpoint")
	_, err = c.Raw().Write(ctx, "/v1/catalog/register", "no registration", nil)
	if !errors.Is(err, consul.ErrBadRequest) {
		t.Errorf("a bad registration: %v, want ErrBadRequest", err)
	}
	if _, err := c.Raw().Write(ctx, "/v1/catalog/nodes", nil, nil); err == nil {
		t.Error("PUT on a route that only takes GET: no error")
	} else {
		wantAnswer(t, err, http.StatusMethodNotAllowed, "")
	}
	nobody := clientWith(t, &consul.Config{Address: aclServer.get(t).Addr()})
	if _, err := nobody.Raw().Query(ctx, "/v1/agent/self", nil); !errors.Is(err, consul.ErrPermissionDenied) {
		t.Errorf("without a token: %v, want ErrPermissionDenied", err)
	}
	manager := newACLClient(t)
	if _, err := manager.Raw().Query(ctx, "/v1/agent/self", nil); err != nil {
		t.Errorf("with the token: %v", err)
	}
	var text string
	if _, err := c.Raw().Query(ctx, "/v1/catalog/nodes", &text); !errors.Is(err, consul.ErrBadResponse) {
		t.Errorf("a list into a string: %v, want ErrBadResponse", err)
	}
}

func TestRawOnTheWire(t *testing.T) {
	t.Parallel()
	var got []string
	c := answeringClient(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = []string{r.Method, r.RequestURI, r.Header.Get("Content-Type"), string(body), r.Header.Get("X-Consul-Token")}
	})
	ctx := testContext(t)
	opts := []consul.WriteOption{consul.WithDatacenter("dc2"), consul.WithToken("secret"), consul.WithParam("a b", "c&d")}
	for _, test := range []struct {
		call func() error
		want []string
	}{
		{func() error { _, err := c.Raw().Query(ctx, "/v1/a%2Fb%20c/", nil, consul.Stale()); return err },
			[]string{"GET", "/v1/a%2Fb%20c/?stale", "", "", ""}},
		{func() error { _, err := c.Raw().Query(ctx, "/", nil); return err },
			[]string{"GET", "/", "", "", ""}},
		{func() error { _, err := c.Raw().Write(ctx, "/v1/x", nil, nil, opts...); return err },
			[]string{"PUT", "/v1/x?dc=dc2&a+b=c%26d", "", "", "secret"}},
		{func() error { _, err := c.Raw().Write(ctx, "/v1/x", map[string]int{"a": 1}, nil); return err },
			[]string{"PUT", "/v1/x", "application/json", `{"a":1}`, ""}},
		{func() error { _, err := c.Raw().Write(ctx, "/v1/x", json.RawMessage(`[1]`), nil); return err },
			[]string{"PUT", "/v1/x", "application/json", `[1]`, ""}},
		{func() error { _, err := c.Raw().Write(ctx, "/v1/x", []byte("\x00raw"), nil); return err },
			[]string{"PUT", "/v1/x", "application/octet-stream", "\x00raw", ""}},
		{func() error { _, err := c.Raw().Delete(ctx, "/v1/x", nil); return err },
			[]string{"DELETE", "/v1/x", "", "", ""}},
		{func() error {
			_, err := c.Raw().Do(ctx, "DELETE", "/v1/operator/keyring", map[string]string{"Key": "k"}, nil)
			return err
		},
			[]string{"DELETE", "/v1/operator/keyring", "application/json", `{"Key":"k"}`, ""}},
		{func() error { _, err := c.Raw().Do(ctx, "POST", "/v1/x", nil, nil); return err },
			[]string{"POST", "/v1/x", "", "", ""}},
	} {
		if err := test.call(); err != nil || !slices.Equal(got, test.want) {
			t.Errorf("sent %q, %v, want %q", got, err, test.want)
		}
	}
}

func TestRawRefusesPathsBodiesAndMethods(t *testing.T) {
	t.Parallel()
	c, ctx := offlineClient(t).Raw(), testContext(t)
	for _, path := range []string{
		"", "v1/status/leader", "http://example.com/v1/status/leader", "//example.com/v1/status/leader", "/v1//x", "/v1/../x", "/v1/./x",
		"/v1/a%2F%2Fb", "/v1/%2e%2e/x", "/v1/a b", "/v1/a%", "/v1/a%zz", "/v1/a#b", "/v1/ü", "/v1/a\nb", "/v1/x?", "/v1/x?a=b",
	} {
		_, err := c.Query(ctx, path, nil)
		wantRefused(t, err)
		_, err = c.Write(ctx, path, nil, nil)
		wantRefused(t, err)
		_, err = c.Delete(ctx, path, nil)
		wantRefused(t, err)
	}
	for _, out := range []any{1, map[string]any{}, (*int)(nil), []byte("b")} {
		_, err := c.Query(ctx, "/v1/x", out)
		wantRefused(t, err)
		_, err = c.Write(ctx, "/v1/x", nil, out)
		wantRefused(t, err)
	}
	_, err := c.Write(ctx, "/v1/x", make(chan int), nil)
	wantRefused(t, err)
	for _, method := range []string{"", "GET", "HEAD", "put", "PUT /v1/y"} {
		_, err := c.Do(ctx, method, "/v1/x", nil, nil)
		wantRefused(t, err)
	}
	_, err = c.Query(ctx, "/v1/x", nil, consul.WithParam("token", "t"))
	wantRefused(t, err)
}

func TestRawErrorsDoNotQuoteAQuery(t *testing.T) {
	t.Parallel()
	_, err := offlineClient(t).Raw().Query(testContext(t), "/v1/kv/a?token=hunter2", nil)
	wantRefused(t, err)
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the error gives the token away: %v", err)
	}
}

func TestRawQueryToAWriterThatFails(t *testing.T) {
	t.Parallel()
	full := errors.New("disk full")
	_, err := newClient(t).Raw().Query(testContext(t), "/v1/agent/self", failingWriter{full})
	if !errors.Is(err, full) {
		t.Errorf("got %v, want the Writer's error", err)
	}
	_, err = newClient(t).Raw().Write(testContext(t), "/v1/kv/"+unique(t), nil, failingWriter{full})
	if !errors.Is(err, full) {
		t.Errorf("got %v, want the Writer's error", err)
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

func TestRawQueryToAWriterThatBreaksOff(t *testing.T) {
	t.Parallel()
	c := answeringClient(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		w.Write([]byte("part"))
	})
	var got bytes.Buffer
	meta, err := c.Raw().Query(testContext(t), "/v1/snapshot", &got)
	if meta != nil || !errors.Is(err, consul.ErrBadResponse) {
		t.Errorf("got %+v, %v, want ErrBadResponse", meta, err)
	}
}

// A path that is taken goes out byte for byte, to the host that is configured; any other is refused.
func FuzzRawPath(f *testing.F) {
	for _, seed := range []string{"/v1/kv/a%2Fb%20c", "/v1/x?a=b", "//example.com/v1", "/v1/%2e%2e/x", "/v1/ü", "/v1/a%", "/v1/a;b,c=d:e@f", ""} {
		f.Add(seed)
	}
	var sent *http.Request
	c := clientWith(f, &consul.Config{Address: "consul.example:8500", Transport: roundTripFunc(func(r *http.Request) (*http.Response, error) {
		sent = r
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody}, nil
	})})
	f.Fuzz(func(t *testing.T, path string) {
		sent = nil
		_, err := c.Raw().Query(testContext(t), path, nil)
		switch {
		case err != nil && sent != nil:
			t.Errorf("%q was sent as %s: %v", path, sent.URL, err)
		case err != nil:
			wantRefused(t, err)
		case sent.URL.RequestURI() != path || sent.URL.Host != "consul.example:8500" || sent.Host != sent.URL.Host:
			t.Errorf("%q was sent as %s", path, sent.URL)
		}
	})
}
