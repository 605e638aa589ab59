package consul

// This file reads bodies into buffers that other calls use again.

import (
	"io"
	"sync"
)

// Buffers come in sizes that grow by a factor of 4. Each size has a pool of its own: the buffer of a large answer must not
// end up with a small one, and be kept by it.
const (
	minBuffer   = 4 << 10
	bufferSizes = 13 // up to 16 MiB; larger ones are not kept
)

// maxAnnounced is the longest body that gets its buffer before any of it came.
const maxAnnounced = 1 << 20

var buffers [bufferSizes]sync.Pool

// A buffer is memory for a body. It goes back to its pool with release.
type buffer struct {
	data []byte
	pool *sync.Pool // nil if it is too large to be kept
}

// newBuffer gives an empty buffer with room for size bytes.
func newBuffer(size int) *buffer {
	room := minBuffer
	for i := range buffers {
		if size > room {
			room *= 2
			continue
		}
		if b, ok := buffers[i].Get().(*buffer); ok {
			return b
		}
		return &buffer{make([]byte, 0, room), &buffers[i]}
	}
	return &buffer{data: make([]byte, 0, size)}
}

func (b *buffer) release() {
	if b.pool != nil {
		b.data = b.data[:0]
		b.pool.Put(b)
	}
}

// readBody reads a body to its end. Announced is how long it is said to be, below 0 if nothing is said.
func readBody(body io.Reader, announced int64) (*buffer, error) {
	b := newBuffer(int(min(max(0, announced), maxAnnounced)) + 1) // 1 for the read that finds the end
	for {
		n, err := body.Read(b.data[len(b.data):cap(b.data)])
		b.data = b.data[:len(b.data)+n]
		switch {
		case err == io.EOF:
			return b, nil
		case err != nil:
			b.release()
			return nil, err
		case len(b.data) == cap(b.data):
			b = b.grow()
		}
	}
}

// grow moves what is in b to a buffer of more than twice the size.
func (b *buffer) grow() *buffer {
	larger := newBuffer(2*cap(b.data) + 1)
	larger.data = append(larger.data, b.data...)
	b.release()
	return larger
}
