package main

// This file says what is measured of views, services and watches.

import "slices"

// Units of the watches.
const (
	untilSeen        = "seen-s" // from before a change is written until all who watch have seen it
	questionsAChange = "questions/change"
	questionsAMinute = "questions/min"
	idleAMinute      = "idle-questions/min" // while nothing changes
)

var watches = slices.Concat(
	reads("View.Get, a service of 1,000 instances", "ViewGet", 20e-9),
	reads("Service.Pick of 1,000 instances, round robin", "Pick/balance=round_robin", 100e-9),
	reads("Service.Pick, random", "Pick/balance=random", 100e-9),
	reads("Service.Pick, weighted", "Pick/balance=weighted", 100e-9),
	reads("Service.Pick, least pending", "Pick/balance=least_pending", 100e-9),
	reads("Service.Pick, nearest", "Pick/balance=nearest", 100e-9),
	changes,
)

// reads are the lines of what reads memory alone: its time, and that it allocates nothing.
func reads(what, bench string, most float64) []duel {
	bench += "/by=one"
	return []duel{
		{what, bench, goal{unit: seconds, most: most}, ""},
		{"– allocations", bench, goal{unit: allocations, most: none}, ""},
	}
}

var changes = []duel{
	{"a key changes: one watcher has the new value after", "KeyWatcher", goal{unit: untilSeen}, ""},
	{"a service changes: 1,000 watchers of it have all seen it after", "ServiceWatchers", goal{unit: untilSeen}, ""},
	{"– requests for a change", "ServiceWatchers", goal{unit: questionsAChange, most: 1}, ""},
	{"– requests a minute, at ten changes a minute", "ServiceWatchers", goal{unit: questionsAMinute, most: 10}, ""},
	{"– requests a minute, while nothing changes", "ServiceWatchers", goal{unit: idleAMinute}, ""},
}

const watchesCaption = `View.Get and Service.Pick by one goroutine, with nothing else under way. What follows them is on a
real Consul, and the incumbent's are the plans of its watch package, all on one client. A service has ten instances, and
changes in one of them. The time of a change is the median of those from before its write until the last watcher has what was
written. Requests are those counted over ten changes, each written when all had seen the one before and waited again; at ten
a minute a change is due every six seconds, so that no wait runs out and these are the requests of a minute. While nothing
changes, a question that waits is asked again when its wait has run out: counted are the questions that wait, and computed
what they come to, at 55 seconds for a wait of this client and the five minutes that servers give the incumbent, which asks
for none. (Servers add up to a sixteenth to a wait.) The server is told to take more than 200 connections from one address,
which the incumbent's plans need.`
