package consul_test

// This file tests where the token of a call comes from.

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lictor-go/consul"
)

// tokenEcho is a server in memory that answers with the token that it got as the value of a key.
var tokenEcho = respond(func(w http.ResponseWriter, r *http.Request) {
	w.Write([]byte(r.Header.Get("X-Consul-Token")))
})

// sentToken makes a call and gives the token that it carried.
func sentToken(t *testing.T, c *consul.Client, opts ...consul.QueryOption) string {
	t.Helper()
	body, _, err := c.KV().GetRaw(t.Context(), "k", opts...)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer body.Close()
	token, err := io.ReadAll(body)
	if err != nil {
		t.Error(err)
	}
	return string(token)
}

// replaceFile makes a file hold text, as a tool that replaces it in one step.
func replaceFile(t *testing.T, path, text string) {
	t.Helper()
	next := path + ".next"
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, path); err != nil {
		t.Fatal(err)
	}
}

func TestTokenFileIsReadAgain(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "token")
	replaceFile(t, path, "first\n")
	client := clientWith(t, &consul.Config{TokenFile: path, Transport: tokenEcho})
	if got := sentToken(t, client); got != "first" {
		t.Errorf("sent %q", got)
	}
	replaceFile(t, path, "  second\r\n")
	if got := sentToken(t, client); got != "second" {
		t.Errorf("sent %q after the file was replaced", got)
	}
	// As long as the one before, written in place, within one tick of the file system's clock.
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("  fourth\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	if got := sentToken(t, client); got != "fourth" {
		t.Errorf("sent %q after the file was written in place", got)
	}
}

// An older file that takes the place of the present one, with the same size and time, is another file.
func TestTokenFileOfTheSameAgeAndSize(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "token")
	old := time.Now().Add(-time.Hour)
	put := func(token string) {
		replaceFile(t, path+".old", token)
		if err := os.Chtimes(path+".old", old, old); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".old", path); err != nil {
			t.Fatal(err)
		}
	}
	put("first")
	client := clientWith(t, &consul.Config{TokenFile: path, Transport: tokenEcho})
	for _, token := range []string{"first", "other"} {
		put(token)
		if got := sentToken(t, client); got != token {
			t.Errorf("sent %q, want %q", got, token)
		}
	}
}

func TestUnusableTokenFileKeepsTheTokenAndWarnsOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "token")
	breakages := map[string]func(){
		"empty":        func() { replaceFile(t, path, " \n") },
		"gone":         func() { os.Remove(path) },
		"a line break": func() { replaceFile(t, path, "se\ncret") },
	}
	replaceFile(t, path, "start")
	var log bytes.Buffer
	client := clientWith(t, &consul.Config{TokenFile: path, Transport: tokenEcho, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	good := "start"
	for name, breakIt := range breakages {
		log.Reset()
		breakIt()
		for range 3 {
			if got := sentToken(t, client); got != good {
				t.Errorf("%s: sent %q, want the token before, %q", name, got, good)
			}
		}
		if n := strings.Count(log.String(), "level=WARN"); n != 1 || !strings.Contains(log.String(), path) {
			t.Errorf("%s: %d warnings, want one that names the file: %s", name, n, log.String())
		}
		if strings.Contains(log.String(), "cret") {
			t.Errorf("%s: the log quotes the file: %s", name, log.String())
		}
		good = strings.ReplaceAll(name, " ", "-")
		replaceFile(t, path, good)
		if got := sentToken(t, client); got != good {
			t.Errorf("sent %q after the file was mended, want %q", got, good)
		}
	}
}

func TestTokenFileMustBeUsableAtTheStart(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "token")
	check := func(what string) {
		t.Helper()
		_, err := consul.NewClient(&consul.Config{TokenFile: path})
		if !errors.Is(err, consul.ErrInvalidConfig) || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "cret") {
			t.Errorf("%s: got %v, want ErrInvalidConfig that names the file and does not quote it", what, err)
		}
	}
	check("no file")
	replaceFile(t, path, "\n")
	check("an empty file")
	replaceFile(t, path, "se\ncret")
	check("a line break")
}

