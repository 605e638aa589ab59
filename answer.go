package consul

// This file brings answers back to the families: query, write, send and openQuery are what an endpoint's method ends in.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// An answer is a 2xx answer, less its body.
type answer struct {
	r      *request
	code   int
	header http.Header
	took   time.Duration
}

// do makes the call and lets take read the body of its answer. An error of take's is that the body can't be read.
func (c *Client) do(ctx context.Context, r *request, take func(*http.Response) error) (ans answer, err error) {
	var a attempts
	if err := a.begin(ctx, c, r, r.blocking); err != nil {
		return answer{}, err
	}
	defer func() { a.end(err) }()
	err = a.run(func() error {
		resp, err := a.send()
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if err := take(resp); err != nil {
			return a.brokenOff(resp, err)
		}
		ans = answer{r, resp.StatusCode, resp.Header, time.Since(a.started)}
		return nil
	})
	return ans, err
}

// brokenOff explains why a body could not be read to its end.
func (a *attempts) brokenOff(resp *http.Response, err error) error {
	if a.ctx.Err() != nil {
		return a.failure(err, true)
	}
	return a.r.badResponse(resp.StatusCode, fmt.Errorf("the body breaks off: %w", err))
}

// fetch makes the call and decodes its answer.
func fetch[T any](ctx context.Context, c *Client, r *request) (out T, ans answer, err error) {
	var bad error
	ans, err = c.do(ctx, r, func(resp *http.Response) (err error) {
		out, bad, err = decode[T](resp)
		return err
	})
	if err == nil && bad != nil {
		err = ans.unusable(bad)
	}
	return out, ans, err
}

// unusable says that the body can't be decoded. The error tells where it breaks, and never quotes the body, which may hold
// tokens.
func (a *answer) unusable(err error) error { return a.r.badResponse(a.code, err) }

// meta reads the headers of an answer to a read.
func (a *answer) meta() (*QueryMeta, error) {
	m, err := parseQueryMeta(a.header, a.took)
	if err != nil {
		return nil, a.unusable(err)
	}
	return m, nil
}

// query makes a read and decodes its answer. Where the thing does not exist, the QueryMeta is filled beside the error.
func query[T any](ctx context.Context, c *Client, r *request, opts []QueryOption) (T, *QueryMeta, error) {
	var zero T
	start := time.Now()
	out, ans, err := fetch[T](ctx, c, r.withQueryOptions(c, opts))
	if err != nil {
		return absent[T](r, err, time.Since(start))
	}
	meta, err := ans.meta()
	if err != nil {
		return zero, nil, err
	}
	return out, meta, nil
}

// absent ends a read that failed with err: with the QueryMeta of the answer if that says that the thing does not exist.
func absent[T any](r *request, err error, took time.Duration) (T, *QueryMeta, error) {
	var zero T
	se, ok := errors.AsType[*StatusError](err)
	if !ok || se.sentinel() != ErrNotFound {
		return zero, nil, err
	}
	meta, bad := parseQueryMeta(se.header, took)
	if bad != nil {
		err = r.badResponse(se.Code, bad)
	}
	return zero, meta, err
}

// notFound says that what the call named does not exist, where the server says so with a 200.
func (r *request) notFound(what string) error {
	return fmt.Errorf("consul: %s %s: no such %s: %w", r.method, r.label(), what, ErrNotFound)
}

// write makes a write and decodes its answer.
func write[T any](ctx context.Context, c *Client, r *request, opts []WriteOption) (T, *WriteMeta, error) {
	out, ans, err := fetch[T](ctx, c, r.withWriteOptions(c, opts))
	if err != nil {
		return *new(T), nil, err
	}
	return out, &WriteMeta{RequestTime: ans.took}, nil
}

// send makes a write whose answer has nothing to tell.
func send(ctx context.Context, c *Client, r *request, opts []WriteOption) (*WriteMeta, error) {
	ans, err := c.do(ctx, r.withWriteOptions(c, opts), func(resp *http.Response) error {
		_, err := io.Copy(io.Discard, resp.Body)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &WriteMeta{RequestTime: ans.took}, nil
}

// openQuery makes a read whose answer is read as it arrives.
func openQuery(ctx context.Context, c *Client, r *request, opts []QueryOption) (io.ReadCloser, *QueryMeta, error) {
	start := time.Now()
	s, err := c.open(ctx, r.withQueryOptions(c, opts), false)
	if err != nil {
		return absent[io.ReadCloser](r, err, time.Since(start))
	}
	meta, err := parseQueryMeta(s.resp.Header, time.Since(start))
	if err != nil {
		s.Close()
		return nil, nil, r.badResponse(s.resp.StatusCode, err)
	}
	return s, meta, nil
}

// notNil makes a list that the server sent as null an empty one.
func notNil[S ~[]E, E any](list S, meta *QueryMeta, err error) (S, *QueryMeta, error) {
	if err == nil && list == nil {
		list = S{}
	}
	return list, meta, err
}

// notNilMap is notNil for maps.
func notNilMap[M ~map[K]V, K comparable, V any](m M, meta *QueryMeta, err error) (M, *QueryMeta, error) {
	if err == nil && m == nil {
		m = M{}
	}
	return m, meta, err
}

// emptyIfAbsent is notNil that also turns ErrNotFound into an empty list, for lists that the server answers with 404 if
// nothing is in them.
func emptyIfAbsent[S ~[]E, E any](list S, meta *QueryMeta, err error) (S, *QueryMeta, error) {
	if errors.Is(err, ErrNotFound) && !errors.Is(err, ErrBadResponse) {
		err = nil
	}
	return notNil(list, meta, err)
}
