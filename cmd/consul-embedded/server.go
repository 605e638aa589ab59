package main

// This file starts a server as settings say, and ends it.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"regexp"
	"sync"
	"syscall"
	"time"

	"github.com/lictor-go/consul/embedded"
)

// settings are what a server is started with.
type settings struct {
	node, nodeID, datacenter string
	nodeMeta                 map[string]string
	acl                      *embedded.ACL // nil without ACLs
	scripts, pretty          bool
	endpoints                []endpoint
	level                    slog.Level
	log                      *slog.Logger
}

var uuid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

func (s *settings) validate() error {
	switch {
	case s.nodeID != "" && !uuid.MatchString(s.nodeID):
		return fmt.Errorf("the node ID %q is no UUID", s.nodeID)
	case s.acl == nil:
		return nil
	}
	switch s.acl.DefaultPolicy {
	case "", "allow", "deny":
		return nil
	}
	return fmt.Errorf("the ACL default policy is %q: it can be allow or deny", s.acl.DefaultPolicy)
}

func (s *settings) options() []embedded.Option {
	opts := []embedded.Option{
		embedded.WithNodeName(s.node),
		embedded.WithDatacenter(s.datacenter),
		embedded.WithNodeMeta(s.nodeMeta),
		embedded.WithLogger(s.log),
	}
	if s.nodeID != "" {
		opts = append(opts, embedded.WithNodeID(s.nodeID))
	}
	if s.acl != nil {
		opts = append(opts, embedded.WithACL(*s.acl))
	}
	if s.scripts {
		opts = append(opts, embedded.WithScriptChecks())
	}
	if s.pretty {
		opts = append(opts, embedded.WithPrettyJSON())
	}
	return opts
}

// headerTimeout bounds how long a client may take to send the head of a request.
const headerTimeout = 30 * time.Second

// server is one that runs.
type server struct {
	consul    *embedded.Server
	web       *http.Server
	endpoints []endpoint
	listeners []net.Listener
	serving   sync.WaitGroup
}

func start(s *settings) (*server, error) {
	consul, err := embedded.Start(s.options()...)
	if err != nil {
		return nil, err
	}
	r := &server{consul: consul, web: &http.Server{
		Handler: consul, ReadHeaderTimeout: headerTimeout,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}}
	for _, e := range s.endpoints {
		l, err := e.listen()
		if err != nil {
			return nil, errors.Join(err, r.close())
		}
		r.endpoints, r.listeners = append(r.endpoints, e), append(r.listeners, l)
	}
	for _, l := range r.listeners {
		r.serving.Go(func() {
			if err := r.web.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				s.log.Error("no more connections are accepted", "address", l.Addr(), "error", err)
			}
		})
	}
	return r, nil
}

// urls are where the server is reached, in the form that CONSUL_HTTP_ADDR takes.
func (r *server) urls() []string {
	var all []string
	for i, l := range r.listeners {
		all = append(all, r.endpoints[i].scheme()+"://"+l.Addr().String())
	}
	return all
}

// await returns at a signal that ends the program, which it gives, or with none at the end of ctx and where a client had the
// server leave.
func (r *server) await(ctx context.Context, signals <-chan os.Signal) os.Signal {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.consul.Done():
			return nil
		case s := <-signals:
			if s != syscall.SIGHUP {
				return s
			}
		}
	}
}

// close ends the server: connections are cut, blocking queries too.
func (r *server) close() error {
	failed := []error{r.web.Close()}
	for _, l := range r.listeners {
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			failed = append(failed, err)
		}
	}
	r.serving.Wait()
	return errors.Join(append(failed, r.consul.Close())...)
}
