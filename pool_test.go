package consul_test

// This file tests that callers share connections: that few are made, and that waiting calls leave some for others.

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lictor-go/consul"
)

// slow answers after about the time that a busy server takes.
func slow(w http.ResponseWriter, r *http.Request) {
	<-time.After(2 * time.Millisecond)
	answer(200, onePair)(w, r)
}

func TestConcurrentCallersReuseConnections(t *testing.T) {
	t.Parallel()
	tcp := newFaultServer(t, slow)
	unix, socket := newSocketServer(t, slow)
	for _, tt := range []struct {
		name, address string
		server        *faultServer
	}{
		{"TCP", tcp.URL, tcp},
		{"unix socket", socket, unix},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			client := clientWith(t, &consul.Config{Address: tt.address})
			get := func(calls int) {
				var callers sync.WaitGroup
				for range 64 {
					callers.Go(func() {
						for range calls {
							if _, _, err := client.KV().Get(testContext(t), "k"); err != nil {
								t.Error(err)
							}
						}
					})
				}
				callers.Wait()
			}
			get(2)
			warm := tt.server.connections()
			get(50)
			made := tt.server.connections() - warm
			if share := float64(made) / (64 * 50); share >= 0.01 {
				t.Errorf("%d new connections for %d requests, %.3f a request, want under 0.01", made, 64*50, share)
			}
		})
	}
}

// Of 8 connections, 7 may wait. The eighth blocking query waits for one of them, and says so when it fails; other calls go
// on meanwhile.
func TestBlockingQueriesLeaveAConnection(t *testing.T) {
	t.Parallel()
	got, release := make(chan struct{}), make(chan struct{})
	s := newFaultServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("index") {
			got <- struct{}{}
			<-release
		}
		answer(200, onePair)(w, r)
	})
	client := clientWith(t, &consul.Config{Address: s.URL, MaxConns: 8, Timeout: 200 * time.Millisecond})
	blocked := make([]<-chan outcome, 7)
	for i := range blocked {
		blocked[i] = start(func() error {
			_, _, err := client.KV().Get(testContext(t), "k", consul.Wait(7, time.Minute))
			return err
		})
		<-got
	}

	_, _, err := client.KV().Get(testContext(t), "k", consul.Wait(7, time.Millisecond))
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "Config.MaxConns") || !strings.Contains(err.Error(), "all 7") {
		t.Errorf("the eighth: %v, want DeadlineExceeded and what to raise", err)
	}
	ctx, cancel := context.WithCancel(testContext(t))
	eighth := start(func() error { _, _, err := client.KV().Get(ctx, "k", consul.Wait(7, time.Minute)); return err })
	cancel()
	if end := <-eighth; !errors.Is(end.err, context.Canceled) {
		t.Errorf("the eighth, cancelled: %v", end.err)
	}
	if _, _, err := client.KV().Get(testContext(t), "k"); err != nil {
		t.Errorf("an ordinary call beside them: %v", err)
	}
	if n := s.connections(); n > 8 {
		t.Errorf("%d connections, want at most 8", n)
	}

	close(release)
	for _, b := range blocked {
		if end := <-b; end.err != nil {
			t.Errorf("a blocking query: %v", end.err)
		}
	}
	// Their places are free again.
	ninth := start(func() error {
		_, _, err := client.KV().Get(testContext(t), "k", consul.Wait(7, time.Second))
		return err
	})
	select {
	case <-got:
		if end := <-ninth; end.err != nil {
			t.Errorf("a blocking query after them: %v", end.err)
		}
	case end := <-ninth:
		t.Errorf("a blocking query after them was not sent: %v", end.err)
	case <-testContext(t).Done():
		t.Error("a blocking query after them was not sent")
	}
}

// Answers without an end keep their connections too.
func TestEndlessStreamsLeaveAConnection(t *testing.T) {
	t.Parallel()
	got := make(chan struct{})
	s := newFaultServer(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/monitor") {
			w.Write([]byte("a line\n"))
			w.(http.Flusher).Flush()
			got <- struct{}{}
			silence(w, r)
			return
		}
		answer(200, onePair)(w, r)
	})
	client := clientWith(t, &consul.Config{Address: s.URL, MaxConns: 2, Timeout: 200 * time.Millisecond})
	ctx, cancel := context.WithCancel(testContext(t))
	monitor := func() error {
		for _, err := range client.Agent().Monitor(ctx, "info") {
			if err != nil {
				return err
			}
		}
		return nil
	}
	first := start(monitor)
	<-got
	select {
	case end := <-start(monitor):
		if !errors.Is(end.err, context.DeadlineExceeded) || !strings.Contains(end.err.Error(), "Config.MaxConns") {
			t.Errorf("a second monitor: %v, want DeadlineExceeded and what to raise", end.err)
		}
	case <-got:
		t.Error("a second monitor took the last connection")
	}
	if _, _, err := client.KV().Get(testContext(t), "k"); err != nil {
		t.Errorf("an ordinary call beside it: %v", err)
	}
	cancel()
	if end := <-first; !errors.Is(end.err, context.Canceled) {
		t.Errorf("the monitor: %v, want Canceled", end.err)
	}
}
