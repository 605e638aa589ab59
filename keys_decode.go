package consul

// This file walks a struct and the tree of the keys side by side.

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// A keyNode is a key, or what keys have in common up to a slash.
type keyNode struct {
	key      string              // in full
	pair     *KVPair             // nil where there is no such key
	children map[string]*keyNode // by the next part of their keys
	taken    bool                // a field has the value
	claimed  bool                // a field has the name, and so all that is under it
}

// plantKeys makes a tree of the pairs under a directory.
func plantKeys(pairs KVPairs, dir string) *keyNode {
	root := &keyNode{key: strings.TrimSuffix(dir, "/")}
	for _, p := range pairs {
		if p == nil {
			continue
		}
		rest, under := strings.CutPrefix(p.Key, dir)
		if !under || rest == "" || strings.HasSuffix(rest, "/") {
			continue
		}
		n := root
		end := len(dir)
		for part := range strings.SplitSeq(rest, "/") {
			end += len(part)
			child := n.children[part]
			if child == nil {
				child = &keyNode{key: p.Key[:end]}
				if n.children == nil {
					n.children = map[string]*keyNode{}
				}
				n.children[part] = child
			}
			n = child
			end++ // the slash
		}
		n.pair = p
	}
	return root
}

// at gives what is under a node by a name, which may have slashes. Where there is nothing, that is a node of its own.
func (n *keyNode) at(name string) *keyNode {
	for part := range strings.SplitSeq(name, "/") {
		child := n.children[part]
		if child == nil {
			child = &keyNode{key: strings.TrimPrefix(n.key+"/"+part, "/")}
		}
		n = child
	}
	return n
}

// below calls visit for the nodes with a pair that are under n, each with the rest of its name, but for those at or under one
// to skip.
func (n *keyNode) below(prefix string, skip func(*keyNode) bool, visit func(name string, n *keyNode)) {
	for part, child := range n.children {
		if skip(child) {
			continue
		}
		if child.pair != nil {
			visit(prefix+part, child)
		}
		child.below(prefix+part+"/", skip, visit)
	}
}

// A keyDecoder notes what is wrong on its way.
type keyDecoder struct{ wrong []*KeyError }

func (d *keyDecoder) note(key string, err error) {
	d.wrong = append(d.wrong, &KeyError{Key: key, Err: err})
}

func (d *keyDecoder) fail(prefix string) error {
	slices.SortStableFunc(d.wrong, func(a, b *KeyError) int { return cmp.Compare(a.Key, b.Key) })
	return &KeysError{Prefix: prefix, Keys: d.wrong}
}

// unknown notes the keys that no field has taken.
func (d *keyDecoder) unknown(root *keyNode) {
	none := func(*keyNode) bool { return false }
	root.below("", none, func(_ string, n *keyNode) {
		if !n.taken {
			d.note(n.key, ErrUnknownKey)
		}
	})
}

// structure sets the fields of a struct from what is under n.
func (d *keyDecoder) structure(to reflect.Value, n *keyNode) {
	fields, _ := keyFieldsOf(to.Type()) // checkKeyFields has seen them
	for _, f := range fields {
		if f.name != restName {
			at := n.at(f.name)
			at.claimed = true
			d.field(to.FieldByIndex(f.index), at, f)
		}
	}
	for _, f := range fields {
		if f.name == restName {
			d.rest(to.FieldByIndex(f.index), n)
		}
	}
}

// field sets one field.
func (d *keyDecoder) field(to reflect.Value, n *keyNode, f keyField) {
	switch {
	case isPresent(to.Type(), n):
		d.set(to, n)
	case f.fallback != nil:
		_ = parseInto(to, []byte(*f.fallback)) // checkKeyFields has tried it
	case f.required:
		d.note(n.key, ErrMissingKey)
	case shapeOf(to.Type()) == shapeStruct:
		d.structure(to, n) // for its defaults, and what it requires
	}
}

// isPresent reports whether there is anything for a type at n.
func isPresent(t reflect.Type, n *keyNode) bool {
	for shapeOf(t) == shapePointer {
		t = t.Elem()
	}
	if shapeOf(t) == shapeLeaf {
		return n.pair != nil
	}
	return len(n.children) > 0
}

// set sets what there is something for.
func (d *keyDecoder) set(to reflect.Value, n *keyNode) {
	switch shapeOf(to.Type()) {
	case shapePointer:
		fresh := reflect.New(to.Type().Elem())
		if !to.IsNil() {
			fresh.Elem().Set(to.Elem())
		}
		d.set(fresh.Elem(), n)
		to.Set(fresh)
	case shapeStruct:
		d.structure(to, n)
	case shapeMap:
		d.mapping(to, n)
	case shapeLeaf:
		n.taken = true
		if err := parseInto(to, n.pair.Value); err != nil {
			d.note(n.key, fmt.Errorf("%w: %w", ErrMalformedKey, err))
		}
	}
}

// mapping sets a map from what is right under n. What no element can be made of is left, and unknown.
func (d *keyDecoder) mapping(to reflect.Value, n *keyNode) {
	m := reflect.MakeMap(to.Type())
	for part, child := range n.children {
		if isPresent(to.Type().Elem(), child) {
			d.element(m, part, child)
		}
	}
	to.Set(m)
}

// rest sets a map from all that is under n and that no field has claimed.
func (d *keyDecoder) rest(to reflect.Value, n *keyNode) {
	m := reflect.MakeMap(to.Type())
	claimed := func(n *keyNode) bool { return n.claimed }
	n.below("", claimed, func(name string, n *keyNode) { d.element(m, name, n) })
	if m.Len() > 0 {
		to.Set(m)
	}
}

// element adds one element to a map.
func (d *keyDecoder) element(m reflect.Value, name string, n *keyNode) {
	value := reflect.New(m.Type().Elem()).Elem()
	d.set(value, n)
	m.SetMapIndex(reflect.ValueOf(name).Convert(m.Type().Key()), value)
}
