package consulotel

// This file holds the options of Hooks.

import (
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
)

// An Option changes what Hooks makes.
type Option func(*config)

type config struct {
	tracers  trace.TracerProvider
	meters   metric.MeterProvider
	blocking bool
}

// WithTracerProvider says where spans go. Nil is the global provider, as is none.
func WithTracerProvider(p trace.TracerProvider) Option {
	return func(c *config) { c.tracers = p }
}

// WithMeterProvider says where metrics go. Nil is the global provider, as is none.
func WithMeterProvider(p metric.MeterProvider) Option {
	return func(c *config) { c.meters = p }
}

// WithBlockingQueries traces blocking queries, too, and the rounds of watches, each for as long as it waits: minutes, as a
// rule.
func WithBlockingQueries() Option {
	return func(c *config) { c.blocking = true }
}

func newConfig(opts []Option) *config {
	var c config
	for _, opt := range opts {
		if opt != nil {
			opt(&c)
		}
	}
	if c.tracers == nil {
		c.tracers = otel.GetTracerProvider()
	}
	if c.meters == nil {
		c.meters = otel.GetMeterProvider()
	}
	return &c
}
