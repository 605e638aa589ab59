package plainjson

// This file reads arrays that arrive piece by piece, of which no more is in memory than what is under way.

import (
	"bytes"
	"io"
	"strings"

	"github.com/lictor-go/consul/internal/buffers"
)

// Sizes of the window, and how often an element is tried that is not whole yet. One that is larger, or comes in more
// pieces, is left to encoding/json.
const (
	usualWindow = 64 << 10
	maxWindow   = 4 << 20
	maxTries    = 64
)

// A window is the part of an input that is in memory.
type window struct {
	r    *Reader // of the buffer's data
	from io.Reader
	err  error // what from ended with
	buf  *buffers.Buffer
	mark int  // how much of the buffer is done with
	any  bool // whether there was an element
}

// Each reads an array of objects and gives each to take as soon as it is there, until that returns false. The array
// begins with what is in start, which Each releases, and goes on with from, which is read to its end. The error is what
// that ended with, where it is not io.EOF.
//
// Where it gives up, rest is not nil: the array, in which {} stands for the elements that were taken, if any were.
func Each[T any](start *buffers.Buffer, from io.Reader, read func(*Reader) T, take func(T) bool) (
	rest io.Reader, taken bool, err error,
) {
	w := &window{r: readers.Get().(*Reader), from: from, buf: start}
	defer func() { w.r.release(); w.buf.Release() }()
	for {
		v, found := next(w, read)
		switch {
		case !w.r.failed && found && take(v):
			w.any = true
			continue
		case !w.r.failed:
			return nil, w.any, nil
		case w.err != nil && w.err != io.EOF:
			return nil, w.any, w.err
		}
		return w.rest(), w.any, nil
	}
}

// next reads an element, and waits for it to be whole. It reports false at the end of the array.
func next[T any](w *window, read func(*Reader) T) (v T, found bool) {
	r := w.r
	for range maxTries {
		r.data, r.pos, r.failed, r.short = w.buf.Data, w.mark, false, false
		if w.any || r.expect('[') {
			if found = r.more(']', !w.any); found {
				r.place, r.places = 0, len(r.before)
				v = read(r)
			} else if !r.atEnd() {
				r.Fail()
			} else if w.err != io.EOF {
				r.runOut() // something may follow
			}
		}
		if !r.failed {
			w.mark = r.pos
			return v, found
		}
		if !r.short || !w.fill() {
			break
		}
	}
	return v, false
}

// fill reads on until an element may be whole. It reports false if nothing more can come.
func (w *window) fill() bool {
	if w.err != nil {
		return false
	}
	w.makeRoom()
	for b := w.buf; w.err == nil && len(b.Data) < cap(b.Data); {
		var n int
		old := len(b.Data)
		n, w.err = w.from.Read(b.Data[old:cap(b.Data)])
		b.Data = b.Data[:old+n]
		if fresh := b.Data[old:]; bytes.IndexByte(fresh, '}') >= 0 || bytes.IndexByte(fresh, ']') >= 0 {
			return true
		}
	}
	return w.err != nil || cap(w.buf.Data) < maxWindow
}

// makeRoom drops what is done with. A window that was full gets larger, up to what is usual, or as large as an element.
func (w *window) makeRoom() {
	size := cap(w.buf.Data)
	grow := len(w.buf.Data) == size && (size < usualWindow || w.mark == 0)
	w.buf.Data = append(w.buf.Data[:0], w.buf.Data[w.mark:]...)
	w.mark = 0
	if grow {
		w.buf = w.buf.Grow()
	}
}

// rest gives what is left of the array.
func (w *window) rest() io.Reader {
	start := ""
	if w.any {
		start = "[{}"
	}
	from := w.from
	if w.err != nil {
		from = endsWith{w.err}
	}
	return io.MultiReader(strings.NewReader(start), bytes.NewReader(bytes.Clone(w.buf.Data[w.mark:])), from)
}

type endsWith struct{ err error }

func (e endsWith) Read([]byte) (int, error) { return 0, e.err }
