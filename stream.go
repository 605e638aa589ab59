package consul

// This file reads answers as they arrive, for those too large to hold and those without an end.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"sync"
)

// A stream is the body of an answer under way. Close it, whatever happens.
type stream struct {
	a       attempts
	resp    *http.Response
	endless bool // a pause of any length is part of it

	mu     sync.Mutex
	closed bool
	failed error // what a Read ended with, other than io.EOF
}

// open makes the call and gives its answer to be read. Endless says that the answer may pause for as long as it likes;
// otherwise a pause longer than Config.Timeout ends it.
func (c *Client) open(ctx context.Context, r *request, endless bool) (*stream, error) {
	s := &stream{endless: endless}
	a := &s.a
	if err := a.begin(ctx, c, r, r.blocking || endless); err != nil {
		return nil, err
	}
	if err := a.run(func() (err error) { s.resp, err = a.send(); return err }); err != nil {
		return nil, a.end(err)
	}
	a.timer.Stop()
	a.limit, r.blocking = c.timeout, false // what is limited from here on is each pause
	return s, nil
}

// Read reads on. Its errors other than io.EOF say which call they belong to. The clock runs only while it waits for the
// server, not while its caller is busy with what it got.
func (s *stream) Read(p []byte) (int, error) {
	if !s.endless {
		s.a.timer.Reset(s.a.limit)
		defer s.a.timer.Stop()
	}
	n, err := s.resp.Body.Read(p)
	if err == nil || err == io.EOF {
		return n, err
	}
	return n, s.fail(err)
}

// fail explains why a Read failed.
func (s *stream) fail(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.a.r
	switch {
	case s.closed:
		return fmt.Errorf("consul: %s %s: the answer was closed: %w", r.method, r.label(), fs.ErrClosed)
	case s.a.ctx.Err() != nil:
		s.failed = s.a.failure(err, true)
	default:
		s.failed = r.badResponse(s.resp.StatusCode, fmt.Errorf("the body breaks off: %w", err))
	}
	return s.failed
}

// Close ends the call, and a Read that is under way. The connection is used again if the body was read to its end. It
// may be called again.
func (s *stream) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	err := s.resp.Body.Close()
	s.a.end(s.failed)
	return err
}

// streamError explains what ended an answer before its end, or one that has no end of its own.
func streamError(r *request, err error) error {
	if err == io.EOF {
		err = fmt.Errorf("the answer ended early: %w", io.ErrUnexpectedEOF)
	}
	if _, ok := errors.AsType[*StatusError](err); ok || isContextError(err) {
		return err
	}
	return r.badResponse(http.StatusOK, err)
}
