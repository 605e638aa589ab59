package plainjson

// This file reads objects, arrays and maps.

import (
	"bytes"
	"slices"
)

// A Field is a member of an object: its name, and what reads its value into a T.
type Field[T any] struct {
	Name string
	Read func(*Reader, *T)
}

// Fields are all members of the object that a T stands for, at most 64, best in the order in which servers send them.
type Fields[T any] []Field[T]

// Read reads an object into v, which is a zero value. Members that no field is named for are passed over.
func (fields Fields[T]) Read(r *Reader, v *T) {
	if r.Null() || !r.expect('{') {
		return
	}
	seen, next := uint64(0), 0
	for first := true; r.more('}', first); first = false {
		i := fields.find(r, next)
		if i < 0 {
			r.skip(0)
			continue
		}
		if seen&(1<<i) != 0 {
			r.Fail() // encoding/json would lay the second over the first
		}
		seen |= 1 << i
		next = i + 1
		fields[i].Read(r, v)
	}
}

// find moves past a name and gives the index of its field, -1 if there is none. It looks at the field next first.
func (fields Fields[T]) find(r *Reader, next int) int {
	if next < len(fields) && r.isName(fields[next].Name) {
		return next
	}
	name := r.name()
	for i := range fields {
		if at := (next + i) % len(fields); string(name) == fields[at].Name {
			return at
		}
	}
	for i := range fields {
		if bytes.EqualFold(name, []byte(fields[i].Name)) {
			r.Fail() // encoding/json would take it for the field
		}
	}
	return -1
}

// isName moves past a name and its colon if it is written as name.
func (r *Reader) isName(name string) bool {
	return r.isText(name) && r.expect(':')
}

// name moves past a name and its colon.
func (r *Reader) name() []byte {
	name := r.chars()
	r.expect(':')
	return name
}

// New reads an object into memory of its own. Null is nil.
func (fields Fields[T]) New(r *Reader) *T {
	if r.Null() {
		return nil
	}
	v := new(T)
	fields.Read(r, v)
	return v
}

// List reads an array. Null is nil, [] is empty.
func List[T any](r *Reader, read func(*Reader) T) []T {
	if r.Null() || !r.expect('[') {
		return nil
	}
	var few [4]T // most arrays are no longer: their slices get the size that they need
	var list []T
	n, start := 0, r.pos
	for first := true; r.more(']', first); first = false {
		v := read(r)
		switch {
		case n < len(few):
			few[n] = v
		case n == len(few):
			list = append(make([]T, 0, r.guess(n, start)), few[:]...)
			list = append(list, v)
		case n == cap(list):
			list = append(make([]T, 0, r.guess(n, start)), list...)
			list = append(list, v)
		default:
			list = append(list, v)
		}
		n++
	}
	if n <= len(few) {
		list = append(make([]T, 0, n), few[:n]...)
	}
	return list
}

// guess is how many elements an array that began at start may have, where n were read. It grows by no more than a factor
// of 16, since the first elements may be small ones.
func (r *Reader) guess(n, start int) int {
	size := max(1, (r.pos-start)/n)
	return min(max(2*n, n+(len(r.data)-r.pos)/size+1), 16*n)
}

// List reads an array of objects into one piece of memory. Null is nil, [] is empty.
func (fields Fields[T]) List(r *Reader) []T {
	return fields.list(r, 0)
}

// Alike is List for an array in each of many items, which most likely is as long as the one before: its memory is taken at
// once. An input has one such kind of array.
func (fields Fields[T]) Alike(r *Reader) []T {
	list := fields.list(r, r.alike)
	r.alike = len(list)
	return list
}

func (fields Fields[T]) list(r *Reader, expected int) []T {
	if r.Null() || !r.expect('[') {
		return nil
	}
	list := make([]T, 0, expected)
	for first := true; r.more(']', first); first = false {
		if r.peek() != '{' {
			r.Fail() // null may stand for something else than the zero value
			break
		}
		list = slices.Grow(list, 1)[:len(list)+1] // the new one is zero: nothing was there
		fields.Read(r, &list[len(list)-1])
	}
	if len(list) < cap(list) {
		list = append(make([]T, 0, len(list)), list...)
	}
	return list
}

// Map reads an object with any names and objects for values. Null is nil, {} is empty.
func (fields Fields[T]) Map(r *Reader) map[string]T {
	v := new(T)
	return Map(r, func(r *Reader) T {
		*v = *new(T)
		fields.Read(r, v)
		return *v
	})
}

// Map reads an object with any names. Null is nil, {} is empty. Of two members of one name the later counts.
func Map[V any](r *Reader, read func(*Reader) V) map[string]V {
	if r.Null() || !r.expect('{') {
		return nil
	}
	m := map[string]V{}
	for first := true; r.more('}', first); first = false {
		name := r.again()
		r.expect(':')
		m[name] = read(r)
	}
	return m
}
