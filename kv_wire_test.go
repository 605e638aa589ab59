package consul_test

// This file tests what calls of the key/value store look like on the wire, and what is made of strange answers.

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/lictor-go/consul"
)

// The server says nothing of how it answered, so these are looked for on the wire.
func TestKVReadsTakeOptions(t *testing.T) {
	t.Parallel()
	var query string
	c := clientWith(t, &consul.Config{Transport: respond(func(w http.ResponseWriter, r *http.Request) {
		query = r.URL.RawQuery
		w.WriteHeader(404)
	})})
	opts := &consul.QueryOptions{Datacenter: "dc2", Namespace: "team", Partition: "east", AllowStale: true, WaitIndex: 7, WaitTime: time.Minute}
	want := "dc=dc2&ns=team&partition=east&stale&index=7&wait=1m0s"
	for prefix, call := range map[string]func(context.Context) error{
		"":                    func(ctx context.Context) error { _, _, err := c.KV().Get(ctx, "k", opts); return err },
		"raw&":                func(ctx context.Context) error { _, _, err := c.KV().GetRaw(ctx, "k", opts); return err },
		"recurse&":            func(ctx context.Context) error { _, _, err := c.KV().List(ctx, "k", opts); return err },
		"keys&separator=%2F&": func(ctx context.Context) error { _, _, err := c.KV().Keys(ctx, "k", "/", opts); return err },
	} {
		if err := call(testContext(t)); err != nil && !errors.Is(err, consul.ErrNotFound) || query != prefix+want {
			t.Errorf("sent ?%s (%v), want ?%s", query, err, prefix+want)
		}
	}
	for range c.KV().All(testContext(t), "k", opts) {
		t.Error("a pair of nothing")
	}
	if query != "recurse&"+want {
		t.Errorf("All sent ?%s", query)
	}
}

func TestKVPairGoesBackToItsPlace(t *testing.T) {
	t.Parallel()
	var query string
	c := clientWith(t, &consul.Config{Transport: respond(func(w http.ResponseWriter, r *http.Request) {
		query = r.URL.RawQuery
		fmt.Fprint(w, "true")
	})})
	p := consul.KVPair{Key: "k", Namespace: "team", Partition: "east", Session: "s", ModifyIndex: 3, Flags: math.MaxUint64}
	before := p
	for _, test := range []struct {
		want string
		call func(context.Context, *consul.KVPair, ...consul.WriteOption) (bool, *consul.WriteMeta, error)
		opts []consul.WriteOption
	}{
		{"flags=18446744073709551615&cas=3&ns=team&partition=east", c.KV().CAS, nil},
		{"flags=18446744073709551615&acquire=s&ns=team&partition=east", c.KV().Acquire, nil},
		{"flags=18446744073709551615&release=s&dc=dc2&ns=other&partition=east", c.KV().Release, []consul.WriteOption{consul.WithNamespace("other"), consul.WithDatacenter("dc2")}},
		{"cas=3&ns=team&partition=east", c.KV().DeleteCAS, nil},
	} {
		if _, _, err := test.call(testContext(t), &p, test.opts...); err != nil || query != test.want {
			t.Errorf("sent %s (%v), want %s", query, err, test.want)
		}
	}
	if p.Key != before.Key || p.Namespace != before.Namespace || p.Value != nil || p.ModifyIndex != before.ModifyIndex {
		t.Errorf("the caller's pair became %+v", p)
	}
}

func TestKVPairsWithoutSenseAreRefused(t *testing.T) {
	t.Parallel()
	ctx, kv := testContext(t), refuseAll(t).KV()
	_, errPut := kv.Put(ctx, nil)
	_, _, errCAS := kv.CAS(ctx, nil)
	_, _, errAcquire := kv.Acquire(ctx, nil)
	_, _, errRelease := kv.Release(ctx, nil)
	_, _, errDelete := kv.DeleteCAS(ctx, nil)
	_, _, errNoSession := kv.Acquire(ctx, &consul.KVPair{Key: "k"})
	_, _, errNoHolder := kv.Release(ctx, &consul.KVPair{Key: "k"})
	for i, err := range []error{errPut, errCAS, errAcquire, errRelease, errDelete, errNoSession, errNoHolder} {
		if !errors.Is(err, consul.ErrInvalidOption) {
			t.Errorf("%d: %v, want ErrInvalidOption", i, err)
		}
	}
}

// The server is not asked to be strange in this way, but a proxy may be.
func TestKVAnswersWithoutSense(t *testing.T) {
	t.Parallel()
	for body, call := range map[string]func(context.Context, *consul.KV) error{
		`[]`:     func(ctx context.Context, kv *consul.KV) error { _, _, err := kv.Get(ctx, "k"); return err },
		`[null]`: func(ctx context.Context, kv *consul.KV) error { _, _, err := kv.Get(ctx, "k"); return err },
		`[{},{}]`: func(ctx context.Context, kv *consul.KV) error {
			_, _, err := kv.Get(ctx, "k")
			return err
		},
		`false`: func(ctx context.Context, kv *consul.KV) error {
			_, err := kv.Put(ctx, &consul.KVPair{Key: "k"})
			return err
		},
		`{"Key":"k"}`: func(ctx context.Context, kv *consul.KV) error {
			for _, err := range kv.All(ctx, "k") {
				return err
			}
			return nil
		},
	} {
		err := call(testContext(t), clientWith(t, &consul.Config{Transport: respond(answer(200, body))}).KV())
		if se, ok := errors.AsType[*consul.StatusError](err); !ok || se.Code != 200 || !errors.Is(err, consul.ErrBadResponse) {
			t.Errorf("%s: %v, want ErrBadResponse", body, err)
		}
	}
}

// A server that hangs up on a large value would be heard only now and then, if it were sent at once.
func TestKVAsksBeforeItSendsALargeValue(t *testing.T) {
	t.Parallel()
	for size, want := range map[int]string{0: "", 256 << 10: "", 256<<10 + 1: "100-continue"} {
		c := clientWith(t, &consul.Config{Transport: respond(func(w http.ResponseWriter, r *http.Request) {
			if got := r.Header.Get("Expect"); got != want {
				t.Errorf("Expect is %q for %d bytes, want %q", got, size, want)
			}
			fmt.Fprint(w, "true")
		})})
		if _, err := c.KV().Put(testContext(t), &consul.KVPair{Key: "k", Value: make([]byte, size)}); err != nil {
			t.Error(err)
		}
	}
}

func TestKVRecorded(t *testing.T) {
	t.Parallel()
	pairs := checkRecorded[consul.KVPairs](t, "kv/list.json")
	if len(pairs) != 3 || pairs[0].Flags != math.MaxUint64 || string(pairs[1].Value) != "\x00\xff binary" || pairs[1].Session == "" {
		t.Errorf("got %+v", pairs)
	}
	checkRecorded[consul.KVPairs](t, "kv/get.json")
	checkRecorded[[]string](t, "kv/keys.json")
}
