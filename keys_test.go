package consul_test

// This file tests how keys become structs.

import (
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net/netip"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/lictor-go/consul"
)

// pairsOf makes pairs of lines "key=value".
func pairsOf(lines ...string) consul.KVPairs {
	var pairs consul.KVPairs
	for _, line := range lines {
		key, value, _ := strings.Cut(line, "=")
		pairs = append(pairs, &consul.KVPair{Key: key, Value: []byte(value)})
	}
	return pairs
}

type inner struct {
	Rate, Burst int
	hidden      int
}

type Common struct {
	Region string `consul:"region,default=eu,west"`
}

type lower struct{ Low string }

// everything has a field of each type that keys can become.
type everything struct {
	Text     string
	Bytes    []byte `consul:"bytes"`
	Bool     bool
	Int      int8
	Uint     uint16
	Float    float32
	Duration time.Duration
	When     time.Time
	Addr     *netip.Addr
	Level    slog.Level `consul:"log/level,default=warn"`
	Link     url.URL
	Big      *big.Int
	Words    []string `consul:"words"`
	Times    []time.Duration
	Addrs    []netip.Addr
	Blobs    [][]byte
	Limits   inner `consul:"limits"`
	Maybe    *inner
	Other    *inner
	Flags    map[string]bool
	Pools    map[string]inner
	Deep     map[string]map[string]*int
	Ignored  string `consul:"-"`
	private  string
	Common
	lower
	Named Common `consul:"named"`
	Deref **int  `consul:",default=7"`
}

func TestDecodeKeys(t *testing.T) {
	t.Parallel()
	seven, nine := 7, 9
	toSeven := &seven
	link, _ := url.Parse("https://example.org/a?b=c")
	addr := netip.MustParseAddr("10.0.0.1")
	want := everything{
		Text: " as it is\n", Bytes: []byte("\x00\xff"), Bool: true, Int: -8, Uint: 65535, Float: 1.5, Duration: 90 * time.Second,
		When: epoch, Addr: &addr, Level: slog.LevelWarn, Link: *link, Big: big.NewInt(12345678901),
		Words: []string{"a", "b c", "d"}, Times: []time.Duration{time.Second, time.Minute}, Addrs: []netip.Addr{addr},
		Blobs: [][]byte{[]byte("x"), []byte("y")}, Limits: inner{Rate: 3, hidden: 5}, Maybe: &inner{Burst: 4},
		Flags: map[string]bool{"dark mode": true, "beta": false}, Pools: map[string]inner{"p": {1, 2, 0}},
		Deep: map[string]map[string]*int{"a": {"b": &nine}}, Ignored: "kept", private: "kept",
		Common: Common{"eu,west"}, lower: lower{"low"}, Named: Common{"us"}, Deref: &toSeven,
	}
	got := everything{Ignored: "kept", private: "kept", Limits: inner{hidden: 5}}
	for _, prefix := range []string{"app/config", "app/config/", ""} {
		pairs := pairsOf(
			"app/config/Text= as it is\n", "app/config/bytes=\x00\xff", "app/config/Bool= true\n", "app/config/Int=-8",
			"app/config/Uint=65535", "app/config/Float=1.5", "app/config/Duration=1m30s", "app/config/When=2000-01-01T00:00:00Z",
			"app/config/Addr=10.0.0.1", "app/config/Link=https://example.org/a?b=c", "app/config/Big=12345678901",
			"app/config/words= a, b c\n\nd,\n", "app/config/Times=1s,1m", "app/config/Addrs=10.0.0.1\n", "app/config/Blobs=x,y",
			"app/config/limits/", "app/config/limits/Rate=3", "app/config/Maybe/Burst=4", "app/config/Flags/dark mode=1",
			"app/config/Flags/beta=false", "app/config/Pools/p/Rate=1", "app/config/Pools/p/Burst=2", "app/config/Deep/a/b=9",
			"app/config/Low=low", "app/config/named/region=us", "app/config/", "app/config2=another", "app/other=another",
		)
		if prefix == "" {
			pairs = pairs[:len(pairs)-3]
			for _, p := range pairs {
				p.Key = strings.TrimPrefix(p.Key, "app/config/")
			}
		}
		v := got
		if err := consul.DecodeKeys(pairs, prefix, &v); err != nil {
			t.Fatalf("prefix %q: %v", prefix, err)
		}
		if !reflect.DeepEqual(v, want) {
			t.Errorf("prefix %q: got\n%+v, want\n%+v", prefix, v, want)
		}
		pairs[1].Value[0] = 1 // what was decoded is no part of it
		if v.Bytes[0] != 0 {
			t.Error("the bytes are those of the pair")
		}
	}
}

