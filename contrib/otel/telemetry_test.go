package consulotel_test

// This file holds what the tests share: a place where spans and metrics arrive, and how they are read.

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lictor-go/consul"
	consulotel "github.com/lictor-go/consul/contrib/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A collector is where spans and metrics arrive.
type collector struct {
	spans  *tracetest.InMemoryExporter
	tracer trace.Tracer // of the test's own spans
	reader *sdkmetric.ManualReader
	opts   []consulotel.Option
}

func newCollector(t *testing.T) *collector {
	spans, reader := tracetest.NewInMemoryExporter(), sdkmetric.NewManualReader()
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	t.Cleanup(func() {
		for _, shutdown := range []func(context.Context) error{tracers.Shutdown, meters.Shutdown} {
			if err := shutdown(context.Background()); err != nil {
				t.Error(err)
			}
		}
	})
	return &collector{
		spans: spans, tracer: tracers.Tracer("test"), reader: reader,
		opts: []consulotel.Option{consulotel.WithTracerProvider(tracers), consulotel.WithMeterProvider(meters), nil},
	}
}

// client gives a client whose doings are collected.
func (c *collector) client(t *testing.T, transport http.RoundTripper, opts ...consulotel.Option) *consul.Client {
	t.Helper()
	client, err := consul.NewClient(&consul.Config{
		Transport: transport, Hooks: consulotel.Hooks(append(slices.Clone(c.opts), opts...)...),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// wantSpans compares the spans that have ended, in this order, and forgets them.
func (c *collector) wantSpans(t *testing.T, want ...string) {
	t.Helper()
	all := c.spans.GetSpans()
	c.spans.Reset()
	var got []string
	for _, s := range all {
		got = append(got, spanText(s, all))
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("spans\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// spanText tells all of a span but its times and IDs: its attributes are in the order of their names, what it links to is
// named if it is among all.
func spanText(s tracetest.SpanStub, all tracetest.SpanStubs) string {
	names := map[trace.SpanID]string{}
	for _, other := range all {
		names[other.SpanContext.SpanID()] = other.Name
	}
	text := s.Name + " " + s.SpanKind.String()
	if s.Parent.IsValid() {
		text += " in " + nameOr(names[s.Parent.SpanID()])
	}
	for _, link := range s.Links {
		text += " linked to " + nameOr(names[link.SpanContext.SpanID()])
	}
	set := attribute.NewSet(s.Attributes...)
	text += " {" + attributesText(set) + "}"
	if s.Status.Code != codes.Unset {
		text += " " + s.Status.Code.String()
	}
	return text
}

func nameOr(name string) string {
	if name == "" {
		return "another"
	}
	return name
}

func attributesText(set attribute.Set) string {
	var parts []string
	for _, kv := range set.ToSlice() {
		value := kv.Value.String()
		if kv.Key == "consul.session" {
			value = "…"
		}
		parts = append(parts, string(kv.Key)+"="+value)
	}
	return strings.Join(parts, " ")
}

// metrics gives what was measured: of durations how often and how long, with their attributes.
func (c *collector) metrics(t *testing.T) map[string]string {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := c.reader.Collect(context.Background(), &all); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			name := m.Name + "[" + m.Unit + "]"
			switch data := m.Data.(type) {
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					took := time.Duration(p.Sum * float64(time.Second)).Round(time.Millisecond)
					got[name+" {"+attributesText(p.Attributes)+"}"] = fmt.Sprintf("%d in %v", p.Count, took)
				}
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					got[name+" {"+attributesText(p.Attributes)+"}"] = fmt.Sprint(p.Value)
				}
			default:
				t.Errorf("%s is a %T", m.Name, data)
			}
		}
	}
	return got
}

// wantMetrics compares the metrics whose names start with prefix.
func (c *collector) wantMetrics(t *testing.T, prefix string, want map[string]string) {
	t.Helper()
	got := c.metrics(t)
	maps.DeleteFunc(got, func(name, _ string) bool { return !strings.HasPrefix(name, prefix) })
	if !reflect.DeepEqual(got, want) {
		t.Errorf("metrics\n%s\nwant\n%s", lines(got), lines(want))
	}
}

func lines(m map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(m)) {
		fmt.Fprintf(&b, "%s: %s\n", name, m[name])
	}
	return b.String()
}

// A roundTripFunc is a transport in memory.
type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// script is a server that takes 20 ms for each answer: to the first request the first, and so on.
func script(answers ...http.HandlerFunc) roundTripFunc {
	return func(r *http.Request) (*http.Response, error) {
		time.Sleep(20 * time.Millisecond) // of a bubble's virtual time
		w := httptest.NewRecorder()
		answers[0](w, r)
		answers = answers[1:]
		return w.Result(), nil
	}
}

func answer(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Consul-Index", "7")
		w.WriteHeader(code)
		fmt.Fprint(w, body)
	}
}

// onePair is the answer to a read of one key.
const onePair = `[{"Key":"secret/plan","Value":"dg==","CreateIndex":1,"ModifyIndex":2}]`
