package consul_test

// This file tests what a person reads when something goes wrong.

import (
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/lictor-go/consul"
	"github.com/lictor-go/consul/internal/ports"
)

// failedGet reads a key with a client of its own and gives the text of the error.
func failedGet(t *testing.T, config *consul.Config, key string, opts ...consul.QueryOption) string {
	t.Helper()
	config.Retry.MaxAttempts = 1
	client := clientWith(t, config)
	_, _, err := client.KV().Get(testContext(t), key, opts...)
	if err == nil {
		t.Fatal("no error")
	}
	return err.Error()
}

func TestErrorTexts(t *testing.T) {
	t.Parallel()
	status := func(code int, body string) *consul.Config {
		return &consul.Config{Transport: respond(answer(code, body))}
	}
	redirect := respond(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://consul.example.com/ui/?token=x", http.StatusMovedPermanently)
	})
	limited := respond(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "3")
		answer(429, "Your IP is issuing too many concurrent connections")(w, r)
	})
	silent := &consul.Config{Timeout: 20 * time.Millisecond, Transport: roundTripFunc(func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	})}
	tests := []struct {
		name      string
		got, want string
	}{
		{"denied", failedGet(t, status(403, "Permission denied: token with AccessorID 'x' lacks permission 'key:read' on \"k\"\n"), "k"),
			`consul: GET /v1/kv/k: 403 Forbidden: Permission denied: token with AccessorID 'x' lacks permission 'key:read' on "k" ` +
				`(check that the token exists in this datacenter and what its policies allow)`},
		{"no leader", failedGet(t, status(500, "No cluster leader"), "k"),
			`consul: GET /v1/kv/k: 500 Internal Server Error: No cluster leader ` +
				`(the servers are electing a leader or have lost their quorum: try again, then look at their logs)`},
		{"absent", failedGet(t, status(404, ""), "k"), `consul: GET /v1/kv/k: 404 Not Found`},
		{"too large", failedGet(t, status(413, "Request body(600000 bytes) too large, max size: 524288 bytes."), "k"),
			`consul: GET /v1/kv/k: 413 Request Entity Too Large: Request body(600000 bytes) too large, max size: 524288 bytes. ` +
				`(the limits are the servers' kv_max_value_size and txn_max_req_len, 512 KiB by default)`},
		{"rate limited", failedGet(t, &consul.Config{Transport: limited}, "k"),
			`consul: GET /v1/kv/k: 429 Too Many Requests: Your IP is issuing too many concurrent connections (try again in 3s)`},
		{"redirect", failedGet(t, &consul.Config{Transport: redirect}, "k"),
			`consul: GET /v1/kv/k: 301 Moved Permanently: <a href="https://consul.example.com/ui/?token=x">Moved Permanently</a>. ` +
				`(to https://consul.example.com; redirects are not followed: set Config.Address to where the API is served)`},
		{"not JSON", failedGet(t, status(200, "<html>"), "k"),
			`consul: GET /v1/kv/k: 200 OK: unusable response: invalid character '<' looking for beginning of value`},
		{"unusual status", failedGet(t, status(599, ""), "k"), `consul: GET /v1/kv/k: 599`},
		{"timeout", failedGet(t, silent, "k"),
			`consul: GET /v1/kv/k: no answer from http://127.0.0.1:8500: nothing within 20ms (Config.Timeout): context deadline exceeded`},
		{"timeout of a blocking query", failedGet(t, silent, "k", consul.Wait(7, 16*time.Millisecond)),
			`consul: GET /v1/kv/k: no answer from http://127.0.0.1:8500: nothing within 37ms (the wait, wait/16 and Config.Timeout): context deadline exceeded`},
		{"invalid option", failedGet(t, &consul.Config{}, "k", consul.Stale(), consul.Consistent()),
			`consul: GET /v1/kv/k: a read can't be both stale and consistent: invalid option`},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, tt.got, tt.want)
		}
	}
}

