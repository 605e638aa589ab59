package consul

// This file holds KV.All, the list of a prefix that is never in memory as a whole.

import (
	"context"
	"errors"
	"iter"
	"net/http"
)

// All yields the pairs whose keys start with prefix, in the order of their keys' bytes, each decoded as it arrives: it
// needs memory for one pair however many there are. "" is the whole store. If there are none it yields nothing. An error
// is yielded once, last, with a nil pair: the pairs before it are then only part of what there is. Leaving the loop
// ends the call. ErrInvalidKey as KV says.
//
// The answer is one snapshot; the server holds nothing while it is read. A pause of the server longer than
// Config.Timeout ends it; the time the loop's body takes does not count.
//
// Route: GET /v1/kv/:prefix?recurse
func (k *KV) All(ctx context.Context, prefix string, opts ...QueryOption) iter.Seq2[*KVPair, error] {
	return func(yield func(*KVPair, error) bool) {
		r := prefixRequest(http.MethodGet, prefix).flag("recurse")
		body, _, err := openQuery(ctx, k.c, r, opts)
		if errors.Is(err, ErrNotFound) && !errors.Is(err, ErrBadResponse) {
			return
		}
		if err != nil {
			yield(nil, err)
			return
		}
		defer body.Close()
		if err := decodeEach(body, pairFields.New, func(p *KVPair) bool { return yield(p, nil) }); err != nil {
			yield(nil, streamError(r, err))
		}
	}
}
