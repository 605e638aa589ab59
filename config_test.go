package consul_test

// This file tests Config: what is refused, what the environment says, and that nothing of the caller's is changed.

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/lictor-go/consul"
)

// sentURL gives the URL that a read of the key k goes to.
func sentURL(t *testing.T, config consul.Config) string {
	t.Helper()
	var got string
	config.Transport = respond(func(w http.ResponseWriter, r *http.Request) {
		got = r.URL.String()
		answer(200, `[{"Key":"k"}]`)(w, r)
	})
	if _, _, err := clientWith(t, &config).KV().Get(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestAddress(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"":                               "http://127.0.0.1:8500/v1/kv/k",
		"consul.example.com:8500":        "http://consul.example.com:8500/v1/kv/k",
		"consul.example.com":             "http://consul.example.com/v1/kv/k",
		"localhost:1":                    "http://localhost:1/v1/kv/k",
		"http://h:8500":                  "http://h:8500/v1/kv/k",
		"HTTPS://h:8501/":                "https://h:8501/v1/kv/k",
		"[::1]:8500":                     "http://[::1]:8500/v1/kv/k",
		"https://[fe80::1%25eth0]:8501":  "https://[fe80::1%25eth0]:8501/v1/kv/k",
		"http://proxy/consul":            "http://proxy/consul/v1/kv/k",
		"http://proxy/consul/":           "http://proxy/consul/v1/kv/k",
		"proxy:80/a/b":                   "http://proxy:80/a/b/v1/kv/k",
		"http://proxy/a%20b":             "http://proxy/a%20b/v1/kv/k",
		"http://proxy/a%2Fb":             "http://proxy/a%2Fb/v1/kv/k",
		"http://proxy/é":                 "http://proxy/%C3%A9/v1/kv/k",
		"unix:///var/run/consul.sock":    "http://localhost/v1/kv/k",
		"http://h:65535":                 "http://h:65535/v1/kv/k",
		"http://consul_agent.local:8500": "http://consul_agent.local:8500/v1/kv/k",
	} {
		if got := sentURL(t, consul.Config{Address: address}); got != want {
			t.Errorf("Address %q: calls go to %s, want %s", address, got, want)
		}
	}
}

// A prefix that has to be escaped does not spoil the escaping of what follows.
func TestPrefixAndKeyAreEscapedApart(t *testing.T) {
	t.Parallel()
	var got string
	client := clientWith(t, &consul.Config{Address: "http://proxy/a%20b", Transport: respond(func(w http.ResponseWriter, r *http.Request) {
		got = r.URL.EscapedPath()
		answer(200, `[{"Key":"k"}]`)(w, r)
	})})
	if _, _, err := client.KV().Get(t.Context(), "x%2Fy z?"); err != nil {
		t.Fatal(err)
	}
	if want := "/a%20b/v1/kv/x%252Fy%20z%3F"; got != want {
		t.Errorf("path %s, want %s", got, want)
	}
}

var badAddresses = []string{
	"http://", "http:///v1", ":8500", "://h", "ftp://h", "http://h:0", "http://h:99999", "http://h:port", "h:8500:1",
	"::1", "http://h/a//b", "http://h/../a", "http://h/a/.", "http://h/v1", "http://h?x=1", "http://h#f", "http://h/?",
	"unix://", "h\n:8500", " ", "http://h/%zz",
}

func TestAddressThatMakesNoSense(t *testing.T) {
	t.Parallel()
	for _, address := range badAddresses {
		if _, err := consul.NewClient(&consul.Config{Address: address}); !errors.Is(err, consul.ErrInvalidConfig) || !strings.Contains(err.Error(), "Config.Address") {
			t.Errorf("Address %q: %v, want ErrInvalidConfig", address, err)
		}
	}
}

func TestPasswordInAddressIsNotEchoed(t *testing.T) {
	for _, address := range []string{
		"http://user:pa55word@h:8500", "https://pa55word@h", "user:pa55word@h:8500", "http://user:pa55word@h:bad", "http://user:pa55word@h/%zz",
		"http://user:pa55%ZZword@h",
	} {
		_, err := consul.NewClient(&consul.Config{Address: address})
		if !errors.Is(err, consul.ErrInvalidConfig) || strings.Contains(err.Error(), "pa55") {
			t.Errorf("%v: want ErrInvalidConfig without the password", err)
		}
		t.Setenv("CONSUL_HTTP_ADDR", address)
		if _, err = consul.ConfigFromEnv(); !errors.Is(err, consul.ErrInvalidConfig) || strings.Contains(err.Error(), "pa55") {
			t.Errorf("%v: want ErrInvalidConfig without the password", err)
		}
	}
}

func TestConfigThatMakesNoSense(t *testing.T) {
	t.Parallel()
	transport := respond(answer(200, ""))
	source := func(context.Context) (string, error) { return "", nil }
	for name, config := range map[string]*consul.Config{
		"Timeout":                            {Timeout: -1},
		"MaxConns":                           {MaxConns: -1},
		"MaxConns is 1":                      {MaxConns: 1},
		"Retry.MaxAttempts":                  {Retry: consul.RetryPolicy{MaxAttempts: -1}},
		"Retry.MinBackoff":                   {Retry: consul.RetryPolicy{MinBackoff: -1}},
		"Retry.MaxBackoff":                   {Retry: consul.RetryPolicy{MaxBackoff: -1}},
		"below MinBackoff":                   {Retry: consul.RetryPolicy{MinBackoff: 2, MaxBackoff: 1}},
		"Token, TokenFile":                   {Token: "t", TokenFile: "f"},
		"TokenFile and TokenSource":          {TokenFile: "f", TokenSource: source},
		"more than one of Token":             {Token: "t", TokenSource: source},
		"X-Consul-Token":                     {Header: http.Header{"x-consul-token": {"t"}}},
		"Config.TLS":                         {Transport: transport, TLS: consul.TLSConfig{InsecureSkipVerify: true}},
		"one is set without":                 {Address: "https://h", TLS: consul.TLSConfig{CertFile: "f"}},
		"TLS.CertPEM and TLS.KeyPEM":         {Address: "https://h", TLS: consul.TLSConfig{KeyPEM: []byte{}}},
		"both set":                           {Address: "https://h", TLS: consul.TLSConfig{CertFile: "f", KeyFile: "f", CertPEM: []byte{}, KeyPEM: []byte{}}},
		"without TLS":                        {Address: "h:8501", TLS: consul.TLSConfig{CAPEM: []byte("x")}},
		"http://127.0.0.1:8500, without TLS": {TLS: consul.TLSConfig{CAFile: "f"}},
	} {
		if _, err := consul.NewClient(config); !errors.Is(err, consul.ErrInvalidConfig) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v, want ErrInvalidConfig that says so", name, err)
		}
	}
}

