package consul_test

// This file tests transactions: what each kind of operation does on the real server, and how they fail.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lictor-go/consul"
)

var txnEndpoints = []endpoint{
	{name: "Txn.Txn", route: "PUT /v1/txn", result: `{"Results":[],"Errors":null}`, call: func(ctx context.Context, c *consul.Client) error {
		_, _, err := c.Txn().Txn(ctx, consul.TxnOps{kvOp(consul.KVGet, "k")})
		return err
	}},
}

// kvOp is an operation on a key that needs no more than that.
func kvOp(verb consul.KVOp, key string) *consul.TxnOp {
	return &consul.TxnOp{KV: &consul.KVTxnOp{Verb: verb, Key: key}}
}

// kvSet writes a key.
func kvSet(key, value string) *consul.TxnOp {
	return &consul.TxnOp{KV: &consul.KVTxnOp{Verb: consul.KVSet, Key: key, Value: []byte(value)}}
}

// commit makes a transaction that has to succeed.
func commit(t testing.TB, c *consul.Client, ops ...*consul.TxnOp) consul.TxnResults {
	t.Helper()
	resp, meta, err := c.Txn().Txn(testContext(t), ops)
	if err != nil {
		t.Fatal(err)
	}
	if len(resp.Errors) > 0 || meta.RequestTime <= 0 {
		t.Fatalf("errors %v, meta %+v", resp.Errors, meta)
	}
	return resp.Results
}

// rollBack makes a transaction that has to fail, and gives the errors of its operations.
func rollBack(t testing.TB, c *consul.Client, ops ...*consul.TxnOp) consul.TxnErrors {
	t.Helper()
	resp, meta, err := c.Txn().Txn(testContext(t), ops)
	errs, ok := errors.AsType[consul.TxnErrors](err)
	if !ok || !errors.Is(err, consul.ErrTxnRolledBack) {
		t.Fatalf("got %v, want ErrTxnRolledBack", err)
	}
	if se, ok := errors.AsType[*consul.StatusError](err); !ok || se.Code != 409 || se.Path != "/v1/txn" {
		t.Errorf("%v is no StatusError of a 409", err)
	}
	if meta == nil || len(resp.Results) != 0 || len(resp.Errors) != len(errs) {
		t.Errorf("response %+v, meta %+v", resp, meta)
	}
	return errs
}

func TestTxnKVOperations(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	dir := unique(t) + "/"
	key := dir + "a"
	session := newSession(t, c, nil)
	at := func(verb consul.KVOp, index uint64) *consul.TxnOp {
		return &consul.TxnOp{KV: &consul.KVTxnOp{Verb: verb, Key: key, Value: []byte(verb), Index: index, Flags: math.MaxUint64}}
	}
	by := func(verb consul.KVOp, session string) *consul.TxnOp {
		return &consul.TxnOp{KV: &consul.KVTxnOp{Verb: verb, Key: key, Value: []byte(verb), Session: session}}
	}
	index := func() uint64 { return mustGet(t, c.KV(), key).ModifyIndex }

	commit(t, c, kvOp(consul.KVCheckNotExists, key), at(consul.KVCAS, 0))
	if p := mustGet(t, c.KV(), key); string(p.Value) != "cas" || p.Flags != math.MaxUint64 {
		t.Errorf("after cas: %+v", p)
	}
	commit(t, c, at(consul.KVCheckIndex, index()), at(consul.KVCAS, index()))
	rollBack(t, c, at(consul.KVCheckIndex, index()-1))
	rollBack(t, c, at(consul.KVCAS, index()-1))
	rollBack(t, c, kvOp(consul.KVCheckNotExists, key))

	commit(t, c, by(consul.KVLock, session), by(consul.KVCheckSession, session))
	if p := mustGet(t, c.KV(), key); string(p.Value) != "lock" || p.Session != session || p.LockIndex != 1 {
		t.Errorf("after lock: %+v", p)
	}
	rollBack(t, c, by(consul.KVLock, newSession(t, c, nil)))
	rollBack(t, c, by(consul.KVUnlock, newSession(t, c, nil)))
	commit(t, c, by(consul.KVUnlock, session))
	rollBack(t, c, by(consul.KVCheckSession, session))

	commit(t, c, at(consul.KVSet, 0))
	got := commit(t, c, kvOp(consul.KVGet, key), kvOp(consul.KVGetOrEmpty, key), kvOp(consul.KVGetOrEmpty, dir+"none"))
	if len(got) != 3 || string(got[0].KV.Value) != "set" || string(got[1].KV.Value) != "set" || got[2].KV.Key != dir+"none" || got[2].KV.ModifyIndex != 0 {
		t.Errorf("read %s", toJSON(t, got))
	}
	commit(t, c, kvSet(dir+"b", "b"))
	if got := commit(t, c, kvOp(consul.KVGetTree, dir)); len(got) != 2 || got[1].KV.Key != dir+"b" || string(got[1].KV.Value) != "b" {
		t.Errorf("read the tree %s", toJSON(t, got))
	}

	rollBack(t, c, at(consul.KVDeleteCAS, index()-1))
	commit(t, c, at(consul.KVDeleteCAS, index()))
	if got := commit(t, c, kvOp(consul.KVDelete, key), kvOp(consul.KVDeleteTree, dir), kvOp(consul.KVGetTree, dir)); len(got) != 0 {
		t.Errorf("left %s", toJSON(t, got))
	}
}

