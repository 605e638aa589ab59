package benchmarks

// This file has the calls that are compared, each by each client, with the check of what it gives.

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"testing"

	"github.com/hashicorp/consul/api"

	"github.com/lictor-go/consul"
)

// A call is one call by one client, ready to be made over and over. It is an error where the answer looks wrong at a
// glance, and verify looks at the last one closely.
type call struct {
	client string
	do     func(context.Context) error
	verify func() error // nil: it was looked at closely each time
}

func (c call) check(t testing.TB) {
	t.Helper()
	if c.verify == nil {
		return
	}
	if err := c.verify(); err != nil {
		t.Error(err)
	}
}

// keeping makes a call of one that gives a T: glance checks each, in no time worth mention, and verify the last one.
func keeping[T any](client string, do func(context.Context) (T, error), glance, verify func(T) error) call {
	var last T
	return call{client, func(ctx context.Context) error {
		var err error
		if last, err = do(ctx); err != nil {
			return err
		}
		return glance(last)
	}, func() error { return verify(last) }}
}

// kvGet reads a value of 28 bytes.
func kvGet(t testing.TB, url string) []call {
	return getKey(t, url, smallKey, func(got []byte) error { return same(got, smallValue) })
}

// kvGetLarge reads a value of 500 KiB.
func kvGetLarge(t testing.TB, url string) []call {
	return getKey(t, url, largeKey, func(got []byte) error { return want("the size", len(got), largeSize) })
}

func getKey(t testing.TB, url, key string, glance func([]byte) error) []call {
	bare, incumbent, this := newBare(t, url), newIncumbent(t, url), newThis(t, url)
	body := bare.get(t, "/v1/kv/"+key)
	return []call{
		bareCall(bare, "/v1/kv/"+key, body),
		keeping(incumbentName, func(context.Context) (*api.KVPair, error) {
			pair, _, err := incumbent.KV().Get(key, nil)
			return pair, err
		}, func(p *api.KVPair) error { return glance(p.Value) }, one[api.KVPair](body)),
		keeping(thisName, func(ctx context.Context) (*consul.KVPair, error) {
			pair, _, err := this.KV().Get(ctx, key)
			return pair, err
		}, func(p *consul.KVPair) error { return glance(p.Value) }, one[consul.KVPair](body)),
	}
}

// slowGet reads the same from a server that takes its time, by many callers at once.
func slowGet(t testing.TB, url string) []call {
	bare, incumbent, this := newBare(t, url), newIncumbent(t, url), newThis(t, url)
	size := len(bare.get(t, "/v1/kv/"+slowKey))
	return []call{
		{bareName, func(ctx context.Context) error {
			var answer bytes.Buffer
			if err := bare.call(ctx, http.MethodGet, "/v1/kv/"+slowKey, nil, &answer); err != nil {
				return err
			}
			return want("the size of the answer", answer.Len(), size)
		}, nil},
		{incumbentName, func(context.Context) error {
			pair, _, err := incumbent.KV().Get(slowKey, nil)
			if err != nil {
				return err
			}
			return same(pair.Value, smallValue)
		}, nil},
		{thisName, func(ctx context.Context) error {
			pair, _, err := this.KV().Get(ctx, slowKey)
			if err != nil {
				return err
			}
			return same(pair.Value, smallValue)
		}, nil},
	}
}

// kvPut writes a value of 28 bytes.
func kvPut(t testing.TB, url string) []call {
	bare, incumbent, this := newBare(t, url), newIncumbent(t, url), newThis(t, url)
	value := []byte(smallValue)
	var answer bytes.Buffer
	return []call{
		{bareName, func(ctx context.Context) error {
			answer.Reset()
			if err := bare.call(ctx, http.MethodPut, "/v1/kv/"+smallKey, bytes.NewReader(value), &answer); err != nil {
				return err
			}
			return same(answer.Bytes(), "true")
		}, nil},
		{incumbentName, func(context.Context) error {
			_, err := incumbent.KV().Put(&api.KVPair{Key: smallKey, Value: value}, nil)
			return err
		}, nil},
		{thisName, func(ctx context.Context) error {
			_, err := this.KV().Put(ctx, &consul.KVPair{Key: smallKey, Value: value})
			return err
		}, nil},
	}
}

// kvGetRaw reads a value of 500 KiB as it is. The incumbent has no such call of its own: its Raw asks for JSON only.
func kvGetRaw(t testing.TB, url string) []call {
	bare, this := newBare(t, url), newThis(t, url)
	body := bare.get(t, "/v1/kv/"+largeKey+"?raw")
	var value bytes.Buffer
	return []call{
		bareCall(bare, "/v1/kv/"+largeKey+"?raw", body),
		{thisName, func(ctx context.Context) error {
			r, _, err := this.KV().GetRaw(ctx, largeKey)
			if err != nil {
				return err
			}
			defer r.Close()
			value.Reset()
			if _, err := value.ReadFrom(r); err != nil {
				return err
			}
			return want("the size", value.Len(), largeSize)
		}, func() error { return want("whether the value is the same", bytes.Equal(value.Bytes(), body), true) }},
	}
}

