package consul_test

// This file tests KV.Update: that no write is lost, and how it ends.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lictor-go/consul"
)

// increment is a change that counts in a key.
func increment(old *consul.KVPair) (*consul.KVPair, error) {
	n := 0
	if old != nil {
		var err error
		if n, err = strconv.Atoi(string(old.Value)); err != nil {
			return nil, err
		}
	}
	return &consul.KVPair{Value: strconv.AppendInt(nil, int64(n+1), 10)}, nil
}

func TestKVUpdateLosesNoWrite(t *testing.T) {
	t.Parallel()
	ctx, kv, key := testContext(t), newClient(t).KV(), unique(t)
	const writers, each = 20, 5
	errs := make(chan error, writers*each)
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for range each {
				_, err := kv.Update(ctx, key, increment)
				errs <- err
			}
		})
	}
	all.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	if got := string(mustGet(t, kv, key).Value); got != strconv.Itoa(writers*each) {
		t.Errorf("counted %s of %d", got, writers*each)
	}
}

func TestKVUpdateWritesValueAndFlags(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	ctx, kv, key := testContext(t), c.KV(), unique(t)
	meta, err := kv.Update(ctx, key, func(old *consul.KVPair) (*consul.KVPair, error) {
		if old != nil {
			t.Errorf("a new key was %v before", old)
		}
		return &consul.KVPair{Key: "another key", Value: []byte("new"), Flags: math.MaxUint64, ModifyIndex: 99}, nil
	})
	if err != nil || meta.RequestTime <= 0 {
		t.Fatal(meta, err)
	}
	session := newSession(t, c, nil)
	if ok, _, err := kv.Acquire(ctx, &consul.KVPair{Key: key, Value: []byte("held"), Session: session}); err != nil || !ok {
		t.Fatal(ok, err)
	}
	_, err = kv.Update(ctx, key, func(old *consul.KVPair) (*consul.KVPair, error) {
		old.Value = append(old.Value, " and changed"...)
		return old, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if p := mustGet(t, kv, key); string(p.Value) != "held and changed" || p.Flags != 0 || p.Session != session {
		t.Errorf("got %+v", p)
	}
}

func TestKVUpdateCanLeaveTheKeyAlone(t *testing.T) {
	t.Parallel()
	ctx, kv, key := testContext(t), newClient(t).KV(), unique(t)
	put(t, kv, key)
	before := mustGet(t, kv, key)
	if _, err := kv.Update(ctx, key, func(*consul.KVPair) (*consul.KVPair, error) { return nil, nil }); err != nil {
		t.Fatal(err)
	}
	want := errors.New("not this one")
	if _, err := kv.Update(ctx, key, func(*consul.KVPair) (*consul.KVPair, error) { return nil, want }); err != want {
		t.Errorf("got %v, want the change's own error", err)
	}
	if after := mustGet(t, kv, key); after.ModifyIndex != before.ModifyIndex {
		t.Errorf("the key was written: %+v", after)
	}
}

func TestKVUpdateStartsOverWhenAnotherWriteCameBetween(t *testing.T) {
	t.Parallel()
	ctx, kv, key := testContext(t), newClient(t).KV(), unique(t)
	var saw []string
	_, err := kv.Update(ctx, key, func(old *consul.KVPair) (*consul.KVPair, error) {
		if old == nil {
			saw = append(saw, "nothing")
			put(t, kv, key)
		} else {
			saw = append(saw, string(old.Value))
		}
		return &consul.KVPair{Value: []byte("last")}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(saw), fmt.Sprint([]string{"nothing", key}); got != want {
		t.Errorf("the change saw %s, want %s", got, want)
	}
	if got := mustGet(t, kv, key); string(got.Value) != "last" {
		t.Errorf("got %q", got.Value)
	}
}

func TestKVUpdateRefusals(t *testing.T) {
	t.Parallel()
	ctx, kv := testContext(t), refuseAll(t).KV()
	if _, err := kv.Update(ctx, "k", nil); !errors.Is(err, consul.ErrInvalidOption) {
		t.Errorf("no change: %v", err)
	}
	if _, err := kv.Update(ctx, "a//b", increment); !errors.Is(err, consul.ErrInvalidKey) {
		t.Errorf("an invalid key: %v", err)
	}
	unknown := consul.WithToken("01234567-89ab-cdef-0123-456789abcdef")
	if _, err := newACLClient(t).KV().Update(ctx, unique(t), increment, unknown); !errors.Is(err, consul.ErrPermissionDenied) {
		t.Errorf("an unknown token: %v", err)
	}
	tooLarge := func(*consul.KVPair) (*consul.KVPair, error) {
		return &consul.KVPair{Value: make([]byte, 512<<10+1)}, nil
	}
	if _, err := newClient(t).KV().Update(ctx, unique(t), tooLarge); !errors.Is(err, consul.ErrTooLarge) {
		t.Errorf("a large value: %v", err)
	}
}

// Whoever loses every time goes on until the context ends, ever more slowly, and reads and writes in the same place.
func TestKVUpdateThatAlwaysLoses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reads, writes := 0, 0
		kv := clientWith(t, &consul.Config{Transport: respond(func(w http.ResponseWriter, r *http.Request) {
			if !strings.Contains(r.URL.RawQuery, "dc=dc2&ns=team") || r.Header.Get("X-Consul-Token") != "t" {
				t.Errorf("sent %s with the token %q", r.URL, r.Header.Get("X-Consul-Token"))
			}
			if r.Method == http.MethodGet {
				reads++
				io.WriteString(w, `[{"Key":"k","ModifyIndex":5}]`)
				return
			}
			writes++
			io.WriteString(w, "false")
		})}).KV()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		change := func(*consul.KVPair) (*consul.KVPair, error) { return &consul.KVPair{}, nil }
		_, err := kv.Update(ctx, "k", change, consul.WithDatacenter("dc2"), consul.WithNamespace("team"), consul.WithToken("t"))
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), fmt.Sprintf("%d times", writes)) {
			t.Errorf("got %v, want DeadlineExceeded after %d times", err, writes)
		}
		// Pauses of half a second on average, the first few aside.
		if reads != writes || writes < 60 || writes > 300 || time.Since(start) != time.Minute {
			t.Errorf("%d reads and %d writes in %v", reads, writes, time.Since(start))
		}
	})
}
