package main

// This file holds the services: what they serve, and how they stay registered while they do.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/lictor-go/consul"
)

// A service is a web server that is registered with Consul.
type service struct {
	id, address string
	line        *timeline
	listener    net.Listener
	server      *http.Server
	registrar   *consul.Registrar
	broken      atomic.Bool // what its health function looks at

	life context.Context
	end  context.CancelFunc // ends life, and so run
}

// newService makes a service that listens on a free port.
func newService(client *consul.Client, id, name string, handler http.Handler, line *timeline) (*service, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &service{id: id, address: listener.Addr().String(), line: line, listener: listener}
	s.life, s.end = context.WithCancel(context.Background())
	s.server = &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	s.registrar, err = client.Registrar(&consul.RegistrarOptions{
		Services: []consul.RegistrarService{{
			Service: &consul.AgentServiceRegistration{
				ID: id, Name: name, Address: "127.0.0.1", Port: listener.Addr().(*net.TCPAddr).Port,
				// Short, for those who watch. A heartbeat comes three times in it.
				Check: &consul.AgentServiceCheck{Name: "heartbeat", TTL: 3 * time.Second},
			},
			Health: s.health,
		}},
		Drain: 500 * time.Millisecond, // those who use it have that long to turn away
	})
	if err != nil {
		listener.Close()
		return nil, err
	}
	return s, nil
}

// health is what Consul learns of the service. A real one would ask its database, say.
func (s *service) health(context.Context) error {
	if s.broken.Load() {
		return errors.New("the shelves have collapsed")
	}
	return nil
}

// run serves until ctx ends, or the service is told to: it is deregistered first, and stops to serve then.
func (s *service) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.life, cancel)()
	serving := make(chan error, 1)
	go func() {
		defer cancel() // a service that does not serve is not to be found
		serving <- s.server.Serve(s.listener)
	}()
	err := s.registrar.Run(ctx)
	s.line.tell(s.id, s.standing())
	grace, done := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer done()
	err = errors.Join(err, s.server.Shutdown(grace))
	if served := <-serving; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", s.id, err)
	}
	return nil
}

// standing is how the service stands with Consul.
func (s *service) standing() string {
	switch st := s.registrar.Status()[0]; {
	case st.Err != nil:
		return "has trouble: " + st.Err.Error()
	case st.Registrations == 0:
		return "opens"
	case !st.Registered:
		return "is deregistered"
	case st.Registrations > 1:
		return fmt.Sprintf("is registered again (%d times now), %s", st.Registrations, st.Health)
	default:
		return "is registered, " + st.Health
	}
}

// leaves ends run.
func (s *service) leaves() error {
	s.end()
	return nil
}

// close is for a service that was never run, too.
func (s *service) close() {
	s.end()
	s.server.Close()
	s.listener.Close()
}

// stock serves what is in stock.
func stock(contents string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, contents) }
}

// shop serves what the stocks have that Consul says are well.
type shop struct{ stocks *consul.Service }

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var have []string
	for _, stock := range s.stocks.Instances() { // as they were told of last: nothing is asked here
		contents, err := get(r.Context(), stock.Address)
		if err != nil {
			continue // it has just gone: Consul will say so soon
		}
		have = append(have, contents)
	}
	slices.Sort(have)
	if len(have) == 0 {
		fmt.Fprintln(w, "we have nothing today")
		return
	}
	fmt.Fprintln(w, "we have "+strings.Join(have, " and "))
}
