package consul_test

// This file tests what changes the key/value store under a condition, and what deletes from it.

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lictor-go/consul"
	"github.com/lictor-go/consul/testutil"
)

func TestKVCAS(t *testing.T) {
	t.Parallel()
	ctx, kv, key := testContext(t), newClient(t).KV(), unique(t)
	cas := func(value string, index uint64, want bool) {
		t.Helper()
		got, meta, err := kv.CAS(ctx, &consul.KVPair{Key: key, Value: []byte(value), Flags: 7, ModifyIndex: index})
		if err != nil || got != want || meta == nil {
			t.Fatalf("CAS with index %d: %v, %v, want %v", index, got, err, want)
		}
	}
	cas("never", 1, false)
	cas("first", 0, true)
	cas("again", 0, false)
	first := mustGet(t, kv, key)
	cas("second", first.ModifyIndex, true)
	cas("third", first.ModifyIndex, false)
	if got := mustGet(t, kv, key); string(got.Value) != "second" || got.Flags != 7 || got.ModifyIndex <= first.ModifyIndex {
		t.Errorf("got %+v", got)
	}
}

func TestKVAcquireAndRelease(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	ctx, kv, key := testContext(t), c.KV(), unique(t)
	one, two := newSession(t, c, nil), newSession(t, c, nil)
	try := func(call func(context.Context, *consul.KVPair, ...consul.WriteOption) (bool, *consul.WriteMeta, error), session, value string, want bool) {
		t.Helper()
		got, _, err := call(ctx, &consul.KVPair{Key: key, Value: []byte(value), Session: session})
		if err != nil || got != want {
			t.Fatalf("%q for %s: %v, %v, want %v", value, session, got, err, want)
		}
	}
	holds := func(session, value string, lockIndex uint64) {
		t.Helper()
		if p := mustGet(t, kv, key); p.Session != session || string(p.Value) != value || p.LockIndex != lockIndex {
			t.Fatalf("session %q, value %q, lock index %d; want %q, %q, %d", p.Session, p.Value, p.LockIndex, session, value, lockIndex)
		}
	}
	try(kv.Acquire, one, "one", true)
	holds(one, "one", 1)
	try(kv.Acquire, one, "one again", true)
	holds(one, "one again", 1)
	try(kv.Acquire, two, "two", false)
	try(kv.Release, two, "not two's", false)
	holds(one, "one again", 1)
	try(kv.Release, one, "free", true)
	holds("", "free", 1)
	try(kv.Release, one, "was free", false)
	try(kv.Acquire, two, "two", true)
	holds(two, "two", 2)
	put(t, kv, key) // a hold keeps nobody from writing
	holds(two, key, 0)
}

func TestKVAcquireWaitsOutTheLockDelay(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	ctx, kv := testContext(t), c.KV()
	for _, test := range []struct {
		delay time.Duration
		want  bool
	}{{consul.NoLockDelay, true}, {0, false}, {time.Minute, false}} {
		key := unique(t)
		first := newSession(t, c, &consul.SessionEntry{LockDelay: test.delay})
		if ok, _, err := kv.Acquire(ctx, &consul.KVPair{Key: key, Session: first}); err != nil || !ok {
			t.Fatal(ok, err)
		}
		if _, err := c.Session().Destroy(ctx, first); err != nil {
			t.Fatal(err)
		}
		ok, _, err := kv.Acquire(ctx, &consul.KVPair{Key: key, Session: newSession(t, c, nil)})
		if err != nil || ok != test.want {
			t.Errorf("right after a session with a lock-delay of %v: %v, %v, want %v", test.delay, ok, err, test.want)
		}
	}
}

func TestKVAcquireForASessionThatDoesNotExist(t *testing.T) {
	t.Parallel()
	ctx, kv := testContext(t), newClient(t).KV()
	p := &consul.KVPair{Key: unique(t), Session: "6c6b8a0c-0000-4000-8000-000000000000"}
	_, _, err := kv.Acquire(ctx, p)
	if se, ok := errors.AsType[*consul.StatusError](err); !errors.Is(err, consul.ErrSessionExpired) || !ok || se.Code != 500 {
		t.Errorf("acquire: %v, want ErrSessionExpired", err)
	}
	if ok, _, err := kv.Release(ctx, p); err != nil || ok {
		t.Errorf("release: %v, %v, want false", ok, err)
	}
}

func TestKVDelete(t *testing.T) {
	t.Parallel()
	ctx, kv, key := testContext(t), newClient(t).KV(), unique(t)
	put(t, kv, key)
	for range 2 { // the second time there is nothing to delete
		if _, err := kv.Delete(ctx, key); err != nil {
			t.Fatal(err)
		}
		if _, _, err := kv.Get(ctx, key); !errors.Is(err, consul.ErrNotFound) {
			t.Fatal(err)
		}
	}
}

