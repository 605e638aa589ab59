package main

// This file runs the example: on a server of its own in virtual time, and on one that the environment names.

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/lictor-go/consul"
	"github.com/lictor-go/consul/testutil"
)

const wanted = `program:  now greeting "hello", log level INFO, 100 requests a second, timeout 5s, flags map[]
operator: writes example/config/greeting = good morning
operator: writes example/config/limits/rate = 50
program:  now greeting "good morning", log level INFO, 50 requests a second, timeout 5s, flags map[]
operator: writes example/config/flags/dark-mode = true
operator: writes example/config/flags/beta = false
program:  now greeting "good morning", log level INFO, 50 requests a second, timeout 5s, flags map[beta:false dark-mode:true]
operator: writes example/config/limits/rate = much
operator: writes example/config/limits/timeuot = 1s
program:  goes on as before: consul: keys under "example/config": "example/config/limits/rate": malformed value: want a whole number of 64 bits: invalid syntax; "example/config/limits/timeuot": unknown key
operator: writes example/config/limits/rate = 0
operator: deletes example/config/limits/timeuot
program:  goes on as before: consul: keys under "example/config": not valid: limits/rate is 0, and nobody would be served
operator: writes example/config/limits/rate = 75
operator: writes example/config/limits/timeout = 1m30s
operator: writes example/config/log/level = debug
program:  now greeting "good morning", log level DEBUG, 75 requests a second, timeout 1m30s, flags map[beta:false dark-mode:true]
operator: deletes example/config/
program:  now greeting "hello", log level INFO, 100 requests a second, timeout 5s, flags map[]
`

func TestShow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		if err := show(t.Context(), &out); err != nil {
			t.Errorf("%v", err)
		}
		if out.String() != wanted {
			t.Errorf("it says\n%s\nwant\n%s", out.String(), wanted)
		}
	})
}

func TestTakePart(t *testing.T) {
	server := testutil.NewServer(t)
	t.Setenv("CONSUL_HTTP_ADDR", server.Addr())
	client, err := consul.NewClient(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &until{what: map[string]func(){
		"now greeting \"hello\"": func() {
			if _, err := client.KV().Put(ctx, &consul.KVPair{Key: prefix + "/greeting", Value: []byte("hi")}); err != nil {
				t.Error(err)
				cancel()
			}
		},
		"now greeting \"hi\"": cancel,
	}}
	if err := takePart(ctx, out); err != nil || len(out.what) > 0 {
		t.Errorf("%v\n%s", err, out.String())
	}
}

// until does something once, when a text is written.
type until struct {
	bytes.Buffer
	what map[string]func()
}

func (u *until) Write(p []byte) (int, error) {
	n, err := u.Buffer.Write(p)
	for text, do := range u.what {
		if strings.Contains(string(p), text) {
			delete(u.what, text)
			do()
		}
	}
	return n, err
}
