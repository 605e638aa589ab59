package store

// This file holds keys and their values.

import (
	"bytes"
	"fmt"

	"github.com/hashicorp/go-memdb"
)

// KV is a key with its value, as it is answered.
type KV struct {
	LockIndex   uint64
	Key         string
	Flags       uint64
	Value       []byte
	Session     string `json:",omitempty"`
	CreateIndex uint64
	ModifyIndex uint64
}

// tombstone is left by the deletion of a key, or of all keys that begin with it.
type tombstone struct {
	key   string
	index uint64
}

const (
	kvs        table[KV]        = "kvs"
	tombstones table[tombstone] = "tombstones"

	indexSession = "session"
)

func kvTables() []*memdb.TableSchema {
	return []*memdb.TableSchema{
		kvs.schema(
			unique(func(kv *KV) string { return kv.Key }),
			shared(indexSession, func(kv *KV) (string, bool) { return kv.Session, kv.Session != "" }),
		),
		tombstones.schema(unique(func(t *tombstone) string { return t.key })),
	}
}

// kvIndex is the index of the last change of any key.
func (tx *Tx) kvIndex() uint64 { return tx.lastChange(string(kvs), string(tombstones)) }

// KV gives a key, nil where there is none, with the index of the last change of any key.
func (tx *Tx) KV(ws memdb.WatchSet, key string) (uint64, *KV) {
	return tx.kvIndex(), kvs.get(tx, ws, key)
}

// KVs gives the keys that begin with prefix, with the index of the last change among them, deletions included. Where there
// never was one, the index is that of the last change of any key.
func (tx *Tx) KVs(ws memdb.WatchSet, prefix string) (uint64, []*KV) {
	list := kvs.prefixed(tx, ws, prefix)
	if prefix == "" {
		return tx.kvIndex(), list
	}
	var last uint64
	for _, kv := range list {
		last = max(last, kv.ModifyIndex)
	}
	for _, t := range tombstones.prefixed(tx, nil, prefix) {
		last = max(last, t.index)
	}
	if last == 0 {
		last = tx.kvIndex()
	}
	return last, list
}

// SetKV sets a key, whoever holds it. The holder stays; the lock index is taken from kv, as the real server does, which
// means that a plain write resets it. It fills in kv's indexes.
func (tx *Tx) SetKV(kv *KV) { tx.setKV(kv, false) }

// setKV sets a key, with its session where session is true. A write that changes nothing keeps the index.
func (tx *Tx) setKV(kv *KV, session bool) {
	old := kvs.get(tx, nil, kv.Key)
	kv.CreateIndex = tx.index
	if old != nil {
		kv.CreateIndex = old.CreateIndex
	}
	if !session {
		kv.Session = ""
		if old != nil {
			kv.Session = old.Session
		}
	}
	if old != nil && kv.same(old) {
		kv.ModifyIndex = old.ModifyIndex
		return
	}
	kv.ModifyIndex = tx.index
	kvs.put(tx, kv)
	tx.touch(string(kvs))
}

// same reports whether the two say the same, whenever they were written.
func (kv *KV) same(other *KV) bool {
	return kv.Key == other.Key && kv.LockIndex == other.LockIndex && kv.Flags == other.Flags &&
		kv.Session == other.Session && bytes.Equal(kv.Value, other.Value)
}

// CASKV sets a key if it was not changed since kv.ModifyIndex, or is not there where that is 0.
func (tx *Tx) CASKV(kv *KV) bool {
	old := kvs.get(tx, nil, kv.Key)
	if (old == nil) != (kv.ModifyIndex == 0) || old != nil && old.ModifyIndex != kv.ModifyIndex {
		return false
	}
	tx.setKV(kv, false)
	return true
}

// DeleteKV deletes a key, which may be absent.
func (tx *Tx) DeleteKV(key string) {
	old := kvs.get(tx, nil, key)
	if old == nil {
		return
	}
	tx.bury(key)
	kvs.remove(tx, old)
	tx.touch(string(kvs))
}

// DeleteKVCAS deletes a key if it was not changed since index. A key that is absent counts as deleted.
func (tx *Tx) DeleteKVCAS(key string, index uint64) bool {
	old := kvs.get(tx, nil, key)
	if old == nil || old.ModifyIndex != index {
		return old == nil
	}
	tx.DeleteKV(key)
	return true
}

// DeleteKVTree deletes all keys that begin with prefix.
func (tx *Tx) DeleteKVTree(prefix string) {
	if !kvs.removePrefix(tx, prefix) {
		return
	}
	if prefix != "" { // who watches everything goes by the table's index
		tx.bury(prefix)
	}
	tx.touch(string(kvs))
}

// bury leaves a tombstone, so that a blocking query on a prefix learns of the deletion.
func (tx *Tx) bury(key string) {
	tombstones.put(tx, &tombstone{key, tx.index})
	tx.touch(string(tombstones))
	if buried := tx.store.buried; buried != nil {
		tx.onCommit(func() { buried(tx.index) })
	}
}

// ReapTombstones forgets the deletions up to index. What tells of a prefix then is what is left: its index may go back, as
// that of the real server does.
func (tx *Tx) ReapTombstones(index uint64) {
	for _, t := range tombstones.all(tx, nil) {
		if t.index <= index {
			tombstones.remove(tx, t)
		}
	}
}

// LockKV sets a key and gives it to kv.Session, unless another session has it, or had it too recently (Delayed).
func (tx *Tx) LockKV(kv *KV) (bool, error) {
	if kv.Session == "" {
		return false, fmt.Errorf("missing session")
	}
	if tx.session(kv.Session) == nil {
		return false, fmt.Errorf("invalid session %#v", kv.Session)
	}
	kv.LockIndex = 1
	if old := kvs.get(tx, nil, kv.Key); old != nil {
		switch old.Session {
		case kv.Session:
			kv.LockIndex = old.LockIndex
		case "":
			kv.LockIndex = old.LockIndex + 1
		default:
			return false, nil
		}
	}
	tx.setKV(kv, true)
	return true, nil
}

// UnlockKV sets a key and takes it from kv.Session, unless that does not have it.
func (tx *Tx) UnlockKV(kv *KV) (bool, error) {
	if kv.Session == "" {
		return false, fmt.Errorf("missing session")
	}
	old := kvs.get(tx, nil, kv.Key)
	if old == nil || old.Session != kv.Session {
		return false, nil
	}
	kv.Session, kv.LockIndex = "", old.LockIndex
	tx.setKV(kv, true)
	return true, nil
}
