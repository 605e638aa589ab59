package embedded

// This file starts and ends servers.

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/lictor-go/consul/embedded/internal/store"
)

// Server is a Consul of one node, in memory. It is safe for concurrent use.
type Server struct {
	config   config
	log      *slog.Logger
	store    *store.Store
	mux      *http.ServeMux
	blocking gate
	sessions sessionTimers
	graves   graveyard

	resolved    resolvedTokens
	agentTokens atomic.Pointer[agentTokens]
	reaper      reaper

	// wipes counts how often everything was forgotten.
	wipes atomic.Uint64

	agent  *agent
	cache  agentCache
	events events
	// monitors are told what is logged.
	monitors monitors
	// roots makes the authority of the mesh when it is first asked for.
	roots  func() (*caRoots, error)
	faults faults

	// ctx ends when the server is closed. What it started ends by it, and is counted in running; starting keeps the count from
	// growing once Close waits for it.
	ctx      context.Context
	end      context.CancelFunc
	starting sync.RWMutex
	running  sync.WaitGroup

	listener net.Listener
	web      *http.Server
	serving  sync.Once
	closing  sync.Once
}

// Start starts a server, which is ready when Start returns. The caller closes it.
func Start(opts ...Option) (*Server, error) {
	s := &Server{config: newConfig(opts)}
	if err := s.config.validate(); err != nil {
		return nil, fmt.Errorf("embedded: start: %w", err)
	}
	s.log = slog.New(newLogHub(s.config.log.Handler(), &s.monitors))
	s.ctx, s.end = context.WithCancel(context.Background())
	s.blocking = newGate(s.config.queries)
	s.store = store.New(s.sessions.stop)
	s.store.OnTombstones(s.bury)
	s.agentTokens.Store(s.config.acl.tokens())
	s.mux = s.newMux()
	s.agent = newAgent(s)
	s.roots = sync.OnceValues(newRoots)
	if err := s.begin(); err != nil {
		s.end()
		return nil, fmt.Errorf("embedded: start: %w", err)
	}
	if err := s.listen(); err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("embedded: start: %w", err)
	}
	s.run(s.agent.tend)
	return s, nil
}

// begin fills the store with what a server has from its start.
func (s *Server) begin() error {
	if err := s.beginACLs(); err != nil {
		return err
	}
	return s.beginNode()
}

// listen takes the address. Connections are accepted at once where an option named it, else from the first call of Addr on:
// a goroutine that waits for connections would keep the time of a testing/synctest bubble from passing.
func (s *Server) listen() error {
	address := s.config.address
	if address == "" {
		address = "127.0.0.1:0"
	}
	var err error
	if s.listener, err = net.Listen("tcp", address); err != nil {
		return err
	}
	if s.config.tls != nil {
		s.listener = tls.NewListener(s.listener, s.config.tls)
	}
	s.web = &http.Server{
		Handler:           http.HandlerFunc(s.serveRequest),
		BaseContext:       func(net.Listener) context.Context { return s.ctx },
		ReadHeaderTimeout: headerTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	if s.config.address != "" {
		s.accept()
	}
	return nil
}

func (s *Server) accept() {
	s.serving.Do(func() {
		s.run(func() {
			if err := s.web.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
				s.log.Error("no more connections are accepted", "error", err)
			}
		})
	})
}

// run runs f in a goroutine that Close waits for, and reports whether it did: a server that is closed starts nothing.
func (s *Server) run(f func()) bool {
	s.starting.RLock()
	defer s.starting.RUnlock()
	if s.ctx.Err() != nil {
		return false
	}
	s.running.Go(f)
	return true
}

// Addr is the host:port that the server listens on. Within a testing/synctest bubble use Transport instead.
func (s *Server) Addr() string {
	s.accept()
	return s.listener.Addr().String()
}

// Done is closed when the server is closed, be it by a request to leave.
func (s *Server) Done() <-chan struct{} { return s.ctx.Done() }

// Close ends the server: blocking queries are answered at once, connections are closed, checks end. It returns when all has
// ended. What was kept is gone.
func (s *Server) Close() error {
	s.closing.Do(func() {
		s.starting.Lock()
		s.end()
		s.starting.Unlock()
		s.sessions.close()
		s.graves.close()
		s.agent.close()
		s.reaper.close()
		if s.listener != nil {
			// The connections are closed at once. A listener that was never served is not the web server's to close.
			_ = s.web.Close()
			_ = s.listener.Close()
		}
		s.running.Wait()
	})
	return nil
}

// ServeHTTP serves one request. It makes the server an http.Handler, for those that have a listener or a test server of
// their own: Close ends its requests too, but not their connections.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	s.serveRequest(w, r.WithContext(ctx))
}

// serveRequest serves a request whose context ends with the server.
func (s *Server) serveRequest(w http.ResponseWriter, r *http.Request) {
	if effects := s.faults.of(r); effects != nil {
		apply(effects, http.HandlerFunc(s.serveWell)).ServeHTTP(w, r)
		return
	}
	s.serveWell(w, r)
}

// serveWell serves a request that meets no fault.
func (s *Server) serveWell(w http.ResponseWriter, r *http.Request) {
	if !printable(r.URL.Path) {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.mux.ServeHTTP(w, r)
}