// clearEnv unsets every variable that the package, or net/http for it, reads.
func clearEnv(t *testing.T) {
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if strings.HasPrefix(name, "CONSUL_") || strings.HasSuffix(strings.ToUpper(name), "_PROXY") {
			t.Setenv(name, "")
		}
	}
}

func TestConfigFromEachVariable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	type env map[string]string
	https := "https://127.0.0.1:8500"
	tests := []struct {
		env  env
		want consul.Config
	}{
		{env{}, consul.Config{}},
		{env{"CONSUL_HTTP_ADDR": "h:1"}, consul.Config{Address: "h:1"}},
		{env{"CONSUL_HTTP_TOKEN": "t"}, consul.Config{Token: "t"}},
		{env{"CONSUL_HTTP_TOKEN_FILE": file}, consul.Config{TokenFile: file}},
		{env{"CONSUL_HTTP_TOKEN_FILE": file, "CONSUL_HTTP_TOKEN": "t"}, consul.Config{TokenFile: file}},
		{env{"CONSUL_HTTP_AUTH": "user:pass:word"}, consul.Config{BasicAuth: &consul.BasicAuth{Username: "user", Password: "pass:word"}}},
		{env{"CONSUL_HTTP_AUTH": "user"}, consul.Config{BasicAuth: &consul.BasicAuth{Username: "user"}}},
		{env{"CONSUL_HTTP_SSL": "true"}, consul.Config{Address: https}},
		{env{"CONSUL_HTTP_SSL": "1", "CONSUL_HTTP_ADDR": "http://h:1/p"}, consul.Config{Address: "https://h:1/p"}},
		{env{"CONSUL_HTTP_SSL": "0", "CONSUL_HTTP_ADDR": "https://h:1"}, consul.Config{Address: "https://h:1"}},
		{env{"CONSUL_HTTP_SSL_VERIFY": "false"}, consul.Config{TLS: consul.TLSConfig{InsecureSkipVerify: true}}},
		{env{"CONSUL_HTTP_SSL_VERIFY": "true"}, consul.Config{}},
		{env{"CONSUL_HTTP_SSL": "t", "CONSUL_CACERT": file}, consul.Config{Address: https, TLS: consul.TLSConfig{CAFile: file}}},
		{env{"CONSUL_HTTP_SSL": "t", "CONSUL_CAPATH": file}, consul.Config{Address: https, TLS: consul.TLSConfig{CAPath: file}}},
		{env{"CONSUL_HTTP_SSL": "t", "CONSUL_CAPATH": file, "CONSUL_CACERT": file}, consul.Config{Address: https, TLS: consul.TLSConfig{CAFile: file}}},
		{env{"CONSUL_HTTP_SSL": "t", "CONSUL_CLIENT_CERT": file, "CONSUL_CLIENT_KEY": file}, consul.Config{Address: https, TLS: consul.TLSConfig{CertFile: file, KeyFile: file}}},
		{env{"CONSUL_TLS_SERVER_NAME": "server.dc1.consul"}, consul.Config{TLS: consul.TLSConfig{ServerName: "server.dc1.consul"}}},
		{env{"CONSUL_NAMESPACE": "ns"}, consul.Config{Namespace: "ns"}},
		{env{"CONSUL_PARTITION": "p"}, consul.Config{Partition: "p"}},
	}
	for _, tt := range tests {
		t.Run("", func(t *testing.T) {
			clearEnv(t)
			for name, value := range tt.env {
				t.Setenv(name, value)
			}
			got, err := consul.ConfigFromEnv()
			if err != nil {
				t.Fatalf("%v: %v", tt.env, err)
			}
			if got.Proxy == nil {
				t.Error("no Proxy: want the environment's")
			}
			got.Proxy = nil
			if !reflect.DeepEqual(got, &tt.want) {
				t.Errorf("%v gives %+v, want %+v", tt.env, got, &tt.want)
			}
		})
	}
}

