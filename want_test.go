package consul_test

// This file holds what tests of several families expect, and what they put into the catalog and take out again.

import (
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/lictor-go/consul"
	"github.com/lictor-go/consul/testutil"
)

// register puts a node into the catalog and takes it out again at the end of the test.
func register(t testing.TB, c *consul.Client, reg *consul.CatalogRegistration) {
	t.Helper()
	ctx := testContext(t)
	if _, err := c.Catalog().Register(ctx, reg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := c.Catalog().Deregister(ctx, &consul.CatalogDeregistration{Node: reg.Node}); err != nil {
			t.Error(err)
		}
	})
}

// configure writes a config entry and deletes it at the end of the test.
func configure(t testing.TB, c *consul.Client, kind, name string, fields map[string]any) {
	t.Helper()
	testutil.NeedReal(t, "config entries")
	ctx := testContext(t)
	entry := map[string]any{"Kind": kind, "Name": name}
	maps.Copy(entry, fields)
	if _, err := c.Raw().Write(ctx, "/v1/config", entry, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := c.Raw().Delete(ctx, "/v1/config/"+kind+"/"+name, nil); err != nil {
			t.Error(err)
		}
	})
}

// randomUUID gives an ID that nothing has.
func randomUUID() string {
	b := make([]byte, 16)
	rand.Read(b)
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// wantRefused fails unless err says that the client sent nothing because of an option.
func wantRefused(t testing.TB, err error) {
	t.Helper()
	if _, answered := errors.AsType[*consul.StatusError](err); !errors.Is(err, consul.ErrInvalidOption) || answered {
		t.Errorf("error is %v, want ErrInvalidOption before anything is sent", err)
	}
}

// wantAnswer fails unless err is an answer of the server with this status and text.
func wantAnswer(t testing.TB, err error, code int, text string) {
	t.Helper()
	if se, ok := errors.AsType[*consul.StatusError](err); !ok || se.Code != code || !strings.Contains(se.Body, text) {
		t.Errorf("error is %v, want a StatusError with code %d and %q", err, code, text)
	}
}

// wantAbsent fails unless err says that something does not exist, with a QueryMeta to wait by.
func wantAbsent(t testing.TB, meta *consul.QueryMeta, err error) {
	t.Helper()
	if !errors.Is(err, consul.ErrNotFound) {
		t.Errorf("error is %v, want ErrNotFound", err)
	}
	if meta == nil || meta.LastIndex == 0 || !meta.KnownLeader {
		t.Errorf("QueryMeta beside ErrNotFound is %+v, want it filled", meta)
	}
}

// wantEmpty fails unless a list is empty, not nil, and comes with a QueryMeta and without an error.
func wantEmpty[T any](t testing.TB, list []T, meta *consul.QueryMeta, err error) {
	t.Helper()
	if err != nil || list == nil || len(list) > 0 {
		t.Errorf("got %v, %v, want an empty list that is not nil", list, err)
	}
	if meta == nil || meta.LastIndex == 0 {
		t.Errorf("QueryMeta is %+v, want it filled", meta)
	}
}

// untilFound reads again, from index on, for as long as the answer is ErrNotFound.
func untilFound(read func(index uint64) (*consul.QueryMeta, error), index uint64) error {
	for {
		meta, err := read(index)
		if !errors.Is(err, consul.ErrNotFound) {
			return err
		}
		index = meta.LastIndex
	}
}

// answeringClient gives a client of a server that answers with handler.
func answeringClient(t testing.TB, handler http.HandlerFunc) *consul.Client {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return clientWith(t, &consul.Config{Address: s.URL})
}

// offlineClient gives a client that fails the test when it sends anything.
func offlineClient(t testing.TB) *consul.Client {
	t.Helper()
	return clientWith(t, &consul.Config{Transport: roundTripFunc(func(r *http.Request) (*http.Response, error) {
		t.Errorf("%s %s was sent", r.Method, r.URL)
		return nil, errors.New("nothing may be sent")
	})})
}