func TestTxnIsAllOrNothing(t *testing.T) {
	t.Parallel()
	c, dir := newClient(t), unique(t)+"/"
	errs := rollBack(t, c, kvSet(dir+"a", "a"), kvOp(consul.KVGet, dir+"none"), kvSet(dir+"b", "b"), &consul.TxnOp{KV: &consul.KVTxnOp{Verb: consul.KVCAS, Key: dir + "a", Index: 1}})
	if len(errs) != 2 || errs[0].OpIndex != 1 || errs[1].OpIndex != 3 || !strings.Contains(errs[1].What, "index is stale") {
		t.Errorf("got %v", errs)
	}
	if keys, _, err := c.KV().Keys(testContext(t), dir, ""); err != nil || len(keys) != 0 {
		t.Errorf("written: %q, %v", keys, err)
	}
	// Each operation sees what those before it did.
	got := commit(t, c, kvSet(dir+"a", "1"), kvOp(consul.KVGet, dir+"a"), kvSet(dir+"a", "2"), kvOp(consul.KVGet, dir+"a"))
	if len(got) != 4 || got[0].KV.Value != nil || string(got[1].KV.Value) != "1" || string(got[3].KV.Value) != "2" {
		t.Errorf("got %s", toJSON(t, got))
	}
}

func TestTxnErrorsSayWhatTheyMean(t *testing.T) {
	t.Parallel()
	c, key := newClient(t), unique(t)
	lock := &consul.TxnOp{KV: &consul.KVTxnOp{Verb: consul.KVLock, Key: key, Session: "6c6b8a0c-0000-4000-8000-000000000000"}}
	put(t, c.KV(), key)
	for name, test := range map[string]struct {
		op   *consul.TxnOp
		want error
	}{
		"absent":  {op: kvOp(consul.KVGet, key+"none"), want: consul.ErrNotFound},
		"session": {op: lock, want: consul.ErrSessionExpired},
		"exists":  {op: kvOp(consul.KVCheckNotExists, key)},
		"verb":    {op: kvOp("juggle", key)},
	} {
		_, _, err := c.Txn().Txn(testContext(t), consul.TxnOps{test.op})
		checkMeaning(t, name, err, test.want)
	}
	anonymous := clientWith(t, &consul.Config{Address: aclServer.get(t).Addr()})
	_, _, err := anonymous.Txn().Txn(testContext(t), consul.TxnOps{kvSet(key, "")})
	checkMeaning(t, "denied", err, consul.ErrPermissionDenied)
}

// checkMeaning looks for the one sentinel that an error of a transaction is beside ErrTxnRolledBack.
func checkMeaning(t *testing.T, name string, err, want error) {
	t.Helper()
	e, ok := errors.AsType[*consul.TxnError](err)
	if !ok || !errors.Is(err, consul.ErrTxnRolledBack) || e.What == "" || !strings.Contains(err.Error(), e.What) {
		t.Errorf("%s: %v, want ErrTxnRolledBack with a reason", name, err)
	}
	for _, sentinel := range []error{consul.ErrNotFound, consul.ErrSessionExpired, consul.ErrPermissionDenied, consul.ErrBadResponse} {
		if got := errors.Is(err, sentinel); got != (sentinel == want) {
			t.Errorf("%s: %v is %v: %v", name, err, sentinel, got)
		}
	}
}