// What net and crypto/tls say is theirs: here only what the client adds is compared.
func TestErrorTextsOfConnections(t *testing.T) {
	t.Parallel()
	plain := newFaultServer(t, answer(200, onePair))
	ca := newAuthority(t, "ca")
	secure := newTLSServer(t, ca, "127.0.0.1", nil, true)
	named := newTLSServer(t, ca, "server.dc1.consul", nil, true)
	picky := newTLSServer(t, ca, "127.0.0.1", ca, true)
	free := closedPort(t)
	closed := clientWith(t, &consul.Config{Address: plain.URL})
	closed.Close()
	_, _, closedErr := closed.KV().Get(t.Context(), "k")
	cutOff := newFaultServer(t, cutOff)
	gone := newFaultServer(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	trusting := consul.TLSConfig{CAPEM: ca.pem}

	tests := []struct {
		name, got, want string // want is a regular expression
	}{
		{"agent not running", failedGet(t, &consul.Config{Address: free}, "k"),
			`^consul: GET /v1/kv/k: cannot reach http://127.0.0.1:\d+: dial tcp .* connection refused \(is a Consul agent listening there\?\)$`},
		{"http to https", failedGet(t, &consul.Config{Address: secure.Listener.Addr().String()}, "k"),
			`^consul: GET /v1/kv/k: 400 Bad Request: .*HTTPS server\.? \(that port speaks TLS: use an https:// address, or CONSUL_HTTP_SSL=true\)$`},
		{"https to http", failedGet(t, &consul.Config{Address: "https://" + plain.Listener.Addr().String()}, "k"),
			`^consul: GET /v1/kv/k: cannot reach https://\S+: TLS: .* \(that port does not speak TLS: use an http:// address, or the port of the https listener\)$`},
		{"unknown authority", failedGet(t, &consul.Config{Address: secure.URL}, "k"),
			`^consul: GET /v1/kv/k: cannot reach https://\S+: TLS: .*unknown authority \(is TLS.CAFile \(CONSUL_CACERT\) the authority .*\?\)$`},
		{"another name", failedGet(t, &consul.Config{Address: named.URL, TLS: trusting}, "k"),
			`^consul: GET /v1/kv/k: cannot reach https://\S+: TLS: .* \(use an address that the server's certificate is for, or set TLS.ServerName \(CONSUL_TLS_SERVER_NAME\)\)$`},
		{"no client certificate", failedGet(t, &consul.Config{Address: picky.URL, TLS: trusting}, "k"),
			`^consul: GET /v1/kv/k: (cannot reach|no answer from) https://\S+: .* \(.*client certificate.*CONSUL_CLIENT_CERT.*\?\)$`},
		{"closed client", closedErr.Error(), `^consul: GET /v1/kv/k: client closed$`},
		{"cut off", failedGet(t, &consul.Config{Address: cutOff.URL}, "k"),
			`^consul: GET /v1/kv/k: 200 OK: unusable response: the body breaks off: unexpected EOF$`},
		{"went away", failedGet(t, &consul.Config{Address: gone.URL}, "k"), `^consul: GET /v1/kv/k: no answer from http://\S+: EOF$`},
	}
	for _, tt := range tests {
		if !regexp.MustCompile(tt.want).MatchString(tt.got) {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, tt.got, tt.want)
		}
	}
}

// closedPort gives an address on which nobody listens until the test ends.
func closedPort(t *testing.T) string {
	t.Helper()
	block, err := ports.Take()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { block.Release() })
	return block.Addr(ports.API)
}

func TestStatusErrorMatchesItsSentinel(t *testing.T) {
	t.Parallel()
	tests := []struct {
		code int
		body string
		want error
	}{
		{301, "", consul.ErrRedirect}, {400, "", consul.ErrBadRequest}, {401, "", consul.ErrPermissionDenied}, {403, "", consul.ErrPermissionDenied},
		{404, "", consul.ErrNotFound}, {413, "", consul.ErrTooLarge}, {429, "", consul.ErrRateLimited}, {500, "No cluster leader", consul.ErrNoLeader},
		{500, "rpc error making call: No cluster leader", consul.ErrNoLeader}, {503, "rate limit exceeded for operation", consul.ErrRateLimited},
		{500, "", nil}, {503, "", nil}, {418, "", nil}, {200, "No cluster leader", nil},
	}
	all := []error{consul.ErrRedirect, consul.ErrBadRequest, consul.ErrPermissionDenied, consul.ErrNotFound, consul.ErrTooLarge, consul.ErrRateLimited, consul.ErrNoLeader}
	for _, tt := range tests {
		err := &consul.StatusError{Method: "GET", Path: "/v1/x", Code: tt.code, Body: tt.body}
		for _, sentinel := range all {
			if got := err.Is(sentinel); got != (sentinel == tt.want) {
				t.Errorf("%d %q is %q: %v", tt.code, tt.body, sentinel, got)
			}
		}
		if err.Is(nil) {
			t.Errorf("%d is nil", tt.code)
		}
	}
}

// A StatusError that a caller makes, for tests of theirs, has a text too.
func TestStatusErrorMadeByHand(t *testing.T) {
	t.Parallel()
	for code := range 600 {
		err := &consul.StatusError{Method: "PUT", Path: "/v1/x", Code: code}
		if !strings.HasPrefix(err.Error(), "consul: PUT /v1/x: ") {
			t.Errorf("%d: %s", code, err)
		}
	}
}

// Servers have many ways to say that there is no leader, and as many that look alike but say something else.
func TestErrNoLeader(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"No cluster leader": true,
		"rpc error getting client: failed to get conn: dial tcp 127.0.0.1:0->127.0.0.1:8300: connect: connection refused": true,
		"rpc error making call: EOF": true,
		"rpc error making call: read tcp 127.0.0.1:5->127.0.0.1:8300: connection reset by peer": true,
		"rpc error making call: No cluster leader":                                              true,
		"rpc error making call: Raft leader not found in server lookup mapping":                 true,
		"Not ready to serve consistent reads":                                                   true,
		"node is not the leader":                                                                true,
		"leadership lost while committing log":                                                  true,
		"rpc error making call: Missing node registration":                                      false,
		"invalid session \"EOF\"":                                                               false,
		"Failed to parse body: EOF":                                                             false,
		"":                                                                                      false,
	} {
		client := newFaultServer(t, answer(500, text)).client(t)
		_, _, err := client.KV().Get(testContext(t), "k")
		if errors.Is(err, consul.ErrNoLeader) != want || consul.SafeToRetry(err) != want {
			t.Errorf("%q: ErrNoLeader %v, want %v; SafeToRetry %v", text, !want, want, consul.SafeToRetry(err))
		}
		_, err = client.KV().Put(testContext(t), &consul.KVPair{Key: "k"})
		if errors.Is(err, consul.ErrNoLeader) != want || consul.SafeToRetry(err) {
			t.Errorf("%q: a write that may have happened is SafeToRetry, or not ErrNoLeader: %v", text, err)
		}
	}
}
