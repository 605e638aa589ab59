package consul_test

// This file compares what calls make of an answer with what encoding/json makes of it: the same values, and the same
// errors, whatever the server sends.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lictor-go/consul"
)

type (
	ctx  = context.Context
	meta = consul.QueryMeta
)

// A decoding is a call whose answers have a reader of their own.
type decoding struct {
	recorded string // files in testdata/recorded that are such answers
	call     func(ctx, *consul.Client) (any, error)
	want     func(body []byte) (any, error) // what encoding/json says
}

func decodingOf[T any](recorded string, call func(ctx, *consul.Client) (T, *meta, error)) decoding {
	return decoding{
		recorded: recorded,
		call: func(ctx ctx, c *consul.Client) (any, error) {
			v, _, err := call(ctx, c)
			return v, err
		},
		want: func(body []byte) (any, error) {
			var v T
			err := json.Unmarshal(body, &v)
			return v, err
		},
	}
}

var decodings = map[string]decoding{
	"KV.List": decodingOf("kv/[gl]*", func(ctx ctx, c *consul.Client) (consul.KVPairs, *meta, error) {
		return c.KV().List(ctx, "")
	}),
	"KV.Keys": decodingOf("kv/keys*", func(ctx ctx, c *consul.Client) ([]string, *meta, error) {
		return c.KV().Keys(ctx, "", "")
	}),
	"Health.Service": decodingOf("health/[is]*e*s*.json", func(ctx ctx, c *consul.Client) ([]*consul.ServiceEntry, *meta, error) {
		return c.Health().Service(ctx, "web")
	}),
	"Health.Checks": decodingOf("health/checks*", func(ctx ctx, c *consul.Client) (consul.HealthChecks, *meta, error) {
		return c.Health().Checks(ctx, "web")
	}),
	"Catalog.Nodes": decodingOf("catalog/nodes*", func(ctx ctx, c *consul.Client) ([]*consul.Node, *meta, error) {
		return c.Catalog().Nodes(ctx)
	}),
	"Catalog.Services": decodingOf("catalog/services*", func(ctx ctx, c *consul.Client) (map[string][]string, *meta, error) {
		return c.Catalog().Services(ctx)
	}),
	"Catalog.Service": decodingOf("catalog/service.json", func(ctx ctx, c *consul.Client) ([]*consul.CatalogService, *meta, error) {
		return c.Catalog().Service(ctx, "web")
	}),
	"Session.List": decodingOf("session/*", func(ctx ctx, c *consul.Client) ([]*consul.SessionEntry, *meta, error) {
		return c.Session().List(ctx)
	}),
	"Txn": {
		recorded: "txn/*",
		call: func(ctx ctx, c *consul.Client) (any, error) {
			response, _, err := c.Txn().Txn(ctx, nil)
			if _, failed := errors.AsType[consul.TxnErrors](err); failed {
				err = nil // it is what the answer says
			}
			if err != nil {
				return nil, err
			}
			return *response, nil
		},
		want: func(body []byte) (any, error) {
			var v consul.TxnResponse
			err := json.Unmarshal(body, &v)
			v.Errors = slices.DeleteFunc(v.Errors, func(e *consul.TxnError) bool { return e == nil })
			return v, err
		},
	},
}

// check answers the call with body, and fails unless it gives what encoding/json gives.
func (d decoding) check(t *testing.T, name string, body []byte) {
	t.Helper()
	client := clientWith(t, &consul.Config{Transport: respond(answer(200, string(body)))})
	got, err := d.call(t.Context(), client)
	want, wantErr := d.want(body)
	if wantErr != nil {
		if !errors.Is(err, consul.ErrBadResponse) || !strings.HasSuffix(err.Error(), wantErr.Error()) {
			t.Errorf("%s of %.300q:\ngot  %v\nwant ErrBadResponse, %v", name, body, err, wantErr)
		}
		return
	}
	if err != nil {
		t.Errorf("%s of %.300q: %v", name, body, err)
	} else if want = withoutNil(want); !reflect.DeepEqual(got, want) {
		g, _ := json.MarshalIndent(got, "", "\t")
		w, _ := json.MarshalIndent(want, "", "\t")
		t.Errorf("%s of %.300q:\ngot  %s\nwant %s", name, body, g, w)
	}
}

