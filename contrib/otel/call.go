package consulotel

// This file tells of calls and of the requests that they are made of.

import (
	"context"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/lictor-go/consul"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// call measures a call.
func (t *telemetry) call(ctx context.Context, call *consul.CallInfo) (context.Context, func(error)) {
	start := time.Now()
	return ctx, func(err error) {
		attrs := callAttributes(call)
		if isFailure(err) {
			attrs = append(attrs, semconv.ErrorTypeKey.String(errorType(err)))
		}
		t.calls.Record(ctx, time.Since(start).Seconds(), metric.WithAttributes(attrs...))
	}
}

// attempt traces and measures one request of a call.
func (t *telemetry) attempt(
	ctx context.Context, call *consul.CallInfo, number int,
) (context.Context, func(*consul.AttemptResult)) {
	var span trace.Span
	if !call.Blocking || t.blocking {
		ctx, span = t.startRequest(ctx, call, number)
	}
	start := time.Now()
	return ctx, func(result *consul.AttemptResult) {
		attrs := append(callAttributes(call), resultAttributes(result)...)
		t.requests.RecordSet(ctx, time.Since(start).Seconds(), attribute.NewSet(attrs...))
		if result.Retry {
			attrs = append(callAttributes(call), semconv.ErrorTypeKey.String(requestErrorType(result)))
			t.retries.Add(ctx, 1, metric.WithAttributes(attrs...))
		}
		if span != nil {
			endRequest(span, result)
		}
	}
}

func (t *telemetry) startRequest(ctx context.Context, call *consul.CallInfo, number int) (context.Context, trace.Span) {
	attrs := append(callAttributes(call), semconv.URLFull(call.URL))
	if number > 1 {
		attrs = append(attrs, semconv.HTTPRequestResendCount(number-1))
	}
	name := strings.TrimSuffix(call.Method+" "+call.Route, " ")
	return t.start(ctx, name, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attrs...))
}

func endRequest(span trace.Span, result *consul.AttemptResult) {
	defer span.End()
	span.SetAttributes(resultAttributes(result)...)
	if result.Retry {
		span.SetAttributes(pauseKey.Float64(result.Pause.Seconds()))
	}
	if !isFailure(result.Err) {
		return
	}
	description := ""
	if result.Code < 400 { // otherwise the status says it
		description = result.Err.Error()
	}
	span.SetStatus(codes.Error, description)
}

// callAttributes are the attributes of a call that have few values each.
func callAttributes(call *consul.CallInfo) []attribute.KeyValue {
	attrs := append(make([]attribute.KeyValue, 0, 8), semconv.HTTPRequestMethodKey.String(call.Method))
	if call.Route != "" {
		attrs = append(attrs, semconv.URLTemplate(call.Route))
	}
	if call.Blocking {
		attrs = append(attrs, blockingKey.Bool(true))
	}
	host, port := server(call)
	attrs = append(attrs, semconv.ServerAddress(host))
	if port > 0 {
		attrs = append(attrs, semconv.ServerPort(port))
	}
	return attrs
}

// server gives the host and the port that a call goes to. A socket has no port.
func server(call *consul.CallInfo) (string, int) {
	if strings.HasPrefix(call.Server, "/") {
		return call.Server, 0
	}
	host, port, err := net.SplitHostPort(call.Server)
	switch {
	case err == nil:
		n, _ := strconv.Atoi(port)
		return host, n
	case strings.HasPrefix(call.URL, "https:"):
		return strings.Trim(call.Server, "[]"), 443
	}
	return strings.Trim(call.Server, "[]"), 80
}

// resultAttributes are those of what came of a request.
func resultAttributes(result *consul.AttemptResult) []attribute.KeyValue {
	var attrs []attribute.KeyValue
	if result.Code > 0 {
		attrs = append(attrs, semconv.HTTPResponseStatusCode(result.Code))
	}
	if isFailure(result.Err) {
		attrs = append(attrs, semconv.ErrorTypeKey.String(requestErrorType(result)))
	}
	return attrs
}

// requestErrorType is the error.type of a request that failed.
func requestErrorType(result *consul.AttemptResult) string {
	if result.Code >= 400 {
		return strconv.Itoa(result.Code)
	}
	return errorType(result.Err)
}
