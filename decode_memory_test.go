package consul_test

// This file tests what memory answers take: how much of it lives on with one item.

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/lictor-go/consul"
)

// heapInUse is what lives on the heap, less what pools keep for a while.
func heapInUse() int {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int(stats.HeapAlloc)
}

// longAnswer is an array of n items, made by format from their numbers.
func longAnswer(n int, format string) string {
	var b strings.Builder
	for i := range n {
		b.WriteByte("[,"[min(i, 1)])
		fmt.Fprintf(&b, format, i)
	}
	return b.String() + "]"
}

const (
	pairFormat = `{"LockIndex":0,"Key":"a/key/of/some/length/%06d","Flags":0,"Value":"dGhlIHZhbHVlIG9mIGEga2V5",` +
		`"CreateIndex":7,"ModifyIndex":7}`
	entryFormat = `{"Node":{"ID":"","Node":"node-%[1]06d","Meta":{"rack":"r"}},` +
		`"Service":{"ID":"web-%[1]06d","Tags":["blue"],"Meta":null},` +
		`"Checks":[{"CheckID":"c-%[1]06d","Status":"passing","Definition":{}}]}`
)

// One item of a long answer holds itself and a few neighbours of its strings, not the answer.
func TestAnItemOfALongAnswerHoldsLittle(t *testing.T) {
	const n, most = 10_000, 12 << 10
	pairs := longAnswer(n, pairFormat)
	entries := longAnswer(n, entryFormat)
	for name, hold := range map[string]func() any{
		"KV.List": func() any {
			client := clientWith(t, &consul.Config{Transport: respond(answer(200, pairs))})
			list, _, err := client.KV().List(t.Context(), "")
			if err != nil || len(list) != n {
				t.Fatalf("%d pairs, %v", len(list), err)
			}
			return list[n/2]
		},
		"Health.Service": func() any {
			client := clientWith(t, &consul.Config{Transport: respond(answer(200, entries))})
			list, _, err := client.Health().Service(t.Context(), "web")
			if err != nil || len(list) != n {
				t.Fatalf("%d entries, %v", len(list), err)
			}
			return list[n/2]
		},
	} {
		hold() // what the first call of all leaves behind does not count
		before := heapInUse()
		item := hold()
		if held := heapInUse() - before; held > most {
			t.Errorf("%s: one item of %d holds %d bytes", name, n, held)
		}
		runtime.KeepAlive(item)
	}
}

// What an item of a long list takes: a pair one allocation, and its share of those that many have in common; an instance
// two of its own, and those of the maps and slices in it. Some are to spare for the race detector, which empties pools.
func TestAllocationsOfALongAnswer(t *testing.T) {
	const n = 1000
	for name, test := range map[string]struct {
		item string
		most float64 // allocations an item
		call func(*consul.Client) (int, error)
	}{
		"KV.List": {pairFormat, 1.2, func(c *consul.Client) (int, error) {
			list, _, err := c.KV().List(t.Context(), "")
			return len(list), err
		}},
		"Health.Service": {entryFormat, 7, func(c *consul.Client) (int, error) {
			list, _, err := c.Health().Service(t.Context(), "web")
			return len(list), err
		}},
	} {
		client := clientWith(t, &consul.Config{Transport: respond(answer(200, longAnswer(n, test.item)))})
		got := testing.AllocsPerRun(10, func() {
			if items, err := test.call(client); err != nil || items != n {
				t.Fatalf("%s: %d items, %v", name, items, err)
			}
		})
		if got > test.most*n {
			t.Errorf("%s: %.2f allocations an item, want at most %v", name, got/n, test.most)
		}
	}
}
