package consul_test

// This file tests KV.All: that it yields everything, reads no further than it yields, and leaves nothing behind.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"

	"github.com/lictor-go/consul"
)

// putMany writes n keys below a new directory, and gives that.
func putMany(t testing.TB, c *consul.Client, n int) string {
	t.Helper()
	dir := unique(t) + "/"
	for start := 0; start < n; start += 128 {
		var ops consul.TxnOps
		for i := start; i < min(n, start+128); i++ {
			ops = append(ops, &consul.TxnOp{KV: &consul.KVTxnOp{Verb: consul.KVSet, Key: fmt.Sprintf("%s%05d", dir, i), Value: fmt.Append(nil, "value ", i)}})
		}
		if _, _, err := c.Txn().Txn(testContext(t), ops); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestKVAllYieldsEveryPairInOrder(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	const n = 5000
	dir := putMany(t, c, n)
	i := 0
	for p, err := range c.KV().All(testContext(t), dir) {
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("%s%05d", dir, i); p.Key != want || string(p.Value) != fmt.Sprint("value ", i) {
			t.Fatalf("pair %d is %s: %q, want %s", i, p.Key, p.Value, want)
		}
		i++
	}
	if i != n {
		t.Errorf("%d pairs, want %d", i, n)
	}
}

func TestKVAllOfNothing(t *testing.T) {
	t.Parallel()
	for p, err := range newClient(t).KV().All(testContext(t), unique(t)) {
		t.Errorf("got %v, %v", p, err)
	}
}

// A listBody is the answer to a list, made as it is read. It counts.
type listBody struct {
	pairs  int    // how many there are; after them comes the end
	end    string // "]" for a whole list
	err    error  // what comes after the end; nil is io.EOF
	made   int
	read   int
	closed bool
	rest   string
}

const pairSize = 1 << 10

func (b *listBody) Read(p []byte) (int, error) {
	if b.rest == "" {
		switch {
		case b.made < b.pairs:
			b.rest = fmt.Sprintf(`%c{"Key":"k%07d","Value":null,"Session":"%s"}`, "[,"[min(b.made, 1)], b.made, strings.Repeat("s", pairSize-50))
			b.made++
		case b.end != "":
			b.rest, b.end = b.end, ""
		case b.err != nil:
			return 0, b.err
		default:
			return 0, io.EOF
		}
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	b.read += n
	return n, nil
}

func (b *listBody) Close() error {
	b.closed = true
	return nil
}

// kv gives the store of which the body is a list.
func (b *listBody) kv(t testing.TB) *consul.KV {
	return clientWith(t, &consul.Config{Transport: roundTripFunc(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Body: b}, nil
	})}).KV()
}

// What is read ahead of what was yielded is what is in memory: a few pairs, of a list of 50 MiB.
func TestKVAllReadsNoFurtherThanItYields(t *testing.T) {
	t.Parallel()
	b := &listBody{pairs: 50 << 10, end: "]"}
	n := 0
	for p, err := range b.kv(t).All(testContext(t), "k") {
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("k%07d", n); p.Key != want {
			t.Fatalf("pair %d is %s", n, p.Key)
		}
		n++
		if ahead := b.read - n*pairSize; ahead > 8*pairSize {
			t.Fatalf("at pair %d, %d bytes ahead", n, ahead)
		}
	}
	if n != b.pairs || !b.closed {
		t.Errorf("%d pairs of %d; body closed: %v", n, b.pairs, b.closed)
	}
}

func TestKVAllStopsReadingWhenTheLoopIsLeft(t *testing.T) {
	t.Parallel()
	b := &listBody{pairs: 50 << 10, end: "]"}
	n := 0
	for _, err := range b.kv(t).All(testContext(t), "k") {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 3 {
			break
		}
	}
	if n != 3 || b.read > 11*pairSize || !b.closed {
		t.Errorf("%d pairs; %d bytes read of %d; body closed: %v", n, b.read, b.pairs*pairSize, b.closed)
	}
}

func TestKVAllEndsWithAnErrorIfTheListIsNotWhole(t *testing.T) {
	t.Parallel()
	for name, b := range map[string]*listBody{
		"cut off between pairs": {pairs: 3},
		"cut off in a pair":     {pairs: 3, end: `,{"Key":`},
		"connection lost":       {pairs: 3, end: `,{"Key":`, err: errors.New("connection reset")},
		"lost at the end":       {pairs: 3, err: errors.New("connection reset")},
		"not JSON":              {pairs: 3, end: `<html>`},
		"another type":          {pairs: 3, end: `,{"Key":7}]`},
		"more than a list":      {pairs: 3, end: `][]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pairs, failed := 0, error(nil)
			for p, err := range b.kv(t).All(testContext(t), "k") {
				switch {
				case failed != nil:
					t.Errorf("after the error: %v, %v", p, err)
				case err != nil:
					failed = err
				default:
					pairs++
				}
			}
			if se, ok := errors.AsType[*consul.StatusError](failed); !ok || !errors.Is(failed, consul.ErrBadResponse) || se.Path != "/v1/kv/k" {
				t.Errorf("%d pairs, then %v, want ErrBadResponse", pairs, failed)
			}
			if b.err != nil && !errors.Is(failed, b.err) {
				t.Errorf("%v hides its cause", failed)
			}
			if pairs != 3 || !b.closed {
				t.Errorf("%d pairs before the error, want 3; body closed: %v", pairs, b.closed)
			}
		})
	}
}

func TestKVAllEndsWithItsContext(t *testing.T) {
	t.Parallel()
	c := newFaultServer(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `[{"Key":"k"}`)
		w.(http.Flusher).Flush()
		silence(w, r)
	}).client(t)
	ctx, cancel := context.WithCancel(testContext(t))
	defer cancel()
	pairs, last := 0, error(nil)
	for p, err := range c.KV().All(ctx, "k") {
		if last = err; p != nil {
			pairs++
			cancel()
		}
	}
	if pairs != 1 || !errors.Is(last, context.Canceled) {
		t.Errorf("%d pairs, then %v, want context.Canceled", pairs, last)
	}
}

// With MaxConns at 2, one blocking query can run: a place that is not given back makes the next one wait for ever.
func TestKVAllGivesItsPlaceBack(t *testing.T) {
	t.Parallel()
	c := clientWith(t, &consul.Config{Address: plainServer.get(t).Addr(), MaxConns: 2})
	dir := putMany(t, c, 200)
	for range 20 {
		for _, err := range c.KV().All(testContext(t), dir, consul.Wait(1, time.Minute)) {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
	}
}

func TestKVAllLeavesItsConnectionForTheNextCall(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	dir := putMany(t, c, 1000)
	made := 0
	ctx := httptrace.WithClientTrace(testContext(t), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) {
		if !i.Reused {
			made++
		}
	}})
	for range 10 {
		for _, err := range c.KV().All(ctx, dir) {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	if made > 0 { // putMany made the one that there is
		t.Errorf("%d connections made for 10 lists", made)
	}
}
