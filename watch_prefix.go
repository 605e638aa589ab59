package consul

// This file holds WatchPrefix, which tells what has changed below a prefix of the store.

import (
	"context"
	"iter"
	"reflect"
)

// A PrefixChange is what is below a prefix, and how that differs from the change before. Lists are in the order of keys.
type PrefixChange struct {
	Pairs   KVPairs // all there are now
	Added   KVPairs // those that were not there before; with the first change, all
	Changed KVPairs // those that were there and have been written, acquired or released since
	Deleted KVPairs // those that were there and are no more, as they were
}

// WatchPrefix gives the pairs whose keys begin with prefix, and each change of them, with what it consists of. A pair that
// was deleted and made again between two of them is a changed one. See Watch for how it goes on, and ends.
//
// Route: GET /v1/kv/:key?recurse
func (c *Client) WatchPrefix(ctx context.Context, prefix string, opts ...WatchOption) iter.Seq2[*PrefixChange, error] {
	return func(yield func(*PrefixChange, error) bool) {
		before := KVPairs{}
		for pairs, err := range watchOf(ctx, c, c.prefixQuestion(prefix), opts) {
			var change *PrefixChange
			if err == nil {
				change = changeOf(before, pairs)
				before = pairs
			}
			if !yield(change, err) {
				return
			}
		}
	}
}

// changeOf compares two lists in the order of their keys.
func changeOf(before, now KVPairs) *PrefixChange {
	change := &PrefixChange{Pairs: now}
	for _, pair := range now {
		for len(before) > 0 && before[0].Key < pair.Key {
			change.Deleted = append(change.Deleted, before[0])
			before = before[1:]
		}
		if len(before) == 0 || before[0].Key != pair.Key {
			change.Added = append(change.Added, pair)
			continue
		}
		if !reflect.DeepEqual(before[0], pair) {
			change.Changed = append(change.Changed, pair)
		}
		before = before[1:]
	}
	change.Deleted = append(change.Deleted, before...)
	return change
}
