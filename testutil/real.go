package testutil

// This file runs a server as a process of the real Consul.

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"

	"github.com/lictor-go/consul/internal/ports"
)

// realServer is the backend of a server in a process of its own.
type realServer struct {
	server *Server

	mu      sync.Mutex
	process *process // the last one started; it may have ended
}

func (r *realServer) current() *process {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.process
}

func (r *realServer) running() bool {
	p := r.current()
	return p != nil && p.running()
}

func (r *realServer) launch() error {
	s := r.server
	log, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(s.group.binary, s.arguments()...)
	cmd.Dir, cmd.Env = s.dir, environment()
	cmd.Stdout, cmd.Stderr = log, log
	process, err := startProcess(cmd)
	if err != nil {
		return fmt.Errorf("start %s: %w", cmd, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.process = process
	return nil
}

// environment is this process's, without what Consul's own tools would read from it.
func environment() []string {
	var env []string
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "CONSUL_") {
			env = append(env, entry)
		}
	}
	return env
}

// accept does nothing: a real server accepts connections by itself.
func (r *realServer) accept() {}

func (r *realServer) suspend() error { return suspend(r.current().cmd.Process) }
func (r *realServer) resume() error  { return resume(r.current().cmd.Process) }
func (r *realServer) stop() error    { return r.current().stop() }

// kill is for one that was never launched too.
func (r *realServer) kill() error {
	if p := r.current(); p != nil {
		return p.kill()
	}
	return nil
}

// release has nothing to do: all that a process leaves is in the server's directory.
func (r *realServer) release() error { return nil }

func (r *realServer) transport() http.RoundTripper { return r.server.dialing() }
func (r *realServer) serverAddr() string           { return r.server.ports.Addr(ports.Server) }
func (r *realServer) pid() int                     { return r.current().cmd.Process.Pid }
func (r *realServer) String() string               { return fmt.Sprintf("process %d", r.pid()) }
func (r *realServer) command() string              { return r.current().cmd.String() }