// What a token may not read is not there, without a word.
func TestTxnLeavesOutWhatMayNotBeRead(t *testing.T) {
	t.Parallel()
	c, key := newACLClient(t), unique(t)
	put(t, c.KV(), key)
	anonymous := clientWith(t, &consul.Config{Address: aclServer.get(t).Addr()})
	if got := commit(t, anonymous, kvOp(consul.KVGet, key)); len(got) != 0 {
		t.Errorf("got %s", toJSON(t, got))
	}
}

// Nothing cleans the keys of a transaction: it reaches those that KV refuses, and those that the server refuses of KV.
func TestTxnTakesAnyKeyAsItIs(t *testing.T) {
	t.Parallel()
	c, dir := newClient(t), unique(t)
	for _, rest := range []string{"//a", "/../a", "/./a", "/a/", "/a ", "/a%20b", "/a\x00\n", "/\u00e9", "/a\u2028b"} {
		key := dir + rest
		commit(t, c, kvSet(key, "v"))
		if got := commit(t, c, kvOp(consul.KVGet, key)); len(got) != 1 || got[0].KV.Key != key {
			t.Errorf("%q came back as %s", key, toJSON(t, got))
		}
		pairs, _, err := c.KV().List(testContext(t), dir)
		if err != nil || len(pairs) != 1 || pairs[0].Key != key {
			t.Errorf("listed %v, %v, want %q", pairs, err, key)
		}
		commit(t, c, kvOp(consul.KVDelete, key))
	}
}

func TestTxnRefusals(t *testing.T) {
	t.Parallel()
	c := refuseAll(t)
	two := kvOp(consul.KVGet, "k")
	two.Node = &consul.NodeTxnOp{Verb: consul.NodeGet}
	for name, test := range map[string]struct {
		op   *consul.TxnOp
		want error
	}{
		"nil":             {nil, consul.ErrInvalidOption},
		"empty":           {&consul.TxnOp{}, consul.ErrInvalidOption},
		"two in one":      {two, consul.ErrInvalidOption},
		"not UTF-8":       {kvOp(consul.KVGet, "a\xff"), consul.ErrInvalidKey},
		"the whole store": {kvOp(consul.KVDeleteTree, ""), consul.ErrInvalidKey},
	} {
		resp, _, err := c.Txn().Txn(testContext(t), consul.TxnOps{kvOp(consul.KVGet, "k"), test.op})
		if resp != nil || !errors.Is(err, test.want) || !strings.Contains(err.Error(), "operation 1") {
			t.Errorf("%s: %v, %v, want %v for operation 1", name, resp, err, test.want)
		}
	}
}

func TestTxnLimits(t *testing.T) {
	t.Parallel()
	c, dir := newClient(t), unique(t)+"/"
	var ops consul.TxnOps
	for i := range 128 {
		ops = append(ops, kvSet(fmt.Sprint(dir, i), ""))
	}
	commit(t, c, ops...)
	_, _, err := c.Txn().Txn(testContext(t), append(ops, kvSet(dir, "")))
	if !errors.Is(err, consul.ErrTooLarge) || !strings.Contains(err.Error(), "129 > 128") || strings.Contains(err.Error(), "kv_max_value_size") {
		t.Errorf("129 operations: %v, want ErrTooLarge that says so", err)
	}
	_, _, err = c.Txn().Txn(testContext(t), consul.TxnOps{kvSet(dir, strings.Repeat("x", 512<<10))})
	if !errors.Is(err, consul.ErrTooLarge) || !strings.Contains(err.Error(), "txn_max_req_len") {
		t.Errorf("more than 512 KiB: %v, want ErrTooLarge that says so", err)
	}
	if got := commit(t, c); len(got) != 0 {
		t.Errorf("no operations gave %v", got)
	}
}

func TestTxnOfReadsTakesReadOptions(t *testing.T) {
	t.Parallel()
	c, key := newClient(t), unique(t)
	put(t, c.KV(), key)
	_, meta, err := c.Txn().Txn(testContext(t), consul.TxnOps{kvOp(consul.KVGet, key)}, consul.Consistent(), consul.WithDatacenter("dc1"))
	if err != nil || !meta.KnownLeader || meta.LastIndex != 0 {
		t.Errorf("read: %+v, %v", meta, err)
	}
	for _, op := range []*consul.TxnOp{kvOp(consul.KVGet, key), kvSet(key, "")} {
		_, _, err = c.Txn().Txn(testContext(t), consul.TxnOps{op}, consul.WithDatacenter("nowhere"))
		if se, ok := errors.AsType[*consul.StatusError](err); !ok || se.Code != 500 {
			t.Errorf("nowhere: %v", err)
		}
	}
}

