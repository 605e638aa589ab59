package consul_test

// This file tests answers that are read as they arrive.

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lictor-go/consul"
)

// pipeServer is a server in memory whose body is what the test writes into the pipe.
func pipeServer(body *io.PipeReader) roundTripFunc {
	return func(r *http.Request) (*http.Response, error) {
		context.AfterFunc(r.Context(), func() { body.CloseWithError(r.Context().Err()) })
		return &http.Response{StatusCode: 200, Body: body, Header: http.Header{}}, nil
	}
}

func TestStreamPause(t *testing.T) {
	t.Parallel()
	const timeout = 10 * time.Second
	tests := []struct {
		name   string
		server time.Duration // pause of the server between two parts
		reader time.Duration // pause of the reader between two reads
		want   error
	}{
		{"short pauses add up to more than the limit", 9 * time.Second, 0, nil},
		{"a pause longer than the limit", 11 * time.Second, 0, context.DeadlineExceeded},
		{"a reader in no hurry", 0, time.Hour, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r, w := io.Pipe()
				var server sync.WaitGroup
				defer server.Wait()
				server.Go(func() {
					for range 5 {
						time.Sleep(tt.server) // virtual
						if _, err := w.Write([]byte("part")); err != nil {
							return
						}
					}
					w.Close()
				})
				client := clientWith(t, &consul.Config{Timeout: timeout, Transport: pipeServer(r)})
				body, _, err := client.KV().GetRaw(t.Context(), "k")
				if err != nil {
					t.Fatal(err)
				}
				defer body.Close()
				var got []byte
				for err == nil {
					var part [4]byte
					var n int
					n, err = io.ReadFull(body, part[:])
					got = append(got, part[:n]...)
					time.Sleep(tt.reader) // virtual
				}
				if tt.want == nil {
					if err != io.EOF || string(got) != strings.Repeat("part", 5) {
						t.Errorf("read %q, %v", got, err)
					}
				} else if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), "nothing within 10s (Config.Timeout)") {
					t.Errorf("got %v, want %v and the limit", err, tt.want)
				}
			})
		})
	}
}

// A large value arrives in many parts, and its connection is used again once it was read to its end.
func TestStreamReadToTheEndKeepsTheConnection(t *testing.T) {
	t.Parallel()
	value := bytes.Repeat([]byte("0123456789abcdef"), 32<<10)
	s := newFaultServer(t, func(w http.ResponseWriter, r *http.Request) {
		for part := value; len(part) > 0; part = part[64<<10:] {
			w.Write(part[:64<<10])
			w.(http.Flusher).Flush()
		}
	})
	client := s.client(t)
	for range 3 {
		body, _, err := client.KV().GetRaw(testContext(t), "k")
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(body)
		if err != nil || !bytes.Equal(got, value) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		if err := body.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	if n := s.connections(); n != 1 {
		t.Errorf("%d connections for 3 calls", n)
	}
}

// All reads to the end of the answer, not just of the list, or its connection would be lost.
func TestAllKeepsTheConnection(t *testing.T) {
	t.Parallel()
	s := newFaultServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte(`[{"Key":"a"},{"Key":"b"}]`))
		w.(http.Flusher).Flush() // so the end of the body comes by itself
	})
	client := s.client(t)
	for range 3 {
		n := 0
		for _, err := range client.KV().All(testContext(t), "") {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n != 2 {
			t.Errorf("%d pairs, want 2", n)
		}
	}
	if n := s.connections(); n != 1 {
		t.Errorf("%d connections for 3 calls", n)
	}
}

func TestAllSeesWhatIsWrongWithTheAnswer(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]http.HandlerFunc{
		"cut off in an element":      cutOff,
		"cut off between elements":   answer(200, `[{"Key":"a"}`),
		"cut off behind a comma":     answer(200, `[{"Key":"a"},`),
		"more than a list":           answer(200, `[{"Key":"a"}] [`),
		"garbage behind the list":    answer(200, `[{"Key":"a"}]x`),
		"an object":                  answer(200, `{"Key":"a"}`),
		"an element of another type": answer(200, `[{"Key":"a"},7]`),
		"nothing":                    answer(200, ""),
		"not JSON":                   answer(200, "<html>"),
		"null and more":              answer(200, "null null"),
		"cut off at the very end": func(w http.ResponseWriter, r *http.Request) {
			w.Write([]byte(`[{"Key":"a"}]`))
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		},
	} {
		var last error
		for _, err := range newFaultServer(t, h).client(t).KV().All(testContext(t), "") {
			last = err
		}
		if !errors.Is(last, consul.ErrBadResponse) {
			t.Errorf("%s: got %v, want ErrBadResponse", name, last)
		}
	}
	for _, empty := range []string{"null", "[]", " [ ] \n"} {
		for p, err := range newFaultServer(t, answer(200, empty)).client(t).KV().All(testContext(t), "") {
			t.Errorf("%q gives %v, %v", empty, p, err)
		}
	}
}

// Leaving early ends the request: the server sees its client go.
func TestClosingAStreamEarlyFreesTheServer(t *testing.T) {
	t.Parallel()
	gone := make(chan struct{})
	s := newFaultServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte("a part"))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		close(gone)
	})
	client := s.client(t)
	body, _, err := client.KV().GetRaw(testContext(t), "k")
	if err != nil {
		t.Fatal(err)
	}
	part := make([]byte, 6)
	if _, err := io.ReadFull(body, part); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := body.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	<-gone
	if _, err := body.Read(part); !errors.Is(err, fs.ErrClosed) || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Read after Close: %v, want ErrClosed", err)
	}
}

func TestCloseEndsAReadUnderWay(t *testing.T) {
	t.Parallel()
	s := newFaultServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		silence(w, r)
	})
	body, _, err := s.client(t).KV().GetRaw(testContext(t), "k")
	if err != nil {
		t.Fatal(err)
	}
	done := start(func() error { _, err := body.Read(make([]byte, 1)); return err })
	body.Close()
	if end := <-done; !errors.Is(end.err, fs.ErrClosed) {
		t.Errorf("the Read: %v, want ErrClosed", end.err)
	}
}

func TestCancellingAStream(t *testing.T) {
	t.Parallel()
	s := newFaultServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		silence(w, r)
	})
	ctx, cancel := context.WithCancelCause(testContext(t))
	body, _, err := s.client(t).KV().GetRaw(ctx, "k")
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	done := start(func() error { _, err := body.Read(make([]byte, 1)); return err })
	reason := errors.New("changed my mind")
	cancel(reason)
	if end := <-done; !errors.Is(end.err, context.Canceled) || !errors.Is(end.err, reason) {
		t.Errorf("the Read: %v, want Canceled and the cause", end.err)
	}
}
