package consul

// This file holds Config, what a Client is made from, and how the environment fills one.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// Defaults of Config.
const (
	DefaultAddress  = "127.0.0.1:8500"
	DefaultTimeout  = 30 * time.Second
	DefaultMaxConns = 192
)

// Config is what a Client is made from. The zero value is a client of the agent at 127.0.0.1:8500 without a token.
// NewClient copies what it needs and changes nothing.
type Config struct {
	// Address is where the API is served: "host:port", "http://host:port/prefix", "https://host:port/prefix" or
	// "unix:///path/to/socket". Empty means DefaultAddress.
	Address string

	Datacenter string // datacenter that calls go to; empty: the agent's own
	Namespace  string // namespace (Consul Enterprise); empty: the token's
	Partition  string // admin partition (Consul Enterprise); empty: the agent's

	// Token is the ACL token that calls carry; empty: none, or the agent's default. It travels in the X-Consul-Token
	// header. Of Token, TokenFile and TokenSource at most one may be set.
	Token string

	// TokenFile is a file with the token, read again whenever it changes. While it can't be read, or is empty, as in the
	// middle of being rewritten, the token read last stays in use.
	TokenFile string

	// TokenSource gives the token for each call, from wherever tokens are kept and renewed. It must be quick, and safe
	// for concurrent use; an error fails the call before anything is sent.
	TokenSource func(context.Context) (string, error)

	// BasicAuth is sent as HTTP basic authentication, for a proxy in front of the API. Nil: none.
	BasicAuth *BasicAuth

	// TLS is used when Address is an https one. With another, certificates in it are refused.
	TLS TLSConfig

	// Timeout is the longest that a call may take, with its retries; for a blocking query it comes on top of the wait
	// and the server's jitter of wait/16; for an answer that is read as a stream it is the longest pause in it.
	// 0 means DefaultTimeout. Shorten it for one call with the call's context.
	Timeout time.Duration

	// Retry is how calls that failed are made again. The zero value retries up to 7 times, which takes 3.5 seconds in the
	// mean and 7.1 at most: as long as an agent takes to restart, or the servers to miss a leader. See RetryPolicy.
	Retry RetryPolicy

	// MaxConns bounds the connections to the server, in use and idle; at most seven of eight serve blocking queries and
	// answers without an end (as Agent.Monitor's), and a call that finds all of them taken waits, within its time
	// limit. 0 means DefaultMaxConns, which stays below the 200 that Consul takes from one address
	// (limits.http_max_conns_per_client). At least 2.
	MaxConns int

	// Logger gets a line a request at debug level, and warnings. No token appears in it. Nil: no logging.
	Logger *slog.Logger

	// Hooks are called as the client works, for traces and metrics. Nil: none, at no cost.
	Hooks *Hooks

	// Header is added to each request; it can't replace the headers that calls set themselves. X-Consul-Token is
	// refused: Token and its like keep it out of logs and errors.
	Header http.Header

	// Proxy picks an HTTP proxy for a request, as http.Transport.Proxy does. Nil: none; ConfigFromEnv sets
	// http.ProxyFromEnvironment.
	Proxy func(*http.Request) (*url.URL, error)

	// Transport carries the requests instead of a transport made from this Config: for tracing and metrics (wrap one
	// that NewTransport made), or for a server in memory. It is neither changed nor closed. TLS, Proxy and MaxConns are
	// its own affair then, and a unix Address too. Nil: NewTransport(config).
	Transport http.RoundTripper
}

// BasicAuth is a user name and a password for HTTP basic authentication.
type BasicAuth struct {
	Username string
	Password string
}

