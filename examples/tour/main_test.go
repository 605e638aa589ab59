package main

// This file takes the tour: against a Consul that the environment names, against one of its own, and against none.

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/lictor-go/consul/testutil"
)

func TestTourLeavesNothingBehind(t *testing.T) {
	server := testutil.NewServer(t)
	t.Setenv("CONSUL_HTTP_ADDR", server.Addr())
	out := takeTour(t)
	if !strings.Contains(out, server.Addr()+" (CONSUL_HTTP_ADDR)") {
		t.Errorf("the tour does not say where it was:\n%s", out)
	}
	for path, want := range map[string]string{
		"/v1/kv/?keys": "[]", "/v1/agent/services": "{}", "/v1/session/list": "[]",
	} {
		resp, err := http.Get(server.URL() + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if got := strings.TrimSpace(string(body)); err != nil || got != want {
			t.Errorf("after the tour %s is %q, %v; want %q", path, got, err, want)
		}
	}
}

func TestTourStartsAConsulOfItsOwn(t *testing.T) {
	t.Setenv("CONSUL_HTTP_ADDR", "")
	if out := takeTour(t); !strings.Contains(out, "(started in ") {
		t.Errorf("the tour does not say that it started a server:\n%s", out)
	}
}

func takeTour(t *testing.T) string {
	t.Helper()
	var out bytes.Buffer
	if err := run(t.Context(), &out); err != nil {
		t.Fatalf("%v after\n%s", err, out.String())
	}
	if !strings.Contains(out.String(), "\n8 steps, all well, in ") {
		t.Errorf("the tour does not end well:\n%s", out.String())
	}
	return out.String()
}

func TestTourWithoutAConsul(t *testing.T) {
	t.Setenv("CONSUL_HTTP_ADDR", "127.0.0.1:1")
	err := run(t.Context(), io.Discard)
	if err == nil || !strings.Contains(err.Error(), `step 1, "Connect"`) || !strings.Contains(err.Error(), "is a Consul agent listening there?") {
		t.Errorf("got %v, want an error that says which step failed and what to look at", err)
	}
}
