package main

// This file makes tables that put this client beside the incumbent, a line for each figure.

import (
	"fmt"
	"strings"
)

// A duel is something measured of this client, and of the incumbent where that can do it.
type duel struct {
	what  string
	bench string
	goal  goal
	peer  string // the benchmark that gives the incumbent's figure, where it is another
}

// renderDuels makes the table of duels.
func renderDuels(title, caption string, duels []duel) func(samples) string {
	return func(s samples) string {
		var b strings.Builder
		fmt.Fprintf(&b, "## %s\n\n%s\n\n| what | incumbent | this client | aim | |\n|---|---|---|---|---|\n", title, caption)
		for _, d := range duels {
			this, incumbent := figure{d.bench, "this", d.goal.unit}, figure{d.bench, "incumbent", d.goal.unit}
			if d.peer != "" {
				incumbent.bench = d.peer
			}
			aim, met := d.goal.judge(s, this)
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", d.what, d.goal.format(s, incumbent), d.goal.format(s, this), aim, met)
		}
		return b.String()
	}
}

// formatSeconds writes a time.
func formatSeconds(v float64) string {
	switch {
	case v < 1e-6:
		return fmt.Sprintf("%.3g ns", v*1e9)
	case v < 0.1:
		return fmt.Sprintf("%.3g ms", v*1e3)
	}
	return fmt.Sprintf("%.3g s", v)
}