// withoutNil is what a caller gets for what is decoded as v: empty lists, not nil ones.
func withoutNil(v any) any {
	if list := reflect.ValueOf(v); list.Kind() == reflect.Slice && list.IsNil() {
		return reflect.MakeSlice(list.Type(), 0, 0).Interface()
	} else if list.Kind() == reflect.Map && list.IsNil() {
		return reflect.MakeMap(list.Type()).Interface()
	}
	if entries, ok := v.([]*consul.ServiceEntry); ok {
		for i, e := range entries {
			if e == nil {
				entries[i] = &consul.ServiceEntry{Checks: consul.HealthChecks{}}
			} else if e.Checks == nil {
				e.Checks = consul.HealthChecks{}
			}
		}
	}
	return v
}

// bodies gives the recorded answers of a call.
func (d decoding) bodies(t testing.TB) [][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "recorded", filepath.FromSlash(d.recorded)))
	if err != nil || len(files) == 0 {
		t.Fatalf("no recording %s: %v", d.recorded, err)
	}
	var bodies [][]byte
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, body)
	}
	return bodies
}

// Each recorded answer as it is, in one line, and damaged.
func TestRecordedAnswersAreDecodedAsJSON(t *testing.T) {
	t.Parallel()
	for name, d := range decodings {
		for _, body := range d.bodies(t) {
			d.check(t, name, body)
			var line bytes.Buffer
			if err := json.Compact(&line, body); err != nil {
				t.Fatal(err)
			}
			d.check(t, name, line.Bytes())
			for i := 0; i < line.Len(); i += 7 {
				d.check(t, name, line.Bytes()[:i])
				damaged := bytes.Clone(line.Bytes())
				damaged[i] = `x"1[}, n`[i%8]
				d.check(t, name, damaged)
			}
		}
	}
}

// Long answers, which are read as they arrive: what is odd in them is in their middle.
func TestLongAnswersAreDecodedAsJSON(t *testing.T) {
	t.Parallel()
	const length = 200 << 10
	for name, d := range decodings {
		var items bytes.Buffer
		if err := json.Compact(&items, d.bodies(t)[0]); err != nil {
			t.Fatal(err)
		}
		if items.Bytes()[0] != '[' {
			continue
		}
		item := append(items.Bytes()[1:items.Len()-1], ',')
		body := append([]byte{'['}, bytes.Repeat(item, length/len(item))...)
		body[len(body)-1] = ']'
		d.check(t, name, body)
		for i := len(body) / 2; i < len(body)/2+len(item); i += 37 {
			d.check(t, name, body[:i])
			damaged := bytes.Clone(body)
			damaged[i] = `x"1[}, n`[i%8]
			d.check(t, name, damaged)
		}
		for _, end := range []string{"", "]]", ",]", ",null]", ",{}]", ",7]", "] ", "] []", `,{"Key":"a","key":"b"}]`} {
			d.check(t, name, append(body[:len(body)-1:len(body)-1], end...))
		}
	}
}

