package consul_test

// This file tests keys: that one the client takes arrives as it is, and one it refuses would not.

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/lictor-go/consul"
)

// Keys to begin with, by what becomes of them on a server with Consul's defaults.
var (
	goodKeys = []string{
		"a", "a/b", "a/b/", "a b", "a/ /b", "a%b", "a%2Fb", "100%", "a?b", "a#b", "a+b", "a&b=c;d", `a\b`, `"a"`, "<a>", "*", ":", "~a",
		"...", ".a", "a.", "a..b", "..a/b..", "é", "日本語/キー", "a\U00010000", "\uFFFD", "%252e%252e", "a=b@c!$'()*,[]{}|^`",
	}
	// The server knows these for keys that mean harm.
	barredKeys = []string{" ", " a", "a ", "a/ ", "a%20b", "%2e%2e", "%2e%2e/a", "a%2E%2Eb"}
	// The server looks for these before it looks at what is asked.
	unprintableKeys = []string{"\x00", "a\nb", "a\tb", "a\x7f", "a\u00a0", "a\u200bb", "a\u2028"}
	badKeys         = []string{"", "/", "//", "/a", "a//b", "a//", ".", "..", "a/.", "a/./b", "a/..", "../a", "a/../b", "./a", "a\xff", "\xc3\x28", "a\xed\xa0\x80"}
)

// checkRoundTrip writes a key, finds it again in every way, and deletes it.
func checkRoundTrip(t *testing.T, kv *consul.KV, key string) {
	t.Helper()
	ctx, value := testContext(t), []byte("value of "+key)
	if _, err := kv.Put(ctx, &consul.KVPair{Key: key, Value: value}); err != nil {
		t.Fatalf("put %q: %v", key, err)
	}
	if p, _, err := kv.Get(ctx, key); err != nil || p.Key != key || !bytes.Equal(p.Value, value) {
		t.Errorf("get %q: %+v, %v", key, p, err)
	}
	if body, _, err := kv.GetRaw(ctx, key); err != nil {
		t.Errorf("get %q raw: %v", key, err)
	} else {
		if got, err := io.ReadAll(body); err != nil || !bytes.Equal(got, value) {
			t.Errorf("get %q raw: %q, %v", key, got, err)
		}
		body.Close()
	}
	if keys, _, err := kv.Keys(ctx, key, ""); err != nil || !slices.Contains(keys, key) {
		t.Errorf("keys from %q: %q, %v", key, keys, err)
	}
	if _, err := kv.Delete(ctx, key); err != nil {
		t.Errorf("delete %q: %v", key, err)
	}
	if p, _, err := kv.Get(ctx, key); !errors.Is(err, consul.ErrNotFound) {
		t.Errorf("%q after its deletion: %+v, %v", key, p, err)
	}
}

// checkRefused makes every call on a key that must not be sent.
func checkRefused(t *testing.T, c *consul.Client, key string) {
	t.Helper()
	ctx, kv := testContext(t), c.KV()
	p := &consul.KVPair{Key: key, ModifyIndex: 1, Session: "s"}
	errs := map[string]error{}
	_, _, errs["Get"] = kv.Get(ctx, key)
	_, _, errs["GetRaw"] = kv.GetRaw(ctx, key)
	_, errs["Put"] = kv.Put(ctx, p)
	_, _, errs["CAS"] = kv.CAS(ctx, p)
	_, _, errs["Acquire"] = kv.Acquire(ctx, p)
	_, _, errs["Release"] = kv.Release(ctx, p)
	_, errs["Delete"] = kv.Delete(ctx, key)
	_, _, errs["DeleteCAS"] = kv.DeleteCAS(ctx, p)
	_, errs["DeleteTree"] = kv.DeleteTree(ctx, key)
	_, errs["Update"] = kv.Update(ctx, key, increment)
	if key != "" { // which is the whole store, for these
		_, _, errs["List"] = kv.List(ctx, key)
		_, _, errs["Keys"] = kv.Keys(ctx, key, "")
		for _, err := range kv.All(ctx, key) {
			errs["All"] = err
		}
		if errs["All"] == nil {
			t.Errorf("All(%q) yields nothing", key)
		}
	}
	for name, err := range errs {
		if !errors.Is(err, consul.ErrInvalidKey) {
			t.Errorf("%s(%q): %v, want ErrInvalidKey", name, key, err)
		}
	}
}