// Each key that is wrong is named, and nothing is changed.
func TestDecodeKeysThatAreWrong(t *testing.T) {
	t.Parallel()
	type config struct {
		everything
		Needed string `consul:"needed,required"`
		Nested struct {
			Needed string `consul:"needed,required"`
		} `consul:"nested"`
		Unless *struct {
			Needed string `consul:"needed,required"`
		} `consul:"unless"`
	}
	fill := func() config {
		return config{everything: everything{Int: 1, Flags: map[string]bool{"a": true}, Maybe: &inner{Rate: 5}, Words: []string{"w"}}}
	}
	v, before := fill(), fill()
	lines := map[string]error{
		"Int=128": consul.ErrMalformedKey, "Uint=-1": consul.ErrMalformedKey, "Bool=maybe": consul.ErrMalformedKey,
		"Float=x": consul.ErrMalformedKey, "Duration=5": consul.ErrMalformedKey, "When=now": consul.ErrMalformedKey,
		"Addr=10.0.0.256": consul.ErrMalformedKey, "Link=http://%zz": consul.ErrMalformedKey, "Times=1s,secret": consul.ErrMalformedKey,
		"Flags/b=perhaps": consul.ErrMalformedKey, "Deep/a/b=one": consul.ErrMalformedKey, "Maybe/Rate=0x10": consul.ErrMalformedKey,
		"log/level=loud": consul.ErrMalformedKey,

		"text=x": consul.ErrUnknownKey, "Text/more=x": consul.ErrUnknownKey, "Ignored=x": consul.ErrUnknownKey,
		"private=x": consul.ErrUnknownKey, "limits=x": consul.ErrUnknownKey, "limits/Rat=x": consul.ErrUnknownKey,
		"limits/hidden=1": consul.ErrUnknownKey, "Flags/a/b=x": consul.ErrUnknownKey, "Pools/p=x": consul.ErrUnknownKey,
		"Common=x": consul.ErrUnknownKey, "a//b=x": consul.ErrUnknownKey, "unless/other=x": consul.ErrUnknownKey,

		"needed": consul.ErrMissingKey, "nested/needed": consul.ErrMissingKey, "unless/needed": consul.ErrMissingKey,
	}
	want := map[string]error{}
	var pairs consul.KVPairs
	for line, err := range lines {
		key, _, there := strings.Cut("app/"+line, "=")
		if want[key] = err; there {
			pairs = append(pairs, pairsOf("app/"+line)...)
		}
	}
	pairs = append(pairs, pairsOf("app/Text=fine", "app/Maybe/Burst=4")...)
	err := consul.DecodeKeys(pairs, "app", &v)
	all, ok := errors.AsType[*consul.KeysError](err)
	if !ok || all.Prefix != "app" {
		t.Fatalf("got %v", err)
	}
	for i, e := range all.Keys {
		if !errors.Is(e, want[e.Key]) || want[e.Key] == nil {
			t.Errorf("key %q: %v, want %v", e.Key, e, want[e.Key])
		}
		delete(want, e.Key)
		if i > 0 && all.Keys[i-1].Key > e.Key {
			t.Errorf("%q comes before %q", all.Keys[i-1].Key, e.Key)
		}
		if !errors.Is(err, e.Err) || !strings.Contains(err.Error(), fmt.Sprintf("%q: ", e.Key)) {
			t.Errorf("%v does not name %v", err, e)
		}
	}
	if len(want) > 0 {
		t.Errorf("nothing is said of %v", want)
	}
	if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "perhaps") {
		t.Errorf("values are shown: %v", err)
	}
	if !reflect.DeepEqual(v, before) {
		t.Errorf("after errors there is %+v, want %+v", v, before)
	}
}

