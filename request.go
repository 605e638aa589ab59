package consul

// This file is the one request builder: every call of every family is described here before it is sent.

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// How long the server lets a blocking query wait: where none is asked for, and at most.
const (
	defaultWait = 5 * time.Minute
	maxWait     = 10 * time.Minute
)

// maxUnread is how much of a body that it does not want a server reads before it hangs up. It hangs up on a value that is
// too large, and its 413 would be lost while the rest is still on its way. So for more it is asked first (Expect).
const maxUnread = 256 << 10

// A request describes one call. Its methods return it, for chains; the first thing that is wrong with it is kept in
// err, and ends the call before anything is sent.
type request struct {
	method  string
	path    string // from /v1 on, not escaped
	rawPath string // path escaped; empty: path needs no escaping
	shown   string // path for errors and logs, where path holds a secret
	query   []byte // encoded, without the wait of a blocking query
	header  []headerField
	body    []byte
	media   string   // content type of the body
	token   string   // the call's own token
	secrets []string // what must not come back in an error

	// Statuses beside 2xx that bring an answer if it is JSON, such as the 409 of a transaction.
	accept map[int]bool

	once     bool // the caller tries again by itself, in its own time
	blocking bool
	wait     time.Duration // longest wait of a blocking query, 0: the server's default

	meanings []meaning // what errors are by their texts, whatever their status

	err error // why the call can't be made
}

// hidden stands for a secret where people may read it.
const hidden = "<hidden>"

// minSecret is the length from which a text is taken for a secret.
const minSecret = 8

type headerField struct{ name, value string }

// A meaning says that an error whose text holds one of texts is sentinel.
type meaning struct {
	sentinel error
	texts    []string
}

// newRequest describes a call of the route /v1/elements. Each element is escaped by itself; a slash in it stays part of
// it.
func newRequest(method string, elements ...string) *request {
	var plain, raw strings.Builder
	plain.WriteString("/v1")
	raw.WriteString("/v1")
	for _, e := range elements {
		plain.WriteByte('/')
		plain.WriteString(e)
		raw.WriteByte('/')
		raw.WriteString(url.PathEscape(e))
	}
	r := &request{method: method, path: plain.String(), rawPath: raw.String()}
	for _, e := range elements {
		if e == "" {
			return r.fail(ErrInvalidOption, "an ID or a name is empty")
		}
	}
	if !isClean(r.path) {
		// The server cleans paths: it would answer for another thing, or redirect.
		return r.fail(ErrInvalidOption, `an ID or a name is ".", ".." or holds such an element, or an empty one, between slashes`)
	}
	return r
}

// newKeyRequest describes a call on a key or a prefix of the KV store, where slashes are part of the path.
func newKeyRequest(method, key string) *request {
	r := &request{method: method, path: "/v1/kv/" + key}
	if !isUnreserved(key) {
		// A "%2F" in what PathEscape gives can only stem from a slash: a percent sign in the key has become "%25".
		r.rawPath = "/v1/kv/" + strings.ReplaceAll(url.PathEscape(key), "%2F", "/")
	}
	return r
}

// isUnreserved reports whether all of path stands for itself in a URL, for certain.
func isUnreserved(path string) bool {
	for i := range len(path) {
		switch c := path[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-_.~/", c) >= 0:
		default:
			return false
		}
	}
	return true
}

// isClean reports whether path cleaning, as net/http's and the server's, would leave path alone.
func isClean(path string) bool {
	rest, rooted := strings.CutPrefix(path, "/")
	if !rooted {
		return path == ""
	}
	for rest != "" {
		var element string
		element, rest, _ = strings.Cut(rest, "/")
		if element == "" || element == "." || element == ".." {
			return false
		}
	}
	return true
}

// fail keeps the first reason why the call can't be made.
func (r *request) fail(sentinel error, format string, args ...any) *request {
	if r.err == nil {
		r.err = fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), sentinel)
	}
	return r
}

// hide keeps the end of the path, which is a secret, out of errors and logs.
func (r *request) hide(secret string) *request {
	r.shown = strings.TrimSuffix(r.path, secret) + hidden
	return r.conceal(secret)
}

// conceal keeps a secret that the call sends out of what an error tells of the server's answer. One of a few letters is
// left alone: it guards nothing, and would turn up inside words.
func (r *request) conceal(secret string) *request {
	if len(secret) >= minSecret {
		r.secrets = append(r.secrets, secret)
	}
	return r
}

// means makes sentinel what an error stands for if the server's text holds one of texts: some endpoints answer a status
// that says something else.
func (r *request) means(sentinel error, texts ...string) *request {
	r.meanings = append(r.meanings, meaning{sentinel, texts})
	return r
}

