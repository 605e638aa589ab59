package main

// This file holds the operator, who writes keys.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/lictor-go/consul"
)

// errDone says that the operator has nothing more to do.
var errDone = errors.New("the operator is done")

// operate gives what the operator does next, each time that it is called: a few writes at once, until errDone.
func operate(ctx context.Context, kv *consul.KV, out io.Writer) func() error {
	steps := [][]string{
		{"greeting=good morning", "limits/rate=50"},
		{"flags/dark-mode=true", "flags/beta=false"},
		{"limits/rate=much", "limits/timeuot=1s"},
		{"limits/rate=0", "-limits/timeuot"},
		{"limits/rate=75", "limits/timeout=1m30s", "log/level=debug"},
		{"-"},
	}
	return func() error {
		if len(steps) == 0 {
			return errDone
		}
		step := steps[0]
		steps = steps[1:]
		for _, what := range step {
			if err := do(ctx, kv, out, what); err != nil {
				return err
			}
		}
		return nil
	}
}

// do writes "key=value", or deletes "-key" and all that begins with it.
func do(ctx context.Context, kv *consul.KV, out io.Writer, what string) error {
	if key, found := strings.CutPrefix(what, "-"); found {
		fmt.Fprintf(out, "operator: deletes %s/%s\n", prefix, key)
		_, err := kv.DeleteTree(ctx, prefix+"/"+key)
		return err
	}
	key, value, _ := strings.Cut(what, "=")
	fmt.Fprintf(out, "operator: writes %s/%s = %s\n", prefix, key, value)
	_, err := kv.Put(ctx, &consul.KVPair{Key: prefix + "/" + key, Value: []byte(value)})
	return err
}
