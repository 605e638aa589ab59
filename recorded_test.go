package consul_test

// This file compares types with JSON recorded from the real server: what the server sends and a type knows must survive
// decoding and encoding.

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// checkRecorded decodes testdata/recorded/name into a T, encodes that, and fails where a value of the file is lost or
// changed on the way. Paths that begin with one of ignored ("[].Proxy.Config") are not compared: each is a field that
// the types leave out on purpose. It gives the decoded value for further checks.
func checkRecorded[T any](t *testing.T, name string, ignored ...string) T {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "recorded", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	var v T
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("%s into %T: %v", name, v, err)
	}
	again, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	want, got := flatten(t, data), flatten(t, again)
	for path, value := range want {
		if slices.ContainsFunc(ignored, func(p string) bool { return strings.HasPrefix(path, p) }) {
			continue
		}
		if other, ok := got[path]; !ok || !sameJSON(value, other) {
			t.Errorf("%s: %s is %v in the recording, and %v after decoding into %T and encoding", name, path, value, other, v)
		}
	}
	for _, p := range ignored {
		if !slices.ContainsFunc(keys(want), func(path string) bool { return strings.HasPrefix(path, p) }) {
			t.Errorf("%s has no %s: don't ignore it", name, p)
		}
	}
	return v
}

// flatten gives each value that is not empty by its path.
func flatten(t *testing.T, data []byte) map[string]any {
	t.Helper()
	var v any
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	flat := map[string]any{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, e := range v {
				walk(path+"."+k, e)
			}
		case []any:
			for i, e := range v {
				walk(fmt.Sprintf("%s[%d]", path, i), e)
			}
		case nil:
		case string:
			if v != "" {
				flat[path] = v
			}
		case bool:
			if v {
				flat[path] = v
			}
		case json.Number:
			if f, err := v.Float64(); err != nil || f != 0 {
				flat[path] = v
			}
		}
	}
	walk("", v)
	return flat
}

// sameJSON compares two values; a duration may be text on one side and nanoseconds on the other, a number may be written
// in two ways.
func sameJSON(a, b any) bool {
	if a == b {
		return true
	}
	x, ok := nanoseconds(a)
	y, ok2 := nanoseconds(b)
	return ok && ok2 && x == y
}

func nanoseconds(v any) (float64, bool) {
	switch v := v.(type) {
	case json.Number:
		f, err := v.Float64()
		return f, err == nil
	case string:
		if d, err := time.ParseDuration(v); err == nil {
			return float64(d), true
		}
		at, err := time.Parse(time.RFC3339Nano, v)
		return float64(at.UnixNano()), err == nil
	}
	return 0, false
}

func keys(m map[string]any) []string {
	var ks []string
	for k := range m {
		ks = append(ks, k)
	}
	return ks
}
