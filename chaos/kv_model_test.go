package chaos

// This file is the model that histories of a key are checked against, and shows what it refuses.

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/anishathalye/porcupine"
)

// action is what a call does with its key.
type action int

const (
	read action = iota
	write
	compareAndSet
	compareAndDelete
	remove
	acquire
	release
)

func (a action) String() string {
	return [...]string{"get", "put", "cas", "delete-cas", "delete", "acquire", "release"}[a]
}

// input is a call.
type input struct {
	action  action
	key     string
	value   string
	index   uint64 // of compareAndSet and compareAndDelete; 0 for a key that is absent
	session string // of acquire and release
	relaxed bool   // of reads: in the default mode
}

// output is what a call was answered.
type output struct {
	ok      bool // of all but reads: it took effect
	unknown bool // the answer was lost: it took effect, once, at any time from then on, or never
	pair    pair // of reads
}

// pair is what a key holds; the zero pair is none. The index of a key is read by those that compare with it, so that the
// model knows it from them.
type pair struct {
	exists  bool
	value   string
	index   uint64
	session string
}

// state is what the model knows of a key: all but its index, which the server chooses, until that was read.
type state struct {
	pair
	known bool // the index is
	// floor is the highest index that was read: those of later writes are above it.
	floor uint64
}

// never is when a call ended that was not answered.
const never = math.MaxInt64

// model is a key as Consul has it, one for each key.
var model = porcupine.Model{
	Partition:         byKey,
	Init:              func() any { return state{} },
	Step:              step,
	Equal:             func(a, b any) bool { return a == b },
	DescribeOperation: describe,
}

func byKey(history []porcupine.Operation) [][]porcupine.Operation {
	keys := map[string][]porcupine.Operation{}
	for _, o := range history {
		key := o.Input.(input).key
		keys[key] = append(keys[key], o)
	}
	return slices.Collect(maps.Values(keys))
}

func describe(in, out any) string {
	return fmt.Sprintf("%v %+v -> %+v", in.(input).action, in, out)
}

// step says whether a call could have been answered so on the state, and what the state is after it.
func step(current, in, out any) (bool, any) {
	s, call, answer := current.(state), in.(input), out.(output)
	took, next := s.apply(call)
	if call.action == read {
		return s.readAs(answer.pair)
	}
	return took == answer.ok || answer.unknown, next
}

// apply says whether a call takes effect, and what it leaves.
func (s state) apply(call input) (bool, state) {
	mine := s.exists && s.session == call.session
	var takes bool
	next := s.written(call.value, s.session)
	switch call.action {
	case write:
		takes = true
	case compareAndSet:
		takes = s.isAt(call.index)
	case compareAndDelete:
		// Nothing to delete is no failure.
		takes, next = !s.exists || s.isAt(call.index), state{floor: s.floor}
	case remove:
		takes, next = true, state{floor: s.floor}
	case acquire:
		takes, next = s.session == "" || mine, s.written(call.value, call.session)
	case release:
		takes, next = mine, s.written(call.value, "")
	}
	if !takes {
		return false, s
	}
	return true, next
}

// written is the state after a write, at an index that nobody has read yet.
func (s state) written(value, session string) state {
	return state{pair: pair{exists: true, value: value, session: session}, floor: s.floor}
}

// isAt says whether the key is at an index; 0 is that of a key which is absent. An index to compare with was read from the
// key, and so one that is not known cannot be meant.
func (s state) isAt(index uint64) bool {
	if !s.exists {
		return index == 0
	}
	return s.known && s.index == index
}

// readAs says whether a read could have shown p, which tells the index of the last write.
func (s state) readAs(p pair) (bool, state) {
	if !p.exists {
		return !s.exists, s
	}
	fits := s.exists && s.value == p.value && s.session == p.session
	if s.known {
		return fits && s.index == p.index, s
	}
	return fits && p.index > s.floor, state{pair: p, known: true, floor: p.index}
}

// one is an operation of a history in which each begins after the end of the one before, unless that was not answered.
type one struct {
	in      input
	ok      bool
	unknown bool
	pair    pair
}

