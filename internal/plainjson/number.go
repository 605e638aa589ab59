package plainjson

// This file reads numbers and truth values.

// largest is the largest uint64.
const largest = "18446744073709551615"

// Bool reads true or false.
func (r *Reader) Bool() bool {
	switch c := r.peek(); {
	case c == 't' && r.literal("true"):
		return true
	case c == 'f' && r.literal("false"), r.Null():
	default:
		r.Fail()
	}
	return false
}

// Uint reads a whole number from 0 to 2^64-1.
func (r *Reader) Uint() uint64 {
	if r.Null() {
		return 0
	}
	return r.whole()
}

// Int reads a whole number that fits an int.
func (r *Reader) Int() int {
	n := r.Int64()
	if int64(int(n)) != n {
		r.Fail()
	}
	return int(n)
}

// Int64 reads a whole number that fits an int64, but for the least of these.
func (r *Reader) Int64() int64 {
	if r.Null() {
		return 0
	}
	negative := r.next('-')
	n := r.whole()
	if n > 1<<63-1 {
		r.Fail()
	}
	if negative {
		return -int64(n)
	}
	return int64(n)
}

// whole reads a number without a sign.
func (r *Reader) whole() uint64 {
	digits := r.digits()
	switch length := len(digits); {
	case length > 1 && digits[0] == '0',
		length > len(largest),
		length == len(largest) && string(digits) > largest:
		r.Fail()
		return 0
	}
	n := uint64(0)
	for _, c := range digits {
		n = n*10 + uint64(c-'0')
	}
	return n
}

// skipNumber moves past a number of any form.
func (r *Reader) skipNumber() {
	r.next('-')
	if digits := r.digits(); len(digits) > 1 && digits[0] == '0' {
		r.Fail()
	}
	if r.next('.') {
		r.digits()
	}
	if r.next('e') || r.next('E') {
		if !r.next('+') {
			r.next('-')
		}
		r.digits()
	}
}

// next moves past c if that is the very next byte.
func (r *Reader) next(c byte) bool {
	if r.pos < len(r.data) && r.data[r.pos] == c {
		r.pos++
		return true
	}
	return false
}

// digits moves past digits, of which there must be one.
func (r *Reader) digits() []byte {
	start := r.pos
	for r.pos < len(r.data) && r.data[r.pos]-'0' <= 9 {
		r.pos++
	}
	if r.pos == start {
		if r.pos == len(r.data) {
			r.lacks()
		}
		r.Fail()
		return nil
	}
	return r.data[start:r.pos]
}