// What a map with "*" takes is no more and no less than what is left.
func TestDecodeTheRest(t *testing.T) {
	t.Parallel()
	var v struct {
		Port   int               `consul:"port"`
		Limits inner             `consul:"limits"`
		Host   string            `consul:"db/host"`
		Rest   map[string]string `consul:"*"`
	}
	pairs := pairsOf("p/port=1", "p/limits/Rate=2", "p/db/host=h", "p/db/name=n", "p/new=x", "p/far/away=y", "p/far/")
	if err := consul.DecodeKeys(pairs, "p", &v); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"db/name": "n", "new": "x", "far/away": "y"}
	if v.Port != 1 || v.Limits.Rate != 2 || v.Host != "h" || !reflect.DeepEqual(v.Rest, want) {
		t.Errorf("got %+v, want the rest %v", v, want)
	}
	err := consul.DecodeKeys(pairsOf("p/port/more=1", "p/limits/Rat=2"), "p", &v)
	if all, ok := errors.AsType[*consul.KeysError](err); !ok || len(all.Keys) != 2 || !errors.Is(err, consul.ErrUnknownKey) {
		t.Errorf("what is under other fields: %v", err)
	}
}

// Keys that are absent leave what was there, and an empty value is a value.
func TestDecodeNothing(t *testing.T) {
	t.Parallel()
	type config struct {
		Text  string   `consul:"text"`
		Words []string `consul:"words"`
		Maybe *inner   `consul:"maybe"`
		Level *int     `consul:"level"`
	}
	shared := &inner{Rate: 1, Burst: 2}
	v := config{Text: "before", Words: []string{"before"}, Maybe: shared}
	before := v
	if err := consul.DecodeKeys(nil, "p", &v); err != nil || !reflect.DeepEqual(v, before) || v.Maybe != shared {
		t.Errorf("no keys: %+v, %v", v, err)
	}
	err := consul.DecodeKeys(pairsOf("p/text=", "p/words=", "p/maybe/Rate=9"), "p", &v)
	if err != nil || v.Text != "" || v.Words == nil || len(v.Words) != 0 || *v.Maybe != (inner{Rate: 9, Burst: 2}) {
		t.Errorf("empty values: %+v, %v", v, err)
	}
	if shared.Rate != 1 {
		t.Error("what a pointer led to was changed")
	}
}

type validated struct{ Port int }

var errPort = errors.New("no such port")

func (v *validated) Validate() error {
	if v.Port > 65535 {
		return errPort
	}
	return nil
}

func TestDecodeKeysValidates(t *testing.T) {
	t.Parallel()
	var v validated
	if err := consul.DecodeKeys(pairsOf("p/Port=80"), "p", &v); err != nil || v.Port != 80 {
		t.Errorf("got %+v, %v", v, err)
	}
	if err := consul.DecodeKeys(pairsOf("p/Port=80000"), "p", &v); !errors.Is(err, errPort) || v.Port != 80 {
		t.Errorf("got %+v, %v, want errPort and the port of before", v, err)
	}
}

type (
	endless    *endless
	endlessMap map[string]endlessMap
	list       []list
	tree       struct {
		Name string
		Next *tree
		All  map[string]tree
	}
)

