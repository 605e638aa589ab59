package testutil

// The tests of what has no face of its own: where the binary is looked for, how a log is cut.

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestModuleRoot(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	deep := filepath.Join(root, "nested", "deep")
	if err := os.MkdirAll(deep, 0o700); err != nil {
		t.Fatal(err)
	}
	if got := moduleRoot(deep); got != "" {
		t.Fatalf("root %q where there is no go.mod", got)
	}
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(root, "go.mod"), "// A comment.\nmodule "+modulePath+" // ours\n\ngo 1.26\n")
	write(filepath.Join(root, "nested", "go.mod"), "module "+modulePath+"/nested\n")
	if got := moduleRoot(deep); got != root {
		t.Errorf("root %q, want %q", got, root)
	}
}

func TestBinaryThatIsNowhere(t *testing.T) {
	t.Setenv("CONSUL_BIN", "")
	t.Setenv("PATH", t.TempDir())
	for name, want := range map[string]string{
		"consul":        "CONSUL_BIN (not set), consul on PATH, a checkout",
		"consul-legacy": "CONSUL_LEGACY_BIN (not set), a checkout",
	} {
		t.Setenv("CONSUL_LEGACY_BIN", "")
		_, err := (&settings{legacy: name == "consul-legacy"}).findBinary(nil)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), `run "make consul"`) {
			t.Errorf("%s: error %v", name, err)
		}
		empty := t.TempDir()
		_, err = (&settings{legacy: name == "consul-legacy"}).findBinary([]string{empty})
		if err == nil || !strings.Contains(err.Error(), filepath.Join(empty, ".bin", name)) {
			t.Errorf("%s: the error does not name what make consul builds: %v", name, err)
		}
	}
}

func TestBinaryOnPath(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "consul")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CONSUL_BIN", "")
	t.Setenv("PATH", dir)
	if got, err := (&settings{}).findBinary(nil); err != nil || got != path {
		t.Errorf("found %q (%v), want %q", got, err, path)
	}
}

func TestTail(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		n    int
		want string
	}{
		{"", 2, ""},
		{"a\nb\n", 2, "a\nb"},
		{"a\nb\nc\n", 2, "(1 lines before these)\nb\nc"},
	} {
		if got := tail(c.text, c.n); got != c.want {
			t.Errorf("tail(%q, %d) is %q, want %q", c.text, c.n, got, c.want)
		}
	}
}
