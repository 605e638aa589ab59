package consul

// This file holds Raw, which calls any route of the API: for those that this package has no method for.

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"time"
)

// Raw calls any route, with the options, metas, errors and retries of all other calls.
//
// A path is the whole path as the API's documents have it ("/v1/operator/raft/configuration"), without the prefix that
// Config.Address may have. It is escaped already: url.PathEscape each name that goes into it. It has no query: use
// WithParam. A path that does not start with a slash, that is not escaped, or that path cleaning would change (see KV) is
// ErrInvalidOption. Paths appear in errors and logs, so a secret must not be part of one.
//
// Bodies are JSON unless their type says otherwise. As what is sent, nil is no body, and a []byte goes out as it is. As
// the place for the answer, nil means that it is not wanted; an io.Writer gets it as it is; anything else has to be a
// pointer that JSON can be decoded into. What can't be one is ErrInvalidOption.
//
// A route that the server does not have is errors.ErrUnsupported.
type Raw struct{ c *Client }

// Raw gives the client of any route.
func (c *Client) Raw() *Raw { return &Raw{c} }

// Query makes a GET. An io.Writer gets the answer as it arrives, however large it is; it has got a part only if the
// error is not nil. Its own errors are returned as they are.
func (w *Raw) Query(ctx context.Context, path string, out any, opts ...QueryOption) (*QueryMeta, error) {
	r := rawRequest(http.MethodGet, path, out)
	if to, ok := out.(io.Writer); ok {
		return w.copy(ctx, r, to, opts)
	}
	start := time.Now()
	ans, err := w.c.fetchInto(ctx, r.withQueryOptions(w.c, opts), out)
	if err != nil {
		_, meta, err := absent[any](r, err, time.Since(start))
		return meta, err
	}
	return ans.meta()
}

// Write makes a PUT.
func (w *Raw) Write(ctx context.Context, path string, in, out any, opts ...WriteOption) (*WriteMeta, error) {
	return w.Do(ctx, http.MethodPut, path, in, out, opts...)
}

// Delete makes a DELETE.
func (w *Raw) Delete(ctx context.Context, path string, out any, opts ...WriteOption) (*WriteMeta, error) {
	return w.Do(ctx, http.MethodDelete, path, nil, out, opts...)
}

// Do makes a write with the method that the route wants: PUT, POST or DELETE. Another one is ErrInvalidOption.
func (w *Raw) Do(ctx context.Context, method, path string, in, out any, opts ...WriteOption) (*WriteMeta, error) {
	r := rawRequest(method, path, out)
	switch method {
	case http.MethodPut, http.MethodPost, http.MethodDelete:
	default:
		r.fail(ErrInvalidOption, "the method of a write is PUT, POST or DELETE")
	}
	switch in := in.(type) {
	case nil:
	case []byte:
		r.bytes(in)
	default:
		r.json(in)
	}
	ans, err := w.c.fetchInto(ctx, r.withWriteOptions(w.c, opts), out)
	if err != nil {
		return nil, err
	}
	return &WriteMeta{RequestTime: ans.took}, nil
}

// copy makes a read whose answer goes to a Writer as it arrives.
func (w *Raw) copy(ctx context.Context, r *request, to io.Writer, opts []QueryOption) (*QueryMeta, error) {
	body, meta, err := openQuery(ctx, w.c, r, opts)
	if err != nil {
		return meta, err
	}
	defer body.Close()
	if _, err := io.Copy(to, body); err != nil {
		return nil, err
	}
	return meta, nil
}

// fetchInto makes the call and puts the body where the caller of Raw wants it.
func (c *Client) fetchInto(ctx context.Context, r *request, out any) (ans answer, err error) {
	var failed error
	ans, err = c.do(ctx, r, func(resp *http.Response) error {
		body, err := readBody(resp)
		if err != nil {
			return err
		}
		defer body.Release()
		switch out := out.(type) {
		case nil:
		case io.Writer:
			_, failed = out.Write(body.Data)
		default:
			if err := json.Unmarshal(body.Data, out); err != nil {
				failed = r.badResponse(resp.StatusCode, err)
			}
		}
		return nil
	})
	if err == nil {
		err = failed
	}
	return ans, err
}

// rawRequest describes a call of any path.
func rawRequest(method, path string, out any) *request {
	path, _, hasQuery := strings.Cut(path, "?")
	r := &request{method: method, path: path, rawPath: path}
	plain, err := url.PathUnescape(path)
	switch {
	case hasQuery:
		return r.fail(ErrInvalidOption, "the path has a query, use WithParam") // which is not quoted: it may hold a token
	case !strings.HasPrefix(path, "/"):
		return r.fail(ErrInvalidOption, "the path does not start with a slash")
	case err != nil:
		return r.fail(ErrInvalidOption, "the path is not escaped: %v", err)
	case (&url.URL{Path: plain, RawPath: path}).EscapedPath() != path:
		return r.fail(ErrInvalidOption, "the path has a character that is not escaped")
	case !isClean(plain):
		return r.fail(ErrInvalidOption, "the path has an empty or dotted element, which the server would resolve to another path")
	}
	r.path = plain
	if _, ok := out.(io.Writer); out == nil || ok {
		return r
	}
	if v := reflect.ValueOf(out); v.Kind() != reflect.Pointer || v.IsNil() {
		r.fail(ErrInvalidOption, "the answer can't be decoded into a %T, which is no pointer, or nil", out)
	}
	return r
}