func TestVariableThatMakesNoSenseIsNamed(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	present := t.TempDir()
	bad := map[string][]string{
		"CONSUL_HTTP_ADDR":       badAddresses,
		"CONSUL_HTTP_TOKEN":      {"se\ncret", "secret ", "\t"},
		"CONSUL_HTTP_TOKEN_FILE": {missing},
		"CONSUL_HTTP_AUTH":       {":cret", ":"},
		"CONSUL_HTTP_SSL":        {"yes", "on", "2", " true"},
		"CONSUL_HTTP_SSL_VERIFY": {"yes", "no", "off", "-1"},
		"CONSUL_CACERT":          {missing, present}, // the second exists, but the address is not https
		"CONSUL_CAPATH":          {missing, present},
		"CONSUL_CLIENT_CERT":     {missing, present},
		"CONSUL_CLIENT_KEY":      {missing, present},
	}
	for name, values := range bad {
		for _, value := range values {
			t.Run(name, func(t *testing.T) {
				clearEnv(t)
				t.Setenv(name, value)
				_, err := consul.ConfigFromEnv()
				if !errors.Is(err, consul.ErrInvalidConfig) || !strings.Contains(err.Error(), "CONSUL_") {
					t.Fatalf("%q: got %v, want ErrInvalidConfig", value, err)
				}
				if !strings.Contains(err.Error(), name) && value != present {
					t.Errorf("%q: %v does not name the variable", value, err)
				}
				if strings.Contains(err.Error(), "cret") {
					t.Errorf("quotes a secret: %v", err)
				}
				if _, err := consul.NewClient(nil); !errors.Is(err, consul.ErrInvalidConfig) {
					t.Errorf("NewClient(nil): %v", err)
				}
			})
		}
	}
	t.Run("TLS on a unix socket", func(t *testing.T) {
		clearEnv(t)
		t.Setenv("CONSUL_HTTP_ADDR", "unix:///tmp/consul.sock")
		t.Setenv("CONSUL_HTTP_SSL", "true")
		if _, err := consul.ConfigFromEnv(); !errors.Is(err, consul.ErrInvalidConfig) || !strings.Contains(err.Error(), "CONSUL_HTTP_SSL") {
			t.Errorf("got %v", err)
		}
	})
}

