package consul_test

// This file tests Client against the real server: the little that only it can show of the core.

import (
	"errors"
	"testing"
	"time"

	"github.com/lictor-go/consul"
)

func TestBlockingQueryReturnsWithTheChange(t *testing.T) {
	t.Parallel()
	client, key, ctx := newClient(t), unique(t), testContext(t)
	_, meta, err := client.KV().Get(ctx, key)
	if !errors.Is(err, consul.ErrNotFound) || meta.LastIndex == 0 {
		t.Fatalf("%+v, %v; want ErrNotFound with an index", meta, err)
	}
	waiting := start(func() error {
		pair, _, err := client.KV().Get(ctx, key, consul.Wait(meta.LastIndex, time.Minute))
		if err == nil && string(pair.Value) != "v" {
			t.Errorf("got %q", pair.Value)
		}
		return err
	})
	// Writes of other tests can end the wait too soon only if they are to this key: none are.
	if _, err := client.KV().Put(ctx, &consul.KVPair{Key: key, Value: []byte("v")}); err != nil {
		t.Fatal(err)
	}
	if end := <-waiting; end.err != nil {
		t.Error(end.err)
	}
}

func TestBlockingQueryEndsWithItsWait(t *testing.T) {
	t.Parallel()
	client, key, ctx := newClient(t), unique(t), testContext(t)
	if _, err := client.KV().Put(ctx, &consul.KVPair{Key: key}); err != nil {
		t.Fatal(err)
	}
	_, meta, err := client.KV().Get(ctx, key)
	if err != nil {
		t.Fatal(err)
	}
	const wait = 100 * time.Millisecond
	_, meta, err = client.KV().Get(ctx, key, consul.Wait(meta.LastIndex, wait))
	if err != nil || meta.RequestTime < wait {
		t.Errorf("%+v, %v; want an answer after the wait", meta, err)
	}
}

// The catalog says which consistency it used; the key/value store does not.
func TestConsistencyOnTheServer(t *testing.T) {
	t.Parallel()
	client := newClient(t)
	for want, option := range map[string]consul.QueryOption{"leader": nil, "stale": consul.Stale(), "consistent": consul.Consistent()} {
		_, meta, err := client.Catalog().Nodes(testContext(t), option)
		if err != nil || meta.EffectiveConsistency != want || !meta.KnownLeader || meta.LastIndex == 0 {
			t.Errorf("%s: %+v, %v", want, meta, err)
		}
	}
}

func TestTokenDecidesOnTheServer(t *testing.T) {
	t.Parallel()
	manager, key, ctx := newACLClient(t), unique(t), testContext(t)
	if _, err := manager.KV().Put(ctx, &consul.KVPair{Key: key}); err != nil {
		t.Fatal(err)
	}
	stranger := clientWith(t, &consul.Config{Address: aclServer.get(t).Addr()})
	if _, err := stranger.KV().Put(ctx, &consul.KVPair{Key: key}); !errors.Is(err, consul.ErrPermissionDenied) {
		t.Errorf("without a token: %v, want ErrPermissionDenied", err)
	}
	if _, err := manager.KV().Put(ctx, &consul.KVPair{Key: key}, consul.WithToken("no-such-token")); !errors.Is(err, consul.ErrPermissionDenied) {
		t.Errorf("with an unknown token: %v, want ErrPermissionDenied", err)
	}
	if _, err := stranger.KV().Put(ctx, &consul.KVPair{Key: key}, consul.WithToken(aclServer.get(t).ManagementToken())); err != nil {
		t.Errorf("with a call's own token: %v", err)
	}
}

func TestUnknownDatacenter(t *testing.T) {
	t.Parallel()
	_, _, err := newClient(t).KV().Get(testContext(t), "k", consul.WithDatacenter("nowhere"))
	if se, ok := errors.AsType[*consul.StatusError](err); !ok || se.Code != 500 || consul.SafeToRetry(err) {
		t.Errorf("got %v, want what the server says, not retried", err)
	}
}
