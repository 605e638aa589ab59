package consul_test

// This file tests what an agent streams: its log and its metrics.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lictor-go/consul"
	"github.com/lictor-go/consul/testutil"
)

// afterMonitorStarts monitors an agent at level debug, and does something once the agent has begun to send its log.
// The agent logs each request when it has ended, so that polling it shows when that is.
func afterMonitorStarts(ctx context.Context, t *testing.T, agent *consul.Agent, do func(), opts ...consul.QueryOption) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		poll, stop := context.WithCancel(ctx)
		polled := make(chan struct{})
		go func() {
			defer close(polled)
			for poll.Err() == nil {
				agent.Version(poll)
			}
		}()
		started := false
		for line, err := range agent.Monitor(ctx, "debug", opts...) {
			if !started {
				started = true
				stop()
				<-polled
				do()
			}
			if !yield(line, err) {
				break
			}
		}
		stop()
		<-polled
	}
}

func TestAgentMonitorYieldsTheLog(t *testing.T) {
	t.Parallel()
	client := newClient(t)
	name := unique(t)
	ctx := testContext(t)
	mention := func() {
		if _, _, err := client.Agent().HealthServiceByName(ctx, name); !errors.Is(err, consul.ErrNotFound) {
			t.Errorf("got %v, want %v", err, consul.ErrNotFound)
		}
	}
	for line, err := range afterMonitorStarts(ctx, t, client.Agent(), mention) {
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(line, name) {
			if !strings.Contains(line, "[DEBUG]") || strings.ContainsAny(line, "\r\n") {
				t.Errorf("line is %q, want a whole one of level debug", line)
			}
			return
		}
	}
	t.Error("the log ended")
}

func TestAgentMonitorYieldsJSON(t *testing.T) {
	t.Parallel()
	agent := newClient(t).Agent()
	for line, err := range afterMonitorStarts(testContext(t), t, agent, func() {}, consul.LogJSON()) {
		if err != nil {
			t.Fatal(err)
		}
		var entry struct {
			Message string `json:"@message"`
			Level   string `json:"@level"`
		}
		if err := json.Unmarshal([]byte(line), &entry); err != nil || entry.Message == "" || entry.Level == "" {
			t.Errorf("line is %q (%v), want an object with a message and a level", line, err)
		}
		return
	}
	t.Error("the log ended")
}

func TestAgentMonitorRefusesAnUnknownLevel(t *testing.T) {
	t.Parallel()
	count := 0
	for line, err := range newClient(t).Agent().Monitor(testContext(t), "loud") {
		count++
		if line != "" {
			t.Errorf("got the line %q", line)
		}
		wantAgentError(t, "level loud", err, consul.ErrBadRequest)
	}
	if count != 1 {
		t.Errorf("yielded %d times, want once", count)
	}
}

func TestAgentMonitorEndsWithItsContext(t *testing.T) {
	t.Parallel()
	agent := newClient(t).Agent()
	ctx, cancel := context.WithCancel(testContext(t))
	defer cancel()
	var last error
	lines := 0
	for _, err := range afterMonitorStarts(ctx, t, agent, cancel) {
		if last != nil {
			t.Fatal("the log goes on after its error")
		}
		if last = err; err == nil {
			lines++
		}
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("ended with %v, want %v", last, context.Canceled)
	}
	if lines == 0 {
		t.Error("no line came before the end")
	}
}

// A monitor holds one place among the blocking calls: ones that were left must have given it back.
func TestAgentMonitorLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	client := clientWith(t, &consul.Config{Address: plainServer.get(t).Addr(), MaxConns: 2})
	ctx := testContext(t)
	for range 5 {
		for _, err := range afterMonitorStarts(ctx, t, newClient(t).Agent(), func() {}) {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
		short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		var last error
		for _, err := range client.Agent().Monitor(short, "error") {
			last = err
		}
		cancel()
		wantAgentError(t, "monitor of 50 ms", last, context.DeadlineExceeded)
	}
	if _, _, err := client.Agent().Version(ctx); err != nil {
		t.Error(err)
	}
}

