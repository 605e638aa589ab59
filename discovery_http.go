package consul

// This file holds the RoundTripper of a Resolver: HTTP to the instances of services, one chosen for each request.

import (
	"fmt"
	"io"
	"net/http"
	"sync"
)

// RoundTripper gives one that sends each request to an instance of the service that its URL names:
// http://web.service.consul/path. A port in the URL is not looked at, and the Host header is what the URL says. What is no
// name of a service goes to next as it is; a nil next is http.DefaultTransport.
//
// A request that failed, or was answered with 502, 503 or 504, is sent to another instance, up to three in all, and the
// failed one is held back, if it may be repeated: its method is idempotent, or nothing of it was sent, and its body is
// absent or can be had again (Request.GetBody). The body of the answer has to be closed, as ever.
//
// With https the certificates have to be for the instances' addresses. Where they are for the services' names, have
// http.Transport.DialContext be the Resolver's instead.
func (r *Resolver) RoundTripper(next http.RoundTripper) http.RoundTripper {
	if next == nil {
		next = http.DefaultTransport
	}
	return &serviceTransport{r, next}
}

type serviceTransport struct {
	resolver *Resolver
	next     http.RoundTripper
}

func (t *serviceTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	s, ok := t.resolver.Service(req.URL.Hostname())
	if !ok {
		return t.next.RoundTrip(req)
	}
	var resp *http.Response
	sent := 0
	err := s.try(req.Context(), func(i *Instance) (error, bool) {
		if resp != nil { // of the instance before, which can't serve now
			resp.Body.Close()
			resp = nil
		}
		attempt, err := attemptOf(req, i.Address, sent)
		if err != nil {
			return err, false
		}
		sent++
		if resp, err = t.next.RoundTrip(attempt); err != nil {
			return err, repeatable(req) || neverSent(err) && rewindable(req)
		}
		if unavailable(resp) {
			return fmt.Errorf("answered with status %s", resp.Status), repeatable(req)
		}
		if resp.StatusCode != http.StatusSwitchingProtocols { // whose body is a connection
			i.pending.Add(1) // until the body is closed
			resp.Body = &countedBody{ReadCloser: resp.Body, done: sync.OnceFunc(func() { i.pending.Add(-1) })}
		}
		return nil, false
	})
	if sent == 0 && req.Body != nil {
		req.Body.Close() // as those do that it is sent with
	}
	if resp != nil {
		return resp, nil // be it that no instance can serve: then it is the last one's answer
	}
	return nil, err
}

// attemptOf is the request as it goes to an instance. Its body is a new one from the second on.
func attemptOf(req *http.Request, address string, sent int) (*http.Request, error) {
	attempt := req.Clone(req.Context())
	attempt.URL.Host = address
	if attempt.Host == "" {
		attempt.Host = req.URL.Host
	}
	if sent > 0 && req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			return nil, fmt.Errorf("the request's body can't be had again: %w", err)
		}
		attempt.Body = body
	}
	return attempt, nil
}

// unavailable reports whether another instance may do better.
func unavailable(resp *http.Response) bool {
	switch resp.StatusCode {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// repeatable reports whether a request may be sent again though it may have been served.
func repeatable(req *http.Request) bool {
	switch req.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		return rewindable(req)
	}
	return false
}

func rewindable(req *http.Request) bool {
	return req.Body == nil || req.Body == http.NoBody || req.GetBody != nil
}

// A countedBody tells when it is closed.
type countedBody struct {
	io.ReadCloser
	done func()
}

func (b *countedBody) Close() error {
	defer b.done()
	return b.ReadCloser.Close()
}
