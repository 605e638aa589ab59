package plainjson

// This file reads strings, and byte slices in base64, into memory that outlives the input.

import (
	"bytes"
	"encoding/base64"
	"hash/maphash"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Short strings share pieces of memory, and short values others, for fewer allocations: whoever holds one holds the piece
// with the others in it. The first piece has room for one, since many an answer has one item.
const (
	minChunk  = 64 // of the second piece; they double from there on
	maxChunk  = 2048
	maxShared = 256 // longer ones have memory of their own
)

// maxRepeated is the length of the longest string that is looked for among those seen.
const maxRepeated = 64

var seed = maphash.MakeSeed()

// Text reads a string.
func (r *Reader) Text() string {
	if r.Null() {
		return ""
	}
	return r.keep(r.chars())
}

// Repeated reads a string that many items of an answer have in common; it has memory once.
func (r *Reader) Repeated() string {
	if r.Null() {
		return ""
	}
	return r.again()
}

// again is Repeated of what is no null. Most often the element before has the same in the same place: then nothing else has
// to be looked at.
func (r *Reader) again() string {
	if r.place == r.places {
		return r.remember(r.chars())
	}
	place := &r.before[r.place]
	r.place++
	if r.isText(*place) {
		return *place
	}
	r.peek()
	start := r.pos
	b := r.chars()
	s := r.remember(b)
	if r.pos-start == len(b)+len(`""`) { // it is written as it is, without escapes
		*place = s
	}
	return s
}

// isText moves past a string if it is written as s.
func (r *Reader) isText(s string) bool {
	if r.peek() != '"' {
		return false
	}
	rest := r.data[r.pos+1:]
	if len(rest) <= len(s) || rest[len(s)] != '"' || string(rest[:len(s)]) != s {
		return false
	}
	r.pos += len(s) + len(`""`)
	return true
}

// remember is keep, unless the same was kept before.
func (r *Reader) remember(b []byte) string {
	if len(b) == 0 || len(b) > maxRepeated {
		return r.keep(b)
	}
	seen := &r.repeated[maphash.Bytes(seed, b)%uint64(len(r.repeated))]
	if *seen != string(b) {
		*seen, r.remembers = r.keep(b), true
	}
	return *seen
}

// Bytes reads a byte slice, which JSON has in base64. Null is nil, "" is empty.
func (r *Reader) Bytes() []byte {
	if r.Null() || !r.expect('"') {
		return nil
	}
	length := bytes.IndexByte(r.data[r.pos:], '"')
	if length < 0 {
		r.runOut()
		return nil
	}
	encoded := r.data[r.pos : r.pos+length]
	r.pos += length + 1
	b := r.space(base64.StdEncoding.DecodedLen(length))
	n, err := base64.StdEncoding.Decode(b, encoded)
	if err != nil || length%4 != 0 || n != len(b)-padding(encoded) {
		r.Fail() // with other lengths it holds line breaks, which base64 ignores
	}
	return b[:n:n]
}

// padding is how many bytes base64 is short of what its length says.
func padding(encoded []byte) int {
	switch {
	case bytes.HasSuffix(encoded, []byte("==")):
		return 2
	case bytes.HasSuffix(encoded, []byte("=")):
		return 1
	}
	return 0
}

// keep copies b to memory that does not change any more.
func (r *Reader) keep(b []byte) string {
	if len(b) > maxShared {
		return string(b)
	}
	if r.strings.Cap()-r.strings.Len() < len(b) {
		r.strings = strings.Builder{}
		r.strings.Grow(nextChunk(&r.stringChunk, len(b)))
	}
	start := r.strings.Len()
	r.strings.Write(b)
	return r.strings.String()[start:]
}

// space gives n bytes to a caller.
func (r *Reader) space(n int) []byte {
	if n == 0 || n > maxShared {
		return make([]byte, n)
	}
	if len(r.bytes) < n {
		r.bytes = make([]byte, nextChunk(&r.byteChunk, n))
	}
	b := r.bytes[:n:n]
	r.bytes = r.bytes[n:]
	return b
}

// nextChunk gives the size of a piece after one of the size last, for what needs need.
func nextChunk(last *int, need int) int {
	if *last == 0 {
		*last = minChunk / 2
		return need
	}
	*last = min(2**last, maxChunk)
	return max(*last, need)
}

// ordinary has the characters that stand for themselves in a string and need no further look.
var ordinary = func() (table [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		table[c] = c != '"' && c != '\\'
	}
	return table
}()

// chars moves past a string and gives its characters, which may change with the next one.
func (r *Reader) chars() []byte {
	if !r.expect('"') {
		return nil
	}
	start, ascii := r.pos, true
	for i := start; i < len(r.data); i++ {
		c := r.data[i]
		switch {
		case ordinary[c]:
		case c == '"':
			r.pos = i + 1
			return r.valid(r.data[start:i], ascii)
		case c == '\\':
			return r.unescape(start, i)
		case c < ' ':
			r.Fail()
			return nil
		default:
			ascii = false
		}
	}
	r.runOut()
	return nil
}

// valid gives b if it is UTF-8.
func (r *Reader) valid(b []byte, ascii bool) []byte {
	if !ascii && !utf8.Valid(b) {
		r.Fail()
		return nil
	}
	return b
}

// unescape puts together the string whose first character is at start, and whose first escape is at i.
func (r *Reader) unescape(start, i int) []byte {
	b := append(r.scratch[:0], r.data[start:i]...)
	for i < len(r.data) {
		run := i
		for i < len(r.data) && (ordinary[r.data[i]] || r.data[i] >= utf8.RuneSelf) {
			i++
		}
		b = append(b, r.data[run:i]...)
		if i < len(r.data) && r.data[i] == '"' {
			r.pos, r.scratch = i+1, b
			return r.valid(b, false)
		}
		char, length := escaped(r.data[i:])
		if length == 0 {
			if len(r.data)-i >= maxEscape {
				r.Fail()
			}
			break
		}
		b = utf8.AppendRune(b, char)
		i += length
	}
	r.runOut()
	return nil
}

// maxEscape is the length of the longest escape.
const maxEscape = len(`\u0000`)

// escaped reads an escape: the character that is meant, and how long the escape is, 0 if it makes no sense. A pair of
// surrogates makes none: servers send such characters as they are.
func escaped(b []byte) (rune, int) {
	if len(b) < 2 || b[0] != '\\' {
		return 0, 0
	}
	switch b[1] {
	case '"', '\\', '/':
		return rune(b[1]), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
		if len(b) >= maxEscape {
			return hexadecimal(b[2:maxEscape])
		}
	}
	return 0, 0
}

// hexadecimal reads the number of an escape.
func hexadecimal(b []byte) (rune, int) {
	char := rune(0)
	for _, c := range b {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, 0
		}
		char = char<<4 + rune(c)
	}
	if utf16.IsSurrogate(char) {
		return 0, 0
	}
	return char, maxEscape
}
