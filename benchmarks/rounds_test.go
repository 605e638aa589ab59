package benchmarks

// This file measures what goes on all the time: a round of a blocking query, and the renewal of a session.

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/lictor-go/consul"
)

// BenchmarkBlockingRound asks for a key that has changed each time, as a loop of blocking queries does.
func BenchmarkBlockingRound(b *testing.B) { compare(b, blockingRound(b, recorded.url(b))) }

// BenchmarkSessionRenew renews a session.
func BenchmarkSessionRenew(b *testing.B) { compare(b, sessionRenew(b, recorded.url(b))) }

func blockingRound(t testing.TB, url string) []call {
	const wait = time.Minute
	bare, incumbent, this := newBare(t, url), newIncumbent(t, url), newThis(t, url)
	path := fmt.Sprintf("/v1/kv/%s?index=1&wait=%v", smallKey, wait)
	var theirs, ours uint64 = 1, 1
	moved := func(index *uint64, to uint64, value []byte) error {
		if to == *index {
			return fmt.Errorf("the index is still %d", to)
		}
		*index = to
		return same(value, smallValue)
	}
	return []call{
		bareCall(bare, path, bare.get(t, path)),
		{incumbentName, func(ctx context.Context) error {
			options := &api.QueryOptions{WaitIndex: theirs, WaitTime: wait}
			pair, meta, err := incumbent.KV().Get(smallKey, options.WithContext(ctx))
			if err != nil {
				return err
			}
			return moved(&theirs, meta.LastIndex, pair.Value)
		}, nil},
		{thisName, func(ctx context.Context) error {
			pair, meta, err := this.KV().Get(ctx, smallKey, consul.Wait(ours, wait))
			if err != nil {
				return err
			}
			return moved(&ours, meta.LastIndex, pair.Value)
		}, nil},
	}
}

func sessionRenew(t testing.TB, url string) []call {
	bare, incumbent, this := newBare(t, url), newIncumbent(t, url), newThis(t, url)
	var answer bytes.Buffer
	return []call{
		{bareName, func(ctx context.Context) error {
			answer.Reset()
			if err := bare.call(ctx, http.MethodPut, "/v1/session/renew/"+sessionID, nil, &answer); err != nil {
				return err
			}
			return want("whether the session is named", bytes.Contains(answer.Bytes(), []byte(sessionID)), true)
		}, nil},
		{incumbentName, func(context.Context) error {
			entry, _, err := incumbent.Session().Renew(sessionID, nil)
			if err != nil {
				return err
			}
			return want("the session", entry.ID, sessionID)
		}, nil},
		{thisName, func(ctx context.Context) error {
			entry, _, err := this.Session().Renew(ctx, sessionID)
			if err != nil {
				return err
			}
			return want("the session", entry.ID, sessionID)
		}, nil},
	}
}
