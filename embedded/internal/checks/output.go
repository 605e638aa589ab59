package checks

// This file holds the output of checks that say more than is kept.

import "fmt"

// tail is a writer that keeps the last bytes of what is written.
type tail struct {
	max   int
	kept  []byte // at most max bytes from before, and those of the last write
	total int64
}

func newTail(max int) *tail { return &tail{max: max} }

func (t *tail) Write(p []byte) (int, error) {
	t.total += int64(len(p))
	kept := append(t.kept, p[max(0, len(p)-t.max):]...)
	if excess := len(kept) - t.max; excess > 0 {
		kept = append(kept[:0], kept[excess:]...)
	}
	t.kept = kept
	return len(p), nil
}

func (t *tail) String() string { return string(t.kept) }

// report is the output, with a word about what is missing.
func (t *tail) report() string {
	if t.total > int64(len(t.kept)) {
		return fmt.Sprintf("Captured %d of %d bytes\n...\n%s", len(t.kept), t.total, t.kept)
	}
	return t.String()
}
