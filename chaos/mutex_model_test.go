package chaos

// This file is the model that histories of a lock are checked against, and shows what it refuses.

import (
	"fmt"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// mutexCall is what a holder does: it takes the lock, which is answered with a fence, or its hold ends.
type mutexCall struct {
	take  bool
	fence uint64 // 0: it could not be read before the hold ended
}

// mutexState is a lock: it is held or not, and has had a highest fence.
type mutexState struct {
	held  bool
	fence uint64
}

// mutex is a lock whose holds may expire. Each end is called when its holder thinks so, and not before.
var mutex = porcupine.Model{
	Init:  func() any { return mutexState{} },
	Step:  stepMutex,
	Equal: func(a, b any) bool { return a == b },
	DescribeOperation: func(in, _ any) string {
		if call := in.(mutexCall); call.take {
			return fmt.Sprintf("lock -> %d", call.fence)
		}
		return fmt.Sprintf("%d ends", in.(mutexCall).fence)
	},
}

func stepMutex(current, in, _ any) (bool, any) {
	s, call := current.(mutexState), in.(mutexCall)
	switch {
	case !call.take:
		return s.held && (call.fence == 0 || call.fence == s.fence), mutexState{false, s.fence}
	case call.fence == 0:
		return !s.held, mutexState{true, s.fence}
	}
	return !s.held && call.fence > s.fence, mutexState{true, call.fence}
}

// mutexHistory is what holders of a lock saw.
func mutexHistory(holds []span) (history []porcupine.Operation) {
	for i, s := range holds {
		history = append(history,
			porcupine.Operation{ClientId: 2 * i, Input: mutexCall{true, s.fence}, Call: int64(s.asked), Return: int64(s.from)},
			porcupine.Operation{
				ClientId: 2*i + 1, Input: mutexCall{false, s.fence}, Call: int64(s.end()), Return: int64(max(s.end(), s.settled)),
			})
	}
	return history
}

func TestMutexRefuses(t *testing.T) {
	t.Parallel()
	hold := func(asked, from, until int, fence uint64) span {
		at := func(n int) time.Duration { return time.Duration(n) }
		return span{asked: at(asked), from: at(from), until: at(until), settled: at(until + 1), fence: fence}
	}
	for name, test := range map[string]struct {
		holds []span
		want  bool
	}{
		"nothing of holds that follow each other": {[]span{hold(0, 1, 5, 7), hold(0, 6, 9, 8), hold(7, 11, 12, 9)}, true},
		"two holds at once":                       {[]span{hold(0, 1, 5, 7), hold(0, 4, 9, 8)}, false},
		"a fence that goes back":                  {[]span{hold(0, 1, 5, 7), hold(0, 6, 9, 6)}, false},
		"a fence that stays":                      {[]span{hold(0, 1, 5, 7), hold(0, 6, 9, 7)}, false},
		"not a hold that is over at once":         {[]span{hold(0, 1, 1, 0), hold(0, 6, 9, 7)}, true},
	} {
		if got := porcupine.CheckOperations(mutex, mutexHistory(test.holds)); got != test.want {
			t.Errorf("%s: taken for a lock's is %v, want %v", name, got, test.want)
		}
		if alike := len(overlaps(test.holds, 1))+len(unordered(test.holds)) == 0; alike != test.want {
			t.Errorf("%s: found right is %v, want %v", name, alike, test.want)
		}
	}
}
