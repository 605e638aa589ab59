package main

// This file reads what benchmarks print, and makes medians of it as benchstat does.

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/perf/benchfmt"
	"golang.org/x/perf/benchmath"
)

// confidence is that of the intervals around medians.
const confidence = 0.95

// A figure is one number of one benchmark by one client: "KVGet", "this", "allocs/op".
type figure struct{ bench, client, unit string }

// samples are the values measured, by what they are of.
type samples map[figure][]float64

// read adds what benchmarks printed, and tells on what machine they ran.
func (s samples) read(out io.Reader) (machine string, err error) {
	reader := benchfmt.NewReader(out, "benchmarks")
	for reader.Scan() {
		switch record := reader.Result().(type) {
		case *benchfmt.SyntaxError:
			return "", record
		case *benchfmt.Result:
			bench, client := splitName(record.Name)
			for _, v := range record.Values {
				key := figure{bench, client, v.Unit}
				s[key] = append(s[key], v.Value)
			}
			machine = fmt.Sprintf("%s, %d cores, %s, %s/%s",
				record.GetConfig("cpu"), runtime.NumCPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
		}
	}
	if err := reader.Err(); err != nil {
		return "", err
	}
	if machine == "" {
		return "", fmt.Errorf("no benchmark ran")
	}
	return machine, nil
}

// splitName takes the client out of the name of a benchmark: of "Growth/what=KVList/n=10/client=this-2" it leaves
// "Growth/what=KVList/n=10".
func splitName(name benchfmt.Name) (bench, client string) {
	base, parts := name.Parts()
	bench = string(base)
	for _, part := range parts {
		text := string(part)
		if rest, ok := strings.CutPrefix(text, "/client="); ok {
			client = rest
		} else if !strings.HasPrefix(text, "-") {
			bench += text
		}
	}
	return bench, client
}

// median gives that of a figure; false where it was not measured.
func (s samples) median(f figure) (median, bool) {
	values, ok := s[f]
	return medianOf(values), ok
}

// ratio gives the median of how many times b a is, each taken in the same round: what slows a round down slows both. It
// is false where one was not measured, or b was 0.
func (s samples) ratio(a, b figure) (median, bool) {
	of, ok := s[b]
	if !ok || len(s[a]) != len(of) {
		return median{}, false
	}
	var ratios []float64
	for i, v := range s[a] {
		if of[i] == 0 {
			return median{}, false
		}
		ratios = append(ratios, v/of[i])
	}
	return medianOf(ratios), true
}

func medianOf(values []float64) median {
	sample := benchmath.NewSample(slices.Clone(values), &benchmath.DefaultThresholds) // which sorts them
	return median{len(values), benchmath.AssumeNothing.Summary(sample, confidence)}
}

// A median is that of n values, with the range in which the true one is with the confidence.
type median struct {
	n int
	benchmath.Summary
}

// spread writes how far the range reaches from the median, where it is more than a rounding and more than one value tells.
func (m median) spread() string {
	text := m.PctRangeString()
	if m.n == 1 || text == "0%" {
		return ""
	}
	return " ± " + text
}