func TestTxnOnTheWire(t *testing.T) {
	t.Parallel()
	var query, body string
	c := clientWith(t, &consul.Config{Transport: respond(func(w http.ResponseWriter, r *http.Request) {
		query, body = r.URL.RawQuery, bodyOf(r)
		io.WriteString(w, "{}")
	})})
	for want, op := range map[string]*consul.KVTxnOp{
		`[{"KV":{"Verb":"get","Key":"a//b"}}]`: {Verb: consul.KVGet, Key: "a//b"},
		`[{"KV":{"Verb":"cas","Key":"k","Value":"AP8=","Flags":18446744073709551615,"Index":7,"Session":"s","Namespace":"team","Partition":"east"}}]`: {
			Verb: consul.KVCAS, Key: "k", Value: []byte{0, 0xff}, Flags: math.MaxUint64, Index: 7, Session: "s", Namespace: "team", Partition: "east",
		},
	} {
		_, _, err := c.Txn().Txn(testContext(t), consul.TxnOps{{KV: op}}, consul.Stale(), consul.WithDatacenter("dc2"))
		if err != nil || body != want || query != "dc=dc2&stale" {
			t.Errorf("sent ?%s %s (%v), want %s", query, body, err, want)
		}
	}
	if _, _, err := c.Txn().Txn(testContext(t), nil); err != nil || body != "[]" {
		t.Errorf("no operations: sent %s (%v)", body, err)
	}
}

func TestTxnErrorsAreNamedInPart(t *testing.T) {
	t.Parallel()
	var failed []*consul.TxnError
	for i := range 100 {
		failed = append(failed, &consul.TxnError{OpIndex: i, What: strings.Repeat("x", 1000)})
	}
	body, err := json.Marshal(map[string]any{"Errors": append(failed, nil)})
	if err != nil {
		t.Fatal(err)
	}
	errs := rollBack(t, conflicting(t, string(body)), kvOp(consul.KVGet, "k"))
	if len(errs) != 100 || len(errs.Error()) > 4000 || !strings.Contains(errs.Error(), "97 more") {
		t.Errorf("%d errors in %d bytes: %.100s", len(errs), len(errs.Error()), errs.Error())
	}
	for body, want := range map[string]error{`{}`: consul.ErrTxnRolledBack, `{"Errors":7}`: consul.ErrBadResponse} {
		if _, _, err := conflicting(t, body).Txn().Txn(testContext(t), nil); !errors.Is(err, want) {
			t.Errorf("409 with %s: %v, want %v", body, err, want)
		}
	}
	c := clientWith(t, &consul.Config{Transport: respond(answer(409, "<html>"))})
	_, _, err = c.Txn().Txn(testContext(t), nil)
	if se, ok := errors.AsType[*consul.StatusError](err); !ok || se.Code != 409 || errors.Is(err, consul.ErrTxnRolledBack) {
		t.Errorf("409 of someone else: %v", err)
	}
}

// conflicting is a server that rolls every transaction back.
func conflicting(t testing.TB, body string) *consul.Client {
	return clientWith(t, &consul.Config{Transport: respond(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		answer(409, body)(w, r)
	})})
}

func TestTxnRecorded(t *testing.T) {
	t.Parallel()
	written := checkRecorded[consul.TxnResponse](t, "txn/write.json")
	if len(written.Results) != 5 || written.Results[0].KV.Flags != math.MaxUint64 || written.Results[4].Check.Definition.Timeout != 1500*time.Millisecond {
		t.Errorf("got %s", toJSON(t, written))
	}
	// A read says of itself in the body, too, what the QueryMeta has from the headers.
	read := checkRecorded[consul.TxnResponse](t, "txn/read.json", ".Index", ".KnownLeader")
	if len(read.Results) != 7 || string(read.Results[3].KV.Value) != "hi" || read.Results[5].Service.Proxy.DestinationServiceID != "db-1" {
		t.Errorf("got %s", toJSON(t, read))
	}
	conflict := checkRecorded[consul.TxnResponse](t, "txn/conflict.json")
	if len(conflict.Errors) != 2 || conflict.Errors[1].OpIndex != 2 {
		t.Errorf("got %s", toJSON(t, conflict))
	}
}
