package chaos

// This file holds the network between a contender and a server, which can go silent: bytes stay where they are, while
// connections stay open and new ones are taken.

import (
	"context"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// gate holds up those who come to it while it is shut.
type gate struct {
	mu     sync.Mutex
	opened chan struct{} // closed by open; nil while the gate is open
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.opened == nil {
		g.opened = make(chan struct{})
	}
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.opened != nil {
		close(g.opened)
		g.opened = nil
	}
}

// pass returns once the gate is open. It reports whether that had to be waited for.
func (g *gate) pass() (waited bool) {
	g.mu.Lock()
	opened := g.opened
	g.mu.Unlock()
	if opened != nil {
		<-opened
	}
	return opened != nil
}

// relay passes connections on to a server.
type relay struct {
	target            string
	listener          net.Listener
	requests, answers gate
	open              context.Context // ends when the relay is closed
	end               context.CancelFunc

	running sync.WaitGroup
	mu      sync.Mutex
	conns   map[net.Conn]bool // of both sides
}

// newRelay starts a relay to the server at target, until the end of the test.
func newRelay(t *testing.T, target string) *relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	r := &relay{target: target, listener: listener, conns: map[net.Conn]bool{}}
	r.open, r.end = context.WithCancel(context.Background())
	r.running.Go(r.accept)
	t.Cleanup(r.close)
	return r
}

func (r *relay) addr() string { return r.listener.Addr().String() }

func (r *relay) close() {
	r.listener.Close()
	r.end()
	r.cut()
	r.running.Wait()
}

// resume lets bytes flow again. Those that were held up arrive late, also from those who don't wait for an answer any more.
func (r *relay) resume() {
	r.requests.open()
	r.answers.open()
}

// cut closes all connections. Bytes that were held up are lost.
func (r *relay) cut() {
	r.mu.Lock()
	for conn := range r.conns {
		conn.Close()
	}
	r.mu.Unlock()
	r.resume()
}

func (r *relay) accept() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.running.Go(func() { r.serve(client) })
	}
}

// serve passes on what the two sides of a connection send, until both have ended.
func (r *relay) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", r.target)
	if err != nil {
		return
	}
	defer server.Close()
	if !r.note(client, server) {
		return
	}
	defer r.forget(client, server)
	var both sync.WaitGroup
	both.Go(func() { r.pump(server, client, &r.requests) })
	both.Go(func() { r.pump(client, server, &r.answers) })
	both.Wait()
}

// straggle is how much later than others a connection may go on that was held up: TCP sends again what was lost after pauses
// that have grown meanwhile, each connection in its own time.
const straggle = 2 * time.Second

// pump passes on what src sends until its end.
func (r *relay) pump(dst, src net.Conn, through *gate) {
	buffer := make([]byte, 16<<10)
	for {
		n, err := src.Read(buffer)
		if through.pass() {
			pause(r.open, rand.N(straggle))
		}
		if _, failed := dst.Write(buffer[:n]); err != nil || failed != nil {
			break
		}
	}
	_ = dst.(*net.TCPConn).CloseWrite() // it has nothing more to come, and may have more to say
}

// note reports false where the relay is closed.
func (r *relay) note(conns ...net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, conn := range conns {
		r.conns[conn] = true
	}
	return r.open.Err() == nil
}

func (r *relay) forget(conns ...net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, conn := range conns {
		delete(r.conns, conn)
	}
}
