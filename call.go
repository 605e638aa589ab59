package consul

// This file carries a request to the server: the time limit, the attempts, the status, what failed.

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	maxErrorBody = 4 << 10   // how much of an error's body is kept
	maxDrain     = 256 << 10 // how much of an unwanted body is read so that its connection can be used again
)

// An attempts is one call under way: its context, its time limit and its place among the blocking queries.
type attempts struct {
	c       *Client
	r       *request
	caller  context.Context // the caller's
	ctx     context.Context // ends also with the time limit
	cancel  context.CancelCauseFunc
	timer   *time.Timer
	limit   time.Duration
	started time.Time
	slot    bool     // whether a place among the blocking queries is held
	told    *telling // for Hooks, nil where there are none
}

// begin refuses what must not be sent and starts the clock. Waits says that the call may keep its connection for long.
// The caller ends the call with end. What fails here has ended.
func (a *attempts) begin(ctx context.Context, c *Client, r *request, waits bool) error {
	if ctx == nil {
		r.fail(ErrInvalidOption, "the context is nil")
	}
	if r.err != nil {
		return fmt.Errorf("consul: %s %s: %w", r.method, r.label(), r.err)
	}
	if c.closed.Load() {
		return fmt.Errorf("consul: %s %s: %w", r.method, r.label(), ErrClosed)
	}
	ctx, told := c.tell(ctx, r, waits)
	*a = attempts{c: c, r: r, caller: ctx, limit: r.timeLimit(c.timeout), started: time.Now(), told: told}
	callCtx, cancel := context.WithCancelCause(ctx)
	a.ctx, a.cancel = callCtx, cancel
	a.timer = time.AfterFunc(a.limit, func() { cancel(context.DeadlineExceeded) })
	if ctx.Err() != nil {
		return a.end(a.failure(ctx.Err(), false))
	}
	if !waits || c.blocking == nil {
		return nil
	}
	select {
	case c.blocking <- struct{}{}:
		a.slot = true
		return nil
	case <-a.ctx.Done():
		return a.end(a.failure(fmt.Errorf("all %d connections for blocking queries and endless streams were taken, see Config.MaxConns", cap(c.blocking)), false))
	}
}

// end stops the clock and frees what the call held. It gives back the error that the call ended with.
func (a *attempts) end(err error) error {
	a.timer.Stop()
	a.cancel(nil)
	if a.slot {
		<-a.c.blocking
	}
	if a.c.closed.Load() {
		a.c.closeIdle() // the call's connection became idle after Close had closed the others
	}
	a.told.called(err)
	return err
}

// run makes attempts until one succeeds, can't be repeated, or was the last.
func (a *attempts) run(attempt func() error) error {
	for n := 1; ; n++ {
		a.told.attempt(a.ctx, n)
		err := attempt()
		pause, again := a.pause(n, err)
		a.told.attempted(err, again, pause)
		switch {
		case !again:
			return err
		case !sleep(a.ctx, pause):
			return a.failure(fmt.Errorf("while waiting to try again after: %w", err), false)
		}
	}
}

// pause is how long to wait after the nth attempt, which ended with err; it reports false if that was the last.
func (a *attempts) pause(n int, err error) (time.Duration, bool) {
	if err == nil || a.r.once || n == a.c.retry.MaxAttempts || !SafeToRetry(err) {
		return 0, false
	}
	pause := a.c.retry.pause(n, err)
	if pause > a.left() {
		return 0, false
	}
	return pause, true
}

// left is how much time the call has.
func (a *attempts) left() time.Duration {
	left := a.limit - time.Since(a.started)
	if deadline, ok := a.caller.Deadline(); ok {
		left = min(left, time.Until(deadline))
	}
	return left
}

// send makes one attempt and gives the response if it is an answer. Its body is then the caller's to close.
func (a *attempts) send() (*http.Response, error) {
	token, err := a.token()
	if err != nil {
		return nil, err
	}
	before := time.Now()
	elapsed := before.Sub(a.started)
	if elapsed < time.Second {
		elapsed = 0 // the server's jitter is coarser than that, and the wait reads as the caller wrote it
	}
	resp, err := roundTrip(a.c.transport, a.r.build(a.told.context(a.ctx), a.c, token, elapsed))
	a.log(resp, err, time.Since(before))
	if err != nil {
		return nil, a.failure(err, !neverSent(err))
	}
	a.told.answered(resp.StatusCode)
	if !a.r.isAnswer(resp) {
		return nil, a.statusError(resp, token)
	}
	return resp, nil
}

