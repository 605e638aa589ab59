package main

// This file tests how the program finds and enters Consul: addresses, tokens, certificates, the environment.

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/lictor-go/consul"
	"github.com/lictor-go/consul/testutil"
)

// recordRenewals starts a server of the test's own, and gives its address, and the paths by which sessions were renewed.
func recordRenewals(t *testing.T) (renewed func() []string, address string) {
	t.Helper()
	server := testutil.NewServer(t)
	to, err := url.Parse(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var paths []string
	proxy := httputil.NewSingleHostReverseProxy(to)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v1/session/renew/") {
			mu.Lock()
			paths = append(paths, r.URL.Path)
			mu.Unlock()
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return paths
	}, front.URL
}

// TestParametersGoBeforeTheEnvironment has the environment name a Consul that is not there.
func TestParametersGoBeforeTheEnvironment(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	address := h.server.Addr()
	name, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	h.env = []string{"CONSUL_HTTP_ADDR=127.0.0.1:1"}
	h.fails(params{"state": "list"}, "127.0.0.1:1")
	h.does(false, params{"state": "list", "host": name, "port": port, "scheme": "http"})
	h.ends(exitOK, "list", "--host", name, "--port", port)

	h.env = []string{"CONSUL_HTTP_ADDR=" + address}
	h.does(false, params{"state": "list"})
	h.env = []string{"CONSUL_HTTP_ADDR=what://" + address}
	h.fails(params{"state": "list"}, "CONSUL_HTTP_ADDR")
}

func TestAddress(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		target
		env, want string
	}{
		{target{}, "", "http://localhost:8500"},
		{target{}, "unix:///s", "unix:///s"},
		{target{port: "1"}, "", "http://localhost:1"},
		{target{}, "b:2/prefix", "http://b:2/prefix"},
		{target{}, "https://b:2/prefix", "https://b:2/prefix"},
		{target{scheme: "http"}, "https://b:2/prefix", "http://b:2/prefix"},
		{target{scheme: "https"}, "b:2", "https://b:2"},
		{target{scheme: "http"}, "unix:///s", "unix:///s"},
		{target{scheme: "https"}, "unix:///s", "https://localhost:8500"},
		{target{host: "a"}, "unix:///s", "http://a:8500"},
		{target{host: "a"}, "b:2", "http://a:8500"},
		{target{host: "a"}, "https://b:2", "https://a:8500"},
		{target{host: "a", scheme: "http"}, "https://b:2", "http://a:8500"},
		{target{host: "::1", port: "3", scheme: "https"}, "", "https://[::1]:3"},
	} {
		if got := test.address(test.env); got != test.want {
			t.Errorf("%+v with CONSUL_HTTP_ADDR=%q: %s, want %s", test.target, test.env, got, test.want)
		}
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	server := testutil.NewServer(t, testutil.WithMutualTLS())
	h := newHostOf(t, server, &consul.Config{TLS: consul.TLSConfig{
		CAFile: server.CAFile(), CertFile: server.ClientCertFile(), KeyFile: server.ClientKeyFile(),
	}})
	_, port, err := net.SplitHostPort(server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	h.env = nil
	asked := func(more params) params {
		all := params{"host": "127.0.0.1", "port": port, "scheme": "https", "name": "n",
			"client_cert": server.ClientCertFile(), "client_key": server.ClientKeyFile()}
		for name, value := range more {
			all[name] = value
		}
		return all
	}
	h.does(true, asked(params{"ca_path": server.CAFile()}))
	h.does(false, asked(params{"validate_certs": false}))
	h.fails(asked(nil), "https://127.0.0.1:"+port, "certificate")
	h.fails(asked(params{"ca_path": server.CAFile(), "client_cert": nil, "client_key": nil}), "https://127.0.0.1:"+port)
	h.env = []string{"CONSUL_HTTP_ADDR=" + server.URL(), "CONSUL_CACERT=" + server.CAFile(),
		"CONSUL_CLIENT_CERT=" + server.ClientCertFile(), "CONSUL_CLIENT_KEY=" + server.ClientKeyFile()}
	h.does(false, params{"name": "n"})
}

// TestTokens has tokens that may do all, only make sessions, or nothing. None is ever printed.
func TestTokens(t *testing.T) {
	t.Parallel()
	server := testutil.NewServer(t, testutil.WithACL())
	root := server.ManagementToken()
	h := newHostOf(t, server, &consul.Config{Token: root})
	secret := newToken(t, h.client, `session_prefix "" { policy = "write" }`)
	blind := newToken(t, h.client, `key_prefix "" { policy = "read" }`)
	for _, a := range []answer{
		h.does(true, params{"name": "n", "token": root}),
		h.does(false, params{"name": "n", "token": secret, "node": server.NodeName()}),
		h.fails(params{"name": "n", "token": secret}, "ask the agent for its node", "no node is given", "agent:read"),
		h.does(true, params{"name": "n", "state": "absent", "token": secret, "node": server.NodeName()}),
		h.does(true, params{"name": "n", "token": root}),
		h.fails(params{"name": "n", "state": "absent", "node": server.NodeName(), "token": blind}, "may not read",
			"parameter token"),
		h.fails(params{"name": "n", "token": "one\ntwo"}, "oken"),
		h.fails(params{"token": "00000000-0000-4000-8000-00000000beef", "state": "list"}, "ACL not found"),
	} {
		for _, token := range []string{root, secret, blind, "two", "beef"} {
			if strings.Contains(a.text, token) {
				t.Errorf("the answer shows a token: %s", a.text)
			}
		}
	}
	if a := h.does(false, params{"state": "list", "token": blind}); len(a.Sessions) != 0 || len(a.Warnings) != 1 {
		t.Errorf("a list that is cut short: %s, want a warning", a.text)
	}
	h.env = append(h.env, "CONSUL_HTTP_TOKEN="+root)
	if a := h.does(false, params{"state": "list"}); len(a.Sessions) != 1 || a.Warnings != nil {
		t.Errorf("the list is %s, want one session", a.text)
	}
	h.fails(params{"state": "node", "node": server.NodeName(), "token": secret, "port": 1}, "localhost:1")
}

// newToken makes a token with the rules, and gives its secret.
func newToken(t *testing.T, client *consul.Client, rules string) string {
	t.Helper()
	policy, _, err := client.ACL().PolicyCreate(t.Context(), &consul.ACLPolicy{Name: unique(t), Rules: rules})
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := client.ACL().TokenCreate(t.Context(), &consul.ACLToken{
		Policies: []*consul.ACLTokenPolicyLink{{ID: policy.ID}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return token.SecretID
}
