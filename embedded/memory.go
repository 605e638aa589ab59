package embedded

// This file carries requests to the server without a socket.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// Transport gives a transport that hands all requests to the server within the process, whatever their host. Nothing in it
// waits for the network, so that in a testing/synctest bubble time passes while requests wait.
func (s *Server) Transport() http.RoundTripper { return &memory{s} }

type memory struct{ s *Server }

// errServerClosed is what requests get that come after Close, or that Close cut short.
var errServerClosed = errors.New("embedded: the server is closed")

// RoundTrip implements http.RoundTripper.
func (t *memory) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Body != nil {
		defer func() { _ = request.Body.Close() }()
	}
	if err := request.Context().Err(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(t.s.ctx)
	stop := context.AfterFunc(request.Context(), func() { cancel(context.Cause(request.Context())) })
	w := &memoryWriter{
		ctx: ctx, client: request.Context(), header: http.Header{}, bodiless: request.Method == http.MethodHead,
		ready: make(chan struct{}),
	}
	started := t.s.run(func() {
		defer stop()
		defer cancel(nil)
		defer w.end()
		t.s.serveRequest(w, received(request.WithContext(ctx)))
	})
	if !started {
		stop()
		cancel(nil)
		return nil, errServerClosed
	}
	select {
	case <-w.ready:
		return w.response(request, cancel)
	case <-request.Context().Done():
		return nil, context.Cause(request.Context())
	case <-t.s.ctx.Done():
	}
	select {
	case <-w.ready: // the last thing that it did
		return w.response(request, cancel)
	default:
		return nil, errServerClosed
	}
}

// received makes of a request that was to be sent one that has arrived.
func received(r *http.Request) *http.Request {
	r.RequestURI = r.URL.RequestURI()
	r.RemoteAddr = "127.0.0.1:0"
	if r.Host == "" {
		r.Host = r.URL.Host
	}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/1.1", 1, 1
	return r
}

// memoryWriter keeps an answer until it is complete, or passes it on as it is written once it was flushed.
type memoryWriter struct {
	// ctx ends with the request, or when either end gives it up; client is the client's own.
	ctx, client context.Context

	header http.Header
	status int
	body   bytes.Buffer
	// bodiless says that the answer has no body, as that of HEAD.
	bodiless bool
	// ready is closed when there is an answer to return.
	ready chan struct{}

	// sent is the head of a flushed answer; its body follows through pipe. written is how much of it has.
	sent    http.Header
	written int64
	pipe    *io.PipeWriter
	reader  *io.PipeReader
	aborted bool
}

func (w *memoryWriter) Header() http.Header { return w.header }

func (w *memoryWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *memoryWriter) Write(data []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.pipe != nil {
		n, err := w.pipe.Write(data)
		w.written += int64(n)
		return n, err
	}
	if w.header.Get(contentType) == "" && w.body.Len() == 0 {
		w.header.Set(contentType, http.DetectContentType(data))
	}
	if w.bodiless {
		return len(data), nil
	}
	return w.body.Write(data)
}

// Flush implements http.Flusher: the answer goes out as far as it is written.
func (w *memoryWriter) Flush() {
	if w.pipe != nil {
		return
	}
	w.WriteHeader(http.StatusOK)
	w.reader, w.pipe = io.Pipe()
	w.sent = w.header.Clone()
	context.AfterFunc(w.ctx, w.cut)
	close(w.ready)
	if w.body.Len() > 0 {
		_, _ = w.Write(w.body.Bytes()) // the client may be gone
	}
}

// cut ends a flushed answer that nobody may be reading, which its writer would wait for.
func (w *memoryWriter) cut() {
	err := context.Cause(w.client)
	if err == nil {
		err = io.ErrUnexpectedEOF // as a connection that the server has closed
	}
	_ = w.pipe.CloseWithError(err)
}

// whole reports whether all of a flushed answer was written, as far as it says how long it is.
func (w *memoryWriter) whole() bool {
	return strconv.FormatInt(w.written, 10) == w.sent.Get("Content-Length")
}

// end completes the answer when the handler has returned, or has panicked to cut the connection.
func (w *memoryWriter) end() {
	if cut := recover(); cut != nil {
		if cut != http.ErrAbortHandler {
			panic(cut)
		}
		w.aborted = true
	}
	switch {
	case w.pipe == nil:
		close(w.ready)
	case w.aborted && !w.whole():
		_ = w.pipe.CloseWithError(io.ErrUnexpectedEOF)
	default:
		_ = w.pipe.Close()
	}
}

// response makes the answer that the client gets. cancel ends the request's handling, which is over but for one that was
// flushed.
func (w *memoryWriter) response(r *http.Request, cancel context.CancelCauseFunc) (*http.Response, error) {
	response := &http.Response{
		Status:     fmt.Sprintf("%03d %s", w.status, http.StatusText(w.status)),
		StatusCode: w.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.header, Request: r, ContentLength: int64(w.body.Len()),
	}
	switch {
	case w.reader != nil:
		response.Header, response.ContentLength = w.sent, -1
		if length, err := strconv.ParseInt(w.sent.Get("Content-Length"), 10, 64); err == nil {
			response.ContentLength = length
		}
		response.Body = &streamBody{w.reader, cancel}
	case w.aborted:
		return nil, io.EOF // as a connection that was closed before an answer
	case w.status == 0:
		response.StatusCode, response.Status = http.StatusOK, "200 OK"
		fallthrough
	default:
		response.Body = io.NopCloser(bytes.NewReader(w.body.Bytes()))
	}
	return response, nil
}

// streamBody is the body of an answer without an end. Closing it ends the request.
type streamBody struct {
	*io.PipeReader
	cancel context.CancelCauseFunc
}

func (b *streamBody) Close() error {
	b.cancel(context.Canceled)
	return b.PipeReader.Close()
}