// setHostileEnv makes every variable one that would show if it were read.
func setHostileEnv(t *testing.T) {
	for _, name := range []string{
		"CONSUL_HTTP_ADDR", "CONSUL_HTTP_TOKEN_FILE", "CONSUL_HTTP_AUTH", "CONSUL_HTTP_SSL", "CONSUL_HTTP_SSL_VERIFY", "CONSUL_CACERT",
		"CONSUL_CAPATH", "CONSUL_CLIENT_CERT", "CONSUL_CLIENT_KEY", "CONSUL_TLS_SERVER_NAME", "CONSUL_NAMESPACE", "CONSUL_PARTITION",
	} {
		t.Setenv(name, "://from the environment")
	}
	t.Setenv("CONSUL_HTTP_TOKEN", "from-the-environment")
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "ALL_PROXY"} {
		t.Setenv(name, "http://127.0.0.1:1")
	}
}

func TestExplicitConfigDoesNotReadTheEnvironment(t *testing.T) {
	setHostileEnv(t)
	var got *http.Request
	s := newFaultServer(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Clone(context.Background())
		answer(200, `[{"Key":"k"}]`)(w, r)
	})
	config := &consul.Config{Address: s.URL}
	if _, _, err := clientWith(t, config).KV().Get(testContext(t), "k"); err != nil {
		t.Fatal(err)
	}
	if len(got.Header["X-Consul-Token"]) > 0 || got.URL.RawQuery != "" || got.Header.Get("Authorization") != "" {
		t.Errorf("the environment shows in %s %v", got.URL, got.Header)
	}
	// Loopback addresses are never proxied, so the proxy is looked for in another way.
	transport, err := consul.NewTransport(&consul.Config{Address: "http://consul.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	if transport.Proxy != nil {
		t.Error("the transport has a proxy that the Config does not name")
	}
}

func TestNewClientAndCallsChangeNothingOfTheCallers(t *testing.T) {
	t.Parallel()
	s := newFaultServer(t, answer(404, ""))
	proxy := func(*http.Request) (*url.URL, error) { return nil, nil }
	config := consul.Config{
		Address: s.URL, Token: "t", Datacenter: "dc1", Header: http.Header{"x-lower": {"a", "b"}, "X-Upper": {"c"}},
		BasicAuth: &consul.BasicAuth{Username: "u", Password: "p"}, Timeout: time.Second, MaxConns: 4, Proxy: proxy,
	}
	query := &consul.QueryOptions{Tags: []string{"a"}, NodeMeta: map[string]string{"k": "v"}, Params: map[string]string{"x": "y"}, WaitIndex: 1, WaitTime: 1}
	write := &consul.WriteOptions{Datacenter: "dc2", Params: map[string]string{"x": "y"}}
	before := []any{*config.BasicAuth, config.Header.Clone(), *query, *write}
	plain := config
	plain.Proxy, plain.BasicAuth, plain.Header = nil, nil, nil

	client := clientWith(t, &config)
	client.KV().Get(testContext(t), "k", query, consul.WithTags("b"), consul.WithNodeMeta("k2", "v2"), consul.WithParam("z", "1"))
	client.KV().Put(testContext(t), &consul.KVPair{Key: "k"}, write, consul.WithParam("z", "1"))

	if !reflect.DeepEqual([]any{*config.BasicAuth, config.Header, *query, *write}, before) ||
		len(query.NodeMeta) != 1 || len(query.Params) != 1 || len(write.Params) != 1 || len(query.Tags) != 1 || query.Tags[0] != "a" {
		t.Errorf("changed: %+v %+v %+v", config, *query, *write)
	}
	config.Proxy, config.BasicAuth, config.Header = nil, nil, nil
	if !reflect.DeepEqual(config, plain) {
		t.Errorf("Config is now %+v", config)
	}
}

