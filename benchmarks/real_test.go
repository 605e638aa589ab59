package benchmarks

// This file measures calls on a real Consul: with the server's own work, and with answers that it compresses.

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/lictor-go/consul"
	"github.com/lictor-go/consul/testutil"
)

const (
	realKeys      = 10_000
	realInstances = 1000
)

// BenchmarkReal measures calls on a real Consul that has what the server of recorded answers has.
func BenchmarkReal(b *testing.B) {
	testutil.NeedReal(b, "the server's own part of a call")
	s := testutil.NewServer(b)
	fill(b, s)
	for _, work := range []struct {
		name  string
		calls []call
	}{
		{"KVGet", kvGet(b, s.URL())},
		{"KVPut", kvPut(b, s.URL())},
		{"KVList", kvList(b, s.URL(), realKeys)},
		{"Health", health(b, s.URL(), realInstances)},
	} {
		for _, c := range work.calls {
			b.Run("what="+work.name+"/client="+c.client, func(b *testing.B) { measure(b, c) })
		}
	}
}

// fill writes what the calls read.
func fill(b *testing.B, s *testutil.Server) {
	b.Helper()
	ask(b, s, http.MethodPut, "/v1/kv/"+smallKey, smallValue)
	c := newThis(b, s.URL())
	const batch = 100
	for first := 0; first < realKeys; first += batch {
		var ops consul.TxnOps
		for i := first; i < first+batch; i++ {
			key := fmt.Sprintf("%s%d/%s", listPrefix, realKeys, itemNumber(i))
			ops = append(ops, &consul.TxnOp{KV: &consul.KVTxnOp{Verb: consul.KVSet, Key: key, Value: []byte(itemValue(i))}})
		}
		if _, _, err := c.Txn().Txn(b.Context(), ops); err != nil {
			b.Fatal(err)
		}
	}
	service := fmt.Sprintf("%s%d", webService, realInstances)
	for i := range realInstances {
		ask(b, s, http.MethodPut, "/v1/catalog/register", instance(i, service))
	}
}
