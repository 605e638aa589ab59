package consul

// This file holds KV, the client of the key/value store. See https://developer.hashicorp.com/consul/api-docs/kv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"
)

// KV is the client of the key/value store: /v1/kv.
//
// A key is a non-empty UTF-8 text. Slashes in it structure the store but have no meaning of their own. The server cleans
// the path of a request, so a key that cleaning would change (one with a slash at its start, an empty element as in
// "a//b", or an element "." or "..") would silently be another key: methods refuse it with ErrInvalidKey and send
// nothing. They refuse a key that is not UTF-8 likewise, since JSON could not give it back.
//
// Servers refuse more, unless they are configured not to. A key with a space at its start or end, or one in which a
// percent sign and two hexadecimal digits stand for a space, or for the dots of "..", is ErrInvalidKey too. One with a
// character that can't be printed is ErrBadRequest. All of these but the ones that are not UTF-8 can be reached by a
// transaction: see KVTxnOp.
type KV struct{ c *Client }

// KV gives the client of the key/value store.
func (c *Client) KV() *KV { return &KV{c} }

// A KVPair is a key with its value and what the store knows of it. Only Key, Value, Flags, Session, and for CAS
// ModifyIndex, are read when one is written.
type KVPair struct {
	Key         string
	CreateIndex uint64 // index of the write that created the key
	ModifyIndex uint64 // index of the write that last changed it: what CAS compares
	LockIndex   uint64 // how often the key was acquired since the last write by Put or CAS: those set it to 0
	Flags       uint64 // the application's own number, any uint64
	Value       []byte // at most 512 KiB by default; nil and empty are the same
	Session     string // the session that holds the key, empty if none does
	Namespace   string `json:",omitempty"` // Consul Enterprise
	Partition   string `json:",omitempty"` // Consul Enterprise
}

// KVPairs is a list of pairs, in the order of their keys' bytes.
type KVPairs []*KVPair

// Get reads a key. If it does not exist the error is ErrNotFound, and the QueryMeta says at which index, so that
// Wait(meta.LastIndex, …) waits for it to appear. ErrInvalidKey as KV says.
//
// Route: GET /v1/kv/:key
func (k *KV) Get(ctx context.Context, key string, opts ...QueryOption) (*KVPair, *QueryMeta, error) {
	r := keyRequest(http.MethodGet, key)
	pairs, meta, err := query[KVPairs](ctx, k.c, r, opts)
	if err != nil {
		return nil, meta, err
	}
	if len(pairs) != 1 || pairs[0] == nil {
		return nil, nil, r.badResponse(http.StatusOK, fmt.Errorf("want the pair of one key, got a list of %d", len(pairs)))
	}
	return pairs[0], meta, nil
}

// GetRaw reads the value of a key as it arrives, without the JSON around it: the cheapest way to a large value. The
// caller closes the reader. Errors as Get; a value that breaks off is ErrBadResponse from Read, never a short value.
//
// Route: GET /v1/kv/:key?raw
func (k *KV) GetRaw(ctx context.Context, key string, opts ...QueryOption) (io.ReadCloser, *QueryMeta, error) {
	return openQuery(ctx, k.c, keyRequest(http.MethodGet, key).flag("raw"), opts)
}

// List reads all pairs whose keys start with prefix; "" is the whole store. None is an empty list, not an error. The
// list is in memory as a whole: see All for large ones. ErrInvalidKey as KV says.
//
// Route: GET /v1/kv/:prefix?recurse
func (k *KV) List(ctx context.Context, prefix string, opts ...QueryOption) (KVPairs, *QueryMeta, error) {
	return emptyIfAbsent(query[KVPairs](ctx, k.c, prefixRequest(http.MethodGet, prefix).flag("recurse"), opts))
}

// Keys reads the keys that start with prefix, without their values; "" is the whole store. With a separator, keys are
// cut after its first occurrence behind the prefix and listed once: Keys(ctx, "a/", "/") lists the directory a. None is
// an empty list, not an error. ErrInvalidKey as KV says.
//
// Route: GET /v1/kv/:prefix?keys
func (k *KV) Keys(ctx context.Context, prefix, separator string, opts ...QueryOption) ([]string, *QueryMeta, error) {
	r := prefixRequest(http.MethodGet, prefix).flag("keys").param("separator", separator)
	return emptyIfAbsent(query[[]string](ctx, k.c, r, opts))
}

// Put writes a key, whoever holds it. Of p, Key, Value and Flags are read. A value that is too large is ErrTooLarge;
// ErrInvalidKey as KV says.
//
// Route: PUT /v1/kv/:key
func (k *KV) Put(ctx context.Context, p *KVPair, opts ...WriteOption) (*WriteMeta, error) {
	return k.must(ctx, putRequest(p), pairOptions(p, opts))
}

// CAS writes a key if its ModifyIndex is still p.ModifyIndex, or if that is 0 and the key does not exist, and says
// whether it did. Of p, Key, Value, Flags and ModifyIndex are read. Errors as Put.
//
// Route: PUT /v1/kv/:key?cas
func (k *KV) CAS(ctx context.Context, p *KVPair, opts ...WriteOption) (bool, *WriteMeta, error) {
	r := putRequest(p)
	if p != nil {
		r.number("cas", p.ModifyIndex)
	}
	return write[bool](ctx, k.c, r, pairOptions(p, opts))
}

