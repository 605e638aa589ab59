// Package plainjson reads JSON as Consul's servers write it: fast, with few allocations, and with strings and values that
// hold no part of the input alive.
//
// It is no JSON decoder for everything, and reports no errors. It either understands the whole input, and then gives what
// encoding/json gives, or it gives up, and the caller decodes the same input with encoding/json, which also finds the words
// for what is wrong with it. It gives up on all that servers have no reason to send and that encoding/json has rules of its
// own for: a name twice in an object, a name in another case, text that is not UTF-8, half a surrogate pair, a number
// that does not fit, nesting deeper than any answer's, and of course whatever is not JSON.
package plainjson

// This file holds the Reader: where it stands in its input, and how it moves on.

import (
	"encoding/json"
	"strings"
	"sync"
)

// A Reader reads one JSON value after another, in the order of the input. The type of a value is what the caller asks for;
// null is the zero value of any. The first surprise makes it give up: from then on every value is a zero value, and no
// object or array has a further element, so that callers need to look only once, at the end.
type Reader struct {
	data   []byte
	pos    int // of the next byte; len(data) once given up
	failed bool
	short  bool // whether the data came to an end where more was expected

	scratch []byte // where strings with escapes are put together

	strings     strings.Builder // has room for short strings
	stringChunk int             // how large the piece that it has is; 0: there was none
	bytes       []byte          // has room for short values
	byteChunk   int
	repeated    [256]string // strings seen, each where its hash says
	remembers   bool        // whether repeated has any
	before      [96]string  // the strings of the element before, each in its place
	places      int         // how many places are in use; 0 where there are no elements
	place       int         // of the next string
	alike       int         // length of the last array that was read by Alike
}

// maxDepth is how deep a value may be that is only skipped.
const maxDepth = 64

var readers = sync.Pool{New: func() any { return new(Reader) }}

// Decode lets read read the whole of data, which must hold one JSON value. It reports false if the Reader gave up.
func Decode[T any](data []byte, read func(*Reader) T) (v T, ok bool) {
	r := readers.Get().(*Reader)
	defer r.release()
	r.data, r.pos, r.failed = data, 0, false
	v = read(r)
	if r.failed || !r.atEnd() {
		return *new(T), false
	}
	return v, true
}

// release gives the Reader to others, without the memory that this input's values share.
func (r *Reader) release() {
	r.data, r.bytes, r.stringChunk, r.byteChunk, r.alike = nil, nil, 0, 0, 0
	r.strings = strings.Builder{}
	if cap(r.scratch) > maxChunk {
		r.scratch = nil
	}
	if r.remembers {
		clear(r.repeated[:])
		clear(r.before[:])
		r.remembers = false
	}
	r.places, r.place = 0, 0
	readers.Put(r)
}

// Fail makes the Reader give up.
func (r *Reader) Fail() {
	r.failed, r.pos = true, len(r.data)
}

// lacks notes that the data came to an end.
func (r *Reader) lacks() {
	r.short = r.short || !r.failed
}

// runOut makes the Reader give up for lack of data.
func (r *Reader) runOut() {
	r.lacks()
	r.Fail()
}

// peek gives the first byte that is not space, and moves on to it; 0 at the end.
func (r *Reader) peek() byte {
	if r.pos < len(r.data) && r.data[r.pos] > ' ' {
		return r.data[r.pos]
	}
	return r.peekPastSpace()
}

func (r *Reader) peekPastSpace() byte {
	for ; r.pos < len(r.data); r.pos++ {
		switch c := r.data[r.pos]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	r.lacks()
	return 0
}

func (r *Reader) atEnd() bool {
	r.peek()
	return r.pos == len(r.data)
}

// literal moves past word if that comes next.
func (r *Reader) literal(word string) bool {
	rest := r.data[r.pos:]
	if len(rest) < len(word) {
		r.lacks()
		return false
	}
	if string(rest[:len(word)]) != word {
		return false
	}
	r.pos += len(word)
	return true
}

// expect moves past c, which must come next.
func (r *Reader) expect(c byte) bool {
	if r.peek() != c {
		r.Fail()
		return false
	}
	r.pos++
	return true
}

// more moves to the next element of an object or array, or past the end, which is close; then it reports false.
func (r *Reader) more(end byte, first bool) bool {
	c := r.peek()
	switch {
	case c == end && !r.failed:
		r.pos++
		return false
	case first && c != 0:
		return true
	case c == ',':
		r.pos++
		return true
	}
	r.Fail()
	return false
}

// Null reports whether null comes next, and moves past it.
func (r *Reader) Null() bool {
	return r.peek() == 'n' && r.literal("null")
}

// Empty reports whether {} comes next, and moves past it.
func (r *Reader) Empty() bool {
	return r.Pass("{}")
}

// Pass reports whether text, an object, comes next as it is written there, and moves past it.
func (r *Reader) Pass(text string) bool {
	return r.peek() == '{' && r.literal(text)
}

// Other reads a value that is rare enough to leave it to encoding/json.
func (r *Reader) Other(v any) {
	r.peek()
	start := r.pos
	r.skip(0)
	if r.failed || json.Unmarshal(r.data[start:r.pos], v) != nil {
		r.Fail()
	}
}

// skip moves past a value, and finds what is wrong in it.
func (r *Reader) skip(depth int) {
	if depth > maxDepth {
		r.Fail()
		return
	}
	switch r.peek() {
	case '{':
		r.pos++
		for first := true; r.more('}', first); first = false {
			r.name()
			r.skip(depth + 1)
		}
	case '[':
		r.pos++
		for first := true; r.more(']', first); first = false {
			r.skip(depth + 1)
		}
	case '"':
		r.chars()
	case 't', 'f':
		r.Bool()
	case 'n':
		if !r.literal("null") {
			r.Fail()
		}
	default:
		r.skipNumber()
	}
}
