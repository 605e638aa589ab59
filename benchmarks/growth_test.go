package benchmarks

// This file measures how the cost of a call grows: with the items in an answer, and with the callers.

import (
	"fmt"
	"slices"
	"testing"
)

var (
	itemCounts   = []int{10, 100, 1000, 10_000}
	callerCounts = []int{10, 100, 1000}
)

// BenchmarkGrowth measures the calls whose answers grow, at each number of items, by the clients that have them.
func BenchmarkGrowth(b *testing.B) {
	url := recorded.url(b)
	for _, work := range []struct {
		name    string
		calls   func(testing.TB, string, int) []call
		clients []string
	}{
		{"KVList", kvList, []string{incumbentName, thisName}},
		{"KVAll", kvAll, []string{thisName}},
		{"Health", health, []string{incumbentName, thisName}},
	} {
		for _, n := range itemCounts {
			for _, c := range work.calls(b, url, n) {
				if slices.Contains(work.clients, c.client) {
					b.Run(growthName(work.name, n, c), func(b *testing.B) { measure(b, c) })
				}
			}
		}
	}
}

// BenchmarkGrowthOfCallers measures a call at each number of callers.
func BenchmarkGrowthOfCallers(b *testing.B) {
	url := recorded.url(b)
	server := newBare(b, url)
	for _, n := range callerCounts {
		for _, c := range slowGet(b, url) {
			if c.client == bareName {
				continue
			}
			b.Run(growthName("Callers", n, c), func(b *testing.B) { measureCallers(b, server, c, n, loops) })
		}
	}
}

func growthName(what string, n int, c call) string {
	return fmt.Sprintf("what=%s/n=%d/client=%s", what, n, c.client)
}
