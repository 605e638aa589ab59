package consulotel_test

// This file tests the spans and metrics of calls and requests.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/lictor-go/consul"
	consulotel "github.com/lictor-go/consul/contrib/otel"
)

const (
	local = "server.address=127.0.0.1 server.port=8500"
	full  = "url.full=http://127.0.0.1:8500/v1/kv/secret/plan"
	byKey = "url.template=/v1/kv/:key"
)

func TestCallIsTracedAndMeasured(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCollector(t)
		client := c.client(t, script(
			answer(500, "No cluster leader"),
			func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Retry-After", "2")
				answer(429, "")(w, r)
			},
			answer(200, onePair)))
		ctx, span := c.tracer.Start(t.Context(), "request")
		start := time.Now()
		if _, _, err := client.KV().Get(ctx, "secret/plan"); err != nil {
			t.Fatal(err)
		}
		took := time.Since(start)
		span.End()

		spans := c.spans.GetSpans()
		for i := range spans { // the pauses are random
			for j, kv := range spans[i].Attributes {
				if kv.Key != "consul.retry.pause" {
					continue
				}
				next := spans[i+1].StartTime.Sub(spans[i].EndTime).Seconds()
				if pause := kv.Value.AsFloat64(); pause < next-0.001 || pause > next+0.001 {
					t.Errorf("a pause of %v s is told as %v s", next, pause)
				}
				spans[i].Attributes[j].Value = kv.Key.String("…").Value
			}
		}
		var got []string
		for _, s := range spans {
			got = append(got, spanText(s, spans))
		}
		want := []string{
			"GET /v1/kv/:key client in request {consul.retry.pause=… error.type=500 http.request.method=GET" +
				" http.response.status_code=500 " + local + " " + full + " " + byKey + "} Error",
			"GET /v1/kv/:key client in request {consul.retry.pause=… error.type=429 http.request.method=GET" +
				" http.request.resend_count=1 http.response.status_code=429 " + local + " " + full + " " + byKey + "} Error",
			"GET /v1/kv/:key client in request {http.request.method=GET" +
				" http.request.resend_count=2 http.response.status_code=200 " + local + " " + full + " " + byKey + "}",
			"request internal {}",
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("spans\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}

		const request = "http.client.request.duration[s] {"
		c.wantMetrics(t, "", map[string]string{
			request + "error.type=500 http.request.method=GET http.response.status_code=500 " + local + " " + byKey + "}": "1 in 20ms",
			request + "error.type=429 http.request.method=GET http.response.status_code=429 " + local + " " + byKey + "}": "1 in 20ms",
			request + "http.request.method=GET http.response.status_code=200 " + local + " " + byKey + "}":                "1 in 20ms",

			"consul.client.call.duration[s] {http.request.method=GET " + local + " " + byKey + "}": "1 in " +
				took.Round(time.Millisecond).String(),
			"consul.client.call.retries[{retry}] {error.type=500 http.request.method=GET " + local + " " + byKey + "}": "1",
			"consul.client.call.retries[{retry}] {error.type=429 http.request.method=GET " + local + " " + byKey + "}": "1",
		})
	})
}

func TestErrorTypes(t *testing.T) {
	t.Parallel()
	for want, transport := range map[string]roundTripFunc{
		"none": script(answer(404, "")),
		"403":  script(answer(403, "Permission denied")),
		"400":  script(answer(400, "what?")),
		"301":  script(answer(301, "")),
		"bad_response": func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: io.NopCloser(iotest.ErrReader(errors.New("cut off")))}, nil
		},
		"connection": func(*http.Request) (*http.Response, error) {
			return nil, &net.OpError{Op: "read", Err: errors.New("reset")}
		},
		"timeout": func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		},
		"_OTHER": func(*http.Request) (*http.Response, error) { return nil, errors.New("strange") },
	} {
		synctest.Test(t, func(t *testing.T) {
			c := newCollector(t)
			client := c.client(t, transport)
			if _, err := client.KV().Delete(t.Context(), "secret/plan"); err == nil {
				t.Fatal("no error")
			}
			spans := c.spans.GetSpans()
			if len(spans) != 1 {
				t.Fatalf("%s: %d spans", want, len(spans))
			}
			text := spanText(spans[0], spans)
			if has := strings.HasSuffix(text, " Error"); has == (want == "none") {
				t.Errorf("%s: the span is %s", want, text)
			}
			if want != "none" && !strings.Contains(text, "error.type="+want+" ") || want == "none" && strings.Contains(text, "error.type") {
				t.Errorf("%s: the span is %s", want, text)
			}
			for name := range c.metrics(t) {
				if strings.Contains(name, "error.type="+want+" ") == (want == "none") {
					t.Errorf("%s: measured as %s", want, name)
				}
				if strings.Contains(name, "plan") {
					t.Errorf("a metric names the key: %s", name)
				}
			}
		})
	}
}

