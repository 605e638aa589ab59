package testutil

// This file runs a server embedded in this process.

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"

	"github.com/lictor-go/consul/embedded"
	"github.com/lictor-go/consul/internal/ports"
)

// embeddedServer is the backend of a server within this process. What it is stopped and suspended by is how it is reached:
// the embedded server itself lives from the first launch until release, so that it keeps its data as a real one on disk.
type embeddedServer struct {
	server *Server
	consul *embedded.Server
	memory http.RoundTripper
	file   *os.File
	log    *slog.Logger

	mu        sync.Mutex
	front     *front // nil while the server does not run
	accepting bool
	watching  sync.WaitGroup
}

func (e *embeddedServer) launch() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.consul == nil || e.left() {
		if err := e.start(); err != nil {
			return err
		}
	}
	f, err := e.server.newFront(e.consul, e.log)
	if err != nil {
		return err
	}
	e.front = f
	e.log.Info("Starting Consul agent", "backend", "embedded", "node", e.server.name, "address", e.server.ports.Addr(ports.API))
	if e.accepting {
		f.accept()
	}
	return nil
}

// start starts the embedded server itself.
func (e *embeddedServer) start() error {
	var err error
	if e.file == nil {
		if e.file, err = os.OpenFile(e.server.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
			return err
		}
		e.log = slog.New(slog.NewTextHandler(e.file, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	set := e.server.group.settings
	opts := []embedded.Option{
		embedded.WithNodeName(e.server.name),
		embedded.WithDatacenter(set.datacenter),
		embedded.WithLogger(e.log),
	}
	if set.acl {
		opts = append(opts, embedded.WithACL(embedded.ACL{
			InitialManagement: e.server.token, Agent: e.server.token, Legacy: set.legacy,
		}))
	}
	if set.scripts {
		opts = append(opts, embedded.WithScriptChecks())
	}
	if e.consul, err = embedded.Start(opts...); err != nil {
		return err
	}
	e.memory = e.consul.Transport()
	e.server.version = embedded.Version // launch has the server's lock
	consul := e.consul
	e.watching.Go(func() { // as a process that leaves ends
		<-consul.Done()
		_ = e.cut(consul)
	})
	return nil
}

// left reports whether a client had the server leave. What it kept went with it.
func (e *embeddedServer) left() bool {
	select {
	case <-e.consul.Done():
		return true
	default:
		return false
	}
}

// An embedded server serves from its launch on.

func (e *embeddedServer) awaitAPI(context.Context) error      { return nil }
func (e *embeddedServer) awaitWritable(context.Context) error { return nil }

// accept is left until somebody wants the address: a goroutine that waits for connections would keep the time of a
// testing/synctest bubble from passing.
func (e *embeddedServer) accept() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.accepting = true
	if e.front != nil {
		e.front.accept()
	}
}

// reached is how the server is reached, nil while it does not run.
func (e *embeddedServer) reached() *front {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.front
}

func (e *embeddedServer) running() bool { return e.reached() != nil }

func (e *embeddedServer) suspend() error {
	e.reached().hold()
	return nil
}

func (e *embeddedServer) resume() error {
	e.reached().unhold()
	return nil
}

func (e *embeddedServer) stop() error { return e.kill() }

func (e *embeddedServer) kill() error {
	e.mu.Lock()
	consul := e.consul
	e.mu.Unlock()
	return e.cut(consul)
}

// cut ends how consul is reached, unless another has come in its place.
func (e *embeddedServer) cut(consul *embedded.Server) error {
	e.mu.Lock()
	if e.consul != consul || e.front == nil {
		e.mu.Unlock()
		return nil
	}
	f := e.front
	e.front = nil
	e.mu.Unlock()
	return f.close()
}

func (e *embeddedServer) release() error {
	if e.consul != nil {
		if err := e.consul.Close(); err != nil {
			return err
		}
		e.watching.Wait()
	}
	if e.file == nil {
		return nil
	}
	return e.file.Close()
}

func (e *embeddedServer) transport() http.RoundTripper { return e }

// RoundTrip implements http.RoundTripper, without a socket.
func (e *embeddedServer) RoundTrip(r *http.Request) (*http.Response, error) {
	f := e.reached()
	if f == nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, &net.OpError{Op: "dial", Net: "memory", Err: fmt.Errorf("%v does not run: %w", e.server, syscall.ECONNREFUSED)}
	}
	return f.roundTrip(e.memory, r)
}

// serverAddr is the one that the embedded server names, where nobody listens.
func (e *embeddedServer) serverAddr() string { return "127.0.0.1:8300" }

func (e *embeddedServer) pid() int        { return os.Getpid() }
func (e *embeddedServer) String() string  { return "embedded" }
func (e *embeddedServer) command() string { return "embedded.Start" }