func TestTokenSourceIsAskedForEachCall(t *testing.T) {
	t.Parallel()
	next := []string{"one", "", "three"}
	client := clientWith(t, &consul.Config{Transport: tokenEcho, TokenSource: func(context.Context) (string, error) {
		token := next[0]
		next = next[1:]
		return token, nil
	}})
	for _, want := range []string{"one", "", "three"} {
		if got := sentToken(t, client); got != want {
			t.Errorf("sent %q, want %q", got, want)
		}
	}
}

func TestTokenSourceThatFails(t *testing.T) {
	t.Parallel()
	failure := errors.New("vault is sealed")
	unused := roundTripFunc(func(*http.Request) (*http.Response, error) {
		t.Error("a request was sent")
		return nil, failure
	})
	client := clientWith(t, &consul.Config{Transport: unused, TokenSource: func(context.Context) (string, error) { return "", failure }})
	if _, _, err := client.KV().Get(t.Context(), "k"); !errors.Is(err, failure) || !strings.Contains(err.Error(), "TokenSource") {
		t.Errorf("got %v", err)
	}
	client = clientWith(t, &consul.Config{Transport: unused, TokenSource: func(context.Context) (string, error) { return "se\ncret", nil }})
	if _, _, err := client.KV().Get(t.Context(), "k"); !errors.Is(err, consul.ErrInvalidConfig) || strings.Contains(err.Error(), "cret") {
		t.Errorf("got %v, want ErrInvalidConfig without the token", err)
	}
	client = clientWith(t, &consul.Config{Transport: unused, Timeout: 10 * time.Millisecond, TokenSource: func(ctx context.Context) (string, error) {
		<-ctx.Done()
		return "", ctx.Err()
	}})
	if _, _, err := client.KV().Get(t.Context(), "k"); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want DeadlineExceeded: nobody cancelled", err)
	}
}

func TestTokenOfTheCallWins(t *testing.T) {
	t.Parallel()
	asked := false
	configs := map[string]*consul.Config{
		"Token": {Token: "client", Transport: tokenEcho},
		"TokenSource": {Transport: tokenEcho, TokenSource: func(context.Context) (string, error) {
			asked = true
			return "client", nil
		}},
	}
	for name, config := range configs {
		client := clientWith(t, config)
		if got := sentToken(t, client, consul.WithToken("call")); got != "call" {
			t.Errorf("%s: sent %q", name, got)
		}
		if asked {
			t.Errorf("%s: asked for a token that the call brings itself", name)
		}
		if got := sentToken(t, client, consul.WithToken("")); got != "client" {
			t.Errorf("%s: sent %q with an empty option", name, got)
		}
		asked = false
	}
}

func TestTokenThatNoHeaderCanCarry(t *testing.T) {
	t.Parallel()
	for _, token := range []string{"se\ncret", "se\r\ncret", "se cret", " secret", "secret\x00", "sécret"} {
		_, err := consul.NewClient(&consul.Config{Token: token})
		if !errors.Is(err, consul.ErrInvalidConfig) || strings.Contains(err.Error(), token) || strings.Contains(err.Error(), "cret") {
			t.Errorf("Config.Token %q: %v, want ErrInvalidConfig without the token", token, err)
		}
		client := clientWith(t, &consul.Config{Transport: tokenEcho})
		_, _, err = client.KV().Get(t.Context(), "k", consul.WithToken(token))
		if !errors.Is(err, consul.ErrInvalidOption) || strings.Contains(err.Error(), "cret") {
			t.Errorf("WithToken(%q): %v, want ErrInvalidOption without the token", token, err)
		}
	}
}

func TestTokenFileUnderConcurrentCalls(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "token")
	replaceFile(t, path, "token-0")
	client := clientWith(t, &consul.Config{TokenFile: path, Transport: tokenEcho})
	var calls sync.WaitGroup
	for range 8 {
		calls.Go(func() {
			for range 50 {
				if got := sentToken(t, client); !strings.HasPrefix(got, "token-") {
					t.Errorf("sent %q", got)
				}
			}
		})
	}
	for i := range 20 {
		replaceFile(t, path, "token-"+strings.Repeat("x", i))
	}
	calls.Wait()
}