func TestAgentStreamsSayThatTheAgentWentAway(t *testing.T) {
	t.Parallel()
	server := testutil.NewServer(t)
	agent := clientWith(t, &consul.Config{Address: server.Addr()}).Agent()
	var last error
	for _, err := range afterMonitorStarts(testContext(t), t, agent, func() {
		if err := server.Kill(); err != nil {
			t.Error(err)
		}
	}) {
		last = err
	}
	wantAgentError(t, "monitor of a killed agent", last, io.ErrUnexpectedEOF)
	wantAgentError(t, "monitor of a killed agent", last, consul.ErrBadResponse)
}

func TestAgentStreamsThatEndInOrderAreIncomplete(t *testing.T) {
	t.Parallel()
	agent := clientWith(t, &consul.Config{Transport: respond(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/monitor") {
			fmt.Fprint(w, "one\r\ntwo")
		} else {
			fmt.Fprint(w, `{"Timestamp":"2026-11-21 04:48:10 +0000 UTC"}`+"\n"+`{}`)
		}
	})}).Agent()
	var lines []string
	var last error
	for line, err := range agent.Monitor(testContext(t), "") {
		if last = err; err == nil {
			lines = append(lines, line)
		}
	}
	if got := strings.Join(lines, "|"); got != "one|two" {
		t.Errorf("lines are %q, want one and two", got)
	}
	wantAgentError(t, "a log that ends", last, io.ErrUnexpectedEOF)

	var times []time.Time
	for m, err := range agent.MetricsStream(testContext(t)) {
		if last = err; err == nil {
			times = append(times, m.Timestamp)
		}
	}
	want := time.Date(2026, 11, 21, 4, 48, 10, 0, time.UTC)
	if len(times) != 2 || !times[0].Equal(want) || !times[1].IsZero() {
		t.Errorf("times are %v, want %v and none", times, want)
	}
	wantAgentError(t, "metrics that end", last, io.ErrUnexpectedEOF)
}

func TestAgentMetricsAreOfTheLastInterval(t *testing.T) {
	t.Parallel()
	metrics, _, err := newClient(t).Agent().Metrics(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	if age := time.Since(metrics.Timestamp); age < -time.Minute || age > time.Minute {
		t.Errorf("interval started %v ago, want less than a minute", age)
	}
	if len(metrics.Gauges) == 0 || metrics.Gauges[0].Name == "" {
		t.Errorf("gauges are %+v, want some with names", metrics.Gauges)
	}
}

func TestAgentMetricsStreamYieldsEachInterval(t *testing.T) {
	testutil.NeedReal(t, "a stream of metrics")
	t.Parallel()
	for m, err := range newClient(t).Agent().MetricsStream(testContext(t)) {
		if err != nil {
			t.Fatal(err)
		}
		if age := time.Since(m.Timestamp); age > time.Minute || len(m.Gauges) == 0 {
			t.Errorf("interval started %v ago with %d gauges, want a new one with some", age, len(m.Gauges))
		}
		return
	}
	t.Error("the stream ended")
}

func TestAgentMetricsStreamNeedsPermission(t *testing.T) {
	testutil.NeedReal(t, "a stream of metrics")
	t.Parallel()
	agent := clientWith(t, &consul.Config{Address: aclServer.get(t).Addr()}).Agent()
	for _, err := range agent.MetricsStream(testContext(t)) {
		wantAgentError(t, "MetricsStream", err, consul.ErrPermissionDenied)
		return
	}
	t.Error("the stream ended")
}

func TestAgentMetricsRefuseAnOddTime(t *testing.T) {
	t.Parallel()
	agent := clientWith(t, &consul.Config{Transport: respond(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"Timestamp":"yesterday"}`)
	})}).Agent()
	_, _, err := agent.Metrics(testContext(t))
	wantAgentError(t, "a time of yesterday", err, consul.ErrBadResponse)
}
