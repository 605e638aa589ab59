package main

// This file plays the example on a server of its own, and runs the services on one that the environment names.

import (
	"bytes"
	"context"
	"regexp"
	"testing"

	"github.com/lictor-go/consul/testutil"
)

func TestShow(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := show(t.Context(), newTimeline(&out)); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	t.Log("\n" + out.String())
	for _, want := range []string{
		`(?s)collapse.*stock-1 +is registered, critical.*we have oranges\n.*well again.*we have apples and oranges\n`,
		`(?s)restarted.*stock-1 +is registered again.*told to end.*we have apples\n.*The end`,
		`(?s)restarted.*stock-2 +is registered again.*told to end.*stock-2 +is deregistered.*The end`,
		`(?s)The end.*shop-1 +is deregistered`,
	} {
		if !regexp.MustCompile(want).MatchString(out.String()) {
			t.Errorf("the timeline lacks %q:\n%s", want, out.String())
		}
	}
}

// Services that are interrupted leave nothing behind.
func TestTakePart(t *testing.T) {
	server := testutil.NewServer(t)
	t.Setenv("CONSUL_HTTP_ADDR", server.Addr())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out bytes.Buffer
	line := newTimeline(&out)
	done := make(chan error, 1)
	go func() { done <- takePart(ctx, line) }()
	if err := line.await(ctx, says{"customer": "we have apples and oranges", "shop-1": "is registered, passing"}); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("%v\n%s", err, out.String())
	}
	for _, id := range []string{"stock-1", "stock-2", "shop-1"} {
		if line.now[id] != "is deregistered" {
			t.Errorf("in the end %s %s\n%s", id, line.now[id], out.String())
		}
	}
}
