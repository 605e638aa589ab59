package consul

// This file holds the metrics of an agent.

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"time"
)

// MetricsInfo is what an agent measured in one interval, 10 s long.
type MetricsInfo struct {
	Timestamp       time.Time // start of the interval, in whole seconds
	Gauges          []GaugeValue
	PrecisionGauges []GaugeValue `json:",omitempty"` // those with more digits
	Points          []PointValue
	Counters        []SampledValue
	Samples         []SampledValue
}

// A GaugeValue is a level at the end of an interval.
type GaugeValue struct {
	Name   string
	Value  float64
	Labels map[string]string
}

// A PointValue is a series of levels in an interval.
type PointValue struct {
	Name   string
	Points []float64
}

// A SampledValue sums up what was counted, or measured many times, in an interval.
type SampledValue struct {
	Name   string
	Count  int     // how many values there were
	Rate   float64 // Sum a second
	Sum    float64
	Min    float64
	Max    float64
	Mean   float64
	Stddev float64
	Labels map[string]string
}

// metricsTime is how agents write the time of an interval; it is always UTC.
const metricsTime = "2006-01-02 15:04:05.999999999 -0700 MST"

type plainMetricsInfo MetricsInfo

// metricsInfoJSON is a MetricsInfo on the wire.
type metricsInfoJSON struct {
	*plainMetricsInfo
	Timestamp string
}

// MarshalJSON writes the metrics as the agent does.
func (m MetricsInfo) MarshalJSON() ([]byte, error) {
	return json.Marshal(metricsInfoJSON{(*plainMetricsInfo)(&m), m.Timestamp.UTC().Format(metricsTime)})
}

// UnmarshalJSON reads the metrics as the agent writes them.
func (m *MetricsInfo) UnmarshalJSON(b []byte) error {
	w := metricsInfoJSON{plainMetricsInfo: (*plainMetricsInfo)(m)}
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	if w.Timestamp == "" {
		return nil
	}
	at, err := time.Parse(metricsTime, w.Timestamp)
	if err != nil {
		return fmt.Errorf("time of the metrics: %w", err)
	}
	m.Timestamp = at.UTC()
	return nil
}

// Metrics reads what the agent measured in the last interval that is over.
//
// Route: GET /v1/agent/metrics
func (a *Agent) Metrics(ctx context.Context, opts ...QueryOption) (*MetricsInfo, *QueryMeta, error) {
	return agentRead[MetricsInfo](ctx, a.c, newRequest(http.MethodGet, "agent", "metrics"), opts)
}

// MetricsStream yields what the agent measured in each interval, when that is over: every 10 s, until ctx ends. An error
// is yielded once, last, with nil metrics; it wraps the context's error if that is what ended the stream, and
// io.ErrUnexpectedEOF if the agent went away. Leaving the loop ends the call.
//
// Route: GET /v1/agent/metrics/stream
func (a *Agent) MetricsStream(ctx context.Context, opts ...QueryOption) iter.Seq2[*MetricsInfo, error] {
	return func(yield func(*MetricsInfo, error) bool) {
		r := newRequest(http.MethodGet, "agent", "metrics", "stream")
		s, err := a.c.open(ctx, r.withQueryOptions(a.c, opts), true)
		if err != nil {
			yield(nil, err)
			return
		}
		defer s.Close()
		for d := json.NewDecoder(s); ; {
			m := new(MetricsInfo)
			if err := d.Decode(m); err != nil {
				yield(nil, streamError(r, err))
				return
			}
			if !yield(m, nil) {
				return
			}
		}
	}
}
