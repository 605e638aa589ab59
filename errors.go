package consul

// This file holds what a call can fail with: the sentinels that callers compare with errors.Is, and StatusError, the
// one type that carries what a server answered.

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// What a call can end with. Compare with errors.Is: the errors that methods return wrap these and say more.
var (
	// ErrNotFound says that the one thing that was named does not exist (404, or an empty answer where the server
	// answers so). The QueryMeta beside it is filled, so that a caller can wait for the thing to appear.
	ErrNotFound = errors.New("not found")

	// ErrPermissionDenied says that the token may not do this, or that the server does not know the token (401, 403).
	ErrPermissionDenied = errors.New("permission denied")

	// ErrRateLimited says that the server turned the call away to protect itself, before it did anything (429, and 503
	// where the server names its rate limit).
	ErrRateLimited = errors.New("rate limited")

	// ErrNoLeader says that the servers have no leader at the moment, or none that the server which was asked can reach: the
	// leader has just gone, an election runs, or the quorum is lost.
	ErrNoLeader = errors.New("no cluster leader")

	// ErrTooLarge says that a value or a transaction is over the size that the server takes (413).
	ErrTooLarge = errors.New("too large")

	// ErrBadRequest says that the server refused what was asked as malformed (400). The call won't ever succeed as it is.
	ErrBadRequest = errors.New("bad request")

	// ErrBadResponse says that the server took the call, but its answer can't be used: cut off, not JSON, or with a
	// header that can't be parsed. A write that ends with it has probably happened.
	ErrBadResponse = errors.New("unusable response")

	// ErrRedirect says that the server answered with a redirect. Redirects are never followed: a token could reach
	// another host, and a write could land on another key.
	ErrRedirect = errors.New("redirect refused")

	// ErrInvalidKey says that a key was refused before anything was sent, because the server would have read or
	// written another one.
	ErrInvalidKey = errors.New("invalid key")

	// ErrInvalidOption says that an argument, an option or a field was refused before anything was sent, because no
	// server can accept it.
	ErrInvalidOption = errors.New("invalid option")

	// ErrInvalidConfig says that a Config, or an environment variable behind it, makes no sense.
	ErrInvalidConfig = errors.New("invalid configuration")

	// ErrSessionExpired says that a session is gone: its TTL ran out, a check of its failed, or someone destroyed it.
	ErrSessionExpired = errors.New("session expired")

	// ErrClosed says that the Client was closed before the call.
	ErrClosed = errors.New("client closed")
)

// A StatusError is an answer of the server that is not the one asked for: a status other than 2xx, or a 2xx whose body
// or headers can't be used (then errors.Is(err, ErrBadResponse) holds and Code is the 2xx). It matches the sentinels
// of this package with errors.Is by its status:
//
//	400 ErrBadRequest   401, 403 ErrPermissionDenied   404 ErrNotFound   413 ErrTooLarge   429 ErrRateLimited
//	3xx ErrRedirect     500 for want of a leader ErrNoLeader             503 with a rate limit ErrRateLimited
//
// A 404 for a path that this version of the server does not serve is errors.ErrUnsupported, not ErrNotFound. Where an
// endpoint answers a status that says something else than it means, the endpoint's method names the sentinel.
type StatusError struct {
	Method string // HTTP method of the call
	Path   string // URL path of the call, without the query; escaped only if it can't be printed otherwise; no secrets
	Code   int    // HTTP status

	// Body is the start of what the server said, at most 4 KiB, trimmed; empty where Code is 2xx, since such a body
	// may hold secrets.
	Body string

	// RetryAfter is how long the server asks to be left alone; 0 where it did not say.
	RetryAfter time.Duration

	meaning error // the sentinel, where the status alone would mislead

	header http.Header // of the answer
	err    error       // more of the cause than the status tells, nil if there is none
}

// Error says what was tried, what the server answered, and, where there is something to do about it, what.
func (e *StatusError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "consul: %s %s: %d", e.Method, e.Path, e.Code)
	if text := http.StatusText(e.Code); text != "" {
		b.WriteString(" " + text)
	}
	if e.Body != "" {
		b.WriteString(": ")
		b.WriteString(e.Body)
	}
	if e.err != nil {
		b.WriteString(": ")
		b.WriteString(e.err.Error())
	}
	if hint := e.hint(); hint != "" {
		fmt.Fprintf(&b, " (%s)", hint)
	}
	return b.String()
}

