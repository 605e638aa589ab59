package consul_test

// This file tests, with real servers, that callers of a service don't notice when one of them dies.

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/lictor-go/consul"
)

// A shop is a service with real servers, whose agent never looks whether they live.
type shop struct {
	name    string // in URLs
	servers []*httptest.Server
	client  *consul.Client

	mu     sync.Mutex
	served map[int]int
}

func openShop(t *testing.T, n int) *shop {
	t.Helper()
	s := &shop{name: unique(t), client: newClient(t), served: map[int]int{}}
	agent := s.client.Agent()
	for i := range n {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.mu.Lock()
			s.served[i]++
			s.mu.Unlock()
			io.Copy(w, r.Body)
			fmt.Fprint(w, r.Host)
		}))
		t.Cleanup(server.Close)
		s.servers = append(s.servers, server)
		host, port, _ := net.SplitHostPort(server.Listener.Addr().String())
		reg := &consul.AgentServiceRegistration{ID: fmt.Sprintf("%s-%d", s.name, i), Name: s.name, Address: host}
		reg.Port, _ = strconv.Atoi(port)
		if _, err := agent.ServiceRegister(testContext(t), reg); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { agent.ServiceDeregister(context.Background(), reg.ID) })
	}
	return s
}

// counts gives how many requests each server had since it was last asked.
func (s *shop) counts() (counts []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.servers {
		counts = append(counts, s.served[i])
	}
	clear(s.served)
	return counts
}

// A server dies, and neither it nor its agent tells Consul. Requests go on, old connections or new, without an error to any
// caller, and with their bodies.
func TestServerDiesUnnoticed(t *testing.T) {
	t.Parallel()
	for name, transport := range map[string]func(*consul.Resolver) http.RoundTripper{
		"round tripper": func(r *consul.Resolver) http.RoundTripper { return r.RoundTripper(nil) },
		"dialer": func(r *consul.Resolver) http.RoundTripper {
			return &http.Transport{DialContext: r.DialContext, DisableKeepAlives: true}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shop := openShop(t, 3)
			resolver := shop.client.Resolver(t.Context())
			defer resolver.Close()
			client := &http.Client{Transport: transport(resolver)}
			defer client.CloseIdleConnections()

			shop.sell(t, client, 30)
			if got := shop.counts(); !slices.Equal(got, []int{10, 10, 10}) {
				t.Errorf("the servers had %v requests", got)
			}
			shop.servers[1].CloseClientConnections()
			shop.servers[1].Close()
			shop.sell(t, client, 100)
			if got := shop.counts(); got[0]+got[2] != 100 || min(got[0], got[2]) < 40 {
				t.Errorf("without the second, the servers had %v requests", got)
			}
		})
	}
}

// sell makes so many requests, from several callers at once.
func (s *shop) sell(t *testing.T, client *http.Client, requests int) {
	t.Helper()
	var callers sync.WaitGroup
	for caller := range 10 {
		callers.Go(func() {
			for n := range requests / 10 {
				body := fmt.Sprintf("%d of %d, ", n, caller)
				host := s.name + ".service.consul"
				req, err := http.NewRequestWithContext(t.Context(), "PUT", "http://"+host+"/", bytes.NewReader([]byte(body)))
				if err != nil {
					t.Error(err)
					return
				}
				resp, err := client.Do(req)
				if err != nil {
					t.Error(err)
					return
				}
				got, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if err != nil || string(got) != body+host {
					t.Errorf("the answer is %q, %v", got, err)
				}
			}
		})
	}
	callers.Wait()
}
