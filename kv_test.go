package consul_test

// This file tests the key/value store: every method on the real server, and what is refused before it gets there.

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lictor-go/consul"
)

var kvEndpoints = []endpoint{
	{name: "KV.Get", route: "GET /v1/kv/", result: `[{"Key":"k","Value":"dg=="}]`, call: func(ctx context.Context, c *consul.Client) error {
		_, _, err := c.KV().Get(ctx, "k")
		return err
	}},
	{name: "KV.GetRaw", route: "GET /v1/kv/", result: `v`, text: true, stream: true, call: func(ctx context.Context, c *consul.Client) error {
		body, _, err := c.KV().GetRaw(ctx, "k")
		if err != nil {
			return err
		}
		_, err = io.ReadAll(body)
		return errors.Join(err, body.Close())
	}},
	{name: "KV.List", route: "GET /v1/kv/", result: `[{"Key":"k"}]`, answers: []int{404}, call: func(ctx context.Context, c *consul.Client) error {
		_, _, err := c.KV().List(ctx, "k")
		return err
	}},
	{name: "KV.All", route: "GET /v1/kv/", result: `[{"Key":"k"}]`, answers: []int{404}, stream: true, call: func(ctx context.Context, c *consul.Client) error {
		for _, err := range c.KV().All(ctx, "k") {
			if err != nil {
				return err
			}
		}
		return nil
	}},
	{name: "KV.Keys", route: "GET /v1/kv/", result: `["k"]`, answers: []int{404}, call: func(ctx context.Context, c *consul.Client) error {
		_, _, err := c.KV().Keys(ctx, "k", "/")
		return err
	}},
	{name: "KV.Put", route: "PUT /v1/kv/", result: `true`, call: func(ctx context.Context, c *consul.Client) error {
		_, err := c.KV().Put(ctx, &consul.KVPair{Key: "k"})
		return err
	}},
	{name: "KV.CAS", route: "PUT /v1/kv/", result: `true`, call: func(ctx context.Context, c *consul.Client) error {
		_, _, err := c.KV().CAS(ctx, &consul.KVPair{Key: "k"})
		return err
	}},
	{name: "KV.Acquire", route: "PUT /v1/kv/", result: `true`, call: func(ctx context.Context, c *consul.Client) error {
		_, _, err := c.KV().Acquire(ctx, &consul.KVPair{Key: "k", Session: "s"})
		return err
	}},
	{name: "KV.Release", route: "PUT /v1/kv/", result: `true`, call: func(ctx context.Context, c *consul.Client) error {
		_, _, err := c.KV().Release(ctx, &consul.KVPair{Key: "k", Session: "s"})
		return err
	}},
	{name: "KV.Delete", route: "DELETE /v1/kv/", result: `true`, call: func(ctx context.Context, c *consul.Client) error {
		_, err := c.KV().Delete(ctx, "k")
		return err
	}},
	{name: "KV.DeleteCAS", route: "DELETE /v1/kv/", result: `true`, call: func(ctx context.Context, c *consul.Client) error {
		_, _, err := c.KV().DeleteCAS(ctx, &consul.KVPair{Key: "k", ModifyIndex: 1})
		return err
	}},
	{name: "KV.DeleteTree", route: "DELETE /v1/kv/", result: `true`, call: func(ctx context.Context, c *consul.Client) error {
		_, err := c.KV().DeleteTree(ctx, "k")
		return err
	}},
	{name: "KV.DeleteAll", route: "DELETE /v1/kv/", result: `true`, call: func(ctx context.Context, c *consul.Client) error {
		_, err := c.KV().DeleteAll(ctx)
		return err
	}},
}

// put writes keys with their own names as values.
func put(t testing.TB, kv *consul.KV, keys ...string) {
	t.Helper()
	for _, key := range keys {
		if _, err := kv.Put(testContext(t), &consul.KVPair{Key: key, Value: []byte(key)}); err != nil {
			t.Fatal(err)
		}
	}
}

