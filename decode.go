package consul

// This file turns the bodies of answers into values: whole ones, and lists as they arrive.

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/lictor-go/consul/internal/plainjson"
)

// decode reads the JSON of an answer into out, which is a zero value. What answers are made of most is read by
// plainjson; what is beyond that, whatever its type, by encoding/json.
func decode[T any](a *answer, out *T) error {
	body := a.body.data
	if plainjson.Decode(body, func(r *reader) { readPlain(r, out) }) {
		return nil
	}
	*out = *new(T)
	return a.unmarshal(out)
}

// unmarshal reads the JSON of an answer with encoding/json. The error tells where it breaks, and never quotes the body,
// which may hold tokens.
func (a *answer) unmarshal(out any) error {
	if err := json.Unmarshal(a.body.data, out); err != nil {
		return a.r.badResponse(a.code, err)
	}
	return nil
}

// readPlain reads the types that are worth a reader of their own: those of the calls that are made often, and of the
// answers that are long.
func readPlain(r *reader, out any) {
	switch out := out.(type) {
	case *bool:
		*out = r.Bool()
	case *[]string:
		*out = plainjson.List(r, (*reader).Text)
	case *map[string][]string:
		*out = plainjson.Map(r, readTags)
	case *KVPairs:
		*out = plainjson.List(r, pairFields.New)
	case *[]*ServiceEntry:
		*out = readEntries(r)
	case *HealthChecks:
		*out = plainjson.List(r, checkFields.New)
	case *[]*Node:
		*out = plainjson.List(r, nodeFields.New)
	case *[]*CatalogService:
		*out = plainjson.List(r, catalogServiceFields.New)
	case *[]*SessionEntry:
		*out = plainjson.List(r, sessionFields.New)
	default:
		r.Fail()
	}
}

type reader = plainjson.Reader

func field[T any](name string, read func(*reader, *T)) plainjson.Field[T] {
	return plainjson.Field[T]{Name: name, Read: read}
}

func readTags(r *reader) []string { return plainjson.List(r, (*reader).Repeated) }

func readMeta(r *reader) map[string]string { return plainjson.Map(r, (*reader).Repeated) }

// decodeEach reads a JSON array one element at a time and gives each to take, until that returns false. Null is an empty
// array. It reads on to the end of the input, which shows that nothing is missing, and frees the connection beneath for
// the next call.
func decodeEach[T any](body io.Reader, take func(*T) bool) error {
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
