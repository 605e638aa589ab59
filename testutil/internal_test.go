package testutil

// The tests of what has no face of its own: where ports come from, where the binary is looked for, how a log is cut.

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPortRangeIsBesideTheEphemeralOne(t *testing.T) {
	for _, c := range []struct{ first, last, low, high int }{
		{32768, 60999, 10000, 32767},
		{49152, 65535, 10000, 49151},
		{1024, 20000, 20001, 65535},
		{15000, 64000, 10000, 14999},
		{1024, 65535, 10000, 32767}, // no room: the usual range
	} {
		if low, high := besidePorts(c.first, c.last); low != c.low || high != c.high {
			t.Errorf("beside %d to %d: %d to %d, want %d to %d", c.first, c.last, low, high, c.low, c.high)
		}
	}
}

func TestBlocksAreApart(t *testing.T) {
	t.Parallel()
	// Two allocators on the same ports stand for two processes.
	a := &portAllocator{first: ports().first, blocks: ports().blocks, next: 7}
	b := &portAllocator{first: a.first, blocks: a.blocks, next: a.next}
	seen := map[int]bool{}
	for range 5 {
		for _, from := range []*portAllocator{a, b} {
			block, err := from.take()
			if err != nil {
				t.Fatal(err)
			}
			defer block.release()
			if seen[block.first] {
				t.Fatalf("two blocks start at %d", block.first)
			}
			seen[block.first] = true
		}
	}
}

func TestBlockWithPortInUse(t *testing.T) {
	t.Parallel()
	block, err := ports().take()
	if err != nil {
		t.Fatal(err)
	}
	if err := block.release(); err != nil {
		t.Fatal(err)
	}
	user, err := net.ListenPacket("udp4", block.addr(portSerfWAN))
	if err != nil {
		t.Fatal(err)
	}
	defer user.Close()
	only := &portAllocator{first: block.first, blocks: 1}
	if taken, err := only.take(); err == nil {
		taken.release()
		t.Fatal("a block was given of which one port is in use")
	} else if !strings.Contains(err.Error(), "stop what listens there") {
		t.Errorf("the error does not say what to do: %v", err)
	}
	// The refusal must not keep the block's first port.
	if err := user.Close(); err != nil {
		t.Fatal(err)
	}
	taken, err := only.take()
	if err != nil {
		t.Fatal(err)
	}
	if err := taken.release(); err != nil {
		t.Fatal(err)
	}
}

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