// Is reports whether target is the sentinel that the status stands for.
func (e *StatusError) Is(target error) bool { return target != nil && target == e.sentinel() }

// Unwrap gives the cause beyond the status, such as the JSON error of a body that can't be decoded.
func (e *StatusError) Unwrap() error { return e.err }

func (e *StatusError) sentinel() error {
	switch {
	case e.meaning != nil:
		return e.meaning
	case e.Code >= 300 && e.Code < 400:
		return ErrRedirect
	case e.Code == http.StatusBadRequest:
		return ErrBadRequest
	case e.Code == http.StatusUnauthorized, e.Code == http.StatusForbidden:
		return ErrPermissionDenied
	case e.Code == http.StatusNotFound && strings.Contains(e.Body, "not a recognized HTTP API endpoint"):
		return errors.ErrUnsupported
	case e.Code == http.StatusNotFound:
		return ErrNotFound
	case e.Code == http.StatusRequestEntityTooLarge:
		return ErrTooLarge
	case e.Code == http.StatusTooManyRequests:
		return ErrRateLimited
	// Limits on what only the leader can do come back as 503, since another server could not help.
	case e.Code == http.StatusServiceUnavailable && strings.Contains(e.Body, "rate limit exceeded"):
		return ErrRateLimited
	case e.Code >= 500 && isLeaderless(e.Body):
		return ErrNoLeader
	}
	return nil
}

// What a server says, with a 500, when it knows no leader, when its leader steps down or is not ready yet, and while it
// has not noticed that its leader is gone.
var leaderless = []string{
	"No cluster leader",
	"node is not the leader",
	"leadership lost while committing log",
	"leadership transfer in progress",
	"Raft leader not found in server lookup mapping",
	"Not ready to serve consistent reads",
	"No known Consul servers",
	"rpc error getting client: ", // it can't connect to the leader
}

// What follows "rpc error making call: " when the connection to the leader broke; anything else is the leader's answer.
var leaderLost = []string{"EOF", "session shutdown", "stream closed", "connection reset", "connection reset by peer", "broken pipe", "i/o deadline reached"}

func isLeaderless(text string) bool {
	if slices.ContainsFunc(leaderless, func(s string) bool { return strings.Contains(text, s) }) {
		return true
	}
	_, broken, forwarded := strings.Cut(text, "rpc error making call: ")
	return forwarded && slices.ContainsFunc(leaderLost, func(s string) bool { return strings.HasSuffix(broken, s) })
}

// hint is what a person who reads the error can do about it.
func (e *StatusError) hint() string {
	switch e.sentinel() {
	case ErrRedirect:
		return e.target() + "redirects are not followed: set Config.Address to where the API is served"
	case errors.ErrUnsupported:
		return "this version of Consul does not have the endpoint"
	case ErrBadRequest:
		// What net/http, and so Consul, answers to plain HTTP on a port for TLS.
		if strings.Contains(e.Body, "HTTP request to an HTTPS server") {
			return "that port speaks TLS: use an https:// address, or CONSUL_HTTP_SSL=true"
		}
		if e.Body == "" {
			return "Consul answers so, without a word, to a path with a character that can't be printed"
		}
	case ErrPermissionDenied:
		if strings.Contains(e.Body, "ACL support disabled") {
			return "the agent that was asked runs without ACLs: see acl.enabled in its configuration"
		}
		return "check that the token exists in this datacenter and what its policies allow"
	case ErrRateLimited:
		if e.RetryAfter > 0 {
			return fmt.Sprintf("try again in %v", e.RetryAfter)
		}
		return "call less often, or raise the limits in the servers' configuration"
	case ErrNoLeader:
		return "the servers are electing a leader or have lost their quorum: try again, then look at their logs"
	case ErrTooLarge:
		switch {
		case strings.Contains(e.Body, "too many operations"):
			return "make more than one transaction of them"
		case strings.HasPrefix(e.Path, "/v1/event/"):
			return "put what is larger into a key, and its name into the event"
		}
		return "the limits are the servers' kv_max_value_size and txn_max_req_len, 512 KiB by default"
	}
	return ""
}

