package embedded

// This file serves /v1/agent/monitor: what the server logs, as it does.

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// monitorBuffer is how many lines a client may be behind before it misses some.
const monitorBuffer = 512

// logLevels are the levels that a client can ask for.
var logLevels = map[string]slog.Level{
	"TRACE": slog.LevelDebug - 4, "DEBUG": slog.LevelDebug, "INFO": slog.LevelInfo, "WARN": slog.LevelWarn,
	"ERROR": slog.LevelError, "ERR": slog.LevelError,
}

// monitors are the clients that are told what is logged.
type monitors struct {
	// some says that there are any, so that logging costs nothing while there are none.
	some atomic.Bool
	mu   sync.Mutex
	all  map[*monitoring]bool
}

// monitoring is a client that is told what is logged.
type monitoring struct {
	level slog.Level
	lines chan logLine
}

// logLine is a line of the log.
type logLine struct {
	at      time.Time
	level   slog.Level
	message string
	values  []slog.Attr
}

func (m *monitors) add(level slog.Level) *monitoring {
	m.mu.Lock()
	defer m.mu.Unlock()
	one := &monitoring{level, make(chan logLine, monitorBuffer)}
	if m.all == nil {
		m.all = map[*monitoring]bool{}
	}
	m.all[one] = true
	m.some.Store(true)
	return one
}

func (m *monitors) remove(one *monitoring) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.all, one)
	m.some.Store(len(m.all) > 0)
}

// tell tells all who ask for the line's level. Those that are too far behind miss it.
func (m *monitors) tell(line logLine) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for one := range m.all {
		if line.level < one.level {
			continue
		}
		select {
		case one.lines <- line:
		default:
		}
	}
}

// logHub is a handler that passes records on, and tells the monitors.
type logHub struct {
	next     slog.Handler
	monitors *monitors
}

func newLogHub(next slog.Handler, m *monitors) slog.Handler { return &logHub{next, m} }

// Enabled implements slog.Handler.
func (h *logHub) Enabled(ctx context.Context, level slog.Level) bool {
	return h.monitors.some.Load() || h.next.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (h *logHub) Handle(ctx context.Context, record slog.Record) error {
	if h.monitors.some.Load() {
		line := logLine{at: record.Time, level: record.Level, message: record.Message}
		record.Attrs(func(a slog.Attr) bool {
			line.values = append(line.values, a)
			return true
		})
		h.monitors.tell(line)
	}
	if !h.next.Enabled(ctx, record.Level) {
		return nil
	}
	return h.next.Handle(ctx, record)
}

// WithAttrs implements slog.Handler. The server's own logger has none.
func (h *logHub) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &logHub{h.next.WithAttrs(attrs), h.monitors}
}

// WithGroup implements slog.Handler. The server's own logger has none.
func (h *logHub) WithGroup(name string) slog.Handler {
	return &logHub{h.next.WithGroup(name), h.monitors}
}

// text is the line as the real server writes it.
func (l logLine) text() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s [%s] %s", l.at.UTC().Format("2006-01-02T15:04:05.000Z"), l.level, l.message)
	for i, value := range l.values {
		separator := " "
		if i == 0 {
			separator = ": "
		}
		text := value.Value.String()
		if text == "" || strings.ContainsAny(text, " \"\n\t=") {
			text = fmt.Sprintf("%q", text)
		}
		fmt.Fprintf(&b, "%s%s=%s", separator, value.Key, text)
	}
	b.WriteByte('\n')
	return b.Bytes()
}

// json is the line as the real server writes it where JSON is asked for.
func (l logLine) json() []byte {
	module, message, ok := strings.Cut(l.message, ": ")
	if !ok {
		module, message = "agent", l.message
	}
	fields := map[string]any{
		"@level": strings.ToLower(l.level.String()), "@message": message, "@module": module,
		"@timestamp": l.at.UTC().Format("2006-01-02T15:04:05.000000Z"),
	}
	for _, value := range l.values {
		fields[value.Key] = value.Value.String()
	}
	text, err := json.Marshal(fields)
	if err != nil {
		return nil
	}
	return append(text, '\n')
}

func monitor(c *call) (any, error) {
	if err := c.startAgentOwn(); err != nil {
		return nil, err
	}
	name := c.params.Get("loglevel")
	setDefault(&name, "INFO")
	level, ok := logLevels[strings.ToUpper(name)]
	if !ok {
		return nil, badRequest("Unknown log level: %s", name)
	}
	one := c.s.monitors.add(level)
	defer c.s.monitors.remove(one)
	c.stream(one.lines, c.has("logjson"))
	return nil, nil
}

// stream sends lines as they come, until the client leaves or the server is closed.
func (c *call) stream(lines <-chan logLine, asJSON bool) {
	flush := http.NewResponseController(c.w).Flush
	c.empty(http.StatusOK)
	if flush() != nil {
		return
	}
	for {
		select {
		case line := <-lines:
			text := line.text()
			if asJSON {
				text = line.json()
			}
			if _, err := c.w.Write(text); err != nil || flush() != nil {
				return
			}
		case <-c.r.Context().Done():
			abort()
		}
	}
}

// logFinished logs that a request was served.
func (c *call) logFinished() {
	ctx := c.r.Context()
	if c.s.log.Enabled(ctx, slog.LevelDebug) {
		c.s.log.DebugContext(ctx, "agent.http: Request finished",
			"method", c.r.Method, "url", loggedURL(c.r), "from", c.r.RemoteAddr)
	}
}

var (
	tokenParameter = regexp.MustCompile(`([?&]token=)[^&]*`)
	legacyToken    = regexp.MustCompile(`^(/v1/acl/(?:create|update|destroy|info|clone|list)/)[^?]+`)
)

// loggedURL is a request's URL without secrets.
func loggedURL(r *http.Request) string {
	url := tokenParameter.ReplaceAllString(r.URL.RequestURI(), "$1<hidden>")
	return legacyToken.ReplaceAllString(url, "$1<hidden>")
}