// What servers don't send, but encoding/json has rules for.
var oddAnswers = []string{
	"", "null", "[]", "{}", "7", "[null]", "[[]]", `["a", null]`, "[] []", "[]x", "<html>", "\xef\xbb\xbf[]",
	`{"a":["b",null],"c":null,"a":[]}`,
	`[{"key":"a"},{"KEY":"b","Key":"c"}]`, `[{"Key":"a","Key":"b"}]`, `[{"Key":"` + "\xff" + `"}]`,
	`[{"Key":"\ud83d\ude00\ud83d"}]`, `[{"Key":7}]`,
	`[{"Value":"YQ"}]`, `[{"Value":""},{"Value":null},{"Value":"YWI="}]`, `[{"Value":"Y\nQ=="}]`, `[{"Flags":1e3}]`,
	`[{"Flags":-1}]`, `[{"Flags":18446744073709551616}]`,
	`[{"Node":null,"Service":null,"Checks":null}]`, `[{"Node":{},"Service":{},"Checks":[null]}]`,
	`[{"Checks":[{"Definition":{"TTL":"1s"}},{"Definition":{"TTL":"x"}}]}]`,
	`[{"Service":{"Port":1.5}}]`, `[{"Service":{"Proxy":{"Config":{"a":1}},"Connect":{"SidecarService":{}}}}]`,
	`[{"Interval":"odd"},{"Interval":7}]`,
	`[{"LockDelay":"15s","TTL":""}]`, `[{"LockDelay":1.5e+10,"TTL":"1m"}]`, `[{"TTL":"soon"}]`, `[{"TTL":7}]`,
	`[{"LockDelay":-1}]`,
	`{"Results":[{"KV":{"Key":"k","ModifyIndex":7}},null,{"kv":{}}],"Errors":null}`, `{"Results":null,"Errors":[{"OpIndex":1,"What":"no"},null]}`,
	`{"Results":[{"KV":7}]}`, `{"Results":{}}`, `{"Results":[{"Check":{"Interval":"odd"},"Service":{"Proxy":{}}}],"Index":3}`,
	`[{"Unknown":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}]`,
}

func TestOddAnswersAreDecodedAsJSON(t *testing.T) {
	t.Parallel()
	for name, d := range decodings {
		for _, body := range oddAnswers {
			d.check(t, name, []byte(body))
		}
	}
}

// An answer whose types have a value in every field, so that none of them is forgotten. Fewer allocations than encoding/json
// makes show that it was not that which knew the fields.
func TestEveryFieldIsDecoded(t *testing.T) {
	const n = 100
	for name, d := range decodings {
		zero, _ := d.want([]byte("null"))
		list := reflect.New(reflect.TypeOf(zero)).Elem()
		// A registration in a service is never told.
		untold := map[reflect.Type]bool{reflect.TypeFor[*consul.AgentServiceRegistration](): true}
		switch list.Kind() {
		case reflect.Map:
			continue // it has no fields
		case reflect.Struct:
			fill(list, untold)
		default:
			list.Set(reflect.MakeSlice(list.Type(), n, n))
			for i := range n {
				fill(list.Index(i), untold)
			}
		}
		body, err := json.Marshal(list.Interface())
		if err != nil {
			t.Fatal(err)
		}
		body = bytes.ReplaceAll(body, []byte(`"LockDelay":"2s"`), []byte(`"LockDelay":2000000000`)) // as servers write it
		d.check(t, name, body)
		client := clientWith(t, &consul.Config{Transport: respond(answer(200, string(body)))})
		got := testing.AllocsPerRun(1, func() { d.call(t.Context(), client) })
		want := testing.AllocsPerRun(1, func() { d.want(body) })
		if got > want-n/2 {
			t.Errorf("%s: %v allocations, %v with encoding/json", name, got, want)
		}
	}
}

// fill sets every field of v that JSON has.
func fill(v reflect.Value, above map[reflect.Type]bool) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("text of " + v.Type().Name())
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int64:
		v.SetInt(int64(2 * time.Second))
	case reflect.Int:
		v.SetInt(-7)
	case reflect.Uint, reflect.Uint64:
		v.SetUint(7)
	case reflect.Uint8:
		v.SetUint('v')
	case reflect.Interface:
		v.Set(reflect.ValueOf("any"))
	case reflect.Pointer:
		if !above[v.Type()] {
			above[v.Type()] = true
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem(), above)
			delete(above, v.Type())
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), above)
		fill(v.Index(1), above)
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, above)
		fill(value, above)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), above)
		}
	default:
		panic(fmt.Sprint("no value for ", v.Type()))
	}
}

func FuzzAnswers(f *testing.F) {
	for _, d := range decodings {
		for _, body := range d.bodies(f) {
			f.Add(body)
		}
	}
	for _, body := range oddAnswers {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for name, d := range decodings {
			d.check(t, name, body)
		}
	})
}
