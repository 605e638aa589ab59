package consulotel

// This file tells of locks, slots of semaphores and leaderships: how they are taken, and how they are held.

import (
	"context"
	"time"

	"github.com/lictor-go/consul"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// take traces and measures an attempt to take something.
func (t *telemetry) take(ctx context.Context, hold *consul.HoldInfo) (context.Context, func(error)) {
	start := time.Now()
	ctx, span := t.start(ctx, "take "+hold.Recipe, trace.WithAttributes(holdAttributes(hold)...))
	return ctx, func(err error) {
		t.takes.Record(ctx, time.Since(start).Seconds(), endAttributes(hold, err))
		if err != nil {
			fail(span, err)
		}
		span.End()
	}
}

// hold traces and measures a hold. Its span is made at its end, since it may last for days.
func (t *telemetry) hold(ctx context.Context, hold *consul.HoldInfo) func(error) {
	start := time.Now()
	recipe := metric.WithAttributes(recipeKey.String(hold.Recipe))
	t.held.Add(ctx, 1, recipe)
	return func(cause error) {
		end := time.Now()
		t.held.Add(ctx, -1, recipe)
		t.holds.Record(ctx, end.Sub(start).Seconds(), endAttributes(hold, cause))
		_, span := t.tracer.Start(ctx, "hold "+hold.Recipe, trace.WithNewRoot(), trace.WithTimestamp(start),
			trace.WithLinks(trace.LinkFromContext(ctx)), trace.WithAttributes(holdAttributes(hold)...))
		if cause != nil {
			fail(span, cause)
		}
		span.End(trace.WithTimestamp(end))
	}
}

func holdAttributes(hold *consul.HoldInfo) []attribute.KeyValue {
	attrs := []attribute.KeyValue{recipeKey.String(hold.Recipe), keyKey.String(hold.Key)}
	if hold.Session != "" {
		attrs = append(attrs, sessionKey.String(hold.Session))
	}
	return attrs
}

// endAttributes are the attributes, with few values each, of what ended with err.
func endAttributes(hold *consul.HoldInfo, err error) metric.MeasurementOption {
	attrs := []attribute.KeyValue{recipeKey.String(hold.Recipe)}
	if err != nil {
		attrs = append(attrs, semconv.ErrorTypeKey.String(errorType(err)))
	}
	return metric.WithAttributes(attrs...)
}
