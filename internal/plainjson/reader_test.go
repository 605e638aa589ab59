package plainjson

// This file compares the Reader with encoding/json: where it gives a value, that is the same one.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// An item has a field for every kind of value.
type item struct {
	Text, Repeated string
	Bytes          []byte
	Uint           uint64
	Int            int
	Int64          int64
	Bool           bool
	Strings        []string
	Map            map[string]string
	Part           *part
	Parts          []part
	MoreParts      []part
	PartsByName    map[string]part
	Rest           part
	Other          map[string]any
}

type part struct {
	Name string
	Port int
}

var partFields = Fields[part]{
	{"Name", func(r *Reader, p *part) { p.Name = r.Text() }},
	{"Port", func(r *Reader, p *part) { p.Port = r.Int() }},
}

var itemFields = Fields[item]{
	{"Text", func(r *Reader, i *item) { i.Text = r.Text() }},
	{"Repeated", func(r *Reader, i *item) { i.Repeated = r.Repeated() }},
	{"Bytes", func(r *Reader, i *item) { i.Bytes = r.Bytes() }},
	{"Uint", func(r *Reader, i *item) { i.Uint = r.Uint() }},
	{"Int", func(r *Reader, i *item) { i.Int = r.Int() }},
	{"Int64", func(r *Reader, i *item) { i.Int64 = r.Int64() }},
	{"Bool", func(r *Reader, i *item) { i.Bool = r.Bool() }},
	{"Strings", func(r *Reader, i *item) { i.Strings = List(r, (*Reader).Repeated) }},
	{"Map", func(r *Reader, i *item) { i.Map = Map(r, (*Reader).Text) }},
	{"Part", func(r *Reader, i *item) { i.Part = partFields.New(r) }},
	{"Parts", func(r *Reader, i *item) { i.Parts = partFields.Alike(r) }},
	{"MoreParts", func(r *Reader, i *item) { i.MoreParts = partFields.List(r) }},
	{"PartsByName", func(r *Reader, i *item) { i.PartsByName = partFields.Map(r) }},
	{"Rest", func(r *Reader, i *item) {
		if !r.Empty() {
			partFields.Read(r, &i.Rest)
		}
	}},
	{"Other", func(r *Reader, i *item) { r.Other(&i.Other) }},
}

func readItems(data []byte) ([]*item, bool) {
	return Decode(data, func(r *Reader) []*item { return List(r, itemFields.New) })
}

// full is an item as a server may send it, in which every field says something.
const full = `{"Text":"a\"b\\c\/\b\f\n\r\té\u00e9\u003c","Repeated":"r","Bytes":"AP8=","Uint":18446744073709551615,"Int":-12,
	"Int64":9223372036854775807,"Bool":true,"Strings":["r","","r"],"Map":{"k":"v","":""},"Part":{"Port":1,"Name":"n"},
	"Parts":[{"Name":"x","Port":0},{}],"MoreParts":[{"Port":3},{"Port":4},{"Port":5}],"PartsByName":{"p":{"Port":2}},"Rest":{"Name":"rest"},"Other":{"a":[1,{"b":null}]},
	"Unknown":[{"a":-0.5e+7,"b":[true,false,null,"\u00ff"]},{},[],"",0,-1,1e9]}`