// What no key can become is refused whatever the keys, and so is a tag that makes no sense.
func TestDecodeRefusesTypes(t *testing.T) {
	t.Parallel()
	var none *inner
	for want, v := range map[string]any{
		"pointer to a struct to decode into, got <nil>": nil,
		"got *consul_test.inner":                        none,
		"got consul_test.inner":                         inner{},
		"got *int":                                      new(int),
		"field A of struct { A func() }":                new(struct{ A func() }),
		"become a chan int":                             new(struct{ A chan int }),
		"become a interface {}":                         new(struct{ A any }),
		"become a []struct {}":                          new(struct{ A []struct{} }),
		"become a []*int":                               new(struct{ A []*int }),
		"become a [][]int":                              new(struct{ A map[string][][]int }),
		"become a [2]int":                               new(struct{ A [2]int }),
		"become a consul_test.list":                     new(struct{ A list }),
		"a map by int":                                  new(struct{ A map[int]string }),
		"endless leads nowhere":                         new(struct{ A endless }),
		"endlessMap leads nowhere":                      new(struct{ A *endlessMap }),
		"embedded pointer: embed the struct itself":     new(struct{ *Common }),
		"it has a tag, and is not exported": new(struct {
			a int `consul:"a"`
		}),
		`the option "requird"`: new(struct {
			A int `consul:"a,requird"`
		}),
		`the name "a//b"`: new(struct {
			A int `consul:"a//b"`
		}),
		`the name "/a"`: new(struct {
			A int `consul:"/a"`
		}),
		`the name "a/"`: new(struct {
			A int `consul:"a/"`
		}),
		`the name ".."`: new(struct {
			A int `consul:".."`
		}),
		`field A has the key "B" too`: new(struct {
			A int `consul:"B"`
			B int
		}),
		`field Common.Region has the key "region" too`: new(struct {
			Common
			R string `consul:"region"`
		}),
		`its default "x" is malformed`: new(struct {
			A int `consul:",default=x"`
		}),
		"which a struct or a map can't have": new(struct {
			A *inner `consul:",default=x"`
		}),
		`the tag "*" is for a map of values`: new(struct {
			A string `consul:"*"`
		}),
		`field A of struct { A map[string]struct {} "consu`: new(struct {
			A map[string]struct{} `consul:"*"`
		}),
		"field B of struct { B func() }": new(struct{ A struct{ B func() } }),
	} {
		err := consul.DecodeKeys(nil, "p", v)
		if !errors.Is(err, consul.ErrInvalidOption) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want one that says %q", err, want)
		}
	}
	v := tree{}
	err := consul.DecodeKeys(pairsOf("p/Next/Next/Name=a", "p/All/x/All/y/Name=b"), "p", &v)
	if err != nil || v.Next.Next.Name != "a" || v.Next.Next.Next != nil || v.All["x"].All["y"].Name != "b" {
		t.Errorf("a tree: %+v, %v", v, err)
	}
}

func TestKVDecode(t *testing.T) {
	t.Parallel()
	kv, ctx, prefix := newClient(t).KV(), testContext(t), unique(t)
	for key, value := range map[string]string{"/limits/Rate": "5", "/Text": "t", "2/Text": "of another"} {
		if _, err := kv.Put(ctx, &consul.KVPair{Key: prefix + key, Value: []byte(value)}); err != nil {
			t.Fatal(err)
		}
	}
	var v everything
	meta, err := kv.Decode(ctx, prefix, &v)
	if err != nil || meta.LastIndex == 0 || v.Text != "t" || v.Limits.Rate != 5 {
		t.Errorf("got %+v, %+v, %v", v, meta, err)
	}
	var other struct{ Text int }
	meta, err = kv.Decode(ctx, prefix, &other)
	if !errors.Is(err, consul.ErrMalformedKey) || !errors.Is(err, consul.ErrUnknownKey) || meta.LastIndex == 0 {
		t.Errorf("got %+v, %v", meta, err)
	}
	if meta, err = kv.Decode(ctx, unique(t), &other); err != nil || meta.LastIndex == 0 {
		t.Errorf("no keys: %+v, %v", meta, err)
	}
	if _, err := kv.Decode(ctx, "/a", &other); !errors.Is(err, consul.ErrInvalidKey) {
		t.Errorf("no prefix: %v", err)
	}
}
