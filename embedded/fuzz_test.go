package embedded_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// FuzzRequest sends the server whatever the fuzzer makes of the requests in the scripts. It must answer each, with a status
// that the API knows, and go on serving.
func FuzzRequest(f *testing.F) {
	scripts, err := filepath.Glob(filepath.Join(replayDir, "*", "*.txt"))
	if err != nil || len(scripts) == 0 {
		f.Fatalf("no scripts: %v", err)
	}
	for _, script := range scripts {
		text, err := os.ReadFile(script)
		if err != nil {
			f.Fatal(err)
		}
		for block := range strings.SplitSeq(string(text), "\n\n") {
			lines := strings.Split(block, "\n")
			method, target, ok := strings.Cut(lines[0], " ")
			if ok && strings.HasPrefix(target, "/") {
				f.Add(method, target, lines[len(lines)-1])
			}
		}
	}
	server := start(f)
	base := "http://embedded"
	f.Fuzz(func(t *testing.T, method, target, body string) {
		// Checks that are registered would be run, wherever they lead, and a server that was asked to leave is gone.
		if reachesOut.MatchString(target) {
			t.Skip()
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond) // blocking queries would take their time
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, method, base+target, strings.NewReader(body))
		if err != nil {
			t.Skip() // no request that could be sent
		}
		answer, err := server.Transport().RoundTrip(r)
		if err != nil {
			if ctx.Err() == nil {
				t.Fatalf("%s %s: %v", method, target, err)
			}
			return
		}
		_ = answer.Body.Close()
		switch answer.StatusCode {
		case 200, 301, 307, 308, 400, 401, 403, 404, 405, 409, 413, 429, 500, 503:
		default:
			t.Errorf("%s %s was answered with %s", method, target, answer.Status)
		}
		if a := ask(t, server, "PUT", "/v1/kv/still-there", "x"); a.status != http.StatusOK {
			t.Errorf("after %s %s the server answers %+v", method, target, a)
		}
	})
}

var reachesOut = regexp.MustCompile(`(?i)register|leave|%`)
