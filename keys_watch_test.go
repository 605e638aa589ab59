package consul_test

// This file tests WatchKeys in virtual time.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lictor-go/consul"
)

type portSettings struct {
	Port int `consul:"port,default=80"`
}

func (p *portSettings) Validate() error {
	if p.Port > 65535 {
		return errPort
	}
	return nil
}

// watchPorts watches keys until the function is called that it gives, which gives what was told of: ports, and errors.
func watchPorts(w *world, opts ...consul.WatchOption) (*wire, func() []string) {
	client, wire := w.process()
	ctx, stop := context.WithCancel(w.Context())
	done := make(chan struct{})
	var told []string
	go func() {
		defer close(done)
		for p, err := range consul.WatchKeys[portSettings](ctx, client, "app", opts...) {
			keys, bad := errors.AsType[*consul.KeysError](err)
			switch {
			case err == nil:
				told = append(told, fmt.Sprint(p.Port))
			case bad:
				told = append(told, fmt.Sprint(keys.Keys))
			case errors.Is(err, errPort):
				told = append(told, "not valid")
			case len(told) == 0 || told[len(told)-1] != "trouble":
				told = append(told, "trouble")
			}
			if (p == nil) != (err != nil) {
				w.Errorf("got %v with %v", p, err)
			}
		}
	}()
	synctest.Wait()
	return wire, func() []string {
		stop()
		<-done
		return told
	}
}

func (w *world) putKey(key, value string) {
	w.Helper()
	_, err := w.client.KV().Put(w.Context(), &consul.KVPair{Key: key, Value: []byte(value)})
	wantError(w, "put "+key, err, nil)
	synctest.Wait()
}

func TestWatchKeys(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		wire, end := watchPorts(w)
		w.putKey("app/port", "81")
		w.putKey("app/port", " 81\n") // the same, to the struct
		w.putKey("application", "another")
		w.putKey("app/", "")
		w.putKey("app/port", "x")
		w.putKey("app/prot", "82")
		wantError(w, "delete", w.deleteKey("app/prot"), nil)
		w.putKey("app/port", "81") // as before the errors
		w.putKey("app/port", "100000")
		w.putKey("app/port", "83")
		w.sleep(time.Minute)
		wire.cut(internal)
		w.sleep(5 * time.Minute)
		w.putKey("app/port", "84")
		wire.cut(fine)
		w.sleep(time.Minute)
		wantError(w, "forget", w.server.Forget(), nil)
		w.sleep(5 * time.Minute)
		want := []string{
			"80", "81", `["app/port": malformed value: want a whole number of 64 bits: invalid syntax]`,
			`["app/port": malformed value: want a whole number of 64 bits: invalid syntax "app/prot": unknown key]`,
			`["app/port": malformed value: want a whole number of 64 bits: invalid syntax]`,
			"81", "not valid", "83", "trouble", "84", "trouble", "80",
		}
		if got := end(); !slices.Equal(got, want) {
			w.Errorf("got %q, want %q", got, want)
		}
	})
}

func (w *world) deleteKey(key string) error {
	_, err := w.client.KV().Delete(w.Context(), key)
	synctest.Wait()
	return err
}

// Several writes come as one change, and each answer if that is asked for.
func TestWatchKeysHasTheOptionsOfWatch(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		_, end := watchPorts(w, consul.Settle(time.Second))
		for port := range 10 {
			w.putKey("app/port", fmt.Sprint(port))
			w.sleep(100 * time.Millisecond)
		}
		w.sleep(time.Minute)
		if got := end(); !slices.Equal(got, []string{"80", "9"}) {
			w.Errorf("with Settle: %q", got)
		}
		_, end = watchPorts(w, consul.EveryAnswer())
		w.sleep(5 * time.Minute)
		if got := end(); len(got) < 4 || slices.Index(got, "80") >= 0 {
			w.Errorf("with EveryAnswer: %q", got)
		}
	})
}

// What can't go well ends the loop with its error, before anything is asked where that is the type.
func TestWatchKeysEnds(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		client, wire := w.process()
		told := 0
		for v, err := range consul.WatchKeys[struct{ F func() }](w.Context(), client, "app") {
			told++
			wantError(w, "a type that takes no keys", err, consul.ErrInvalidOption)
			if v != nil {
				w.Errorf("got %v", v)
			}
		}
		if n := wire.count(); n > 0 || told != 1 {
			w.Errorf("%d requests, told of %d times", n, told)
		}
		told = 0
		for _, err := range consul.WatchKeys[portSettings](w.Context(), client, "/app") {
			told++
			wantError(w, "a prefix that is none", err, consul.ErrInvalidKey)
		}
		if told != 1 {
			w.Errorf("told of %d times", told)
		}
		w.putKey("app/port", "x")
		for range consul.WatchKeys[portSettings](w.Context(), client, "app") {
			break // at an error
		}
		w.putKey("app/port", "1")
		for range consul.WatchKeys[portSettings](w.Context(), client, "app") {
			break
		}
	})
}
