package main

// This file makes the table of growth: what an item costs, however many there are.

import (
	"fmt"
	"strings"
)

// A growth is a call that grows.
type growth struct {
	what, bench string
	perItem     bool // what a call costs is divided by the number of its items
	units       []string
}

var growths = []growth{
	{"KV list, a key", "Growth/what=KVList", true, []string{seconds, allocations, memory}},
	{"KV list one by one, a key", "Growth/what=KVAll", true, []string{seconds, allocations, memory}},
	{"health, an instance", "Growth/what=Health", true, []string{seconds, allocations, memory}},
	{"so many callers, a request", "GrowthOfCallers/what=Callers", false, []string{allocations, connections}},
	{"so many watchers of a key, each", "GrowthOfWatchers/what=Watchers", false, []string{watcherMemory, watcherConnections}},
}

var sizes = []int{10, 100, 1000, 10_000}

// timeBase is the size at which this client's time is the unit of times.
const timeBase = 1000

const growthCaption = `What an item costs in an answer of so many, a request among so many callers, and one of so many who
watch a key while it does not change: the incumbent's are loops of blocking queries, as in its watch plans. Time is given in
multiples of what an item costs this client at 1,000. With few items the request itself, which is bare net/http's too, is
most of the cost.`

func renderGrowth(s samples) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## Growth\n\n%s\n\n| work | client | |", growthCaption)
	for _, n := range sizes {
		fmt.Fprintf(&b, " %s |", thousands(float64(n)))
	}
	b.WriteString("\n|---|---|---|" + strings.Repeat("---|", len(sizes)) + "\n")
	for _, g := range growths {
		for _, client := range []string{"incumbent", "this"} {
			for _, unit := range g.units {
				b.WriteString(g.row(s, client, unit))
			}
		}
	}
	return b.String()
}

// row is the line of a client and a unit; "" where that was not measured.
func (g growth) row(s samples, client, unit string) string {
	row, measured := fmt.Sprintf("| %s | %s | %s |", g.what, clientNames[client], unitNames[unit]), false
	for _, n := range sizes {
		cell, ok := g.cell(s, client, unit, n)
		measured = measured || ok
		row += " " + cell + " |"
	}
	if !measured {
		return ""
	}
	return row + "\n"
}

var clientNames = map[string]string{"incumbent": "incumbent", "this": "this client"}

// cell writes the cost of an item, or of a request, among n.
func (g growth) cell(s samples, client, unit string, n int) (text string, measured bool) {
	of := func(client string, n int) figure { return figure{fmt.Sprintf("%s/n=%d", g.bench, n), client, unit} }
	each := func(n int) float64 {
		if g.perItem {
			return float64(n)
		}
		return 1
	}
	m, ok := s.median(of(client, n))
	if !ok {
		return "–", false
	}
	cost := m.Center / each(n)
	switch unit {
	case seconds:
		m, ok := s.ratio(of(client, n), of("this", timeBase))
		return fmt.Sprintf("%.2f×", m.Center/each(n)*each(timeBase)), ok
	case allocations:
		return fmt.Sprintf("%.1f", cost), true
	}
	return formatNumber(unit, cost), true
}