// What the caller does with the Config afterwards has no effect.
func TestClientKeepsACopyOfTheConfig(t *testing.T) {
	t.Parallel()
	var got http.Header
	values := []string{"billing"}
	config := &consul.Config{
		Token: "t", Header: http.Header{"x-app": values}, BasicAuth: &consul.BasicAuth{Username: "u", Password: "p"},
		Transport: respond(func(w http.ResponseWriter, r *http.Request) { got = r.Header; answer(200, "true")(w, r) }),
	}
	client := clientWith(t, config)
	values[0], config.Token, config.BasicAuth.Username = "other", "other", "other"
	if _, err := client.KV().Put(t.Context(), &consul.KVPair{Key: "k"}); err != nil {
		t.Fatal(err)
	}
	if got.Get("X-App") != "billing" || got.Get("X-Consul-Token") != "t" || got.Get("Authorization") != "Basic dTpw" {
		t.Errorf("sent %v", got)
	}
}

func TestGivenTransportIsLeftAlone(t *testing.T) {
	t.Parallel()
	s := newFaultServer(t, answer(200, "true"))
	transport, err := consul.NewTransport(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer transport.CloseIdleConnections()
	client := clientWith(t, &consul.Config{Address: s.URL, Transport: transport})
	other := clientWith(t, &consul.Config{Address: s.URL, Transport: transport})
	for _, c := range []*consul.Client{client, other} {
		if _, err := c.KV().Put(testContext(t), &consul.KVPair{Key: "k"}); err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	if n := s.connections(); n != 1 {
		t.Errorf("%d connections: closing a client closed those of the transport that it was given", n)
	}
}

func TestNoSecretInErrorsAndLogs(t *testing.T) {
	t.Parallel()
	const secret = "5ec7e700-0000-4000-8000-00000000cafe"
	echo := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "http://elsewhere/?token="+secret)
			w.WriteHeader(code)
			// The second one lies across the limit of what an error keeps.
			w.Write([]byte("token " + secret + " is odd" + strings.Repeat(".", 4<<10-60) + secret))
		}
	}
	servers := map[string]roundTripFunc{
		"no connection": func(*http.Request) (*http.Response, error) { return nil, errors.New("no route to host") },
		"silence":       func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() },
	}
	for _, code := range []int{200, 301, 400, 403, 404, 413, 429, 500, 503} {
		servers[http.StatusText(code)] = respond(echo(code))
	}
	for name, server := range servers {
		var log bytes.Buffer
		config := &consul.Config{
			Timeout: 100 * time.Millisecond, Retry: consul.RetryPolicy{MaxAttempts: 2, MaxBackoff: 1}, Token: secret,
			BasicAuth: &consul.BasicAuth{Username: "u", Password: "pa55word"}, Transport: server,
			Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		}
		client := clientWith(t, config)
		_, _, readErr := client.KV().Get(t.Context(), "k")
		_, writeErr := client.KV().Put(t.Context(), &consul.KVPair{Key: "k"}, consul.WithToken(secret))
		if readErr == nil || writeErr == nil {
			t.Fatalf("%s: %v, %v", name, readErr, writeErr)
		}
		if !strings.Contains(log.String(), "path=/v1/kv/k") {
			t.Errorf("%s: no line a request in the log: %s", name, log.String())
		}
		for _, text := range []string{readErr.Error(), writeErr.Error(), log.String()} {
			if strings.Contains(text, secret[:20]) || strings.Contains(text, "pa55word") {
				t.Errorf("%s: a secret is in %q", name, text)
			}
		}
		if se, ok := errors.AsType[*consul.StatusError](readErr); ok && len(se.Body) > 4<<10 {
			t.Errorf("%s: the error keeps %d bytes", name, len(se.Body))
		}
	}
}
