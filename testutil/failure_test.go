package testutil_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lictor-go/consul/testutil"
)

// wantError wants an error that contains every one of parts.
func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error has no %q: %v", part, err)
		}
	}
}

func TestMissingBinaryFailsTheTest(t *testing.T) {
	t.Setenv("CONSUL_TEST_BACKEND", "real")
	t.Setenv("CONSUL_BIN", "/no/such/consul")
	goesOn := false
	r := record(t, func(t testing.TB) {
		testutil.NewServer(t)
		goesOn = true
	})
	if !r.Failed() || goesOn {
		t.Fatal("the test goes on without a server")
	}
	wantError(t, fmt.Errorf("%s", &r.printed), "CONSUL_BIN", "/no/such/consul", "make consul")
	t.Setenv("CONSUL_LEGACY_BIN", t.TempDir())
	_, err := testutil.Start(t.Context(), testutil.WithLegacy())
	wantError(t, err, "CONSUL_LEGACY_BIN", "make consul")
	_, err = testutil.Start(t.Context(), testutil.WithBinary("/no/such/binary"))
	wantError(t, err, "WithBinary", "/no/such/binary")
}

// What only a real server can do asks for one, whatever the backend.
func TestMissingBinaryOfWhatMustBeReal(t *testing.T) {
	t.Setenv("CONSUL_TEST_BACKEND", "embedded")
	t.Setenv("CONSUL_BIN", "/no/such/consul")
	_, err := testutil.Start(t.Context(), testutil.WithConfig(`log_level = "DEBUG"`))
	wantError(t, err, "WithConfig", "real server", "/no/such/consul")
	r := record(t, func(t testing.TB) { testutil.NewCluster(t, 3) })
	if !r.Failed() {
		t.Fatal("a cluster is there without a binary")
	}
	wantError(t, fmt.Errorf("%s", &r.printed), "NewCluster", "real server", "/no/such/consul")
}

func TestNeedReal(t *testing.T) {
	for backend, want := range map[string]bool{"": true, "embedded": true, "real": false} {
		t.Setenv("CONSUL_TEST_BACKEND", backend)
		r := record(t, func(t testing.TB) { testutil.NeedReal(t, "a test of tests") })
		if r.skipped != want || r.Failed() {
			t.Errorf("backend %q: skipped %v, failed %v; want %v, false", backend, r.skipped, r.Failed(), want)
		}
		if want && !strings.Contains(r.printed.String(), "a test of tests") {
			t.Errorf("backend %q: the reason is not told: %s", backend, &r.printed)
		}
	}
}

func TestUnknownBackend(t *testing.T) {
	t.Setenv("CONSUL_TEST_BACKEND", "imagined")
	_, err := testutil.Start(t.Context())
	wantError(t, err, "CONSUL_TEST_BACKEND", "imagined", "embedded", "real")
}

func TestSocketWithTLS(t *testing.T) {
	t.Parallel()
	_, err := testutil.Start(t.Context(), testutil.WithUnixSocket(), testutil.WithTLS())
	wantError(t, err, "WithUnixSocket", "TLS")
}

// A server that ends by itself is told at once, with what it said.
func TestServerThatExits(t *testing.T) {
	testutil.NeedReal(t, "WithConfig")
	t.Parallel()
	start := time.Now()
	_, err := testutil.Start(t.Context(), testutil.WithConfig(`no_such_setting = true`))
	wantError(t, err, "agent -config-file=", "exited by itself (exit status 1)", "no_such_setting")
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("it took %v to tell", took)
	}
}

func TestServerThatIsNotReadyInTime(t *testing.T) {
	t.Parallel()
	script := filepath.Join(t.TempDir(), "mute")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho $$ says nothing\nexec sleep 60\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := testutil.Start(ctx, testutil.WithBinary(script))
	wantError(t, err, "context deadline exceeded", "connection refused", "says nothing", script)
}

// A server that never has a leader is told with what it answered.
func TestServerWithoutLeader(t *testing.T) {
	testutil.NeedReal(t, "WithConfig")
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	_, err := testutil.Start(ctx, testutil.WithConfig(`bootstrap_expect = 3`))
	wantError(t, err, "context deadline exceeded", "knows no leader")
}

func TestLogOfFailedTest(t *testing.T) {
	t.Parallel()
	var addr string
	r := record(t, func(t testing.TB) {
		addr = testutil.NewServer(t, testutil.WithNodeName("unlucky")).Addr()
		t.Error("something")
	})
	for _, want := range []string{`consul server "unlucky"`, addr, "Starting Consul agent"} {
		if !strings.Contains(r.printed.String(), want) {
			t.Errorf("printed no %q:\n%s", want, &r.printed)
		}
	}
	refuses(t, addr)
}

func TestLogOfPassedTest(t *testing.T) {
	t.Parallel()
	r := record(t, func(t testing.TB) { testutil.NewServer(t) })
	if r.Failed() || r.printed.Len() > 0 {
		t.Errorf("failed %v, printed %q", r.Failed(), &r.printed)
	}
}
