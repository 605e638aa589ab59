package consulotel

// This file tells of watches and views.

import (
	"context"
	"errors"

	"github.com/lictor-go/consul"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// watch measures one round of a watch, and traces it where blocking queries are traced. A round that nobody waits for any
// more is none.
func (t *telemetry) watch(ctx context.Context, watch *consul.WatchInfo) (context.Context, func(*consul.WatchRound)) {
	kind := watchKey.String(watch.Kind)
	var span trace.Span
	if t.blocking {
		ctx, span = t.start(ctx, "watch "+watch.Kind, trace.WithAttributes(kind, nameKey.String(watch.Name)))
	}
	return ctx, func(round *consul.WatchRound) {
		over := errors.Is(round.Err, context.Canceled)
		if !over {
			t.rounds.Add(ctx, 1, metric.WithAttributes(append(roundAttributes(round), kind)...))
		}
		if span == nil {
			return
		}
		defer span.End()
		switch {
		case round.Err == nil:
			span.SetAttributes(changedKey.Bool(round.Changed))
		case !over:
			fail(span, round.Err)
		}
	}
}

func roundAttributes(round *consul.WatchRound) []attribute.KeyValue {
	if round.Err != nil {
		return []attribute.KeyValue{semconv.ErrorTypeKey.String(errorType(round.Err))}
	}
	return []attribute.KeyValue{changedKey.Bool(round.Changed)}
}
