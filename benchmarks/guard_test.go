package benchmarks

// This file keeps this client's calls from growing: how much each allocates is recorded, since that is steady where times
// are not. Recorded is what a call allocates beyond bare net/http, which makes the same request: what that allocates is
// another number in another version of Go.

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"testing"
)

// guarded are the calls, those with lists at a size that shows a single allocation more an item.
var guarded = map[string]func(testing.TB, string) []call{
	"KVGet":         kvGet,
	"KVPut":         kvPut,
	"KVGetLarge":    kvGetLarge,
	"KVGetRaw":      kvGetRaw,
	"KVList/100":    func(t testing.TB, url string) []call { return kvList(t, url, 100) },
	"KVAll/100":     func(t testing.TB, url string) []call { return kvAll(t, url, 100) },
	"Health/100":    func(t testing.TB, url string) []call { return health(t, url, 100) },
	"BlockingRound": blockingRound,
	"SessionRenew":  sessionRenew,
}

// slack is how many allocations more pass: pools that a garbage collection has emptied are filled again.
const slack = 2

var guardFile = filepath.Join("testdata", "allocations.txt")

// TestAllocations fails where a call allocates more often than is recorded.
func TestAllocations(t *testing.T) {
	url := recorded.url(t)
	got := make(map[string]int)
	for name, calls := range guarded {
		byClient := make(map[string]int)
		for _, c := range calls(t, url) {
			if c.client != incumbentName {
				byClient[c.client] = allocationsOf(t, c)
			}
		}
		got[name] = byClient[thisName] - byClient[bareName]
	}
	if *update {
		writeGuard(t, got)
		return
	}
	want := readGuard(t)
	for _, name := range slices.Sorted(maps.Keys(got)) {
		allowed, ok := want[name]
		switch {
		case !ok:
			t.Errorf("%s has no line in %s: write it with -update", name, guardFile)
		case got[name] > allowed+slack:
			t.Errorf("%s makes %d allocations a call beyond those of net/http, recorded are %d.\n"+
				"To see where they come from: go test -run '^$' -bench %s -memprofile mem.out -memprofilerate 1\n"+
				"If they are worth it: go test -run Allocations -update",
				name, got[name], allowed, path.Dir(name+"/"))
		case got[name] < allowed-slack:
			t.Logf("%s makes %d allocations a call beyond those of net/http, recorded are %d: -update keeps it so",
				name, got[name], allowed)
		}
	}
	if len(want) != len(got) {
		t.Errorf("%s has %d lines, want one a call, which are %d: write it with -update", guardFile, len(want), len(got))
	}
}

// allocationsOf counts those of a call once it has its connection.
func allocationsOf(t *testing.T, c call) int {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	allocations := testing.AllocsPerRun(50, func() {
		if err := c.do(ctx); err != nil {
			t.Fatal(err)
		}
	})
	c.check(t)
	return int(allocations)
}

func readGuard(t *testing.T) map[string]int {
	t.Helper()
	data, err := os.ReadFile(guardFile)
	if err != nil {
		t.Fatal(err)
	}
	recorded := make(map[string]int)
	for line := range bytes.Lines(data) {
		var name string
		var n int
		if _, err := fmt.Sscanf(string(line), "%s %d\n", &name, &n); err != nil {
			t.Fatalf("%s: the line %q: %v", guardFile, line, err)
		}
		recorded[name] = n
	}
	return recorded
}

func writeGuard(t *testing.T, got map[string]int) {
	t.Helper()
	var out bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(got)) {
		fmt.Fprintf(&out, "%s %d\n", name, got[name])
	}
	if err := os.WriteFile(guardFile, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
