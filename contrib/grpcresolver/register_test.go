package grpcresolver_test

// This file tests targets that are resolved without a client of the caller's.

import (
	"strings"
	"testing"

	"github.com/lictor-go/consul/contrib/grpcresolver"
)

func TestRegisteredResolverReadsTheEnvironment(t *testing.T) {
	grpcresolver.Register()
	w := newWorld(t)
	a := w.serve("a")
	t.Setenv("CONSUL_HTTP_ADDR", w.server.Addr())
	w.await(w.dial("consul:///web"), a)

	t.Setenv("CONSUL_HTTP_ADDR", "127.0.0.1:1")
	w.await(w.dial("consul://"+w.server.Addr()+"/web"), a)

	if _, err := w.call(w.dial("consul://host:99999/web")); err == nil || !strings.Contains(err.Error(), "99999") {
		t.Errorf("%v, want the port that makes no sense", err)
	}
	t.Setenv("CONSUL_HTTP_SSL", "perhaps")
	if _, err := w.call(w.dial("consul:///web")); err == nil || !strings.Contains(err.Error(), "CONSUL_HTTP_SSL") {
		t.Errorf("%v, want the variable that makes no sense", err)
	}
}
