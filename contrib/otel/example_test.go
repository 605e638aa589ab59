package consulotel_test

import (
	"context"
	"fmt"
	"log"

	"github.com/lictor-go/consul"
	consulotel "github.com/lictor-go/consul/contrib/otel"
	"github.com/lictor-go/consul/embedded"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// A program that has set the global providers up needs no options. Here the spans go to memory, to be shown.
func Example() {
	server, err := embedded.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	spans := tracetest.NewInMemoryExporter()
	tracers := trace.NewTracerProvider(trace.WithSyncer(spans))
	defer tracers.Shutdown(context.Background())

	client, err := consul.NewClient(&consul.Config{
		Address: server.Addr(),
		Hooks:   consulotel.Hooks(consulotel.WithTracerProvider(tracers)),
	})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	ctx, span := tracers.Tracer("shop").Start(context.Background(), "close the books")
	lock, err := client.LockKey("jobs/books")
	if err != nil {
		log.Fatal(err)
	}
	if _, err := lock.Lock(ctx); err != nil {
		log.Fatal(err)
	}
	if _, err := client.KV().Put(ctx, &consul.KVPair{Key: "books/closed", Value: []byte("yes")}); err != nil {
		log.Fatal(err)
	}
	span.End()

	for _, s := range spans.GetSpans() {
		fmt.Println(s.SpanKind, s.Name)
	}
	if err := lock.Unlock(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output:
	// client PUT /v1/session/create
	// client GET /v1/kv/:key
	// client PUT /v1/txn
	// internal take lock
	// client PUT /v1/kv/:key
	// internal close the books
}