// isAnswer reports whether a response is what was asked for, rather than an error. The server's errors are plain text.
func (r *request) isAnswer(resp *http.Response) bool {
	return resp.StatusCode/100 == 2 ||
		r.accept[resp.StatusCode] && strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json")
}

// label is the path as it is shown to people: as they wrote it, unless that could break up the line it stands in.
func (r *request) label() string {
	shown := cmp.Or(r.shown, r.path)
	if strings.ContainsFunc(shown, func(c rune) bool { return !unicode.IsPrint(c) }) {
		return (&url.URL{Path: shown}).EscapedPath()
	}
	return shown
}

// param adds a query parameter; an empty value adds none.
func (r *request) param(name, value string) *request {
	if value == "" {
		return r
	}
	r.flag(name)
	r.query = append(r.query, '=')
	r.query = append(r.query, url.QueryEscape(value)...)
	return r
}

// number adds a query parameter that is a number.
func (r *request) number(name string, n uint64) *request {
	r.flag(name)
	r.query = strconv.AppendUint(append(r.query, '='), n, 10)
	return r
}

// flag adds a query parameter without a value.
func (r *request) flag(name string) *request {
	if r.query == nil {
		r.query = make([]byte, 0, 48) // room for what most calls have
	}
	if len(r.query) > 0 {
		r.query = append(r.query, '&')
	}
	r.query = append(r.query, url.QueryEscape(name)...)
	return r
}

// flagIf adds a query parameter without a value where on is true.
func (r *request) flagIf(name string, on bool) *request {
	if on {
		return r.flag(name)
	}
	return r
}

// json makes v the body.
func (r *request) json(v any) *request {
	body, err := json.Marshal(v)
	if err != nil {
		return r.fail(errors.Join(ErrInvalidOption, err), "the request can't be written as JSON")
	}
	r.body, r.media = body, "application/json"
	return r
}

// bytes makes b the body as it is.
func (r *request) bytes(b []byte) *request {
	r.body, r.media = b, "application/octet-stream"
	return r
}

// timeLimit is how long the call may take when others may take timeout.
func (r *request) timeLimit(timeout time.Duration) time.Duration {
	if !r.blocking {
		return timeout
	}
	wait := r.longestWait()
	return plus(wait+wait/16, timeout)
}

// longestWait is how long the server may hold the request back, its jitter aside.
func (r *request) longestWait() time.Duration {
	if r.wait == 0 {
		return defaultWait
	}
	return min(r.wait, maxWait)
}

// rawQuery is the encoded query of an attempt that starts when the call is elapsed old: a blocking query that has to be
// sent again waits only for what is left of its wait.
func (r *request) rawQuery(elapsed time.Duration) string {
	wait := r.wait
	if r.blocking && elapsed > 0 {
		wait = max(r.longestWait()-elapsed, time.Millisecond)
	}
	if wait == 0 {
		return string(r.query)
	}
	q := r.query
	if len(q) > 0 {
		q = append(q, '&')
	}
	return string(append(append(q, "wait="...), wait.String()...))
}

// build makes the request of one attempt.
func (r *request) build(ctx context.Context, c *Client, token string, elapsed time.Duration) *http.Request {
	wire := &struct { // in one piece of memory
		http.Request
		url url.URL
	}{
		Request: *new(http.Request).WithContext(ctx),
		url: url.URL{
			Scheme: c.address.scheme, Host: c.address.host,
			Path: c.address.prefix + r.path, RawPath: c.address.rawPrefix + cmp.Or(r.rawPath, r.path),
			RawQuery: r.rawQuery(elapsed),
		},
	}
	h := make(http.Header, len(c.header)+len(r.header)+3)
	for name, values := range c.header {
		h[name] = values
	}
	for _, f := range r.header {
		h.Set(f.name, f.value)
	}
	if token != "" {
		h["X-Consul-Token"] = []string{token}
	}
	req := &wire.Request
	req.Method, req.URL, req.Host, req.Header = r.method, &wire.url, wire.url.Host, h
	req.Proto, req.ProtoMajor, req.ProtoMinor = "HTTP/1.1", 1, 1
	if r.media != "" {
		h["Content-Type"] = []string{r.media}
		req.ContentLength = int64(len(r.body))
		req.Body = http.NoBody
		if len(r.body) > 0 {
			req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(r.body)), nil }
			req.Body, _ = req.GetBody()
		}
		if len(r.body) > maxUnread {
			h["Expect"] = []string{"100-continue"}
		}
	}
	return req
}
