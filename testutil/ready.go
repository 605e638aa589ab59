package testutil

// This file asks servers how they are, and waits until a real one is ready: Consul has nothing that tells.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// pollEvery is the pause between two questions: short beside a start of about 100 ms.
	pollEvery = 3 * time.Millisecond
	// requestTimeout bounds one question to a server that may be suspended.
	requestTimeout = 2 * time.Second
	// lastTimeout bounds the question that an error is about, when there was no time left.
	lastTimeout = 250 * time.Millisecond
	// maxBody is how much of an answer is read.
	maxBody = 1 << 20
)

// poll calls try until it gives nil, the context ends or the server's process does. The error says which, and why try failed.
func (r *realServer) poll(ctx context.Context, try func(context.Context) error) error {
	process := r.current()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		if err := try(ctx); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			// That try failed because the context ended says nothing of the server: ask once more.
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastTimeout)
			defer cancel()
			if err := try(last); err != nil {
				return fmt.Errorf("%w: %w", context.Cause(ctx), err)
			}
			return nil
		case <-process.exited:
			return fmt.Errorf("the server exited by itself (%v)", process.cmd.ProcessState)
		case <-tick.C:
		}
	}
}

func (r *realServer) awaitAPI(ctx context.Context) error {
	return r.poll(ctx, func(ctx context.Context) error {
		_, err := r.server.leader(ctx)
		return err
	})
}

// awaitWritable waits until the server knows a leader, its node is healthy in the catalog, and it takes a write.
func (r *realServer) awaitWritable(ctx context.Context) error {
	s := r.server
	for _, condition := range []func(context.Context) error{s.checkLeader, s.checkHealth, s.checkWrite, s.readVersion} {
		if err := r.poll(ctx, condition); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) checkLeader(ctx context.Context) error {
	leader, err := s.leader(ctx)
	if err == nil && leader == "" {
		return errors.New("it knows no leader")
	}
	return err
}

// leader is the RPC address of the leader that this server knows, "" for none.
func (s *Server) leader(ctx context.Context) (string, error) {
	var leader string
	err := s.get(ctx, "/v1/status/leader", &leader)
	return leader, err
}

// peers holds the RPC addresses of the servers that this server's Raft configuration has. It answers without a leader.
func (s *Server) peers(ctx context.Context) ([]string, error) {
	var peers []string
	err := s.get(ctx, "/v1/status/peers", &peers)
	return peers, err
}

func (s *Server) checkHealth(ctx context.Context) error {
	var checks []struct{ CheckID, Status string }
	if err := s.get(ctx, "/v1/health/node/"+url.PathEscape(s.name), &checks); err != nil {
		return err
	}
	for _, check := range checks {
		if check.CheckID == "serfHealth" && check.Status == "passing" {
			return nil
		}
	}
	return fmt.Errorf("its node has no passing serfHealth check: %v", checks)
}

// checkReads asks a leader for a consistent read. Just after its election it would answer others without what its
// predecessor wrote last, which it has but has not applied yet.
func (s *Server) checkReads(ctx context.Context) error {
	var checks []any
	return s.get(ctx, "/v1/health/node/"+url.PathEscape(s.name)+"?consistent", &checks)
}

// checkWrite writes a key that nobody else has, and deletes it.
func (s *Server) checkWrite(ctx context.Context) error {
	path := "/v1/kv/testutil-ready/" + newUUID()
	for _, method := range []string{http.MethodPut, http.MethodDelete} {
		var done bool
		if err := s.ask(ctx, method, path, &done); err != nil {
			return err
		}
		if !done {
			return fmt.Errorf("%s %s: refused", method, path)
		}
	}
	return nil
}

func (s *Server) readVersion(ctx context.Context) error {
	var self struct{ Config struct{ Version string } }
	if err := s.get(ctx, "/v1/agent/self", &self); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version = self.Config.Version
	return nil
}

func (s *Server) get(ctx context.Context, path string, answer any) error {
	return s.ask(ctx, http.MethodGet, path, answer)
}

// ask sends a request with the management token, if there is one, and decodes the answer.
func (s *Server) ask(ctx context.Context, method, path string, answer any) error {
	request, err := http.NewRequestWithContext(ctx, method, s.url()+path, nil)
	if err != nil {
		return err
	}
	if s.token != "" {
		request.Header.Set("X-Consul-Token", s.token)
	}
	response, err := s.httpClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s: %s", method, path, response.Status, strings.TrimSpace(string(body)))
	}
	if err := json.Unmarshal(body, answer); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}
