package consul_test

// This file tests the forms that durations have on the wire, through types that carry them.

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/lictor-go/consul"
)

func TestDurationOnTheWire(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		`15000000000`:         15 * time.Second,
		`1.5e+10`:             15 * time.Second,
		`"15s"`:               15 * time.Second,
		`"1m30s"`:             90 * time.Second,
		`""`:                  0,
		`0`:                   0,
		`"0s"`:                0,
		`null`:                0,
		`9223372036854775807`: 1<<63 - 1,
		`-1`:                  -1,
	} {
		var s consul.SessionEntry
		if err := json.Unmarshal([]byte(`{"LockDelay":`+text+`}`), &s); err != nil || s.LockDelay != want {
			t.Errorf("%s is %v, %v; want %v", text, s.LockDelay, err, want)
		}
	}
	for _, text := range []string{`"15"`, `"soon"`, `9223372036854775808`, `1e300`, `true`, `{}`, `[]`} {
		var s consul.SessionEntry
		if err := json.Unmarshal([]byte(`{"LockDelay":`+text+`}`), &s); err == nil {
			t.Errorf("%s is taken for %v", text, s.LockDelay)
		} else if len(err.Error()) > 200 {
			t.Errorf("%s: an error of %d bytes", text, len(err.Error()))
		}
	}
	var s consul.SessionEntry
	if err := json.Unmarshal([]byte(`{"LockDelay":"`+strings.Repeat("x", 1000)+`"}`), &s); err == nil || len(err.Error()) > 2500 {
		t.Errorf("long nonsense: %.100v", err)
	}
}
