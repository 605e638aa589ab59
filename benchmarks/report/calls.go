package main

// This file makes the table of the calls: what is measured of each, what it shall be, and what it is.

import (
	"fmt"
	"math"
	"strings"
)

// Units, as benchmarks name them.
const (
	seconds     = "sec/op"
	allocations = "allocs/op"
	memory      = "B/op"
	peak        = "peak-B"
	connections = "conns/op"
	packages    = "packages"

	watcherMemory      = "watcher-B"
	watcherConnections = "conns/watcher"
)

// A subject is a call that is compared.
type subject struct {
	what  string
	bench string
	goals []goal
}

// A goal is something measured, and the most that it shall be: most, or most times what a client has. One without a limit
// is there to be seen.
type goal struct {
	unit string
	most float64
	of   string
}

// none is the most of a goal that is 0, since a limit of 0 is none. What is counted is less than that, or more.
const none = math.SmallestNonzeroFloat64

var calls = []subject{
	{"KV get, 28 bytes", "KVGet", []goal{{seconds, 1.05, "bare"}, {allocations, 70, ""}, {memory, 5200, ""}}},
	{"KV put, 28 bytes", "KVPut", []goal{{unit: seconds}, {allocations, 68, ""}}},
	{"KV get, 500 KiB", "KVGetLarge", []goal{{seconds, 1. / 3, "incumbent"}, {memory, 1.2e6, ""}}},
	{"KV get of 500 KiB, raw", "KVGetRaw", []goal{{seconds, 1.2, "bare"}}},
	{"KV list, 10,000 keys", "KVList", []goal{{seconds, 1. / 4, "incumbent"}, {memory, 2.6e6, ""}, {allocations, 20_200, ""}}},
	{"KV list, 100,000 keys, one by one", "KVAll", []goal{{unit: seconds}, {peak, 8e6, ""}}},
	{"health, 1,000 instances", "Health", []goal{{seconds, 1. / 4, "incumbent"}, {memory, 3e6, ""}, {allocations, 24_000, ""}}},
	{"64 callers, each asks on and on", "Callers", []goal{{seconds, 1.04, "bare"}, {connections, 0.005, ""}}},
	{"64 calls at once, again and again", "Bursts", []goal{{seconds, 1.04, "bare"}, {connections, 0.005, ""}}},
	{"a round of a blocking query", "BlockingRound", []goal{{unit: seconds}, {unit: allocations}}},
	{"the renewal of a session", "SessionRenew", []goal{{unit: seconds}, {unit: allocations}}},
}

// onReal are calls on a real Consul.
var onReal = []subject{
	{"KV get, 28 bytes", "Real/what=KVGet", []goal{{unit: seconds}}},
	{"KV put, 28 bytes", "Real/what=KVPut", []goal{{unit: seconds}}},
	{"KV list, 10,000 keys", "Real/what=KVList", []goal{{unit: seconds}}},
	{"health, 1,000 instances", "Real/what=Health", []goal{{unit: seconds}}},
}

var weight = []subject{
	{"a program that does a KV get", "Weight", []goal{{packages, 6, ""}}},
}

// renderCalls makes the table of subjects.
func renderCalls(title, caption string, subjects []subject) func(samples) string {
	return func(s samples) string {
		var b strings.Builder
		fmt.Fprintf(&b, "## %s\n\n%s\n\n", title, caption)
		b.WriteString("| work | | bare net/http | incumbent | this client | incumbent ÷ this | aim | |\n")
		b.WriteString("|---|---|---|---|---|---|---|---|\n")
		for _, subject := range subjects {
			what := subject.what
			for _, g := range subject.goals {
				b.WriteString(g.row(s, what, subject.bench))
				what = ""
			}
		}
		return b.String()
	}
}

// row is the line of a goal.
func (g goal) row(s samples, what, bench string) string {
	of := func(client string) figure { return figure{bench, client, g.unit} }
	better := "–"
	if r, ok := s.ratio(of("incumbent"), of("this")); ok {
		better = fmt.Sprintf("%.3g", r.Center)
		if r.n > 1 && r.Lo < 1 && r.Hi > 1 {
			better = "~"
		}
	}
	aim, met := g.judge(s, of("this"))
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s | %s | %s |\n", what, unitNames[g.unit],
		g.format(s, of("bare")), g.format(s, of("incumbent")), g.format(s, of("this")), better, aim, met)
}

var unitNames = map[string]string{
	seconds:     "time",
	allocations: "allocations",
	memory:      "memory allocated",
	peak:        "most memory above idle",
	connections: "new connections a request",
	packages:    "packages of others",

	watcherMemory:      "memory",
	watcherConnections: "connections",
}

// format writes what was measured: time as a multiple of what the bare call takes, where there is one.
func (g goal) format(s samples, f figure) string {
	if g.unit == seconds {
		if m, ok := s.ratio(f, figure{f.bench, "bare", seconds}); ok {
			return fmt.Sprintf("%.3g×", m.Center) + m.spread()
		}
	}
	m, ok := s.median(f)
	if !ok {
		return absent(f)
	}
	return formatNumber(g.unit, m.Center) + m.spread()
}

// absent stands for a figure that is not there. Of this client all figures should be.
func absent(f figure) string {
	if f.client == "this" {
		return "not measured"
	}
	return "–"
}

func formatNumber(unit string, v float64) string {
	switch unit {
	case memory, peak, watcherMemory:
		switch {
		case v >= 1e6:
			return fmt.Sprintf("%.3g MB", v/1e6)
		case v >= 1e3:
			return fmt.Sprintf("%.3g KB", v/1e3)
		}
		return fmt.Sprintf("%.0f B", v)
	case connections, watcherConnections, readsOfHold, writesOfHold, questionsAChange, idleAMinute:
		if v >= 1000 {
			return thousands(v)
		}
		return fmt.Sprintf("%.3g", v)
	case seconds, untilEnd, untilRival, untilNext, handOff, total, untilSeen:
		if unit == untilEnd && v >= patience {
			return fmt.Sprintf("not within %d s", patience)
		}
		return formatSeconds(v)
	case lost:
		if v > 0 {
			return "lost"
		}
		return "kept"
	}
	return thousands(v)
}

// thousands writes a whole number with commas.
func thousands(v float64) string {
	text := fmt.Sprintf("%.0f", v)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// judge gives the aim in words, and whether it is met.
func (g goal) judge(s samples, this figure) (aim, met string) {
	m, ok := s.median(this)
	switch {
	case g.of != "":
		m, ok = s.ratio(this, figure{this.bench, g.of, g.unit})
		aim = fmt.Sprintf("≤ %.3g × %s", g.most, g.of)
		if g.most < 1 {
			aim = fmt.Sprintf("≤ %s ÷ %.3g", g.of, 1/g.most)
		}
	case g.unit == lost:
		aim = formatNumber(lost, 0)
	case g.most != 0:
		aim = "≤ " + formatNumber(g.unit, g.most)
	}
	switch {
	case aim == "" || !ok:
		return "", ""
	case m.Center <= g.most:
		return aim, "met"
	case g.unit == seconds && m.Lo <= g.most:
		return aim, "within the noise"
	}
	return aim, "missed"
}
