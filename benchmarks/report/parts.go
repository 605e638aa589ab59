package main

// This file lists the parts of the report.

import (
	"slices"
	"strings"
)

// A part is a table, and the benchmarks that it is made of.
type part struct {
	name       string
	benchmarks []benchmark
	benchtime  string // how long a benchmark runs, where it is not as long as others; "": as they
	render     func(samples) string
}

// A benchmark is the name of one, and how many rounds it runs in, where these are not all; 0: all.
type benchmark struct {
	name   string
	rounds int
}

// fewRounds is the least number of rounds that gives medians a range with the confidence. Benchmarks that take long run in
// no more.
const fewRounds = 6

var parts = []part{
	{
		name: "calls", benchmarks: benchmarksOf(calls, "KVAll"),
		render: renderCalls("Calls", callsCaption, calls),
	},
	{
		name: "real", benchmarks: []benchmark{{"Real", fewRounds}}, benchtime: "100ms",
		render: renderCalls("Calls on a real Consul", realCaption, onReal),
	},
	{
		name: "growth",
		benchmarks: []benchmark{
			{"Growth", fewRounds}, {"GrowthOfCallers", fewRounds}, {"GrowthOfWatchers", fewRounds},
		},
		render: renderGrowth,
	},
	{
		name: "weight", benchmarks: []benchmark{{"Weight", 1}}, benchtime: "1x",
		render: renderCalls("Weight", weightCaption, weight),
	},
	{
		name: "recipes", benchtime: "1x",
		benchmarks: []benchmark{
			{"HandOff", fewRounds}, {"FairContenders", fewRounds}, {"Semaphore", fewRounds}, {"Contenders", 1}, {"Faults", 1},
		},
		render: renderDuels("Recipes", recipesCaption, recipes),
	},
	{
		name: "watches",
		benchmarks: []benchmark{
			{"ViewGet", fewRounds}, {"Pick", fewRounds}, {"KeyWatcher", fewRounds}, {"ServiceWatchers", fewRounds},
		},
		render: renderDuels("Watches", watchesCaption, watches),
	},
}

const callsCaption = `Medians, with the range that holds the true one at 95% confidence; "~" where the difference may be
chance. Time is given in multiples of what bare net/http takes, in the same round, for the request and for reading the answer
into memory that is there already. The server is a process of its own, with answers recorded from Consul 1.22.7.`

const realCaption = `As above, with the server's own work, and with its answers compressed: the real server does that
with all that has more than 1,400 bytes, for all three clients alike.`

const weightCaption = "Packages that are neither the standard library's nor the client's own."

// benchmarksOf gives the benchmarks of subjects, of which some run in few rounds.
func benchmarksOf(subjects []subject, few ...string) []benchmark {
	var all []benchmark
	for _, s := range subjects {
		b := benchmark{name: s.bench}
		if slices.Contains(few, s.bench) {
			b.rounds = fewRounds
		}
		all = append(all, b)
	}
	return all
}

// pattern is the regular expression that chooses the benchmarks of a part in a round; "" where there are none.
func (p part) pattern(round int) string {
	var names []string
	for _, b := range p.benchmarks {
		if b.rounds == 0 || round < b.rounds {
			names = append(names, b.name)
		}
	}
	if names == nil {
		return ""
	}
	return "^Benchmark(" + strings.Join(names, "|") + ")$"
}

func partNames() []string {
	var names []string
	for _, p := range parts {
		names = append(names, p.name)
	}
	return names
}
