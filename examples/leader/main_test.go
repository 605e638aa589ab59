package main

// This file plays the example in virtual time, and one candidate on a real server.

import (
	"bytes"
	"context"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lictor-go/consul/testutil"
)

func TestShow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		if err := show(t.Context(), newTimeline(&out)); err != nil {
			t.Fatalf("%v\n%s", err, out.String())
		}
		text := out.String()
		t.Log("\n" + text)
		if took := time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)); took > 2*time.Minute {
			t.Errorf("it took %v", took)
		}
		for _, want := range []string{
			`(?s)ada +LEADS.*ada is killed.* (\w+) +LEADS.*asked to hand over.* (\w+) +LEADS.*cut off.*LEADS.*sees that`,
			`leads no more`, `gives way`, `The end`,
		} {
			if !regexp.MustCompile(want).MatchString(text) {
				t.Errorf("the timeline lacks %q:\n%s", want, text)
			}
		}
		if n := strings.Count(text, "LEADS"); n != 4 {
			t.Errorf("%d leaders, want 4", n)
		}
		if lost, next := strings.Index(text, "leads no more"), strings.LastIndex(text, "LEADS"); lost > next {
			t.Error("the one that was cut off knew of it only after another led")
		}
	})
}

func TestTakePart(t *testing.T) {
	server := testutil.NewServer(t)
	t.Setenv("CONSUL_HTTP_ADDR", server.Addr())
	ctx, cancel := context.WithCancel(t.Context())
	out := &until{text: "LEADS", found: cancel}
	if err := takePart(ctx, newTimeline(out)); err != nil {
		t.Errorf("%v\n%s", err, out.String())
	}
	if !strings.Contains(out.String(), "gives way") {
		t.Errorf("the timeline is\n%s", out.String())
	}
}

// until calls found when a text was written.
type until struct {
	bytes.Buffer
	text  string
	found func()
}

func (u *until) Write(p []byte) (int, error) {
	defer func() {
		if strings.Contains(u.String(), u.text) {
			u.found()
		}
	}()
	return u.Buffer.Write(p)
}