// What the Reader takes, and what it leaves to encoding/json.
var (
	plain = []string{
		`null`, `[]`, ` [ ] `, `[null]`, `[{}]`, `[` + full + `]`, "[" + full + ",\n" + full + "\t,\r" + full + "]",
		`[{"Text":null,"Repeated":null,"Bytes":null,"Uint":null,"Int":null,"Int64":null,"Bool":null,` +
			`"Strings":null,"Map":null,"Part":null,"Parts":null,"PartsByName":null,"Rest":null,"Other":null}]`,
		`[{"Strings":[],"Map":{},"Part":{},"Parts":[],"PartsByName":{},"Rest":{},"Other":{},"Bytes":""}]`,
		`[{"Bool":false,"Int":0,"Int64":-1,"Uint":0,"Bytes":"YR==","Text":"日本語😀"}]`,
		`[{"Strings":["1","2","3","4","5","6","7","8","9"]}]`,
		`[{"Parts":[]},{"Parts":[{},{"Port":1},{}]},{"Parts":[{"Port":2}]},{"Parts":null},{"Parts":[{},{}]}]`,
		`[{"Map":{"a":"1","a":"2"},"PartsByName":{"a":{"Name":"x","Port":1},"a":{"Port":2}}}]`,
		`[{"Repeated":"x","Map":{"k":"v"}},{"Repeated":"x","Map":{"k":"v"}},{"Repeated":"y","Map":{"l":"v"}},{"Map":{"k":"w"}},{}]`,
		`[{"Repeated":"a\"b"},{"Repeated":"a\"b"},{"Repeated":"a\u0062"},{"Repeated":"ab"}, {"Repeated" : "ab"}]`,
		`[{"Repeated":""},{"Repeated":null},{"Repeated":"é"},{"Repeated":"é"},{"Repeated":"` + strings.Repeat("e", 100) + `"}]`,
		`[{"Strings":["` + strings.Repeat(`x","`, 200) + `"]},{"Strings":["x","y"]},{"Strings":["x","y","x"]}]`,
		`[{"":1,"Tex":"","Texts":"","Te\u0078ts":0}]`, `[{"Te\u0078t":"x"}]`,
		`[{"Text":"` + strings.Repeat("long", 1000) + `","Repeated":"` + strings.Repeat(`\n`, 1000) + `","Bytes":"` + strings.Repeat("AAAA", 1000) + `"}]`,
	}
	odd = []string{
		``, ` `, `[`, `]`, `[}`, `[{]`, `{}`, `7`, `"x"`, `true`, `nul`, `nulll`, `[] []`, `[]x`, `[,]`, `[{},]`, `[{}{}]`,
		`[{} {}]`, `[{"Text"}]`, `[{"Text":}]`,
		`[{"Text":"a",}]`, `[{"Text":"a" "Uint":1}]`, `[{,"Text":"a"}]`, `[{Text:"a"}]`, `[{'Text':"a"}]`, `[{null:1}]`,
		`[{"Map":{null:"x"}}]`, `[{"Map":{1:"x"}}]`,
		`[{"text":"a"}]`, `[{"TEXT":"a"}]`, `[{"Text":"a","tEXT":"b"}]`, `[{"ſtrings":["x"]}]`,
		"[{\"\u212Aext\":1,\"REſT\":{\"Name\":\"x\"}}]",
		`[{"Text":"a","Text":"b"}]`, `[{"Part":{"Name":"x"},"Part":{"Port":1}}]`, `[{"Strings":["a","b"],"Strings":["c"]}]`,
		`[{"Repeated":"a\"b"},{"Repeated":"a"b"}]`, `[{"Repeated":"x"},{"Repeated":"x}]`, `[{"Repeated":"x"},{"Repeated":"x`,
		`[{"Map":{"k":"v"}},{"Map":{"k" "v"}}]`, `[{"Map":{"k":"v"}},{"Map":{null:"v"}}]`, `[{"Repeated":"x"},{"Repeated":x}]`,
		`[{"Text":1}]`, `[{"Text":[]}]`, `[{"Text":true}]`, `[{"Uint":"1"}]`, `[{"Uint":-1}]`, `[{"Uint":1.0}]`,
		`[{"Uint":1e2}]`, `[{"Uint":01}]`, `[{"Uint":+1}]`, `[{"Uint":18446744073709551616}]`,
		`[{"Uint":99999999999999999999999}]`, `[{"Int":-}]`, `[{"Int":--1}]`, `[{"Int":- 1}]`, `[{"Int":-01}]`,
		`[{"Int64":9223372036854775808}]`, `[{"Int64":-9223372036854775808}]`, `[{"Int64":-9223372036854775809}]`,
		`[{"Bool":1}]`, `[{"Bool":"true"}]`, `[{"Bool":tru}]`, `[{"Bool":truex}]`, `[{"Bool":falsetrue}]`,
		`[{"Bytes":"A"}]`, `[{"Bytes":"AA"}]`, `[{"Bytes":"AA=A"}]`, `[{"Bytes":"A==="}]`, `[{"Bytes":"===="}]`,
		`[{"Bytes":"AP8-"}]`, `[{"Bytes":"AP8=\n"}]`, "[{\"Bytes\":\"AP8=\n\"}]", "[{\"Bytes\":\"\n\"}]",
		"[{\"Bytes\":\"AAAA\n\"}]", "[{\"Bytes\":\"AA\nAA\n\n\n\"}]",
		`[{"Bytes":"\u0041P8="}]`, `[{"Bytes":[1,2]}]`, `[{"Bytes":"AP8=`, `[{"Bytes":AP8=}]`,
		`[{"Strings":"x"}]`, `[{"Strings":[1]}]`, `[{"Strings":["a",]}]`, `[{"Strings":{}}]`, `[{"Map":[]}]`,
		`[{"Map":{"a":1}}]`, `[{"Part":[]}]`, `[{"Part":"x"}]`, `[{"Parts":[null]}]`, `[{"Parts":[1]}]`,
		`[{"Other":7}]`, `[{"Other":{"a":01}}]`, `[{"Unknown":01}]`, `[{"Unknown":1.}]`, `[{"Unknown":.5}]`,
		`[{"Unknown":1e}]`, `[{"Unknown":"\x"}]`, `[{"Unknown":{"a"}}]`, `[{"Unknown":[1 2]}]`, `[{"Unknown":nul}]`,
		`[{"Unknown":}]`,
		`[{"Text":"\ud83d\ude00"}]`, `[{"Text":"\ud83d"}]`, `[{"Text":"\ude00x"}]`, `[{"Text":"\u12"}]`,
		`[{"Text":"\u12G4"}]`, `[{"Text":"\`, `[{"Text":"\u`, `[{"Text":"\'"}]`,
		"[{\"Text\":\"\xff\"}]", "[{\"Text\":\"\xed\xa0\x80\"}]", "[{\"Text\":\"a\\n\xc3\x28\"}]", "[{\"\xff\":1}]",
		"[{\"Text\":\"\n\"}]", "[{\"Text\":\"\x00\"}]", "[{\"Text\":\"\\n\x01\"}]", "\xef\xbb\xbf[]", "[\v]",
		`[{"Unknown":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}]`,
		`[{"Unknown":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}]`,
		`[{"Other":` + strings.Repeat(`{"a":`, 20000) + `1` + strings.Repeat("}", 20000) + `}]`,
		strings.Repeat("[", 100000),
	}
)

func TestPlainInputIsRead(t *testing.T) {
	t.Parallel()
	for _, text := range plain {
		if !checkItems(t, []byte(text)) {
			t.Errorf("%.200s: it gave up", text)
		}
	}
}

func TestOddInputIsLeftAlone(t *testing.T) {
	t.Parallel()
	for _, text := range odd {
		if checkItems(t, []byte(text)) {
			t.Errorf("%.200q: it did not give up", text)
		}
	}
}

// checkItems reads data and reports whether the Reader did not give up. Then encoding/json must give the same.
func checkItems(t *testing.T, data []byte) bool {
	t.Helper()
	input := bytes.Clone(data)
	got, ok := readItems(input)
	clear(input) // what was read must not stand in it
	if !ok {
		return false
	}
	var want []*item
	if err := json.Unmarshal(data, &want); err != nil {
		t.Errorf("%.200q: read, but encoding/json says: %v", data, err)
	} else if !reflect.DeepEqual(got, want) {
		g, _ := json.Marshal(got)
		w, _ := json.Marshal(want)
		t.Errorf("%.200q:\ngot  %.2000s\nwant %.2000s", data, g, w)
	}
	return true
}

// Cut off anywhere, or with any byte replaced, the input of the Reader is what encoding/json says it is.
func TestDamagedInput(t *testing.T) {
	t.Parallel()
	whole := "[" + full + "]"
	for i := range whole {
		checkItems(t, []byte(whole[:i]))
		for _, c := range []byte("\x00\"\\{}[],:0-.eunx \n\xc3") {
			damaged := []byte(whole)
			damaged[i] = c
			checkItems(t, damaged)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, text := range append(plain, odd...) {
		if len(text) < 4000 {
			f.Add([]byte(text))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkItems(t, data) })
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for _, n := range []uint64{0, 1, 9, 10, 99, 1<<53 + 1, 1e18, 1e19, math.MaxUint64 - 1, math.MaxUint64} {
		checkItems(t, fmt.Appendf(nil, `[{"Uint":%d},{"Uint":%d0},{"Int":%d},{"Int64":-%d}]`, n, n, n, n))
	}
}

// One item of many keeps the pieces alive that its strings and its value are in, not the others.
func TestAnItemHoldsLittle(t *testing.T) {
	const n = 10_000
	var text bytes.Buffer
	for i := range n {
		fmt.Fprintf(&text, `,{"Text":"text of item %05d","Repeated":"r","Bytes":"%s"}`, i, "dGhlIHZhbHVlIG9mIGFuIGl0ZW0=")
	}
	text.Bytes()[0] = '['
	text.WriteByte(']')
	heap := func() uint64 {
		runtime.GC()
		runtime.GC() // what sync.Pool holds goes with the second
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	items, ok := readItems(text.Bytes())
	if !ok || len(items) != n {
		t.Fatalf("%d items, %v", len(items), ok)
	}
	all := heap()
	one := items[n/2]
	items = nil
	left := heap()
	if all-left < n*200 {
		t.Errorf("the items take %d bytes, of which %d are left with one of them", all, left)
	}
	one = func() *item { runtime.KeepAlive(one); return nil }()
	if rest := heap(); left > rest && left-rest > 3*maxChunk {
		t.Errorf("one item of %d holds %d bytes", n, left-rest)
	}
	runtime.KeepAlive(one)
	runtime.KeepAlive(text.Len())
}

// Strings that repeat have memory once, and all else shares a piece of memory with its neighbours.
func TestAllocations(t *testing.T) {
	const n = 1000
	text := []byte("[" + strings.Repeat(`{"Text":"a text","Repeated":"repeated","Bytes":"AAAA","Strings":["repeated"]},`, n) + "{}]")
	allocations := testing.AllocsPerRun(10, func() {
		if items, ok := readItems(text); !ok || len(items) != n+1 {
			t.Fatalf("%d items, %v", len(items), ok)
		}
	})
	if most := 2.02 * n; allocations > most { // an item and its slice
		t.Errorf("%v allocations for %d items, want at most %v", allocations, n, most)
	}
}
