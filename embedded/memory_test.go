package embedded_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lictor-go/consul/embedded"
)

// open sends a request without a socket and gives its answer, the body of which is still to be read.
func open(ctx context.Context, t *testing.T, s *embedded.Server, path string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, "GET", "http://embedded"+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := s.Transport().RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

const monitorPath = "/v1/agent/monitor?loglevel=debug"

func TestStreamsAsItIsWritten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		response := open(t.Context(), t, s, monitorPath)
		if response.StatusCode != 200 || response.ContentLength != -1 {
			t.Errorf("status %d, %d bytes", response.StatusCode, response.ContentLength)
		}
		lines := bufio.NewScanner(response.Body)
		for range 3 { // each is read before the next is written
			ask(t, s, "GET", "/v1/kv/?index=x", "")
			for lines.Scan() && !strings.Contains(lines.Text(), "Invalid index") {
			}
			if err := lines.Err(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestStreamEnds has each of those end a stream who can, while the server is waiting to write to it, or for something to write.
func TestStreamEnds(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(t *testing.T, s *embedded.Server, cancel context.CancelFunc, body io.Closer){
		"the body is closed": func(t *testing.T, _ *embedded.Server, _ context.CancelFunc, body io.Closer) {
			if err := body.Close(); err != nil {
				t.Error(err)
			}
		},
		"the client gives up": func(_ *testing.T, _ *embedded.Server, cancel context.CancelFunc, _ io.Closer) { cancel() },
		"the server is closed": func(t *testing.T, s *embedded.Server, _ context.CancelFunc, _ io.Closer) {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		},
	} {
		for _, full := range []bool{false, true} {
			t.Run(name+map[bool]string{false: ", idle", true: ", unread"}[full], func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					s := start(t)
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					response := open(ctx, t, s, monitorPath)
					if full {
						ask(t, s, "GET", "/v1/kv/?index=x", "")
						synctest.Wait()
					}
					end(t, s, cancel, response.Body)
					synctest.Wait()
					if data, err := io.ReadAll(response.Body); err == nil {
						t.Errorf("the stream went on to its end, with %d bytes", len(data))
					}
					if err := s.Close(); err != nil { // which waits for all that is being served
						t.Error(err)
					}
				})
			})
		}
	}
}

func TestCancelledWhileItWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		reason := errors.New("no longer wanted")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Minute, func() { cancel(reason) })
		begin := time.Now()
		_, err := send(ctx, s.Transport(), "GET", "http://embedded/v1/kv/a?index=100", "")
		if took := time.Since(begin); took != time.Minute || !errors.Is(err, reason) && !errors.Is(err, context.Canceled) {
			t.Errorf("it ended after %v with %v", took, err)
		}
		synctest.Wait()
		if held := embedded.Held(s); held != 0 {
			t.Errorf("%d blocking queries are held that nobody waits for", held)
		}
		if _, err := send(ctx, s.Transport(), "GET", "http://embedded/v1/kv/a", ""); err == nil {
			t.Error("a request was answered that was cancelled before")
		}
	})
}

// TestAbort has the handler end a request without an answer, before and after it has begun with one.
func TestAbort(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, s *embedded.Server, transport http.RoundTripper, base string) {
		for name, test := range map[string]struct {
			effect   embedded.Effect
			answered bool
		}{
			"before": {func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
				_, _ = io.WriteString(w, "not sent yet")
				panic(http.ErrAbortHandler)
			}, false},
			"after": {func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
				_, _ = io.WriteString(w, "sent")
				_ = http.NewResponseController(w).Flush()
				panic(http.ErrAbortHandler)
			}, true},
		} {
			remove := s.Inject(embedded.Fault{Effect: test.effect})
			a, err := send(t.Context(), transport, "GET", base+"/v1/kv/a", "")
			if err == nil || test.answered != (a.status == 200 && a.body == "sent") {
				t.Errorf("%s the answer has begun: %+v, %v", name, a, err)
			}
			remove()
		}
		if a, err := send(t.Context(), transport, "GET", base+"/v1/kv/a", ""); err != nil || a.status != 404 {
			t.Errorf("afterwards: %+v, %v", a, err)
		}
	})
}

func TestAnswersAsOverASocket(t *testing.T) {
	t.Parallel()
	s := start(t)
	socket := &http.Transport{DisableCompression: true}
	defer socket.CloseIdleConnections()
	for _, request := range []struct{ method, path, body string }{
		{"PUT", "/v1/kv/a", "x"},
		{"GET", "/v1/kv/a", ""},
		{"GET", "/v1/kv/a?raw", ""},
		{"GET", "/v1/kv/none", ""},
		{"HEAD", "/v1/kv/a", ""},
		{"OPTIONS", "/v1/kv/a", ""},
		{"POST", "/v1/kv/a", ""},
		{"GET", "/v1/kv/a?%zz", ""},
		{"GET", "/v1/kv/%07", ""},
		{"GET", "/v1/nothing", ""},
		{"GET", "/v1//kv/a", ""},
		{"GET", "/", ""},
	} {
		want, err := send(t.Context(), socket, request.method, "http://"+s.Addr()+request.path, request.body)
		if err != nil {
			t.Fatal(err)
		}
		got := ask(t, s, request.method, request.path, request.body)
		for _, name := range []string{"Date", "Content-Length"} { // which the web server adds
			want.header.Del(name)
			got.header.Del(name)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s %s:\n%+v over a socket,\n%+v without", request.method, request.path, want, got)
		}
	}
}

// TestWritesToNobodyEnd has a handler write to one who does not listen, far more than fits anywhere.
func TestWritesToNobodyEnd(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, s *embedded.Server, transport http.RoundTripper, base string) {
		ended := make(chan error, 1)
		defer s.Inject(embedded.Fault{Effect: func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			_ = http.NewResponseController(w).Flush()
			line := []byte(strings.Repeat("x", 1<<16))
			var err error
			for err == nil {
				_, err = w.Write(line)
			}
			ended <- err
		}})()
		ctx, cancel := context.WithCancel(t.Context())
		r, err := http.NewRequestWithContext(ctx, "GET", base+"/v1/kv/a", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		response, err := transport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		cancel()
		<-ended
	})
}
