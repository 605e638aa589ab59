package benchmarks

// This file counts what a client asks a server.

import (
	"net/http"
	"strings"
	"sync"
	"time"
)

// serverWait is how long servers hold back a question that does not say for how long.
const serverWait = 5 * time.Minute

// requests passes requests on and counts those to the store, and questions for the instances of a service. A transaction
// counts as a write.
type requests struct {
	next http.RoundTripper

	mu            sync.Mutex
	reads, writes int
	waiting       chan struct{}         // closed by a question that waits for a change
	waits         map[time.Duration]int // questions that wait now, by how long they may
}

func (r *requests) RoundTrip(request *http.Request) (*http.Response, error) {
	if wait, waits := r.note(request); waits {
		defer r.waited(wait)
	}
	return r.next.RoundTrip(request)
}

// note counts a request, and tells how long the server may hold it back, if it may.
func (r *requests) note(request *http.Request) (wait time.Duration, waits bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	path, read := request.URL.Path, request.Method == http.MethodGet
	switch {
	case read && (strings.HasPrefix(path, "/v1/kv/") || strings.HasPrefix(path, "/v1/health/service/")):
		r.reads++
	case strings.HasPrefix(path, "/v1/kv/"), path == "/v1/txn":
		r.writes++
		return 0, false
	default:
		return 0, false
	}
	query := request.URL.Query()
	if index := query.Get("index"); index == "" || index == "0" {
		return 0, false
	}
	if r.waiting != nil {
		close(r.waiting)
		r.waiting = nil
	}
	wait, err := time.ParseDuration(query.Get("wait"))
	if err != nil {
		wait = serverWait
	}
	if r.waits == nil {
		r.waits = map[time.Duration]int{}
	}
	r.waits[wait]++
	return wait, true
}

// waited notes that a question is answered.
func (r *requests) waited(wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waits[wait]--
}

// wait gives a channel that the next question which waits for a change closes.
func (r *requests) wait() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waiting == nil {
		r.waiting = make(chan struct{})
	}
	return r.waiting
}

func (r *requests) counts() (reads, writes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reads, r.writes
}

// held tells how many questions wait now, and how many requests a minute they come to when each wait runs out.
func (r *requests) held() (questions int, aMinute float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for wait, n := range r.waits {
		questions += n
		aMinute += float64(n) * float64(time.Minute) / float64(wait)
	}
	return questions, aMinute
}