// kvList reads n keys with values of 60 bytes.
func kvList(t testing.TB, url string, n int) []call {
	bare, incumbent, this := newBare(t, url), newIncumbent(t, url), newThis(t, url)
	prefix := listPrefix + strconv.Itoa(n) + "/"
	body := bare.get(t, "/v1/kv/"+prefix+"?recurse")
	return []call{
		bareCall(bare, "/v1/kv/"+prefix+"?recurse", body),
		keeping(incumbentName, func(context.Context) (api.KVPairs, error) {
			pairs, _, err := incumbent.KV().List(prefix, nil)
			return pairs, err
		}, length[api.KVPairs](n), all[api.KVPairs](body)),
		keeping(thisName, func(ctx context.Context) (consul.KVPairs, error) {
			pairs, _, err := this.KV().List(ctx, prefix)
			return pairs, err
		}, length[consul.KVPairs](n), all[consul.KVPairs](body)),
	}
}

// kvAll reads n keys with values of 60 bytes one by one, where the client can; net/http lets them pass. Nothing large is
// kept meanwhile.
func kvAll(t testing.TB, url string, n int) []call {
	bare, incumbent, this := newBare(t, url), newIncumbent(t, url), newThis(t, url)
	prefix := listPrefix + strconv.Itoa(n) + "/"
	path := "/v1/kv/" + prefix + "?recurse"
	return []call{
		{bareName, func(ctx context.Context) error {
			return bare.call(ctx, http.MethodGet, path, nil, io.Discard.(io.ReaderFrom))
		}, nil},
		{incumbentName, func(context.Context) error {
			pairs, _, err := incumbent.KV().List(prefix, nil)
			if err != nil {
				return err
			}
			return want("the number of pairs", len(pairs), n)
		}, nil},
		{thisName, func(ctx context.Context) error {
			seen := 0
			for _, err := range this.KV().All(ctx, prefix) {
				if err != nil {
					return err
				}
				seen++
			}
			return want("the number of pairs", seen, n)
		}, func() error {
			var pairs consul.KVPairs
			for pair, err := range this.KV().All(context.Background(), prefix) {
				if err != nil {
					return err
				}
				pairs = append(pairs, pair)
			}
			return all[consul.KVPairs](bare.get(t, path))(pairs)
		}},
	}
}

// health reads the n instances of a service, with their nodes and checks.
func health(t testing.TB, url string, n int) []call {
	bare, incumbent, this := newBare(t, url), newIncumbent(t, url), newThis(t, url)
	service := webService + strconv.Itoa(n)
	body := bare.get(t, "/v1/health/service/"+service)
	return []call{
		bareCall(bare, "/v1/health/service/"+service, body),
		keeping(incumbentName, func(context.Context) ([]*api.ServiceEntry, error) {
			entries, _, err := incumbent.Health().Service(service, "", false, nil)
			return entries, err
		}, length[[]*api.ServiceEntry](n), all[[]*api.ServiceEntry](body)),
		keeping(thisName, func(ctx context.Context) ([]*consul.ServiceEntry, error) {
			entries, _, err := this.Health().Service(ctx, service)
			return entries, err
		}, length[[]*consul.ServiceEntry](n), all[[]*consul.ServiceEntry](body)),
	}
}

// bareCall reads the answer as it is: what comes after that is the clients' part.
func bareCall(c *bare, path string, body []byte) call {
	var answer bytes.Buffer
	return call{bareName, func(ctx context.Context) error {
		answer.Reset()
		if err := c.call(ctx, http.MethodGet, path, nil, &answer); err != nil {
			return err
		}
		return want("the size of the answer", answer.Len(), len(body))
	}, func() error { return want("whether the answer is the same", bytes.Equal(answer.Bytes(), body), true) }}
}

// same and want check without allocating anything, unless something is wrong.
func same(got []byte, want string) error {
	if string(got) != want {
		return fmt.Errorf("the value is %q, want %q", got, want)
	}
	return nil
}

func want[T comparable](what string, got, want T) error {
	if got != want {
		return fmt.Errorf("%s is %v, want %v", what, got, want)
	}
	return nil
}

func length[S ~[]E, E any](n int) func(S) error {
	return func(got S) error {
		if len(got) != n {
			return fmt.Errorf("%d items, want %d", len(got), n)
		}
		return nil
	}
}

// one checks that a client made of a list with one element what encoding/json makes of it.
func one[T any](body []byte) func(*T) error {
	return func(got *T) error { return all[[]*T](body)([]*T{got}) }
}

// all checks that a client made of a list what encoding/json makes of it.
func all[S ~[]*E, E any](body []byte) func(S) error {
	return func(got S) error {
		var want S
		if err := json.Unmarshal(body, &want); err != nil {
			return err
		}
		if len(got) != len(want) {
			return fmt.Errorf("%d items, want %d", len(got), len(want))
		}
		for i := range want {
			if !reflect.DeepEqual(got[i], want[i]) {
				return fmt.Errorf("item %d is %+v, want %+v", i, got[i], want[i])
			}
		}
		return nil
	}
}