func TestModelRefuses(t *testing.T) {
	t.Parallel()
	at := func(value string, index uint64, session string) pair { return pair{true, value, index, session} }
	for name, test := range map[string]struct {
		history []one
		want    bool
	}{
		"a stale read": {[]one{
			{in: input{action: write, value: "1"}, ok: true}, {in: input{action: write, value: "2"}, ok: true},
			{in: input{action: read}, pair: at("1", 5, "")}}, false},
		"a read of a key that was deleted": {[]one{
			{in: input{action: write, value: "1"}, ok: true}, {in: input{action: remove}, ok: true},
			{in: input{action: read}, pair: at("1", 5, "")}}, false},
		"an index that goes back": {[]one{
			{in: input{action: write, value: "1"}, ok: true}, {in: input{action: read}, pair: at("1", 5, "")},
			{in: input{action: write, value: "2"}, ok: true}, {in: input{action: read}, pair: at("2", 4, "")}}, false},
		"two compare-and-sets of one index": {[]one{
			{in: input{action: write, value: "1"}, ok: true}, {in: input{action: read}, pair: at("1", 5, "")},
			{in: input{action: compareAndSet, value: "2", index: 5}, ok: true},
			{in: input{action: compareAndSet, value: "3", index: 5}, ok: true}}, false},
		"a compare-and-set that was refused for nothing": {[]one{
			{in: input{action: write, value: "1"}, ok: true}, {in: input{action: read}, pair: at("1", 5, "")},
			{in: input{action: compareAndSet, value: "2", index: 5}}}, false},
		"a lock with two holders": {[]one{
			{in: input{action: acquire, value: "1", session: "a"}, ok: true},
			{in: input{action: acquire, value: "2", session: "b"}, ok: true}}, false},
		"a release by another": {[]one{
			{in: input{action: acquire, value: "1", session: "a"}, ok: true},
			{in: input{action: release, value: "2", session: "b"}, ok: true}}, false},
		"a write without an answer that is undone": {[]one{
			{in: input{action: write, value: "1"}, ok: true}, {in: input{action: write, value: "2"}, unknown: true},
			{in: input{action: read}, pair: at("2", 6, "")}, {in: input{action: read}, pair: at("1", 5, "")}}, false},
		"not a write without an answer that comes late": {[]one{
			{in: input{action: write, value: "1"}, ok: true}, {in: input{action: write, value: "2"}, unknown: true},
			{in: input{action: read}, pair: at("1", 5, "")}, {in: input{action: read}, pair: at("2", 6, "")}}, true},
		"not a write without an answer that never comes": {[]one{
			{in: input{action: write, value: "1"}, ok: true}, {in: input{action: write, value: "2"}, unknown: true},
			{in: input{action: read}, pair: at("1", 5, "")}}, true},
		"nothing of a lock that is handed on": {[]one{
			{in: input{action: acquire, value: "1", session: "a"}, ok: true},
			{in: input{action: acquire, value: "2", session: "b"}},
			{in: input{action: read}, pair: at("1", 5, "a")},
			{in: input{action: release, value: "3", session: "a"}, ok: true},
			{in: input{action: acquire, value: "4", session: "b"}, ok: true},
			{in: input{action: compareAndDelete, index: 5}},
			{in: input{action: read}, pair: at("4", 7, "b")},
			{in: input{action: compareAndDelete, index: 7}, ok: true},
			{in: input{action: read}}}, true},
	} {
		var history []porcupine.Operation
		for i, o := range test.history {
			ended := int64(2*i + 1)
			if o.unknown {
				ended = never
			}
			history = append(history, porcupine.Operation{
				Input: o.in, Output: output{o.ok, o.unknown, o.pair}, Call: int64(2 * i), Return: ended,
			})
		}
		if got := porcupine.CheckOperations(model, history); got != test.want {
			t.Errorf("%s: taken for linearizable is %v, want %v", name, got, test.want)
		}
	}
}
