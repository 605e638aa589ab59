package consul

// This file holds KV.Update, the loop of reading and compare-and-set that loses nobody's write.

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// How long Update pauses, at most, between attempts: from the first number, doubled each time, to the second.
const (
	minUpdateBackoff = 10 * time.Millisecond
	maxUpdateBackoff = time.Second
)

// Update changes a key in a way that loses nobody's write: it reads the pair, lets change say what to write instead, and
// writes that with CAS, over again, with pauses that grow, until no other write came in between or ctx ends.
//
// Change gets the pair as it is, nil if there is none, and may be called many times. It returns the new pair, of which
// Value and Flags are read; nil to leave the key as it is; or an error, which ends Update and is returned as it is. A
// change that is nil is ErrInvalidOption. Errors otherwise as Get, except ErrNotFound, and as CAS; if ctx ends, ctx's.
//
// Routes: GET /v1/kv/:key, PUT /v1/kv/:key?cas
func (k *KV) Update(ctx context.Context, key string, change func(old *KVPair) (*KVPair, error), opts ...WriteOption) (*WriteMeta, error) {
	if change == nil {
		return nil, fmt.Errorf("consul: update of key %q: the change is nil: %w", key, ErrInvalidOption)
	}
	start := time.Now()
	for attempt := 1; ; attempt++ {
		old, _, err := k.Get(ctx, key, readAs(opts))
		if err != nil && !errors.Is(err, ErrNotFound) {
			return nil, err
		}
		var index uint64
		if old != nil {
			index = old.ModifyIndex
		}
		pair, err := change(old)
		if err != nil {
			return nil, err
		}
		if pair == nil {
			return &WriteMeta{RequestTime: time.Since(start)}, nil
		}
		ok, _, err := k.CAS(ctx, &KVPair{Key: key, Value: pair.Value, Flags: pair.Flags, ModifyIndex: index}, opts...)
		if err != nil {
			return nil, err
		}
		if ok {
			return &WriteMeta{RequestTime: time.Since(start)}, nil
		}
		if !sleep(ctx, jitter(minUpdateBackoff, maxUpdateBackoff, attempt)) {
			return nil, fmt.Errorf("consul: update of key %q lost to other writers %d times: %w", key, attempt, ctx.Err())
		}
	}
}

// readAs reads in the place, and with the token, that options of a write name.
func readAs(opts []WriteOption) QueryOption {
	var w WriteOptions
	for _, opt := range opts {
		if opt != nil {
			opt.applyWrite(&w)
		}
	}
	return &QueryOptions{Datacenter: w.Datacenter, Namespace: w.Namespace, Partition: w.Partition, Token: w.Token}
}
