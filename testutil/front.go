package testutil

// This file holds how an embedded server is reached from its launch until it is stopped: its listeners and connections, and
// the requests that come without one.

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/lictor-go/consul/internal/ports"
)

// headerTimeout bounds how long a client may take to send the head of a request.
const headerTimeout = 30 * time.Second

// front is one run of an embedded server, from launch to stop.
type front struct {
	// ctx ends when the front is closed.
	ctx context.Context
	end context.CancelFunc
	brake
	web       *http.Server
	encrypted bool // web's TLSConfig doesn't say: Serve sets one too
	listeners []net.Listener
	accepts   sync.Once
	serving   sync.WaitGroup
	// handling is held for reading by each request that is handled.
	handling sync.RWMutex
}

// newFront listens on the server's address, and on its socket where it has one. A connection is served from accept on.
func (s *Server) newFront(handler http.Handler, log *slog.Logger) (*front, error) {
	settings, err := s.tlsServerConfig()
	if err != nil {
		return nil, err
	}
	f := &front{encrypted: settings != nil}
	f.ctx, f.end = context.WithCancel(context.Background())
	f.ended = f.ctx.Done()
	f.web = &http.Server{
		Handler: f.handler(handler), TLSConfig: settings, ReadHeaderTimeout: headerTimeout,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	l, err := ports.Listen(s.ports.Addr(ports.API))
	if err != nil {
		f.end()
		return nil, err
	}
	f.brakeOn(l)
	if s.socket == "" {
		return f, nil
	}
	// What a killed server leaves does not keep its successor from listening.
	if err := os.Remove(s.socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, errors.Join(err, f.close())
	}
	if l, err = net.Listen("unix", s.socket); err != nil {
		return nil, errors.Join(err, f.close())
	}
	f.brakeOn(l)
	return f, nil
}

// brakeOn has the listener's connections held when the server is.
func (f *front) brakeOn(l net.Listener) {
	f.listeners = append(f.listeners, &brakedListener{l, &f.brake})
}

// tlsServerConfig is nil without TLS.
func (s *Server) tlsServerConfig() (*tls.Config, error) {
	if !s.group.tls {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(s.certs.serverCert, s.certs.serverKey)
	if err != nil {
		return nil, err
	}
	settings := &tls.Config{Certificates: []tls.Certificate{pair}}
	if s.group.mutualTLS {
		settings.ClientAuth, settings.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		settings.ClientCAs.AddCert(s.group.authority.cert)
	}
	return settings, nil
}

// handler lets close wait for the requests that are handled.
func (f *front) handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.handling.RLock()
		defer f.handling.RUnlock()
		if f.ctx.Err() != nil {
			panic(http.ErrAbortHandler)
		}
		next.ServeHTTP(w, r)
	})
}

func (f *front) accept() {
	f.accepts.Do(func() {
		for _, l := range f.listeners {
			f.serving.Go(func() { f.serve(l) })
		}
	})
}

// serve serves the listener's connections until close closes it.
func (f *front) serve(l net.Listener) {
	if f.encrypted {
		_ = f.web.ServeTLS(l, "", "")
		return
	}
	_ = f.web.Serve(l)
}

// roundTrip sends the request over memory, as long as the front is there and not held.
func (f *front) roundTrip(memory http.RoundTripper, r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(r.Context())
	unlink := context.AfterFunc(f.ctx, func() { cancel(syscall.ECONNRESET) })
	end := func() {
		unlink()
		cancel(nil)
	}
	response, err := f.passOn(memory, r.WithContext(ctx))
	if err != nil {
		end()
		return nil, err
	}
	response.Body = &endingBody{response.Body, end}
	return response, nil
}

func (f *front) passOn(memory http.RoundTripper, r *http.Request) (*http.Response, error) {
	if err := f.wait(r.Context().Done()); err != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, cause(r.Context(), err)
	}
	response, err := memory.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if err := f.wait(r.Context().Done()); err != nil {
		_ = response.Body.Close()
		return nil, cause(r.Context(), err)
	}
	return response, nil
}

// cause is why ctx ended, or err where it has not.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// endingBody calls end when it is closed.
type endingBody struct {
	io.ReadCloser
	end func()
}

func (b *endingBody) Close() error {
	defer b.end()
	return b.ReadCloser.Close()
}

// close cuts all connections and requests, and returns when nothing of them goes on.
func (f *front) close() error {
	f.end()
	failed := []error{f.web.Close()}
	for _, l := range f.listeners { // those that were never served are not the web server's to close
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			failed = append(failed, err)
		}
	}
	f.serving.Wait()
	f.handling.Lock()
	defer f.handling.Unlock()
	return errors.Join(failed...)
}
