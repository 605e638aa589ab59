package store

// This file wraps go-memdb's tables in types. Errors of go-memdb's own come from a schema and a use that do not fit, never
// from data, and are panics here.

import (
	"fmt"

	"github.com/hashicorp/go-memdb"
)

// table is a table of *T.
type table[T any] string

// indexID names the index that each table has, unique and of all its rows.
const indexID = "id"

// index is one index of a table of *T: how a row's key is told. Keys are ended by a zero byte, so that none is the
// beginning of another.
type index[T any] struct {
	// key gives the row's key, or false for a row that the index leaves out.
	key func(*T) (string, bool)
}

// FromObject implements memdb.SingleIndexer.
func (x index[T]) FromObject(row any) (bool, []byte, error) {
	key, ok := x.key(row.(*T))
	if !ok {
		return false, nil, nil
	}
	return true, terminated(key), nil
}

// FromArgs implements memdb.Indexer.
func (x index[T]) FromArgs(args ...any) ([]byte, error) {
	if len(args) != 1 {
		return nil, fmt.Errorf("%d arguments for an index", len(args))
	}
	return terminated(args[0].(string)), nil
}

// PrefixFromArgs implements memdb.PrefixIndexer.
func (x index[T]) PrefixFromArgs(args ...any) ([]byte, error) {
	if len(args) != 1 {
		return nil, fmt.Errorf("%d arguments for an index", len(args))
	}
	return []byte(args[0].(string)), nil
}

func terminated(key string) []byte {
	b := make([]byte, len(key)+1)
	copy(b, key)
	return b
}

// unique is the index of all rows by a key of their own.
func unique[T any](key func(*T) string) *memdb.IndexSchema {
	return &memdb.IndexSchema{
		Name:    indexID,
		Unique:  true,
		Indexer: index[T]{func(row *T) (string, bool) { return key(row), true }},
	}
}

// shared is an index of those rows for which key gives one.
func shared[T any](name string, key func(*T) (string, bool)) *memdb.IndexSchema {
	return &memdb.IndexSchema{Name: name, AllowMissing: true, Indexer: index[T]{key}}
}

// manyIndex is an index of a table of *T whose rows may have several keys, or none.
type manyIndex[T any] struct {
	index[T]
	keys func(*T) []string
}

// FromObject implements memdb.MultiIndexer.
func (x manyIndex[T]) FromObject(row any) (bool, [][]byte, error) {
	var keys [][]byte
	for _, key := range x.keys(row.(*T)) {
		keys = append(keys, terminated(key))
	}
	return len(keys) > 0, keys, nil
}

// several is an index of rows by each of their keys.
func several[T any](name string, keys func(*T) []string) *memdb.IndexSchema {
	return &memdb.IndexSchema{Name: name, AllowMissing: true, Indexer: manyIndex[T]{keys: keys}}
}

// schema makes the schema of the table.
func (t table[T]) schema(indexes ...*memdb.IndexSchema) *memdb.TableSchema {
	s := &memdb.TableSchema{Name: string(t), Indexes: map[string]*memdb.IndexSchema{}}
	for _, x := range indexes {
		s.Indexes[x.Name] = x
	}
	return s
}

// get gives the row with the key, nil where there is none, and adds to ws what tells of its change. A nil ws watches
// nothing.
func (t table[T]) get(tx *Tx, ws memdb.WatchSet, key string) *T {
	changed, row, err := tx.txn.FirstWatch(string(t), indexID, key)
	check(err)
	ws.Add(changed)
	if row == nil {
		return nil
	}
	return row.(*T)
}

// first gives the first row of an index with the key, nil where there is none.
func (t table[T]) first(tx *Tx, ws memdb.WatchSet, index, key string) *T {
	changed, row, err := tx.txn.FirstWatch(string(t), index, key)
	check(err)
	ws.Add(changed)
	if row == nil {
		return nil
	}
	return row.(*T)
}

// list gives the rows of an index with the key, in the order of their IDs.
func (t table[T]) list(tx *Tx, ws memdb.WatchSet, index, key string) []*T {
	return t.collect(tx, ws, index, key)
}

// prefixed gives the rows whose ID begins with prefix, in the order of their IDs. What is added to ws tells of changes
// under this prefix only.
func (t table[T]) prefixed(tx *Tx, ws memdb.WatchSet, prefix string) []*T {
	return t.collect(tx, ws, indexID+"_prefix", prefix)
}

// all gives every row, in the order of their IDs.
func (t table[T]) all(tx *Tx, ws memdb.WatchSet) []*T { return t.prefixed(tx, ws, "") }

func (t table[T]) collect(tx *Tx, ws memdb.WatchSet, index, key string) []*T {
	rows, err := tx.txn.Get(string(t), index, key)
	check(err)
	ws.Add(rows.WatchCh())
	var list []*T
	for row := rows.Next(); row != nil; row = rows.Next() {
		list = append(list, row.(*T))
	}
	return list
}

// watch adds to ws what tells of a change of the rows that list or, for indexes that end with "_prefix", prefixed would give.
func (t table[T]) watch(tx *Tx, ws memdb.WatchSet, index, key string) {
	rows, err := tx.txn.Get(string(t), index, key)
	check(err)
	ws.Add(rows.WatchCh())
}

// put adds the row or replaces the one with its ID. Rows are never changed once they are in: readers share them.
func (t table[T]) put(tx *Tx, row *T) { check(tx.txn.Insert(string(t), row)) }

// remove removes the row, which has to be there.
func (t table[T]) remove(tx *Tx, row *T) { check(tx.txn.Delete(string(t), row)) }

// removePrefix removes the rows whose ID begins with prefix and reports whether there were any.
func (t table[T]) removePrefix(tx *Tx, prefix string) bool {
	any, err := tx.txn.DeletePrefix(string(t), indexID+"_prefix", prefix)
	check(err)
	return any
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