// target is where a redirect points, without what may be secret in it.
func (e *StatusError) target() string {
	u, err := url.Parse(e.header.Get("Location"))
	if err != nil || u.Host == "" {
		return ""
	}
	return "to " + u.Scheme + "://" + u.Host + "; "
}

// A transportError is a call that got no answer: the server was not reached, went away, or took too long.
type transportError struct {
	method, path, address string
	sent                  bool // whether any of the request may have reached the server
	ended                 bool // whether the call's context or time limit ended it
	err                   error
}

func (e *transportError) Error() string {
	what := "no answer from"
	if !e.sent && !e.ended {
		what = "cannot reach"
	}
	text := fmt.Sprintf("consul: %s %s: %s %s: %v", e.method, e.path, what, e.address, e.err)
	if hint := e.hint(); hint != "" {
		text += " (" + hint + ")"
	}
	return text
}

func (e *transportError) Unwrap() error { return e.err }

// hint is what a person who reads the error can do about it.
func (e *transportError) hint() string {
	if e.ended {
		return ""
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](e.err); ok {
		return "that port does not speak TLS: use an http:// address, or the port of the https listener"
	}
	if _, ok := errors.AsType[x509.HostnameError](e.err); ok {
		return "use an address that the server's certificate is for, or set TLS.ServerName (CONSUL_TLS_SERVER_NAME)"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](e.err); ok {
		return "is TLS.CAFile (CONSUL_CACERT) the authority that signed the server's certificate?"
	}
	op, ok := errors.AsType[*net.OpError](e.err)
	switch {
	case ok && op.Op == "dial":
		return "is a Consul agent listening there?"
	// A server that refuses the client's certificate says so and hangs up. With TLS 1.3 the client may be sending its
	// request by then, and only notice the latter.
	case ok && op.Op == "remote error", e.sent && strings.HasPrefix(e.address, "https:"):
		return "if the server wants a client certificate: is TLS.CertFile (CONSUL_CLIENT_CERT) one that it accepts?"
	}
	return ""
}

// SafeToRetry reports whether the call that ended with err provably changed nothing and may go better next time: the
// server could not be reached, it turned the call away because of a rate limit, or the call was a read that failed on
// the way or for want of a leader. It is false for a write that may have happened, for a refusal that will repeat
// itself (denied, not found, malformed), and where a context or the call's time limit ended the call.
//
// The client retries such calls itself (see RetryPolicy): SafeToRetry is for what a caller does after that.
func SafeToRetry(err error) bool {
	// First, since a dial that timed out looks like a context that did.
	if te, ok := errors.AsType[*transportError](err); ok {
		return te.retryable()
	}
	if isContextError(err) {
		return false
	}
	se, ok := errors.AsType[*StatusError](err)
	return ok && se.retryable()
}

func (e *StatusError) retryable() bool {
	if e.sentinel() == ErrRateLimited {
		return e.Code == http.StatusTooManyRequests || isRead(e.Method)
	}
	if !isRead(e.Method) {
		return false
	}
	switch e.Code {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return e.sentinel() == ErrNoLeader || errors.Is(e.err, io.ErrUnexpectedEOF) || isReset(e.err)
}

func (e *transportError) retryable() bool {
	if e.ended || isPermanentTransport(e.err) {
		return false
	}
	return !e.sent || isRead(e.method)
}

func isRead(method string) bool { return method == http.MethodGet || method == http.MethodHead }

func isContextError(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// isReset reports whether a connection broke while an answer was being read.
func isReset(err error) bool {
	_, ok := errors.AsType[*net.OpError](err)
	return ok
}

// closedIdle is what net/http, which does not export the error, says of a connection that it saw closed before it had
// put a request on it. (It repeats a read then by itself, but not a write.)
const closedIdle = "http: server closed idle connection"

// neverSent reports whether err shows that no byte of the request left: there was no connection to send it over.
func neverSent(err error) bool {
	if _, ok := errors.AsType[*tlsError](err); ok || err.Error() == closedIdle {
		return true
	}
	op, ok := errors.AsType[*net.OpError](err)
	return (ok && (op.Op == "dial" || op.Op == "proxyconnect")) || isPermanentTransport(err)
}