// token is the token to send: the call's own, else the client's.
func (a *attempts) token() (string, error) {
	if a.r.token != "" {
		return a.r.token, nil
	}
	token, err := a.c.token(a.ctx)
	if err == nil {
		if err = checkToken(token); err == nil {
			return token, nil
		}
		err = fmt.Errorf("%w: %w", err, ErrInvalidConfig)
	}
	err = fmt.Errorf("Config.TokenSource: %w", err)
	if a.ctx.Err() != nil {
		return "", a.failure(err, false)
	}
	return "", fmt.Errorf("consul: %s %s: %w", a.r.method, a.r.label(), err)
}

// roundTrip holds a Transport of the caller's to what net/http promises of an answer.
func roundTrip(t http.RoundTripper, req *http.Request) (*http.Response, error) {
	resp, err := t.RoundTrip(req)
	switch {
	case err != nil:
		return nil, err
	case resp == nil:
		return nil, fmt.Errorf("the Transport (%T) gave neither an answer nor an error", t)
	case resp.Body == nil:
		resp.Body = http.NoBody
	}
	return resp, nil
}

// failure explains an attempt that got no answer. What ended the call goes before what that looked like to the transport.
func (a *attempts) failure(err error, sent bool) error {
	failed := &transportError{method: a.r.method, path: a.r.label(), address: a.c.address.String(), sent: sent, ended: true}
	switch {
	case a.caller.Err() != nil:
		ended := a.caller.Err()
		if cause := context.Cause(a.caller); cause != ended {
			ended = fmt.Errorf("%w: %w", ended, cause)
		}
		failed.err = also(ended, err)
	case a.ctx.Err() != nil:
		limit := "Config.Timeout"
		if a.r.blocking {
			limit = "the wait, wait/16 and Config.Timeout"
		}
		failed.err = also(fmt.Errorf("nothing within %v (%s): %w", a.limit, limit, context.DeadlineExceeded), err)
	default:
		failed.ended, failed.err = false, err
	}
	return failed
}

// also adds err to what ended a call, unless it only says again that the call ended.
func also(ended, err error) error {
	if isContextError(err) {
		return ended
	}
	return fmt.Errorf("%w (%w)", ended, err)
}

// statusError reads what the server says of a failure, and leaves the connection fit for reuse.
func (a *attempts) statusError(resp *http.Response, token string) error {
	defer drain(resp.Body)
	secrets := a.r.secrets
	if len(token) >= minSecret {
		secrets = append(secrets, token)
	}
	room := maxErrorBody // and so much more that a secret at the limit is not cut in two, and found
	for _, secret := range secrets {
		room += len(secret)
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, int64(room)))
	if err != nil && a.ctx.Err() != nil {
		return a.failure(err, true)
	}
	body := string(text)
	for _, secret := range secrets {
		body = strings.ReplaceAll(body, secret, hidden)
	}
	body = strings.TrimSpace(strings.ToValidUTF8(body[:min(len(body), maxErrorBody)], "?"))
	se := &StatusError{
		Method: a.r.method, Path: a.r.label(), Code: resp.StatusCode, Body: body,
		RetryAfter: parseRetryAfter(resp.Header, time.Now()), header: resp.Header,
	}
	for _, m := range a.r.meanings {
		if slices.ContainsFunc(m.texts, func(text string) bool { return strings.Contains(body, text) }) {
			se.meaning = m.sentinel
		}
	}
	return se
}

// badResponse is an answer that came, but can't be used because of err.
func (r *request) badResponse(code int, err error) error {
	return &StatusError{Method: r.method, Path: r.label(), Code: code, err: fmt.Errorf("%w: %w", ErrBadResponse, err)}
}

func (a *attempts) log(resp *http.Response, err error, took time.Duration) {
	if !a.c.logger.Enabled(a.caller, slog.LevelDebug) {
		return
	}
	attrs := []slog.Attr{
		slog.String("method", a.r.method),
		slog.String("path", a.r.label()),
		slog.String("query", string(a.r.query)),
		slog.Duration("took", took),
	}
	if err != nil {
		attrs = append(attrs, slog.Any("error", err))
	} else {
		attrs = append(attrs, slog.Int("status", resp.StatusCode))
	}
	a.c.logger.LogAttrs(a.caller, slog.LevelDebug, "consul: request", attrs...)
}

// drain reads what is left of a body, within reason, and closes it, so that the connection can be used again.
func drain(body io.ReadCloser) {
	io.CopyN(io.Discard, body, maxDrain)
	body.Close()
}
