package main

import (
	"strings"
	"testing"
)

// printed is what the benchmarks printed in six rounds, in short.
func printed(t *testing.T) samples {
	t.Helper()
	s := make(samples)
	for _, round := range []string{"1.00", "1.01", "1.02", "0.99", "0.98", "1.03"} {
		out := `goos: linux
cpu: A Processor
BenchmarkKVGet/client=bare-2       	 100	 ` + round + `e4 ns/op	 4305 B/op	 61 allocs/op
BenchmarkKVGet/client=incumbent-2  	 100	 3` + round + `e4 ns/op	 6871 B/op	 91 allocs/op
BenchmarkKVGet/client=this-2       	 100	 1` + round + `e4 ns/op	 5000 B/op	 71 allocs/op
BenchmarkCallers/client=bare-2     	 100	 50000 ns/op	 0 conns/op
BenchmarkCallers/client=incumbent-2	 100	 60000 ns/op	 0.64 conns/op
BenchmarkCallers/client=this-2     	 100	 50000 ns/op	 0 conns/op
BenchmarkGrowth/what=Health/n=10/client=this-2  	 100	 20000 ns/op	 600 allocs/op
BenchmarkGrowth/what=Health/n=1000/client=this-2	 100	 1000000 ns/op	 50000 allocs/op
BenchmarkFaults/what=silence/client=incumbent-2 	 1	 30.00 end-s
BenchmarkFaults/what=silence/client=this-2      	 1	 9.50 end-s
BenchmarkFaults/what=503/client=incumbent-2     	 1	 1.000 lost
BenchmarkFaults/what=503/client=this-2          	 1	 0 lost
BenchmarkViewGet/by=one/client=this-2           	 100	 5.250 ns/op	 0 B/op	 0 allocs/op
BenchmarkPick/balance=random/by=one/client=this-2	 100	 120.0 ns/op	 16 B/op	 1 allocs/op
BenchmarkServiceWatchers/client=incumbent-2     	 1	 0.4000 seen-s	 1000 questions/change	 10000 questions/min	 200.0 idle-questions/min
BenchmarkServiceWatchers/client=this-2          	 1	 0.0125 seen-s	 1.000 questions/change	 10.00 questions/min	 1.091 idle-questions/min
`
		machine, err := s.read(strings.NewReader(out))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(machine, "A Processor, ") {
			t.Errorf("the machine is %q", machine)
		}
	}
	return s
}

func wantLines(t *testing.T, table string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(table, line+"\n") {
			t.Errorf("no line %q in\n%s", line, table)
		}
	}
}

func TestTables(t *testing.T) {
	s := printed(t)
	wantLines(t, renderCalls("Calls", "", calls)(s),
		"| KV get, 28 bytes | time | 1× | 30.9× ± 2% | 11× ± 2% | 2.82 | ≤ 1.05 × bare | missed |",
		"|  | allocations | 61 | 91 | 71 | 1.28 | ≤ 70 | missed |",
		"|  | memory allocated | 4.3 KB | 6.87 KB | 5 KB | 1.37 | ≤ 5.2 KB | met |",
		"|  | new connections a request | 0 | 0.64 | 0 | – | ≤ 0.005 | met |",
		"| KV put, 28 bytes | time | – | – | not measured | – |  |  |",
	)
	wantLines(t, renderGrowth(s),
		"| health, an instance | this client | time | 2.00× | – | 1.00× | – |",
		"| health, an instance | this client | allocations | 60.0 | – | 50.0 | – |",
	)
	wantLines(t, renderDuels("Recipes", "", recipes)(s),
		"| the network goes silent, TTL 10 s: the holder knows after | not within 30 s | 9.5 s | ≤ 10 s | met |",
		"| one answer of 503: the hold is | lost | kept | kept | met |",
	)
	wantLines(t, renderDuels("Watches", "", watches)(s),
		"| View.Get, a service of 1,000 instances | – | 5.25 ns | ≤ 20 ns | met |",
		"| Service.Pick, random | – | 120 ns | ≤ 100 ns | missed |",
		"| a service changes: 1,000 watchers of it have all seen it after | 0.4 s | 12.5 ms |  |  |",
		"| – requests for a change | 1,000 | 1 | ≤ 1 | met |",
		"| – requests a minute, at ten changes a minute | 10,000 | 10 | ≤ 10 | met |",
		"| – requests a minute, while nothing changes | 200 | 1.09 |  |  |",
		"| a key changes: one watcher has the new value after | – | not measured |  |  |",
	)
	if table := renderDuels("", "", watches)(s); strings.Count(table, "| – allocations | – | 0 | ≤ 0 | met |\n") != 1 ||
		strings.Count(table, "| – allocations | – | 1 | ≤ 0 | missed |\n") != 1 {
		t.Errorf("want one line of allocations that meets its aim, and one that misses it, in\n%s", table)
	}
}

func TestNothingMeasured(t *testing.T) {
	if _, err := make(samples).read(strings.NewReader("PASS\n")); err == nil {
		t.Error("what shows no benchmark was taken for a measurement")
	}
}

func TestReplacePart(t *testing.T) {
	got, err := replacePart([]byte("prose\n"+beginMark+"old\n"+endMark+"more prose\n"), []byte("new\n"))
	if want := "prose\n" + beginMark + "new\n" + endMark + "more prose\n"; err != nil || string(got) != want {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
	for _, text := range []string{"prose\n", beginMark, endMark + beginMark} {
		if got, err := replacePart([]byte(text), nil); err == nil {
			t.Errorf("of %q, which has no part to write, came %q", text, got)
		}
	}
}

func TestChoose(t *testing.T) {
	chosen, err := choose("recipes,calls")
	if err != nil || len(chosen) != 2 || chosen[0].name != "recipes" || chosen[1].name != "calls" {
		t.Errorf("%v, %v", chosen, err)
	}
	if all, err := choose(""); err != nil || len(all) != len(parts) {
		t.Errorf("%d parts, %v", len(all), err)
	}
	if _, err := choose("call"); err == nil {
		t.Error("a part that does not exist was chosen")
	}
}
