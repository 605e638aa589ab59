package checks

// This file holds the fuzz tests of what checks decode.

import (
	"bytes"
	"testing"
)

// FuzzParseHealth decodes what a server might send. What is decoded stays the same with a field more that nobody knows.
func FuzzParseHealth(f *testing.F) {
	for _, seed := range []string{
		"", "\x08\x01", "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "\x12\x02hi\x08\x02", "\x0a\xc8", "\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
		"\x11abcdefgh\x08\x01", "\x15abcd", "\x13\x14", "\x00", "\x08",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		status, err := parseHealth(b)
		if err != nil {
			return
		}
		more := append(bytes.Clone(b), "\x1a\x03abc"...)
		if again, err := parseHealth(more); err != nil || again != status {
			t.Errorf("%q: %v, and with a field more %v, %v", b, status, again, err)
		}
	})
}

// FuzzReadFrame reads what a server might send: a frame that is read is no larger than what came.
func FuzzReadFrame(f *testing.F) {
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n"))
	f.Add(appendFrame(nil, framePing, flagAck, make([]byte, 8)))
	f.Add([]byte("\x00\x40\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := readFrame(bytes.NewReader(b))
		if err == nil && !bytes.HasPrefix(b, appendFrame(nil, got.kind, got.flags, got.payload)[:5]) {
			t.Errorf("%q: got %+v", b, got)
		}
	})
}