func TestKeysRoundTrip(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	for _, key := range goodKeys {
		checkRoundTrip(t, c.KV(), unique(t)+"/"+key)
		checkRoundTrip(t, c.KV(), key+unique(t))
	}
}

func TestKeysThatTheClientRefuses(t *testing.T) {
	t.Parallel()
	c := refuseAll(t)
	for _, key := range badKeys {
		checkRefused(t, c, key)
	}
}

func TestKeysThatTheServerRefuses(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	for _, key := range barredKeys {
		_, err := c.KV().Put(testContext(t), &consul.KVPair{Key: key})
		if se, ok := errors.AsType[*consul.StatusError](err); !ok || !errors.Is(err, consul.ErrInvalidKey) || se.Code != 500 {
			t.Errorf("put %q: %v, want ErrInvalidKey", key, err)
		}
		if _, _, err := c.KV().Get(testContext(t), key); !errors.Is(err, consul.ErrInvalidKey) {
			t.Errorf("get %q: %v, want ErrInvalidKey", key, err)
		}
	}
	for _, key := range unprintableKeys {
		if _, err := c.KV().Put(testContext(t), &consul.KVPair{Key: key}); !errors.Is(err, consul.ErrBadRequest) || !strings.Contains(err.Error(), "printed") {
			t.Errorf("put %q: %v, want ErrBadRequest with the reason", key, err)
		}
	}
}

func TestKeysThatOldServersTake(t *testing.T) {
	t.Parallel()
	c := newOldClient(t)
	for _, key := range barredKeys {
		checkRoundTrip(t, c.KV(), key)
	}
}

// A mux that cleans paths, as net/http's and Consul's do, in front of a store that takes the key it is given. That is a
// server with Consul's own rules for keys turned off: whatever the client takes has to get through unchanged.
func cleaningStore() roundTripFunc {
	store := map[string][]byte{}
	mux := http.NewServeMux()
	mux.HandleFunc("/v1/kv/", func(w http.ResponseWriter, r *http.Request) {
		key := strings.TrimPrefix(r.URL.Path, "/v1/kv/")
		cleaned := path.Clean(key)
		if strings.HasSuffix(key, "/") {
			cleaned += "/"
		}
		value, found := store[cleaned]
		switch query := r.URL.Query(); {
		case r.Method == http.MethodPut:
			store[cleaned], _ = io.ReadAll(r.Body)
			io.WriteString(w, "true")
		case r.Method == http.MethodDelete:
			delete(store, cleaned)
			io.WriteString(w, "true")
		case !found:
			w.WriteHeader(http.StatusNotFound)
		case query.Has("raw"):
			w.Write(value)
		case query.Has("keys"):
			json.NewEncoder(w).Encode([]string{cleaned})
		default:
			json.NewEncoder(w).Encode([]consul.KVPair{{Key: cleaned, Value: value}})
		}
	})
	return func(r *http.Request) (*http.Response, error) {
		var wire bytes.Buffer
		if err := r.Write(&wire); err != nil {
			return nil, err
		}
		received, err := http.ReadRequest(bufio.NewReader(&wire))
		if err != nil {
			return nil, err
		}
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, received)
		return w.Result(), nil
	}
}

// staysItself says by other means than the client's whether a server that cleans paths leaves a key alone.
func staysItself(key string) bool {
	elements := strings.Split(key, "/")
	for i, e := range elements {
		last := i == len(elements)-1 && i > 0
		if e == "." || e == ".." || e == "" && !last {
			return false
		}
	}
	return utf8.ValidString(key)
}

func FuzzKeyRoundTrip(f *testing.F) {
	for _, key := range slices.Concat(goodKeys, barredKeys, unprintableKeys, badKeys) {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		if staysItself(key) {
			checkRoundTrip(t, clientWith(t, &consul.Config{Transport: cleaningStore()}).KV(), key)
		} else {
			checkRefused(t, refuseAll(t), key)
		}
	})
}
