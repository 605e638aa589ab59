package buffers

import (
	"bytes"
	"testing"
)

func TestGetGivesRoom(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, smallest, smallest + 1, 1 << 20, smallest << (sizes - 1), smallest<<(sizes-1) + 1} {
		b := Get(size)
		if len(b.Data) != 0 || cap(b.Data) < size {
			t.Errorf("of %d bytes: length %d, room for %d", size, len(b.Data), cap(b.Data))
		}
		if size <= smallest<<(sizes-1) && size > smallest && cap(b.Data) >= 2*size {
			t.Errorf("of %d bytes: room for %d", size, cap(b.Data))
		}
		b.Release()
	}
}

func TestGrowKeepsTheData(t *testing.T) {
	t.Parallel()
	b := Get(1)
	for b.Data = append(b.Data, "data"...); cap(b.Data) <= 2*smallest<<(sizes-1); {
		room := cap(b.Data)
		if b = b.Grow(); string(b.Data) != "data" || cap(b.Data) < 2*room {
			t.Fatalf("%.10q, room for %d, grown from %d", b.Data, cap(b.Data), room)
		}
	}
	b.Release()
}

// What was released and taken again is empty, whatever was in it.
func TestReleasedBuffersAreEmpty(t *testing.T) {
	t.Parallel()
	for range 100 {
		b := Get(100)
		if len(b.Data) != 0 {
			t.Fatalf("it holds %d bytes", len(b.Data))
		}
		b.Data = append(b.Data, bytes.Repeat([]byte{1}, 100)...)
		b.Release()
	}
}
