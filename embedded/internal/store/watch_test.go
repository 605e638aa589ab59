package store_test

import (
	"bytes"
	"strconv"
	"sync"
	"testing"

	"github.com/hashicorp/go-memdb"

	"github.com/lictor-go/consul/embedded/internal/store"
)

func set(key, value string) func(*store.Tx) error {
	return func(tx *store.Tx) error {
		tx.SetKV(&store.KV{Key: key, Value: []byte(value)})
		return nil
	}
}

func remove(key string) func(*store.Tx) error {
	return func(tx *store.Tx) error {
		tx.DeleteKV(key)
		return nil
	}
}

func removeAll(prefix string) func(*store.Tx) error {
	return func(tx *store.Tx) error {
		tx.DeleteKVTree(prefix)
		return nil
	}
}

func reap(index uint64) func(*store.Tx) error {
	return func(tx *store.Tx) error {
		tx.ReapTombstones(index)
		return nil
	}
}

// TestWakesForWhatWasRead tells which writes wake the reader of a key or a prefix. More may: the reader of what is absent
// watches what is stored around it. The server goes by the index then.
func TestWakesForWhatWasRead(t *testing.T) {
	t.Parallel()
	key := func(key string) func(*store.Tx, memdb.WatchSet) {
		return func(tx *store.Tx, ws memdb.WatchSet) { tx.KV(ws, key) }
	}
	prefix := func(prefix string) func(*store.Tx, memdb.WatchSet) {
		return func(tx *store.Tx, ws memdb.WatchSet) { tx.KVs(ws, prefix) }
	}
	for name, test := range map[string]struct {
		read  func(*store.Tx, memdb.WatchSet)
		write func(*store.Tx) error
		wakes bool
	}{
		"the key":                        {key("a/x"), set("a/x", "2"), true},
		"the key, to the same":           {key("a/x"), set("a/x", "1"), false},
		"the key deleted":                {key("a/x"), remove("a/x"), true},
		"the key deleted with others":    {key("a/x"), removeAll("a/"), true},
		"another key":                    {key("a/x"), set("a/y", "2"), false},
		"another key deleted":            {key("a/x"), remove("a/y"), false},
		"a longer key":                   {key("a/x"), set("a/xx", "2"), false},
		"an absent key":                  {key("none"), set("none", "2"), true},
		"under the prefix":               {prefix("a/"), set("a/x", "2"), true},
		"under the prefix, new":          {prefix("a/"), set("a/z/z", "2"), true},
		"under the prefix, deleted":      {prefix("a/"), remove("a/y"), true},
		"under the prefix, all deleted":  {prefix("a/"), removeAll("a/"), true},
		"the prefix deleted with others": {prefix("a/"), removeAll(""), true},
		"beside the prefix":              {prefix("a/"), set("b/x", "2"), false},
		"beside the prefix, deleted":     {prefix("a/"), remove("b/x"), false},
		"beside the prefix, all deleted": {prefix("a/"), removeAll("b/"), false},
		"absent, deleted":                {prefix("a/"), remove("a/none"), false},
		"an empty prefix":                {prefix("none/"), set("none/x", "2"), true},
		"everything":                     {prefix(""), set("b/x", "2"), true},
		"everything, deleted":            {prefix(""), remove("b/x"), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t)
			for _, key := range []string{"a/x", "a/y", "b/x"} {
				write(t, s, set(key, "1"))
			}
			ws := memdb.NewWatchSet()
			test.read(s.Read(), ws)
			if write(t, s, test.write); fired(ws) != test.wakes {
				t.Errorf("it wakes: %v", !test.wakes)
			}
		})
	}
}

func TestWriteUndoneWakesNobody(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	ws := memdb.NewWatchSet()
	s.Read().KV(ws, "a")
	undone := bytes.ErrTooLarge
	err := s.Write(func(tx *store.Tx) error {
		set("a", "1")(tx)
		return undone
	})
	if _, kv := s.Read().KV(nil, "a"); err != undone || kv != nil || fired(ws) {
		t.Errorf("%v; the key is %v; it wakes: %v", err, kv, fired(ws))
	}
}

