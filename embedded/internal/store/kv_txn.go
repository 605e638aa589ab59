package store

// This file holds what transactions ask of keys beside what single requests do.

import "fmt"

// CheckKVSession gives a key if the session holds it.
func (tx *Tx) CheckKVSession(key, session string) (*KV, error) {
	kv := kvs.get(tx, nil, key)
	switch {
	case kv == nil:
		return nil, fmt.Errorf("failed to check session, key %q doesn't exist", key)
	case kv.Session != session:
		return nil, fmt.Errorf("failed session check for key %q, current session %q != %q", key, kv.Session, session)
	}
	return kv, nil
}

// CheckKVIndex gives a key if it was last changed at index.
func (tx *Tx) CheckKVIndex(key string, index uint64) (*KV, error) {
	kv := kvs.get(tx, nil, key)
	switch {
	case kv == nil:
		return nil, fmt.Errorf("failed to check index, key %q doesn't exist", key)
	case kv.ModifyIndex != index:
		return nil, fmt.Errorf("failed index check for key %q, current modify index %d != %d", key, kv.ModifyIndex, index)
	}
	return kv, nil
}