func TestBlockingQueriesAreMeasuredApart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCollector(t)
		wait := func(opts ...consulotel.Option) {
			client := c.client(t, script(answer(200, onePair)), opts...)
			if _, _, err := client.KV().Get(t.Context(), "secret/plan", consul.Wait(6, time.Minute)); err != nil {
				t.Fatal(err)
			}
		}
		wait()
		c.wantSpans(t)
		attrs := "{consul.blocking=true http.request.method=GET "
		c.wantMetrics(t, "", map[string]string{
			"http.client.request.duration[s] " + attrs + "http.response.status_code=200 " + local + " " + byKey + "}": "1 in 20ms",
			"consul.client.call.duration[s] " + attrs + local + " " + byKey + "}":                                     "1 in 20ms",
		})
		wait(consulotel.WithBlockingQueries())
		c.wantSpans(t, "GET /v1/kv/:key client "+attrs+"http.response.status_code=200 "+local+" "+full+"?index=6 "+byKey+"}")
	})
}

// What goes on in the background, with the context of a request that is over, does not lengthen its trace.
func TestCallAfterItsSpanIsATraceOfItsOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCollector(t)
		client := c.client(t, script(answer(200, "true")))
		ctx, span := c.tracer.Start(t.Context(), "request")
		span.End()
		if _, err := client.Agent().Reload(ctx); err != nil {
			t.Fatal(err)
		}
		c.wantSpans(t, "request internal {}", "PUT /v1/agent/reload client linked to request {http.request.method=PUT"+
			" http.response.status_code=200 "+local+" url.full=http://127.0.0.1:8500/v1/agent/reload url.template=/v1/agent/reload}")
	})
}

func TestServerAddress(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"":                       "server.address=127.0.0.1 server.port=8500 ",
		"consul.example:1":       "server.address=consul.example server.port=1 ",
		"http://consul.example":  "server.address=consul.example server.port=80 ",
		"https://consul.example": "server.address=consul.example server.port=443 ",
		"[::1]:8501":             "server.address=::1 server.port=8501 ",
		"https://[::1]":          "server.address=::1 server.port=443 ",
		"unix:///run/consul":     "server.address=/run/consul url.full=http://localhost/v1/agent/reload ",
	} {
		synctest.Test(t, func(t *testing.T) {
			c := newCollector(t)
			client, err := consul.NewClient(&consul.Config{
				Address: address, Hooks: consulotel.Hooks(c.opts...), Transport: script(answer(200, "true")),
			})
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			if _, err := client.Agent().Reload(t.Context()); err != nil {
				t.Fatal(err)
			}
			spans := c.spans.GetSpans()
			if text := spanText(spans[0], spans); !strings.Contains(text, want) {
				t.Errorf("%s: the span is %s, want %s", address, text, want)
			}
		})
	}
}

// A transport of the caller's sees the request's span, so that what it does is part of the trace.
func TestTransportSeesTheSpan(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCollector(t)
		next := script(answer(200, "true"))
		client := c.client(t, roundTripFunc(func(r *http.Request) (*http.Response, error) {
			_, span := c.tracer.Start(r.Context(), "dial")
			defer span.End()
			return next(r)
		}))
		if _, err := client.Agent().Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		spans := c.spans.GetSpans()
		if want := "dial internal in PUT /v1/agent/reload {}"; len(spans) != 2 || spanText(spans[0], spans) != want {
			t.Errorf("spans %v, want %q first", spans, want)
		}
	})
}

func TestRouteThatIsNotKnown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCollector(t)
		client := c.client(t, script(answer(200, "{}")))
		if _, err := client.Raw().Query(context.WithoutCancel(t.Context()), "/v1/new/thing", nil); err != nil {
			t.Fatal(err)
		}
		c.wantSpans(t, fmt.Sprintf("GET client {http.request.method=GET http.response.status_code=200 %s"+
			" url.full=http://127.0.0.1:8500/v1/new/thing}", local))
	})
}

// The hooks may be shared, and nothing is lost when requests run at once.
func TestHooksAreSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	client := c.client(t, roundTripFunc(func(r *http.Request) (*http.Response, error) {
		return script(answer(200, "true"))(r)
	}))
	const calls = 50
	done := make(chan error, calls)
	for range calls {
		go func() {
			_, err := client.Agent().Reload(t.Context())
			done <- err
		}()
	}
	for range calls {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if got := len(c.spans.GetSpans()); got != calls {
		t.Errorf("%d spans of %d calls", got, calls)
	}
}