func TestResetWakesEveryone(t *testing.T) {
	t.Parallel()
	for _, indexes := range []bool{false, true} {
		var ended []string
		s := store.New(func(id string) { ended = append(ended, id) })
		write(t, s, register(node("n"), nil))
		write(t, s, func(tx *store.Tx) error {
			return tx.CreateSession(&store.Session{ID: "aaaaaaaa-0000-4000-8000-000000000001", Node: "n"})
		})
		last := write(t, s, set("a", "1"))
		tx, ws := s.Read(), memdb.NewWatchSet()
		tx.WatchAll(ws)
		if fired(ws) || tx.Abandoned() {
			t.Error("it wakes before anything happens")
		}
		s.Reset(indexes)
		if !fired(ws) || !tx.Abandoned() {
			t.Error("it does not wake")
		}
		if len(ended) != 1 {
			t.Errorf("the sessions that ended are %v", ended)
		}
		if next := write(t, s, set("a", "1")); (next <= last) != indexes {
			t.Errorf("the index after %d is %d", last, next)
		}
		if _, list := s.Read().KVs(nil, ""); len(list) != 1 {
			t.Errorf("%d keys are there", len(list))
		}
	}
}

// TestNoWakeUpIsMissed has readers follow counters, of which others count on: a reader that misses a wake-up waits for ever
// for the one after the last.
func TestNoWakeUpIsMissed(t *testing.T) {
	t.Parallel()
	const prefixes, readers, writes = 3, 4, 200
	s := newStore(t)
	var all sync.WaitGroup
	for p := range prefixes {
		prefix := "p" + strconv.Itoa(p) + "/"
		for range readers {
			all.Go(func() { followTo(t, s, prefix, strconv.Itoa(writes)) })
		}
		all.Go(func() {
			for n := range writes + 1 {
				if n%7 == 3 { // deletions count as well
					write(t, s, removeAll(prefix))
				}
				write(t, s, set(prefix+"n", strconv.Itoa(n)))
			}
		})
	}
	all.Wait()
}

// followTo reads the prefix each time that it changes, until its one key has the value.
func followTo(t *testing.T, s *store.Store, prefix, last string) {
	var seen uint64
	for {
		ws := memdb.NewWatchSet()
		index, list := s.Read().KVs(ws, prefix)
		if index < seen {
			t.Errorf("the index of %s goes back from %d to %d", prefix, seen, index)
		}
		seen = index
		if len(list) == 1 && string(list[0].Value) == last {
			return
		}
		if err := ws.WatchCtx(t.Context()); err != nil {
			t.Errorf("%s: %v", prefix, err)
			return
		}
	}
}

func TestTombstones(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	var told []uint64
	s.OnTombstones(func(index uint64) { told = append(told, index) })
	prefixIndex := func(prefix string) uint64 {
		index, _ := s.Read().KVs(nil, prefix)
		return index
	}
	first := write(t, s, set("a/x", "1"))
	write(t, s, set("a/y", "1"))
	write(t, s, set("b/x", "1"))
	write(t, s, remove("a/none"))
	one := write(t, s, remove("a/y"))
	two := write(t, s, removeAll("b/"))
	last := write(t, s, set("c", "1"))
	if len(told) != 2 || told[0] != one || told[1] != two {
		t.Errorf("tombstones are told of at %v, and left at %d and %d", told, one, two)
	}
	if a, b := prefixIndex("a/"), prefixIndex("b/"); a != one || b != two {
		t.Errorf("the prefixes are at %d and %d, want %d and %d", a, b, one, two)
	}
	write(t, s, reap(one))
	if a, b := prefixIndex("a/"), prefixIndex("b/"); a != first || b != two {
		t.Errorf("with the first forgotten the prefixes are at %d and %d, want %d and %d", a, b, first, two)
	}
	write(t, s, reap(two))
	if b := prefixIndex("b/"); b != last {
		t.Errorf("with nothing that tells of it the prefix is at %d, want %d as all keys", b, last)
	}
}
