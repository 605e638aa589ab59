package consul

// This file holds the RoundTripper of a Resolver: HTTP to the instances of services, one chosen for each request.

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
)

// RoundTripper gives one that sends each request to an instance of the service that its URL names:
// http://web.service.consul/path. A port in the URL is not looked at. The Host header is Request.Host where that is set, or
// else the host of the URL, as if the name had been resolved. What is no name of a service goes to next as it is.
//
// A request that failed, or was answered with 502, 503 or 504, is sent to another instance, up to three in all, if it may
// be repeated: its method is idempotent by RFC 9110, or it has an Idempotency-Key header, or nothing of it was sent; and its
// body is absent or can be had again (Request.GetBody). The instance that failed is held back. If none does better, the
// last one's answer or all errors are given. The body of an answer has to be closed, as ever; with LeastPending the request
// is pending until then.
//
// A nil next is a transport of the Resolver's, which gives up connecting after five seconds. With https the certificates
// have to be for the instances' addresses. Where they are for the services' names, have http.Transport.DialContext be the
// Resolver's instead.
func (r *Resolver) RoundTripper(next http.RoundTripper) http.RoundTripper {
	if next == nil {
		next = r.transport()
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
	f := failover{req: req, next: t.next}
	err := s.try(req.Context(), f.send)
	if f.sent == 0 && req.Body != nil {
		req.Body.Close() // as those do that it is sent with
	}
	if f.resp != nil {
		return f.resp, nil
	}
	return nil, err
}

// CloseIdleConnections is for http.Client.CloseIdleConnections.
func (t *serviceTransport) CloseIdleConnections() {
	if next, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		next.CloseIdleConnections()
	}
}

// A failover is one request on its way to one instance after the other.
type failover struct {
	req  *http.Request
	next http.RoundTripper
	sent int
	resp *http.Response // of the last instance, whether it could serve or not; nil: it did not answer
}

// send sends the request to an instance.
func (f *failover) send(i *Instance, _ int) (again bool, err error) {
	if f.resp != nil { // of an instance that could not serve
		f.resp.Body.Close()
		f.resp = nil
	}
	attempt, err := f.attempt(i.Address)
	if err != nil {
		i.release()
		return false, err
	}
	f.sent++
	if f.resp, err = f.next.RoundTrip(attempt); err != nil {
		f.resp = nil
		i.Done(err)
		return rewindable(f.req) && (idempotent(f.req) || neverSent(err)), err
	}
	if unavailable(f.resp) {
		err = fmt.Errorf("answered with status %s", f.resp.Status)
		i.Done(err)
		return rewindable(f.req) && idempotent(f.req), err
	}
	i.note(nil)
	if f.resp.StatusCode == http.StatusSwitchingProtocols { // whose body is a connection that is written to as well
		i.release()
	} else {
		f.resp.Body = &servedBody{ReadCloser: f.resp.Body, by: i, release: sync.OnceFunc(i.release)}
	}
	return false, nil
}

// attempt is the request as it goes to an instance. Its body is a new one from the second on.
func (f *failover) attempt(address string) (*http.Request, error) {
	attempt := f.req.WithContext(f.req.Context())
	url := *f.req.URL
	attempt.URL = &url
	url.Host = address
	if attempt.Host == "" {
		attempt.Host = f.req.URL.Host
	}
	if f.sent > 0 && f.req.GetBody != nil {
		body, err := f.req.GetBody()
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

// idempotent reports whether a request may be sent again though it may have been served.
func idempotent(req *http.Request) bool {
	switch req.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		return true
	}
	return req.Header.Get("Idempotency-Key") != ""
}

// rewindable reports whether the body can be had once more.
func rewindable(req *http.Request) bool {
	return req.Body == nil || req.Body == http.NoBody || req.GetBody != nil
}

// A servedBody tells on the instance that it breaks off from, and when it is closed.
type servedBody struct {
	io.ReadCloser
	by      *Instance
	release func()
}

func (b *servedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, http.ErrBodyReadAfterClose) && !isContextError(err) {
		b.by.note(err)
	}
	return n, err
}

func (b *servedBody) Close() error {
	defer b.release()
	return b.ReadCloser.Close()
}
