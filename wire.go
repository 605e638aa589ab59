package consul

// This file translates between Go's types and the forms that they have on the wire.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
)

// A wireDuration is a time.Duration as the API has it: written as text ("1m30s"), read as text or as nanoseconds, which
// may come as a float (1.5e+10). Types with durations shadow those fields with it when they are encoded and decoded.
type wireDuration time.Duration

func (d wireDuration) MarshalJSON() ([]byte, error) {
	return json.Marshal(time.Duration(d).String())
}

func (d *wireDuration) UnmarshalJSON(b []byte) error {
	if bytes.Equal(b, []byte("null")) {
		return nil
	}
	if len(b) > 0 && b[0] == '"' {
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		return d.parse(s)
	}
	if n, err := strconv.ParseInt(string(b), 10, 64); err == nil {
		*d = wireDuration(n)
		return nil
	}
	f, err := strconv.ParseFloat(string(b), 64)
	if err != nil || math.IsNaN(f) || f >= 1<<63 || f < -1<<63 {
		return fmt.Errorf("%.40q is not a duration in nanoseconds", b)
	}
	*d = wireDuration(f)
	return nil
}

func (d *wireDuration) parse(s string) error {
	if s == "" {
		*d = 0
		return nil
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		return fmt.Errorf("%.40q is not a duration such as 10s: %w", s, err)
	}
	*d = wireDuration(v)
	return nil
}
