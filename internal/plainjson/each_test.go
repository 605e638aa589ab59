package plainjson

// This file compares Each with the decoder of encoding/json.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/lictor-go/consul/internal/buffers"
)

// pieces gives data in pieces of a size, and then ends with err.
type pieces struct {
	data []byte
	size int
	err  error
}

func (p *pieces) Read(b []byte) (int, error) {
	n := copy(b, p.data[:min(p.size, len(p.data))])
	p.data = p.data[n:]
	if len(p.data) == 0 {
		return n, p.err
	}
	return n, nil
}

// decodeEach is how encoding/json does what Each does.
func decodeEach(from io.Reader, items []*item) ([]*item, error) {
	d := json.NewDecoder(from)
	if start, err := d.Token(); err != nil {
		return items, err
	} else if start != json.Delim('[') {
		return items, errors.New("no array")
	}
	for d.More() {
		var i *item
		if err := d.Decode(&i); err != nil {
			return items, err
		}
		items = append(items, i)
	}
	if _, err := d.Token(); err != nil {
		return items, err
	}
	_, err := d.Token()
	switch err {
	case nil:
		err = errors.New("something follows")
	case io.EOF:
		err = nil
	}
	return items, err
}

// checkEach reads data with Each, and what that leaves with encoding/json. It reports whether that was left nothing.
func checkEach(t *testing.T, data []byte, size int, end error) bool {
	t.Helper()
	var got []*item
	rest, taken, err := Each(buffers.Get(1), &pieces{bytes.Clone(data), size, end}, itemFields.New, func(i *item) bool {
		got = append(got, i)
		return true
	})
	if taken != (len(got) > 0) {
		t.Errorf("%.200q: %d items taken: %v", data, len(got), taken)
	}
	if rest != nil {
		var placeholder []*item
		if placeholder, err = decodeEach(rest, nil); taken {
			if len(placeholder) == 0 || !reflect.DeepEqual(placeholder[0], new(item)) {
				t.Fatalf("%.200q: the rest does not begin with {}", data)
			}
			placeholder = placeholder[1:]
		}
		got = append(got, placeholder...)
	}
	want, wantErr := decodeEach(&pieces{data, len(data), end}, nil)
	if fmt.Sprint(err) != fmt.Sprint(wantErr) || !reflect.DeepEqual(got, want) {
		t.Errorf("%.200q in pieces of %d: %d items, %v, want %d, %v", data, size, len(got), err, len(want), wantErr)
	}
	return rest == nil
}

func TestEachReadsWhatIsPlain(t *testing.T) {
	t.Parallel()
	for _, text := range plain {
		if text == "null" {
			continue // no array
		}
		for _, size := range []int{1, 2, 3, 7, 100, 5000, 1 << 20} {
			if len(text)/size > maxTries {
				continue
			}
			if !checkEach(t, []byte(text), size, io.EOF) {
				t.Errorf("%.200s in pieces of %d: it gave up", text, size)
			}
		}
	}
}

func TestEachLeavesWhatIsOdd(t *testing.T) {
	t.Parallel()
	for _, text := range odd {
		for _, size := range []int{1, 100, 1 << 20} {
			checkEach(t, []byte(text), size, io.EOF)
			if rest, ok := strings.CutPrefix(text, "["); ok && len(text) < 1000 {
				checkEach(t, []byte("["+full+","+rest), size, io.EOF)
			}
		}
	}
}

// An input may break off anywhere, and end with an error of its own.
func TestEachOfABrokenInput(t *testing.T) {
	t.Parallel()
	whole := []byte("[" + full + "," + full + "] ")
	for i := range whole {
		for _, err := range []error{io.EOF, io.ErrUnexpectedEOF, iotest.ErrTimeout} {
			checkEach(t, whole[:i], 64, err)
		}
	}
}

// Elements grow from a few bytes to more than any window, and are found by their order.
func TestEachOfLargeElements(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	var sizes []int
	for size := 1; size < 2*maxWindow; size *= 3 {
		sizes = append(sizes, size)
		fmt.Fprintf(&text, `,{"Text":"%s"}`, strings.Repeat("t", size))
	}
	text.Bytes()[0] = '['
	text.WriteByte(']')
	if checkEach(t, text.Bytes(), 1<<20, io.EOF) {
		t.Error("an element that is larger than any window was read")
	}
	n := 0
	rest, _, err := Each(buffers.Get(1), &text, itemFields.New, func(i *item) bool {
		if len(i.Text) != sizes[n] {
			t.Errorf("element %d has %d bytes, want %d", n, len(i.Text), sizes[n])
		}
		n++
		return n < 10
	})
	if n != 10 || rest != nil || err != nil {
		t.Errorf("%d elements, %v, %v", n, rest, err)
	}
}

// Of an array of any length, little is in memory.
func TestEachNeedsMemoryForOneElement(t *testing.T) {
	const n = 100_000
	heap := func() uint64 {
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	before, most, i := heap(), uint64(0), 0
	from := io.MultiReader(strings.NewReader("["), &repeated{`{"Text":"text"},`, n - 1, ""}, strings.NewReader(`{"Text":"text"}]`))
	rest, _, err := Each(buffers.Get(1), from, itemFields.New, func(*item) bool {
		if i++; i%10_000 == 0 {
			most = max(most, heap())
		}
		return true
	})
	if i != n || rest != nil || err != nil {
		t.Errorf("%d elements, %v, %v", i, rest, err)
	}
	if most > before+4*usualWindow {
		t.Errorf("%d bytes were in memory", most-before)
	}
}

// repeated is a text n times.
type repeated struct {
	text string
	n    int
	left string
}

func (r *repeated) Read(b []byte) (int, error) {
	if r.left == "" {
		if r.n == 0 {
			return 0, io.EOF
		}
		r.left, r.n = r.text, r.n-1
	}
	n := copy(b, r.left)
	r.left = r.left[n:]
	return n, nil
}

func FuzzEach(f *testing.F) {
	for _, text := range append(plain, odd...) {
		if len(text) < 4000 {
			f.Add([]byte(text), 5)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, size int) { checkEach(t, data, max(1, size), io.EOF) })
}
