package consul

// This file holds the log of an agent.

import (
	"bufio"
	"context"
	"io"
	"iter"
	"net/http"
	"strings"
)

// Monitor yields the lines that the agent logs from now on, without their line ends, until ctx ends. The level is the
// least that is wanted: "trace", "debug", "info", "warn" or "error"; empty is "info", an unknown one ErrBadRequest. With
// LogJSON each line is a JSON object. An agent that logs faster than its lines are read drops some.
//
// An error is yielded once, last, with an empty line; it wraps the context's error if that is what ended the log, and
// io.ErrUnexpectedEOF if the agent went away. Leaving the loop ends the call, and leaves nothing behind.
//
// Route: GET /v1/agent/monitor
func (a *Agent) Monitor(ctx context.Context, level string, opts ...QueryOption) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		r := newRequest(http.MethodGet, "agent", "monitor").param("loglevel", level)
		s, err := a.c.open(ctx, r.withQueryOptions(a.c, opts), true)
		if err != nil {
			yield("", err)
			return
		}
		defer s.Close()
		for lines := bufio.NewReader(s); ; {
			line, err := lines.ReadString('\n')
			whole := err == nil || err == io.EOF && line != ""
			if whole && !yield(strings.TrimRight(line, "\r\n"), nil) {
				return
			}
			if err != nil {
				yield("", streamError(r, err))
				return
			}
		}
	}
}
