package replay

// This file sends the requests of a script.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Target is the server that a script runs against.
type Target struct {
	Transport http.RoundTripper
	// Address is the server's host:port. A server that is reached without a network may have any.
	Address string
	// Management is the secret of a token that may do everything; "" where there is none.
	Management string
	// Node is the name of the server's node.
	Node string
	// Settle waits until a request that was sent in the background is being served, and until what a write sets off is done.
	Settle func()
}

const (
	// answerTimeout bounds a request, and the repetitions of one.
	answerTimeout = 20 * time.Second
	// pollEvery is the pause between repetitions.
	pollEvery = 20 * time.Millisecond
)

// run is one run of a script.
type run struct {
	Target
	ctx     context.Context
	values  map[string]string
	pending map[string]*pending
}

// pending is a request in the background. done is closed when the rest is set.
type pending struct {
	step   *Step
	done   chan struct{}
	answer *answer
	err    error
}

// Run runs the script against the server and gives what it answered.
func (s *Script) Run(ctx context.Context, target Target) (Transcript, error) {
	ctx, cancel := context.WithCancel(ctx)
	r := &run{
		Target: target, ctx: ctx, pending: map[string]*pending{},
		values: map[string]string{"management": target.Management, "addr": target.Address, "node": target.Node},
	}
	defer func() {
		cancel()
		for _, p := range r.pending {
			<-p.done
		}
	}()
	old, err := r.baseline()
	if err != nil {
		return nil, fmt.Errorf("before the first request: %w", err)
	}
	n := newNormaliser(s.text, old)
	var transcript Transcript
	for _, step := range s.Steps {
		answer, err := r.do(step)
		if err != nil {
			return nil, fmt.Errorf("line %d: %s: %w", step.line, step.Request, err)
		}
		if answer != nil {
			transcript = append(transcript, Exchange{step.Request, step.Differs, n.note(answer.render(step))})
		}
	}
	if len(r.pending) > 0 {
		return nil, fmt.Errorf("no step awaits %v", slices.Sorted(maps.Keys(r.pending)))
	}
	for i := range transcript {
		transcript[i].Text = n.finish(transcript[i].Text)
	}
	return transcript, nil
}

// baseline gives an index such that all that the script changes has a later one.
func (r *run) baseline() (string, error) {
	header := [][2]string{{"X-Consul-Token", r.Management}}
	const path = "/v1/kv/replay-starts-here"
	var last *answer
	for _, request := range []struct{ method, path string }{
		{"PUT", path}, {"DELETE", path}, {"GET", path + "?recurse"},
	} {
		var err error
		if last, err = r.send(request.method, request.path, header, ""); err != nil {
			return "", err
		}
	}
	return last.header.Get("X-Consul-Index"), nil
}

// do does one step; it gives no answer where the step has none.
func (r *run) do(step *Step) (*answer, error) {
	switch step.kind {
	case kindPause:
		return nil, r.sleep(step.pause)
	case kindBegin:
		return nil, r.begin(step)
	case kindAwait:
		return r.await(step)
	case kindRaw:
		return r.sendRaw(step)
	}
	answer, err := r.request(step)
	if err != nil {
		return nil, err
	}
	return answer, r.keep(step, answer)
}

func (r *run) begin(step *Step) error {
	if r.pending[step.name] != nil {
		return errors.New("a request of this name is under way")
	}
	p := &pending{step: step, done: make(chan struct{})}
	r.pending[step.name] = p
	filled := *step
	var err error
	if filled.path, filled.headers, filled.body, err = r.fillAll(step); err != nil {
		close(p.done)
		return err
	}
	go func() {
		defer close(p.done)
		p.answer, p.err = r.send(filled.method, filled.path, filled.headers, filled.body)
	}()
	r.Settle()
	return nil
}

func (r *run) await(step *Step) (*answer, error) {
	p := r.pending[step.name]
	if p == nil {
		return nil, errors.New("no request of this name was begun")
	}
	delete(r.pending, step.name)
	<-p.done
	if p.err != nil {
		return nil, p.err
	}
	return p.answer, r.keep(step, p.answer)
}

// request sends a step's request, again and again where the step waits for something.
func (r *run) request(step *Step) (*answer, error) {
	path, headers, body, err := r.fillAll(step)
	if err != nil {
		return nil, err
	}
	until, err := r.fill(step.until)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	for {
		answer, err := r.send(step.method, path, headers, body)
		if err != nil || until == "" || bytes.Contains(answer.body, []byte(until)) {
			return answer, err
		}
		if time.Since(start) > answerTimeout {
			return nil, fmt.Errorf("no %q in the answer for %v: %d %q", until, answerTimeout, answer.status, answer.body)
		}
		if err := r.sleep(pollEvery); err != nil {
			return nil, err
		}
	}
}

var unescaped = strings.NewReplacer(" ", "%20", `"`, "%22")

// send sends one request and reads its answer.
func (r *run) send(method, path string, headers [][2]string, body string) (*answer, error) {
	target, err := url.Parse("http://" + r.Address + unescaped.Replace(path))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.ctx, answerTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, target.String(), strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.URL = target
	for _, header := range headers {
		request.Header.Add(header[0], header[1])
	}
	start := time.Now()
	response, err := r.Transport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := readAnswer(response)
	if err != nil {
		return nil, err
	}
	if wait, err := time.ParseDuration(target.Query().Get("wait")); err == nil && wait > 0 {
		answer.notes = append(answer.notes, waited(time.Since(start) >= wait))
	}
	return answer, nil
}

func waited(whole bool) string {
	if whole {
		return "(answered at the end of the wait)"
	}
	return "(answered before the end of the wait)"
}

// sendRaw sends bytes and reads the answer to them, if there is one before the connection ends.
func (r *run) sendRaw(step *Step) (*answer, error) {
	conn, err := new(net.Dialer).DialContext(r.ctx, "tcp", r.Address)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(answerTimeout)); err != nil {
		return nil, err
	}
	if _, err := io.WriteString(conn, step.body); err != nil {
		return nil, err
	}
	return readRaw(conn)
}

func (r *run) sleep(d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		r.Settle()
		return nil
	case <-r.ctx.Done():
		return context.Cause(r.ctx)
	}
}

// keep keeps what the step wants of the answer.
func (r *run) keep(step *Step, a *answer) error {
	for _, c := range step.captures {
		value, err := a.find(c.from)
		if err != nil {
			return fmt.Errorf("$%s: %w; the answer: %d %s", c.name, err, a.status, a.body)
		}
		r.values[c.name] = value
	}
	return nil
}

func (r *run) fillAll(step *Step) (path string, headers [][2]string, body string, err error) {
	if path, err = r.fill(step.path); err != nil {
		return
	}
	if body, err = r.fill(step.body); err != nil {
		return
	}
	for _, header := range step.headers {
		var value string
		if value, err = r.fill(header[1]); err != nil {
			return
		}
		headers = append(headers, [2]string{header[0], value})
	}
	return
}

var variable = regexp.MustCompile(`\$[a-z][a-z0-9_]*`)

// fill puts the values of variables into text.
func (r *run) fill(text string) (string, error) {
	var err error
	filled := variable.ReplaceAllStringFunc(text, func(name string) string {
		value, ok := r.values[name[1:]]
		if !ok && err == nil {
			err = fmt.Errorf("%s was not kept before", name)
		}
		return value
	})
	return filled, err
}
