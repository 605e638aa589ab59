package consul

// This file holds WatchKeys, a struct of the caller's that follows the keys under a prefix.

import (
	"context"
	"iter"
	"reflect"
)

// WatchKeys gives a struct that is decoded from the keys under a prefix, and another one for each change of it, each valid:
// see DecodeKeys for what becomes of the keys. A struct that was given must not be changed: the next is compared with it.
// Settle is of use where several keys are written one after the other.
//
// Keys that can't be decoded, or are not valid, come as an error, with a nil struct: *KeysError, or that of Validate. The
// loop goes on, and whoever uses the struct before keeps it; when the keys are better the struct comes again, be it the same.
// Everything else is as Watch has it. A type that can't be decoded into is ErrInvalidOption, at once, and ends the loop.
//
// Route: GET /v1/kv/:prefix?recurse
func WatchKeys[T any](ctx context.Context, c *Client, prefix string, opts ...WatchOption) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		if _, err := keysTarget(prefix, new(T)); err != nil {
			yield(nil, err)
			return
		}
		o, _ := watchOptions(opts) // where there is an error, WatchPrefix gives it
		var last *T                // nil: nothing, or an error
		for change, err := range c.WatchPrefix(ctx, directory(prefix), opts...) {
			if err != nil { // which says nothing about the keys
				if !yield(nil, err) {
					return
				}
				continue
			}
			fresh := new(T)
			if err := DecodeKeys(change.Pairs, prefix, fresh); err != nil {
				if last = nil; !yield(nil, err) {
					return
				}
				continue
			}
			if last != nil && !o.EveryAnswer && reflect.DeepEqual(last, fresh) {
				continue // what changed is no part of it
			}
			if last = fresh; !yield(fresh, nil) {
				return
			}
		}
	}
}
