// Package buffers gives memory for what is read from a server, and uses it again.
package buffers

import "sync"

// Buffers come in sizes that grow by a factor of 2. Each size has a pool of its own: the buffer of a large answer must not
// end up with a small one, and be kept by it.
const (
	smallest = 4 << 10
	sizes    = 13 // up to 16 MiB; larger ones are not kept
)

var pools [sizes]sync.Pool

// A Buffer is memory, some of it in use: Data. Give it back with Release when nothing refers to it any more.
type Buffer struct {
	Data []byte
	pool *sync.Pool // nil if it is too large to be kept
}

// Get gives an empty buffer with room for size bytes, or more.
func Get(size int) *Buffer {
	room := smallest
	for i := range pools {
		if size > room {
			room *= 2
			continue
		}
		if b, ok := pools[i].Get().(*Buffer); ok {
			return b
		}
		return &Buffer{make([]byte, 0, room), &pools[i]}
	}
	return &Buffer{Data: make([]byte, 0, size)}
}

// Release gives the buffer to others.
func (b *Buffer) Release() {
	if b.pool != nil {
		b.Data = b.Data[:0]
		b.pool.Put(b)
	}
}

// Grow gives a buffer of at least twice the size with the same data, for b, which it releases.
func (b *Buffer) Grow() *Buffer {
	larger := Get(2 * max(cap(b.Data), smallest))
	larger.Data = append(larger.Data, b.Data...)
	b.Release()
	return larger
}
