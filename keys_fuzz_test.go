package consul_test

// This file fuzzes the decoding of keys into structs: no keys and no values bring it down, and each key ends in its field or
// is named.

import (
	"errors"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/lictor-go/consul"
)

type fuzzed struct {
	Text  string            `consul:"text,default=none"`
	Port  uint16            `consul:"port"`
	Words []int             `consul:"words"`
	DB    *inner            `consul:"db"`
	Open  map[string]string `consul:"open"`
	Pools map[string]inner  `consul:"pools"`
	Far   bool              `consul:"far/away"`
}

// fuzzedKeys are the keys of it, said another way.
var fuzzedKeys = regexp.MustCompile(`^(text|port|words|(db|pools/[^/]*)/(Rate|Burst)|open/[^/]+|far/away)$`)

func FuzzDecodeKeys(f *testing.F) {
	f.Add("app", "app/text=x\napp/port=80\napp/words=1,2\napp/db/Rate=3\napp/open/a=b\napp/pools/p/Burst=4\napp/far/away=true")
	f.Add("", "text=x\nport=-1\nnone=x\nfar=1\nfar/away/more=1\nopen/a/b=1\nopen=1\npools//Rate=1")
	f.Add("a/", "a/=\na//=\na//b=\na/db/=1\na/db=2\nb=1\na=1\na/open/=\na/open//=x")
	f.Fuzz(func(t *testing.T, prefix, lines string) {
		pairs := pairsOf(strings.Split(lines, "\n")...)
		dir := prefix
		if dir != "" && !strings.HasSuffix(dir, "/") {
			dir += "/"
		}
		unknown := map[string]bool{}
		for _, p := range pairs {
			name, under := strings.CutPrefix(p.Key, dir)
			if under && name != "" && !strings.HasSuffix(name, "/") && !fuzzedKeys.MatchString(name) {
				unknown[p.Key] = true
			}
		}
		v := fuzzed{Port: 1}
		err := consul.DecodeKeys(pairs, prefix, &v)
		if err == nil {
			if len(unknown) > 0 {
				t.Errorf("these are unknown and not said to be: %v", unknown)
			}
			return
		}
		if v.Port = 0; !reflect.DeepEqual(v, fuzzed{}) {
			t.Errorf("after %v there is %+v", err, v)
		}
		all, ok := errors.AsType[*consul.KeysError](err)
		if !ok || len(all.Keys) == 0 {
			t.Fatalf("got %v", err)
		}
		for _, e := range all.Keys {
			if errors.Is(e, consul.ErrUnknownKey) != unknown[e.Key] {
				t.Errorf("%v, want it unknown: %v", e, unknown[e.Key])
			}
			delete(unknown, e.Key)
		}
		if len(unknown) > 0 {
			t.Errorf("%v, and nothing of %v", err, unknown)
		}
	})
}