// ConfigFromEnv reads the environment variables that the consul command reads, and the standard proxy variables. An
// unset or empty variable leaves the default. A value that makes no sense is an error that names the variable and wraps
// ErrInvalidConfig.
//
//	CONSUL_HTTP_ADDR        Address
//	CONSUL_HTTP_TOKEN       Token
//	CONSUL_HTTP_TOKEN_FILE  TokenFile; it goes before CONSUL_HTTP_TOKEN
//	CONSUL_HTTP_AUTH        BasicAuth, as "user:password"
//	CONSUL_HTTP_SSL         true: https, also where CONSUL_HTTP_ADDR says http
//	CONSUL_HTTP_SSL_VERIFY  false: TLS.InsecureSkipVerify
//	CONSUL_CACERT           TLS.CAFile
//	CONSUL_CAPATH           TLS.CAPath; CONSUL_CACERT goes before it
//	CONSUL_CLIENT_CERT      TLS.CertFile
//	CONSUL_CLIENT_KEY       TLS.KeyFile
//	CONSUL_TLS_SERVER_NAME  TLS.ServerName
//	CONSUL_NAMESPACE        Namespace
//	CONSUL_PARTITION        Partition
func ConfigFromEnv() (*Config, error) {
	var e environment
	c := &Config{
		Address:   e.address(),
		Token:     e.token("CONSUL_HTTP_TOKEN"),
		TokenFile: e.file("CONSUL_HTTP_TOKEN_FILE"),
		BasicAuth: e.basicAuth("CONSUL_HTTP_AUTH"),
		Namespace: os.Getenv("CONSUL_NAMESPACE"),
		Partition: os.Getenv("CONSUL_PARTITION"),
		TLS: TLSConfig{
			CAFile:             e.file("CONSUL_CACERT"),
			CAPath:             e.file("CONSUL_CAPATH"),
			CertFile:           e.file("CONSUL_CLIENT_CERT"),
			KeyFile:            e.file("CONSUL_CLIENT_KEY"),
			ServerName:         os.Getenv("CONSUL_TLS_SERVER_NAME"),
			InsecureSkipVerify: !e.bool("CONSUL_HTTP_SSL_VERIFY", true),
		},
		Proxy: http.ProxyFromEnvironment,
	}
	if c.TokenFile != "" {
		c.Token = ""
	}
	if c.TLS.CAFile != "" {
		c.TLS.CAPath = ""
	}
	if (c.TLS.CertFile == "") != (c.TLS.KeyFile == "") {
		e.fail("CONSUL_CLIENT_CERT and CONSUL_CLIENT_KEY", errors.New("one is set without the other"))
	}
	if addr, err := parseAddress(c.Address); err == nil && addr.scheme != "https" && c.TLS.wantsTLS() {
		e.fail("CONSUL_HTTP_ADDR", errors.New("not an https address, but other variables name certificates; set CONSUL_HTTP_SSL=true"))
	}
	if e.err != nil {
		return nil, e.err
	}
	return c, nil
}

// An environment reads environment variables and keeps the first error.
type environment struct{ err error }

func (e *environment) fail(name string, err error) {
	if e.err == nil {
		e.err = fmt.Errorf("consul: %s: %w: %w", name, err, ErrInvalidConfig)
	}
}

func (e *environment) bool(name string, unset bool) bool {
	v := os.Getenv(name)
	if v == "" {
		return unset
	}
	b, err := strconv.ParseBool(v)
	if err != nil {
		e.fail(name, fmt.Errorf("%q is neither true nor false", v))
	}
	return b
}

// file gives the path of a file or directory that has to exist.
func (e *environment) file(name string) string {
	path := os.Getenv(name)
	if path != "" {
		if _, err := os.Stat(path); err != nil {
			e.fail(name, err)
		}
	}
	return path
}

func (e *environment) token(name string) string {
	token := os.Getenv(name)
	if err := checkToken(token); err != nil {
		e.fail(name, err)
	}
	return token
}

func (e *environment) basicAuth(name string) *BasicAuth {
	v := os.Getenv(name)
	if v == "" {
		return nil
	}
	user, password, _ := strings.Cut(v, ":")
	if user == "" {
		e.fail(name, errors.New("no user name before the colon, want user:password"))
	}
	return &BasicAuth{Username: user, Password: password}
}

// address is what CONSUL_HTTP_ADDR and CONSUL_HTTP_SSL say together.
func (e *environment) address() string {
	address := os.Getenv("CONSUL_HTTP_ADDR")
	if _, err := parseAddress(address); err != nil {
		e.fail("CONSUL_HTTP_ADDR", err)
		return ""
	}
	if !e.bool("CONSUL_HTTP_SSL", false) {
		return address
	}
	address, err := withTLS(address)
	if err != nil {
		e.fail("CONSUL_HTTP_SSL", err)
	}
	return address
}

