package main

// This file writes log lines as consul does, for suites that read them: time, level in brackets, message, and what goes
// with it as key=value.

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
)

// levelTrace is below slog's lowest.
const levelTrace = slog.LevelDebug - 4

var levels = map[string]slog.Level{
	"trace": levelTrace,
	"debug": slog.LevelDebug,
	"info":  slog.LevelInfo,
	"warn":  slog.LevelWarn,
	"err":   slog.LevelError,
	"error": slog.LevelError,
}

func parseLevel(text string) (slog.Level, error) {
	level, ok := levels[strings.ToLower(text)]
	if !ok {
		return 0, fmt.Errorf("%q is no level: take trace, debug, info, warn or error", text)
	}
	return level, nil
}

func levelName(level slog.Level) string {
	if level < slog.LevelDebug {
		return "TRACE"
	}
	return level.String()
}

// logHandler implements slog.Handler.
type logHandler struct {
	mu    *sync.Mutex
	out   io.Writer
	least slog.Level
	// given is what With gave, as it is written.
	given string
	group string
}

func newLogHandler(out io.Writer, least slog.Level) *logHandler {
	return &logHandler{mu: new(sync.Mutex), out: out, least: least}
}

func (h *logHandler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.least }

func (h *logHandler) Handle(_ context.Context, r slog.Record) error {
	var line bytes.Buffer
	module := "agent: "
	if strings.HasPrefix(r.Message, "agent.") { // it names its own
		module = ""
	}
	level := "[" + levelName(r.Level) + "]"
	fmt.Fprintf(&line, "%s %-7s %s%s", r.Time.Format("2006-01-02T15:04:05.000Z07:00"), level, module, r.Message)
	text := h.given
	r.Attrs(func(a slog.Attr) bool {
		text += h.format(a)
		return true
	})
	if text != "" {
		line.WriteString(":" + text)
	}
	line.WriteByte('\n')
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := h.out.Write(line.Bytes())
	return err
}

func (h *logHandler) format(a slog.Attr) string {
	value := a.Value.Resolve().String()
	if strings.ContainsAny(value, " \t\n\"=") || value == "" {
		value = strconv.Quote(value)
	}
	return " " + h.group + a.Key + "=" + value
}

func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	for _, a := range attrs {
		with.given += h.format(a)
	}
	return &with
}

func (h *logHandler) WithGroup(name string) slog.Handler {
	with := *h
	with.group += name + "."
	return &with
}
