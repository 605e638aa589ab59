package consulotel

// This file makes the hooks, and the instruments that they use.

import (
	"context"
	"errors"

	"github.com/lictor-go/consul"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/semconv/v1.43.0/httpconv"
	"go.opentelemetry.io/otel/trace"
)

// scope is the name of what makes the telemetry.
const scope = "github.com/lictor-go/consul/contrib/otel"

// What the semantic conventions have no name for.
const (
	blockingKey = attribute.Key("consul.blocking")
	changedKey  = attribute.Key("consul.watch.changed")
	keyKey      = attribute.Key("consul.key")
	nameKey     = attribute.Key("consul.watch.name")
	pauseKey    = attribute.Key("consul.retry.pause")
	recipeKey   = attribute.Key("consul.recipe")
	sessionKey  = attribute.Key("consul.session")
	watchKey    = attribute.Key("consul.watch.kind")
)

// Hooks gives hooks for consul.Config that trace and measure what the client does. One set serves any number of clients.
// An instrument that can't be made is reported to OpenTelemetry's error handler, and left out.
func Hooks(opts ...Option) *consul.Hooks {
	t := newTelemetry(newConfig(opts))
	return &consul.Hooks{Call: t.call, Attempt: t.attempt, Watch: t.watch, Take: t.take, Hold: t.hold}
}

// telemetry is what spans and metrics are made with.
type telemetry struct {
	tracer   trace.Tracer
	blocking bool // blocking queries are traced

	requests httpconv.ClientRequestDuration
	calls    metric.Float64Histogram
	retries  metric.Int64Counter
	rounds   metric.Int64Counter
	takes    metric.Float64Histogram
	holds    metric.Float64Histogram
	held     metric.Int64UpDownCounter
}

func newTelemetry(c *config) *telemetry {
	tracer := c.tracers.Tracer(scope, trace.WithSchemaURL(semconv.SchemaURL))
	meter := c.meters.Meter(scope, metric.WithSchemaURL(semconv.SchemaURL))
	t := &telemetry{tracer: tracer, blocking: c.blocking}
	var errs [7]error
	t.requests, errs[0] = httpconv.NewClientRequestDuration(meter)
	t.calls, errs[1] = duration(meter, "call", 100, "Duration of calls of Consul, with their retries.")
	t.takes, errs[2] = duration(meter, "take", 1000, "Time that it took to take a lock, a slot or a leadership, or to fail to.")
	t.holds, errs[3] = duration(meter, "hold", 1e6, "Time that locks, slots and leaderships were held.")
	t.retries, errs[4] = meter.Int64Counter("consul.client.call.retries", metric.WithUnit("{retry}"),
		metric.WithDescription("Requests to Consul that were made again."))
	t.rounds, errs[5] = meter.Int64Counter("consul.client.watch.rounds", metric.WithUnit("{round}"),
		metric.WithDescription("Questions of watches and views that were answered, or failed."))
	t.held, errs[6] = meter.Int64UpDownCounter("consul.client.hold.active", metric.WithUnit("{hold}"),
		metric.WithDescription("Locks, slots and leaderships that are held."))
	if err := errors.Join(errs[:]...); err != nil {
		otel.Handle(err)
	}
	return t
}

// duration makes a histogram of seconds, from 5 ms to a longest time.
func duration(m metric.Meter, of string, longest float64, description string) (metric.Float64Histogram, error) {
	var bounds []float64
	for decade := 0.005; decade <= longest; decade *= 10 {
		bounds = append(bounds, decade, 2*decade, 5*decade)
	}
	return m.Float64Histogram("consul.client."+of+".duration", metric.WithUnit("s"),
		metric.WithDescription(description), metric.WithExplicitBucketBoundaries(bounds...))
}

// start begins a span. One whose parent has ended already is the root of a trace of its own.
func (t *telemetry) start(ctx context.Context, name string, opts ...trace.SpanStartOption) (context.Context, trace.Span) {
	parent := trace.SpanFromContext(ctx)
	if of := parent.SpanContext(); of.IsSampled() && !of.IsRemote() && !parent.IsRecording() {
		opts = append(opts, trace.WithNewRoot(), trace.WithLinks(trace.Link{SpanContext: of}))
	}
	return t.tracer.Start(ctx, name, opts...)
}

// fail has a span tell of an error.
func fail(span trace.Span, err error) {
	span.SetAttributes(semconv.ErrorTypeKey.String(errorType(err)))
	span.SetStatus(codes.Error, err.Error())
}