// withTLS makes an address an https one. TLS that was asked for is never given up for what an address says.
func withTLS(address string) (string, error) {
	if address == "" {
		address = DefaultAddress
	}
	switch scheme, rest, found := strings.Cut(address, "://"); {
	case !found:
		return "https://" + address, nil
	case scheme == "unix":
		return "", errors.New("no TLS on the unix socket that CONSUL_HTTP_ADDR names")
	default:
		return "https://" + rest, nil
	}
}

// An address is a parsed Config.Address.
type address struct {
	scheme    string // http or https
	host      string // host:port, as it goes into the URL and the Host header
	prefix    string // path before /v1, without a slash at its end
	rawPrefix string // prefix, escaped
	socket    string // path of the unix socket, empty for TCP
}

func (a *address) String() string {
	if a.socket != "" {
		return "unix://" + a.socket
	}
	return a.scheme + "://" + a.host + a.rawPrefix
}

func parseAddress(s string) (*address, error) {
	if s == "" {
		s = DefaultAddress
	}
	if socket, ok := strings.CutPrefix(s, "unix://"); ok {
		if socket == "" {
			return nil, fmt.Errorf("address %q names no socket, want unix:///path", s)
		}
		return &address{scheme: "http", host: "localhost", socket: socket}, nil
	}
	if !strings.Contains(s, "://") {
		s = "http://" + s
	}
	u, err := url.Parse(s)
	if err != nil {
		// The parser's error quotes the address, which may hold a password.
		return nil, errors.New("address can't be parsed, want host:port, http(s)://host:port or unix:///path")
	}
	switch {
	case u.User != nil:
		return nil, errors.New("address holds a user name or password, set BasicAuth (CONSUL_HTTP_AUTH) instead")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("address %q: scheme %q, want http, https or unix", s, u.Scheme)
	case u.Hostname() == "":
		return nil, fmt.Errorf("address %q names no host", s)
	case u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		return nil, fmt.Errorf("address %q has a query or a fragment", s)
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return nil, fmt.Errorf("address %q: port %q is not between 1 and 65535", s, port)
		}
	}
	prefix := strings.TrimSuffix(u.Path, "/")
	if prefix == "/v1" || !isClean(prefix) {
		return nil, fmt.Errorf("address %q: prefix %q, want what stands before /v1, without empty or dotted elements", s, prefix)
	}
	return &address{scheme: u.Scheme, host: u.Host, prefix: prefix, rawPrefix: strings.TrimSuffix(u.EscapedPath(), "/")}, nil
}

// check refuses what makes no sense whatever the server.
func (c *Config) check() error {
	switch {
	case c.Timeout < 0:
		return fmt.Errorf("consul: Config.Timeout is negative (%v): %w", c.Timeout, ErrInvalidConfig)
	case c.MaxConns < 0 || c.MaxConns == 1:
		return fmt.Errorf("consul: Config.MaxConns is %d, want at least 2, or 0 for the default: %w", c.MaxConns, ErrInvalidConfig)
	case c.Transport != nil && !c.TLS.isZero():
		return fmt.Errorf("consul: Config.TLS would not apply to Config.Transport; make the transport with NewTransport: %w", ErrInvalidConfig)
	}
	sources := 0
	for _, set := range []bool{c.Token != "", c.TokenFile != "", c.TokenSource != nil} {
		if set {
			sources++
		}
	}
	if sources > 1 {
		return fmt.Errorf("consul: Config has more than one of Token, TokenFile and TokenSource: %w", ErrInvalidConfig)
	}
	for name := range c.Header {
		if http.CanonicalHeaderKey(name) == "X-Consul-Token" {
			return fmt.Errorf("consul: Config.Header holds X-Consul-Token; use Token, TokenFile or TokenSource: %w", ErrInvalidConfig)
		}
	}
	if err := checkToken(c.Token); err != nil {
		return fmt.Errorf("consul: Config.Token: %w: %w", err, ErrInvalidConfig)
	}
	return c.Retry.check()
}

// dialSocket connects to a unix socket whatever address it is asked for.
func dialSocket(path string) dialFunc {
	var d net.Dialer
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		return d.DialContext(ctx, "unix", path)
	}
}
