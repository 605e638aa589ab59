package embedded

// This file writes answers: JSON, errors, and the headers around them.

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
)

// httpError is an error that is answered with a status of its own. All others are answered with 500, or 403 where access
// was denied.
type httpError struct {
	status int
	text   string
	// allow is the answer's Allow header.
	allow []string
}

func (e *httpError) Error() string { return e.text }

func badRequest(format string, values ...any) error {
	return &httpError{status: http.StatusBadRequest, text: fmt.Sprintf(format, values...)}
}

func notFound(format string, values ...any) error {
	return &httpError{status: http.StatusNotFound, text: fmt.Sprintf(format, values...)}
}

func tooLarge(format string, values ...any) error {
	return &httpError{status: http.StatusRequestEntityTooLarge, text: fmt.Sprintf(format, values...)}
}

// jsonWithStatus is an answer in JSON that goes with a status other than 200.
type jsonWithStatus struct {
	status int
	body   any
	// reason is the answer's X-Consul-Reason header, if any.
	reason string
}

const (
	contentType     = "Content-Type"
	typeJSON        = "application/json"
	typePlain       = "text/plain; charset=utf-8"
	methodNotServed = "method %s not allowed"
)

// serve answers a request of the route.
func (s *Server) serve(route route, w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header["Vary"] = varyEncoding
	if s.config.acl.enabled() {
		header.Set("X-Consul-Default-Acl-Policy", s.config.acl.DefaultPolicy)
	} else {
		header["X-Consul-Default-Acl-Policy"] = allowByDefault
	}
	c := &call{s: s, w: w, r: r, wipes: s.wipes.Load(), lost: leaderLost(r)}
	if r.URL.RawQuery != "" {
		var err error
		if c.params, err = url.ParseQuery(r.URL.RawQuery); err != nil {
			header.Set(contentType, typePlain)
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
	}
	if len(route.methods) > 0 && !slices.Contains(route.methods, r.Method) {
		c.refuseMethod(route.methods)
		return
	}
	answer, err := route.serve(c)
	c.logFinished()
	switch {
	case err != nil:
		c.fail(err)
	case answer != nil:
		c.answerJSON(answer)
	case !c.answered:
		c.answerNothing()
	}
}

var (
	varyEncoding   = []string{"Accept-Encoding"}
	allowByDefault = []string{"allow"}
)

func (c *call) refuseMethod(served []string) {
	allow := append([]string{http.MethodOptions}, served...)
	if c.r.Method == http.MethodOptions {
		c.w.Header().Set("Allow", strings.Join(allow, ","))
		c.answerNothing()
		return
	}
	c.fail(&httpError{http.StatusMethodNotAllowed, fmt.Sprintf(methodNotServed, c.r.Method), allow})
}

// fail answers an error.
func (c *call) fail(err error) {
	status := http.StatusInternalServerError
	var known *httpError
	switch {
	case isDenied(err):
		status = http.StatusForbidden
	case errors.As(err, &known):
		status = known.status
		if known.allow != nil {
			c.w.Header().Set("Allow", strings.Join(known.allow, ","))
		}
	}
	c.s.log.Error("agent.http: Request error", "method", c.r.Method, "url", loggedURL(c.r), "from", c.r.RemoteAddr, "error", err)
	c.write(status, typePlain, []byte(err.Error()))
}

// answerJSON answers with JSON: compact unless ?pretty asks for another form, or the server writes it so for all.
func (c *call) answerJSON(answer any) {
	status := http.StatusOK
	if other, ok := answer.(*jsonWithStatus); ok {
		status, answer = other.status, other.body
		if other.reason != "" {
			c.w.Header().Set("X-Consul-Reason", other.reason)
		}
	}
	body, err := c.marshal(answer)
	if err != nil {
		c.fail(err)
		return
	}
	c.write(status, typeJSON, body)
}

func (c *call) marshal(answer any) ([]byte, error) {
	pretty := c.has("pretty")
	body, err := json.Marshal(answer)
	if err != nil || !pretty && !c.s.config.pretty {
		return body, err
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, body, "", "    "); err != nil {
		return nil, err
	}
	if pretty {
		indented.WriteByte('\n')
	}
	return indented.Bytes(), nil
}

// gzipFrom is the size of bodies from which on they are compressed, where the client takes it.
const gzipFrom = 1400

// write answers with a whole body.
func (c *call) write(status int, kind string, body []byte) {
	c.abortIfWiped()
	header := c.w.Header()
	if kind != "" {
		header.Set(contentType, kind)
	}
	if len(body) >= gzipFrom && acceptsGzip(c.r) {
		body = compress(body)
		header.Set("Content-Encoding", "gzip")
	}
	header.Set("Content-Length", strconv.Itoa(len(body)))
	c.answered = true
	c.w.WriteHeader(status)
	_, _ = c.w.Write(body) // the client is gone
}

// empty answers with a status alone.
func (c *call) empty(status int) {
	c.abortIfWiped()
	c.answered = true
	c.w.WriteHeader(status)
}

// abortIfWiped ends the request without an answer where the server that it was made to is no more.
func (c *call) abortIfWiped() {
	if c.wipes != c.s.wipes.Load() {
		abort()
	}
}

// answerNothing answers with status 200 and no body. The real server names a type all the same: that of the request, where it
// has one and reads or deletes, else the one that the route takes.
func (c *call) answerNothing() {
	kind := "application/json; charset=utf-8"
	switch path := c.r.URL.Path; c.r.Method {
	case http.MethodGet, http.MethodDelete:
		if sent := c.r.Header.Get(contentType); sent != "" {
			kind = sent
		}
	case http.MethodPut:
		if strings.HasPrefix(path, "/v1/kv") || strings.HasPrefix(path, "/v1/event/fire") {
			kind = "application/octet-stream"
		}
	}
	c.w.Header().Set(contentType, kind)
	c.empty(http.StatusOK)
}

// acceptsGzip reports whether the client takes gzip, at any weight but 0.
func acceptsGzip(r *http.Request) bool {
	for coding := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, weight, weighted := strings.Cut(strings.TrimSpace(coding), ";")
		if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
			continue
		}
		if !weighted {
			return true
		}
		q, err := strconv.ParseFloat(strings.TrimPrefix(strings.TrimSpace(weight), "q="), 64)
		return err == nil && q > 0
	}
	return false
}

var compressors = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}

func compress(body []byte) []byte {
	var out bytes.Buffer
	w := compressors.Get().(*gzip.Writer)
	defer compressors.Put(w)
	w.Reset(&out)
	_, _ = w.Write(body) // into memory
	_ = w.Close()
	return out.Bytes()
}

// serveOther answers what no route does.
func (s *Server) serveOther(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/" {
		_, _ = fmt.Fprint(w, "Consul Agent: UI disabled. To enable, set ui_config.enabled=true in the agent configuration and restart.")
		return
	}
	w.WriteHeader(http.StatusNotFound)
	if strings.Contains(r.URL.Path, "/v1/") {
		_, _ = fmt.Fprintln(w, "Invalid URL path: not a recognized HTTP API endpoint")
		return
	}
	_, _ = fmt.Fprintln(w, "Invalid URL path: if attempting to use the HTTP API, ensure the path starts with '/v1/'")
}

// printable reports whether a path has only characters that can be printed, which the server asks for.
func printable(path string) bool {
	return !strings.ContainsFunc(path, func(r rune) bool { return !unicode.IsPrint(r) })
}