// Acquire writes a key and makes p.Session its holder, if nobody holds it and no lock-delay runs, or if p.Session holds
// it already; it says whether it did. Of p, Key, Value, Flags and Session are read. A session that does not exist is
// ErrSessionExpired, an empty one ErrInvalidOption. Errors otherwise as Put.
//
// Route: PUT /v1/kv/:key?acquire
func (k *KV) Acquire(ctx context.Context, p *KVPair, opts ...WriteOption) (bool, *WriteMeta, error) {
	return k.lock(ctx, "acquire", p, opts)
}

// Release writes a key and ends p.Session's hold of it, if that holds it, and says whether it did. Of p, Key, Value,
// Flags and Session are read. A session that does not exist holds nothing: false. Errors as Put; an empty session is
// ErrInvalidOption.
//
// Route: PUT /v1/kv/:key?release
func (k *KV) Release(ctx context.Context, p *KVPair, opts ...WriteOption) (bool, *WriteMeta, error) {
	return k.lock(ctx, "release", p, opts)
}

func (k *KV) lock(ctx context.Context, operation string, p *KVPair, opts []WriteOption) (bool, *WriteMeta, error) {
	r := putRequest(p).means(ErrSessionExpired, "apply failed: invalid session ")
	switch {
	case p == nil:
	case p.Session == "":
		r.fail(ErrInvalidOption, "KVPair.Session is empty")
	default:
		r.param(operation, p.Session)
	}
	return write[bool](ctx, k.c, r, pairOptions(p, opts))
}

// Delete removes a key; one that does not exist is no error. ErrInvalidKey as KV says.
//
// Route: DELETE /v1/kv/:key
func (k *KV) Delete(ctx context.Context, key string, opts ...WriteOption) (*WriteMeta, error) {
	return k.must(ctx, keyRequest(http.MethodDelete, key), opts)
}

// DeleteCAS removes a key if its ModifyIndex is still p.ModifyIndex, and says whether it did or the key did not exist.
// Of p, Key and ModifyIndex are read. An index of 0, which no key has, is ErrInvalidOption. ErrInvalidKey as KV says.
//
// Route: DELETE /v1/kv/:key?cas
func (k *KV) DeleteCAS(ctx context.Context, p *KVPair, opts ...WriteOption) (bool, *WriteMeta, error) {
	r := pairRequest(http.MethodDelete, p)
	switch {
	case p == nil:
	case p.ModifyIndex == 0:
		r.fail(ErrInvalidOption, "KVPair.ModifyIndex is 0, which no key has")
	default:
		r.number("cas", p.ModifyIndex)
	}
	return write[bool](ctx, k.c, r, pairOptions(p, opts))
}

// DeleteTree removes all keys that start with prefix: "a" removes "ab" too, "a/" does not. A prefix that means the whole
// store ("" or "/") is ErrInvalidKey: see DeleteAll. ErrInvalidKey as KV says.
//
// Route: DELETE /v1/kv/:prefix?recurse
func (k *KV) DeleteTree(ctx context.Context, prefix string, opts ...WriteOption) (*WriteMeta, error) {
	r := prefixRequest(http.MethodDelete, prefix).flag("recurse")
	if prefix == "" {
		r.fail(ErrInvalidKey, "an empty prefix is the whole store, use DeleteAll if that is meant")
	}
	return k.must(ctx, r, opts)
}

// DeleteAll removes every key of the store that the token may write.
//
// Route: DELETE /v1/kv/?recurse
func (k *KV) DeleteAll(ctx context.Context, opts ...WriteOption) (*WriteMeta, error) {
	return k.must(ctx, prefixRequest(http.MethodDelete, "").flag("recurse"), opts)
}

// must makes a write that the server answers with true unless something is wrong.
func (k *KV) must(ctx context.Context, r *request, opts []WriteOption) (*WriteMeta, error) {
	ok, meta, err := write[bool](ctx, k.c, r, opts)
	if err == nil && !ok {
		return nil, r.badResponse(http.StatusOK, errors.New("want true, got false"))
	}
	return meta, err
}

// keyRequest describes a call on one key.
func keyRequest(method, key string) *request {
	r := prefixRequest(method, key)
	if key == "" {
		r.fail(ErrInvalidKey, "the key is empty")
	}
	return r
}

// keyMeanings are the errors that tell of a bad key.
var keyMeanings = []meaning{{ErrInvalidKey, []string{"invalid key name, "}}}

// prefixRequest describes a call on all keys with a prefix.
func prefixRequest(method, prefix string) *request {
	r := newKeyRequest(method, prefix)
	r.meanings = keyMeanings
	switch {
	case !utf8.ValidString(prefix):
		r.fail(ErrInvalidKey, "key %q is not UTF-8, so that the server could not name it in JSON", prefix)
	case strings.HasPrefix(prefix, "/"):
		r.fail(ErrInvalidKey, "key %q starts with a slash, which the server would drop", prefix)
	case !isClean(r.path):
		r.fail(ErrInvalidKey, "key %q has an empty or dotted element, which the server would resolve to another key", prefix)
	}
	return r
}

// pairRequest describes a call on the key of a pair.
func pairRequest(method string, p *KVPair) *request {
	if p == nil {
		return prefixRequest(method, "").fail(ErrInvalidOption, "the pair is nil")
	}
	return keyRequest(method, p.Key)
}

// putRequest describes the write of a pair.
func putRequest(p *KVPair) *request {
	r := pairRequest(http.MethodPut, p)
	if p == nil {
		return r
	}
	if p.Flags != 0 {
		r.number("flags", p.Flags)
	}
	return r.bytes(p.Value)
}

// pairOptions writes a pair back to where it was read, unless the options say otherwise.
func pairOptions(p *KVPair, opts []WriteOption) []WriteOption {
	if p == nil {
		return opts
	}
	return inPlace(p.Namespace, p.Partition, opts)
}