func TestKVDeleteCAS(t *testing.T) {
	t.Parallel()
	ctx, kv, key := testContext(t), newClient(t).KV(), unique(t)
	put(t, kv, key)
	p := mustGet(t, kv, key)
	for _, test := range []struct {
		index uint64
		want  bool
	}{{p.ModifyIndex - 1, false}, {p.ModifyIndex, true}, {p.ModifyIndex, true}} {
		got, _, err := kv.DeleteCAS(ctx, &consul.KVPair{Key: key, ModifyIndex: test.index})
		if err != nil || got != test.want {
			t.Fatalf("index %d of %d: %v, %v", test.index, p.ModifyIndex, got, err)
		}
	}
	if _, _, err := kv.Get(ctx, key); !errors.Is(err, consul.ErrNotFound) {
		t.Error(err)
	}
	if _, _, err := refuseAll(t).KV().DeleteCAS(ctx, &consul.KVPair{Key: key}); !errors.Is(err, consul.ErrInvalidOption) {
		t.Errorf("index 0: %v, want ErrInvalidOption", err)
	}
}

func TestKVDeleteTree(t *testing.T) {
	t.Parallel()
	ctx, kv, dir := testContext(t), newClient(t).KV(), unique(t)
	put(t, kv, dir+"/a", dir+"/b/c", dir+"x")
	for _, test := range []struct {
		prefix string
		left   []string
	}{{dir + "/", []string{dir + "x"}}, {dir, []string{}}, {dir, []string{}}} {
		if _, err := kv.DeleteTree(ctx, test.prefix); err != nil {
			t.Fatal(err)
		}
		if left, _, err := kv.Keys(ctx, dir, ""); err != nil || !slices.Equal(left, test.left) {
			t.Errorf("after %q: %q, %v, want %q", test.prefix, left, err, test.left)
		}
	}
}

func TestKVWholeStore(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	kv := clientWith(t, &consul.Config{Address: testutil.NewServer(t).Addr()}).KV() // one of its own, to be emptied
	want := []string{"a", "b/c"}
	put(t, kv, want...)
	for _, prefix := range []string{"", "/", "//"} {
		if _, err := kv.DeleteTree(ctx, prefix); !errors.Is(err, consul.ErrInvalidKey) {
			t.Errorf("DeleteTree(%q): %v, want ErrInvalidKey", prefix, err)
		}
	}
	if keys, _, err := kv.Keys(ctx, "", ""); err != nil || !slices.Equal(keys, want) {
		t.Errorf("keys %q, %v, want %q", keys, err, want)
	}
	if pairs, _, err := kv.List(ctx, ""); err != nil || len(pairs) != 2 {
		t.Errorf("pairs %v, %v", pairs, err)
	}
	if _, err := kv.DeleteAll(ctx); err != nil {
		t.Fatal(err)
	}
	for p, err := range kv.All(ctx, "") {
		t.Errorf("left: %v, %v", p, err)
	}
	if keys, _, err := kv.Keys(ctx, "", ""); err != nil || keys == nil || len(keys) != 0 {
		t.Errorf("keys %v, %v, want an empty list", keys, err)
	}
}

func TestKVValueThatIsTooLarge(t *testing.T) {
	t.Parallel()
	ctx, kv := testContext(t), newClient(t).KV()
	p := &consul.KVPair{Key: unique(t), Value: make([]byte, 512<<10+1), Session: "s"}
	_, err := kv.Put(ctx, p)
	_, _, errCAS := kv.CAS(ctx, p)
	_, _, errAcquire := kv.Acquire(ctx, p)
	for _, err := range []error{err, errCAS, errAcquire} {
		if !errors.Is(err, consul.ErrTooLarge) || !strings.Contains(err.Error(), "kv_max_value_size") || !strings.Contains(err.Error(), "524288") {
			t.Errorf("got %v, want ErrTooLarge with the limit and its name", err)
		}
	}
}

func TestKVPermissions(t *testing.T) {
	t.Parallel()
	ctx, kv, key := testContext(t), newACLClient(t).KV(), unique(t)
	put(t, kv, key) // with the client's token
	unknown := consul.WithToken("01234567-89ab-cdef-0123-456789abcdef")
	if _, err := kv.Put(ctx, &consul.KVPair{Key: key}, unknown); !errors.Is(err, consul.ErrPermissionDenied) {
		t.Errorf("put: %v", err)
	}
	if _, err := kv.Delete(ctx, key, unknown); !errors.Is(err, consul.ErrPermissionDenied) {
		t.Errorf("delete: %v", err)
	}
	if _, _, err := kv.Get(ctx, key, unknown); !errors.Is(err, consul.ErrPermissionDenied) {
		t.Errorf("get: %v", err)
	}
	for _, err := range kv.All(ctx, key, unknown) {
		if !errors.Is(err, consul.ErrPermissionDenied) {
			t.Errorf("all: %v", err)
		}
	}
	if p := mustGet(t, kv, key); string(p.Value) != key {
		t.Errorf("got %+v", p)
	}
}