// mustGet reads a key that has to exist.
func mustGet(t testing.TB, kv *consul.KV, key string) *consul.KVPair {
	t.Helper()
	pair, _, err := kv.Get(testContext(t), key)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// refuseAll makes a client that fails the test if anything is sent.
func refuseAll(t testing.TB) *consul.Client {
	return clientWith(t, &consul.Config{Transport: roundTripFunc(func(r *http.Request) (*http.Response, error) {
		t.Errorf("%s %s was sent", r.Method, r.URL)
		return nil, errors.New("nothing may be sent")
	})})
}

func TestKVPairComesBackAsItWasPut(t *testing.T) {
	t.Parallel()
	ctx, kv := testContext(t), newClient(t).KV()
	for _, want := range []consul.KVPair{
		{Value: []byte("text")},
		{Value: []byte{0, 0xff, '"', '\n'}, Flags: 1},
		{Flags: math.MaxUint64},
		{Value: []byte{}, Flags: math.MaxInt64 + 1},
		{Value: bytes.Repeat([]byte{'x'}, 512<<10)},
	} {
		want.Key = unique(t)
		sent := want
		meta, err := kv.Put(ctx, &sent)
		if err != nil {
			t.Fatal(err)
		}
		if meta.RequestTime <= 0 {
			t.Errorf("the write took %v", meta.RequestTime)
		}
		got := mustGet(t, kv, want.Key)
		if got.Key != want.Key || !bytes.Equal(got.Value, want.Value) || got.Flags != want.Flags {
			t.Errorf("put %.100v, got %.100v", want, *got)
		}
		if got.CreateIndex == 0 || got.CreateIndex != got.ModifyIndex || got.LockIndex != 0 || got.Session != "" {
			t.Errorf("indexes and session of a new key: %+v", got)
		}
	}
}

func TestKVGetOfAbsentKey(t *testing.T) {
	t.Parallel()
	pair, meta, err := newClient(t).KV().Get(testContext(t), unique(t))
	if !errors.Is(err, consul.ErrNotFound) || pair != nil {
		t.Fatalf("got %v, %v, want ErrNotFound", pair, err)
	}
	if meta == nil || meta.LastIndex == 0 || !meta.KnownLeader {
		t.Errorf("meta %+v, want the index to wait from", meta)
	}
}

func TestKVGetWaitsForAbsentKey(t *testing.T) {
	t.Parallel()
	ctx, kv, key := testContext(t), newClient(t).KV(), unique(t)
	_, meta, err := kv.Get(ctx, key)
	if !errors.Is(err, consul.ErrNotFound) {
		t.Fatal(err)
	}
	type result struct {
		pair *consul.KVPair
		err  error
	}
	done := make(chan result, 1)
	go func() {
		// Another key's write wakes it too, since an absent key has no index of its own.
		for {
			pair, m, err := kv.Get(ctx, key, consul.Wait(meta.LastIndex, 30*time.Second))
			if errors.Is(err, consul.ErrNotFound) {
				meta = m
				continue
			}
			done <- result{pair, err}
			return
		}
	}()
	put(t, kv, key)
	if r := <-done; r.err != nil || string(r.pair.Value) != key {
		t.Errorf("got %v, %v", r.pair, r.err)
	}
}

func TestKVInADatacenterThatDoesNotExist(t *testing.T) {
	t.Parallel()
	ctx, kv, key := testContext(t), newClient(t).KV(), unique(t)
	nowhere := consul.WithDatacenter("nowhere")
	_, _, errGet := kv.Get(ctx, key, nowhere)
	_, errPut := kv.Put(ctx, &consul.KVPair{Key: key}, nowhere)
	_, errUpdate := kv.Update(ctx, key, func(old *consul.KVPair) (*consul.KVPair, error) { return old, nil }, nowhere)
	for _, err := range []error{errGet, errPut, errUpdate} {
		if se, ok := errors.AsType[*consul.StatusError](err); !ok || !strings.Contains(se.Body, "No path to datacenter") {
			t.Errorf("got %v", err)
		}
	}
}

func TestKVGetRaw(t *testing.T) {
	t.Parallel()
	ctx, kv := testContext(t), newClient(t).KV()
	for _, value := range [][]byte{nil, []byte("\x00<html>"), bytes.Repeat([]byte("abcdefgh"), 64<<10)} {
		key := unique(t)
		if _, err := kv.Put(ctx, &consul.KVPair{Key: key, Value: value}); err != nil {
			t.Fatal(err)
		}
		body, meta, err := kv.GetRaw(ctx, key)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(body)
		if err != nil || !bytes.Equal(got, value) || meta.LastIndex == 0 {
			t.Errorf("%d bytes, %v, want %d; meta %+v", len(got), err, len(value), meta)
		}
		if err := body.Close(); err != nil {
			t.Error(err)
		}
	}
	_, meta, err := kv.GetRaw(ctx, unique(t))
	if !errors.Is(err, consul.ErrNotFound) || meta == nil || meta.LastIndex == 0 {
		t.Errorf("an absent key: %+v, %v", meta, err)
	}
}

func TestKVGetRawNeverGivesHalfAValue(t *testing.T) {
	t.Parallel()
	body, _, err := newFaultServer(t, cutOff).client(t).KV().GetRaw(testContext(t), "k")
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	got, err := io.ReadAll(body)
	if se, ok := errors.AsType[*consul.StatusError](err); !ok || !errors.Is(err, consul.ErrBadResponse) || se.Path != "/v1/kv/k" {
		t.Errorf("after %d of 1000 bytes: %v, want ErrBadResponse", len(got), err)
	}
}

func TestKVListAndKeys(t *testing.T) {
	t.Parallel()
	ctx, kv, dir := testContext(t), newClient(t).KV(), unique(t)
	keys := []string{dir + "/a", dir + "/b/1", dir + "/b/2", dir + "/c/", dir + "x"}
	put(t, kv, keys...)

	pairs, meta, err := kv.List(ctx, dir+"/")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, p := range pairs {
		listed = append(listed, p.Key)
		if string(p.Value) != p.Key {
			t.Errorf("value of %s is %q", p.Key, p.Value)
		}
	}
	if !slices.Equal(listed, keys[:4]) || meta.LastIndex == 0 {
		t.Errorf("listed %q, want %q; meta %+v", listed, keys[:4], meta)
	}
	for _, test := range []struct {
		prefix, separator string
		want              []string
	}{
		{dir, "", keys},
		{dir + "/", "", keys[:4]},
		{dir + "/", "/", []string{keys[0], dir + "/b/", dir + "/c/"}},
		{dir + "/b", "", keys[1:3]},
		{dir + "/b/", "/", keys[1:3]},
		{dir, "/", []string{dir + "/", dir + "x"}},
	} {
		got, meta, err := kv.Keys(ctx, test.prefix, test.separator)
		if err != nil || !slices.Equal(got, test.want) || meta.LastIndex == 0 {
			t.Errorf("keys of %q to %q: %q, %v, want %q", test.prefix, test.separator, got, err, test.want)
		}
	}
}

func TestKVListOfNothingIsEmpty(t *testing.T) {
	t.Parallel()
	ctx, kv, key := testContext(t), newClient(t).KV(), unique(t)
	pairs, meta, err := kv.List(ctx, key)
	if err != nil || pairs == nil || len(pairs) != 0 || meta.LastIndex == 0 {
		t.Errorf("list: %v, %+v, %v", pairs, meta, err)
	}
	keys, meta, err := kv.Keys(ctx, key, "/")
	if err != nil || keys == nil || len(keys) != 0 || meta.LastIndex == 0 {
		t.Errorf("keys: %v, %+v, %v", keys, meta, err)
	}
}
