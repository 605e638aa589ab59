package store

// This file puts the tables together, and keeps the index of each table's last change.

import "github.com/hashicorp/go-memdb"

func schema() *memdb.DBSchema {
	s := &memdb.DBSchema{Tables: map[string]*memdb.TableSchema{}}
	for _, tables := range [][]*memdb.TableSchema{
		{changes.schema(unique(func(c *change) string { return c.of }))},
		kvTables(),
		sessionTables(),
		catalogTables(),
		aclTables(),
	} {
		for _, t := range tables {
			s.Tables[t.Name] = t
		}
	}
	return s
}

// change is the index of the last write that changed something: a table, or a part of one that is named as its rows want.
type change struct {
	of    string
	index uint64
}

const changes table[change] = "index"

// touch notes that the write changes what the names say.
func (tx *Tx) touch(names ...string) {
	for _, name := range names {
		changes.put(tx, &change{name, tx.index})
	}
}

// lastChange gives the highest index of the changes of what the names say, 0 where nothing was changed yet.
func (tx *Tx) lastChange(names ...string) uint64 {
	var last uint64
	for _, name := range names {
		if c := changes.get(tx, nil, name); c != nil {
			last = max(last, c.index)
		}
	}
	return last
}
