package benchmarks

// This file holds what goes wrong between a client and a server: a relay that goes silent, and a proxy that answers for a
// server which can't.

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
)

// A relay passes bytes between clients and a server until it is silenced: then connections stay open, new ones are taken,
// and nothing passes.
type relay struct {
	listener net.Listener
	to       string
	silent   chan struct{}
	ctx      context.Context // ends with the test
}

func newRelay(t testing.TB, to string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &relay{listener: l, to: to, silent: make(chan struct{}), ctx: ctx}
	var all sync.WaitGroup
	all.Go(func() { r.accept(&all) })
	t.Cleanup(func() {
		cancel()
		l.Close()
		all.Wait()
	})
	return r
}

func (r *relay) url() string { return "http://" + r.listener.Addr().String() }

// silence is called once.
func (r *relay) silence() { close(r.silent) }

func (r *relay) accept(all *sync.WaitGroup) {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return
		}
		all.Go(func() { r.pass(client) })
	}
}

func (r *relay) pass(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", r.to)
	if err != nil {
		return
	}
	defer server.Close()
	ends := [2]net.Conn{client, server}
	stop := context.AfterFunc(r.ctx, func() { client.Close(); server.Close() })
	defer stop()
	var both sync.WaitGroup
	for i := range ends {
		both.Go(func() {
			_, _ = io.Copy(ends[i], r.listening(ends[1-i])) // however it ends, the connection is over
			ends[i].Close()
		})
	}
	both.Wait()
}

// listening reads from c for as long as the relay is not silent, and then waits for the end.
func (r *relay) listening(c net.Conn) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		n, err := c.Read(p)
		select {
		case <-r.silent:
			<-r.ctx.Done()
			return 0, net.ErrClosed
		default:
			return n, err
		}
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// A front is a proxy in front of a server. It can be made to answer in the server's place.
type front struct {
	proxy *httputil.ReverseProxy

	mu      sync.Mutex
	answer  outage
	out     bool // answer stands for the server
	current context.Context
	cut     context.CancelFunc // ends what is on its way to the server, which is answered with answer
}

type outage struct {
	code int
	body string
}

func newFront(t testing.TB, server string) (*front, string) {
	t.Helper()
	to, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 16}
	f := &front{proxy: httputil.NewSingleHostReverseProxy(to)}
	f.proxy.Transport = transport
	f.proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { f.refuse(w) }
	f.current, f.cut = context.WithCancel(context.Background())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: f}
	var serving sync.WaitGroup
	serving.Go(func() { _ = s.Serve(l) }) // it ends by Close
	t.Cleanup(func() {
		s.Close()
		serving.Wait()
		transport.CloseIdleConnections()
	})
	return f, "http://" + l.Addr().String()
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	out, current := f.out, f.current
	f.mu.Unlock()
	if out {
		f.refuse(w)
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(current, cancel)()
	f.proxy.ServeHTTP(w, r.WithContext(ctx))
}

func (f *front) refuse(w http.ResponseWriter) {
	f.mu.Lock()
	answer := f.answer
	f.mu.Unlock()
	http.Error(w, answer.body, answer.code)
}

// fail answers what is on its way with o, and all that comes after that, too, until recover.
func (f *front) fail(o outage) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer, f.out = o, true
	f.cut()
}

func (f *front) recover() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.out = false
	f.current, f.cut = context.WithCancel(context.Background())
}

// failOnce answers only what is on its way with o.
func (f *front) failOnce(o outage) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = o
	f.cut()
	f.current, f.cut = context.WithCancel(context.Background())
}
