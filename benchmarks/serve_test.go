package benchmarks

// This file is the server of recorded answers. Beside them it tells how many connections it was asked for, and how many
// questions wait.

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Keys and paths of the server of recorded answers. Behind listPrefix and webService comes the number of items wanted:
// "bench/1000/" has 1,000 keys, "web-1000" 1,000 instances.
const (
	smallKey        = "bench/small"
	largeKey        = "bench/large"
	slowKey         = "bench/slow"  // answered as smallKey, after slowness
	quietKey        = "bench/quiet" // smallKey, but that never changes: who waits for that waits
	listPrefix      = "bench/"
	webService      = "web-"
	sessionID       = "5e551010-0000-4000-8000-000000000001"
	connectionsPath = "/connections"
	waitingPath     = "/waiting"
)

// firstRound is behind every index that is recorded.
const firstRound = 1000

// slowness is how long an answer to slowKey takes.
const slowness = 2 * time.Millisecond

// serve answers on a free port of loopback, whose address it prints, until the input ends.
func serve(input io.Reader, output io.Writer) error {
	answers, err := loadAnswers()
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	h := &handler{answers: answers}
	h.round.Store(firstRound)
	s := &http.Server{Handler: h, ConnState: h.count}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	fmt.Fprintln(output, l.Addr())
	_, err = io.Copy(io.Discard, input)
	if closed := s.Close(); err == nil {
		err = closed
	}
	if served := <-ended; served != http.ErrServerClosed {
		return served
	}
	return err
}

type handler struct {
	answers     *answers
	connections atomic.Int64
	waiting     atomic.Int64
	round       atomic.Uint64 // of blocking queries: each round the index is another
	sized       sync.Map      // the multiplied answers, by their path
}

func (h *handler) count(_ net.Conn, state http.ConnState) {
	if state == http.StateNew {
		h.connections.Add(1)
	}
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		// A server that leaves a body unread has to close the connection.
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
	}
	path := r.URL.Path
	switch {
	case path == connectionsPath:
		fmt.Fprint(w, h.connections.Load())
	case path == "/v1/kv/"+slowKey:
		time.Sleep(slowness)
		h.answers.small.write(w, "")
	case path == waitingPath:
		fmt.Fprint(w, h.waiting.Load())
	case path == "/v1/kv/"+quietKey && r.URL.Query().Has("index"):
		h.waiting.Add(1)
		defer h.waiting.Add(-1)
		<-r.Context().Done()
	case path == "/v1/kv/"+quietKey:
		h.answers.small.write(w, "")
	case path == "/v1/kv/"+smallKey && r.Method == http.MethodPut:
		h.answers.put.write(w, "")
	case path == "/v1/kv/"+smallKey && r.URL.Query().Has("index"):
		h.answers.small.write(w, strconv.FormatUint(h.round.Add(1), 10))
	case path == "/v1/kv/"+smallKey:
		h.answers.small.write(w, "")
	case path == "/v1/kv/"+largeKey && r.URL.Query().Has("raw"):
		h.answers.largeRaw.write(w, "")
	case path == "/v1/kv/"+largeKey:
		h.answers.large.write(w, "")
	case path == "/v1/session/renew/"+sessionID:
		h.answers.renew.write(w, "")
	default:
		h.multiplied(w, path)
	}
}

// multiplied answers for the paths with a number of items in them.
func (h *handler) multiplied(w http.ResponseWriter, path string) {
	if a, ok := h.sized.Load(path); ok {
		a.(*answer).write(w, "")
		return
	}
	multiply, number := h.answers.list, ""
	if rest, ok := strings.CutPrefix(path, "/v1/kv/"+listPrefix); ok {
		number = strings.TrimSuffix(rest, "/")
	} else if rest, ok := strings.CutPrefix(path, "/v1/health/service/"+webService); ok {
		multiply, number = h.answers.health, rest
	}
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > maxItems {
		http.Error(w, "no such recording: "+path, http.StatusTeapot)
		return
	}
	a, _ := h.sized.LoadOrStore(path, multiply(n))
	a.(*answer).write(w, "")
}
