package consul

// This file turns the bodies of answers into values: whole ones, and lists as they arrive.

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"

	"github.com/lictor-go/consul/internal/buffers"
	"github.com/lictor-go/consul/internal/plainjson"
)

type reader = plainjson.Reader

// A decoder decodes answers that are a T.
type decoder[T any] struct {
	whole func(*reader) T // reads an answer that is in memory

	// Each reads one as it arrives; start is the first part of it. Bad is what is wrong with it, err that it breaks off.
	// It is nil for types that are no lists.
	each func(start *buffers.Buffer, body io.Reader) (v T, bad, err error)
}

// decoders are those of the types that are worth one: of the calls that are made often, and of the answers that are long.
var decoders = []any{
	decoder[bool]{whole: (*reader).Bool},
	decoder[[]string]{whole: func(r *reader) []string { return plainjson.List(r, (*reader).Text) }},
	decoder[map[string][]string]{whole: func(r *reader) map[string][]string { return plainjson.Map(r, readTags) }},
	decoder[TxnResponse]{whole: readTxnResponse},
	listOf[KVPairs](pairFields.New),
	listOf[HealthChecks](checkFields.New),
	listOf[[]*ServiceEntry](readEntry),
	listOf[[]*Node](nodeFields.New),
	listOf[[]*CatalogService](catalogServiceFields.New),
	listOf[[]*SessionEntry](sessionFields.New),
}

// A longer list than this is read as it arrives.
const maxWhole = 64 << 10

// decode reads the body of an answer. Bad is what is wrong with it, err that it breaks off. What is not beyond doubt for
// plainjson is read by encoding/json, which also says what is wrong.
func decode[T any](resp *http.Response) (v T, bad, err error) {
	var d decoder[T]
	for _, known := range decoders {
		if known, ok := known.(decoder[T]); ok {
			d = known
		}
	}
	most := math.MaxInt
	if d.each != nil {
		most = maxWhole
	}
	body, whole, err := readStart(resp, most)
	if err != nil {
		return v, nil, err
	}
	if !whole {
		return d.each(body, resp.Body)
	}
	defer body.Release()
	if d.whole != nil {
		if v, ok := plainjson.Decode(body.Data, d.whole); ok {
			return v, nil, nil
		}
	}
	v, bad = unmarshal[T](body.Data)
	return v, bad, nil
}

// unmarshal leaves it to encoding/json to decode data.
func unmarshal[T any](data []byte) (v T, err error) {
	if err := json.Unmarshal(data, &v); err != nil {
		return *new(T), err
	}
	return v, nil
}

// readStart reads a body up to most bytes, and reports whether that is all. Without an error the buffer is the caller's to
// release.
func readStart(resp *http.Response, most int) (b *buffers.Buffer, whole bool, err error) {
	b = buffers.Get(int(min(max(0, resp.ContentLength)+1, maxWhole))) // 1 for the read that finds the end
	for {
		var n int
		n, err = resp.Body.Read(b.Data[len(b.Data):cap(b.Data)])
		b.Data = b.Data[:len(b.Data)+n]
		switch {
		case err == io.EOF:
			return b, true, nil
		case err != nil:
			b.Release()
			return nil, false, err
		case len(b.Data) < cap(b.Data):
		case len(b.Data) >= most:
			return b, false, nil
		default:
			b = b.Grow()
		}
	}
}

// readBody reads a body to its end.
func readBody(resp *http.Response) (*buffers.Buffer, error) {
	b, _, err := readStart(resp, math.MaxInt)
	return b, err
}

// listOf makes the decoder of a list of objects that element reads.
func listOf[S ~[]*E, E any](element func(*reader) *E) decoder[S] {
	return decoder[S]{
		whole: func(r *reader) S { return plainjson.List(r, element) },
		each: func(start *buffers.Buffer, body io.Reader) (S, error, error) {
			list := S{}
			rest, taken, err := plainjson.Each(start, body, element, func(e *E) bool {
				list = append(list, e)
				return true
			})
			if rest == nil {
				return list, nil, err
			}
			return unmarshalRest(list, rest, taken)
		},
	}
}

// unmarshalRest adds to list what plainjson.Each left.
func unmarshalRest[S ~[]E, E any](list S, rest io.Reader, taken bool) (_ S, bad, err error) {
	data, err := io.ReadAll(rest)
	if err != nil {
		return nil, nil, err
	}
	more, bad := unmarshal[S](data)
	if !taken || bad != nil {
		return more, bad, nil
	}
	return append(list, more[1:]...), nil, nil // without what stands for those that were taken
}

func field[T any](name string, read func(*reader, *T)) plainjson.Field[T] {
	return plainjson.Field[T]{Name: name, Read: read}
}

func readTags(r *reader) []string { return plainjson.List(r, (*reader).Repeated) }

func readMeta(r *reader) map[string]string { return plainjson.Map(r, (*reader).Repeated) }

// decodeEach reads an array one element at a time and gives each to take, until that returns false. Null is an empty array.
// It reads on to the end of the input, which shows that nothing is missing, and frees the connection beneath for the next
// call.
func decodeEach[T any](body io.Reader, read func(*reader) *T, take func(*T) bool) error {
	rest, taken, err := plainjson.Each(buffers.Get(1), body, read, take)
	if rest == nil {
		return err
	}
	return unmarshalEach(rest, func(v *T) bool {
		if taken {
			taken = false
			return true
		}
		return take(v)
	})
}

// unmarshalEach is decodeEach with encoding/json.
func unmarshalEach[T any](body io.Reader, take func(*T) bool) error {
	d := json.NewDecoder(body)
	start, err := d.Token()
	if err != nil {
		return err
	}
	if start != nil && start != json.Delim('[') {
		return fmt.Errorf("want an array, got %T", start)
	}
	for start != nil && d.More() {
		v := new(T)
		if err := d.Decode(v); err != nil {
			return err
		}
		if !take(v) {
			return nil
		}
	}
	if start != nil {
		if _, err := d.Token(); err != nil {
			return err
		}
	}
	if _, err = d.Token(); err == nil {
		return errors.New("something follows the array")
	}
	if err == io.EOF {
		return nil
	}
	return err
}
