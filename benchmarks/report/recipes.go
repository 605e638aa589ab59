package main

// This file says what is measured of the recipes.

// Units of the recipes.
const (
	untilEnd     = "end-s"     // until the holder knows that the hold is over
	untilRival   = "rival-s"   // until another holds the lock
	untilNext    = "next-s"    // until the next holder has it
	handOff      = "handoff-s" // from one holder to the next
	total        = "total-s"
	readsOfHold  = "reads/hold"
	writesOfHold = "writes/hold"
	writes       = "writes"
	lost         = "lost" // 1: the hold was lost, 0: it was kept, which is the aim
)

// patience is how long the end of a hold is waited for, in seconds.
const patience = 30

var recipes = []duel{
	{"the network goes silent, TTL 10 s: the holder knows after", "Faults/what=silence", goal{unit: untilEnd, most: 10}, ""},
	{"– and a rival holds the lock after", "Faults/what=silence", goal{unit: untilRival}, ""},
	{"a session of lock-delay 2 s ends: the next holds after", "Faults/what=lockdelay", goal{unit: untilNext, most: 2.3}, ""},
	{"hand-off, one waiter", "HandOff", goal{unit: handOff, most: 0.0013}, ""},
	{"100 contenders for a Lock, each once: in all", "Contenders", goal{unit: total, most: 2}, ""},
	{"– reads a hold", "Contenders", goal{unit: readsOfHold}, ""},
	{"– writes a hold", "Contenders", goal{unit: writesOfHold}, ""},
	{"100 contenders for a FairLock, each once: in all", "FairContenders", goal{unit: total, most: 1}, "Contenders"},
	{"– reads a hold", "FairContenders", goal{unit: readsOfHold, most: 3}, "Contenders"},
	{"– writes a hold", "FairContenders", goal{unit: writesOfHold, most: 2}, "Contenders"},
	{"semaphore of 3, 50 contenders, each once: writes", "Semaphore", goal{unit: writes, most: 250}, ""},
	{"– in all", "Semaphore", goal{unit: total}, ""},
	{"one answer of 503: the hold is", "Faults/what=503", goal{unit: lost}, ""},
	{"no leader for 3 s: the hold is", "Faults/what=election", goal{unit: lost}, ""},
}

const recipesCaption = `On a real Consul, both clients in one run, with the sessions that the recipes make for
themselves. A FairLock is compared with the incumbent's Lock, for it has no other.`
