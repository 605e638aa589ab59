package acl_test

// This file holds what the tests need to compare this package with a real server.

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"os"
	"testing"

	"github.com/lictor-go/consul/testutil"
)

// real is a real Consul with ACLs.
type real struct {
	*testing.T
	*testutil.Server
}

func newReal(t *testing.T, opts ...testutil.Option) real {
	t.Helper()
	testutil.NeedReal(t, "it asks the real server")
	return real{t, testutil.NewServer(t, append([]testutil.Option{testutil.WithACL()}, opts...)...)}
}

// do sends a request with a token, the body as JSON unless it is text, and gives status and body of the answer.
func (r real) do(token, method, path string, body any) (int, string) {
	r.Helper()
	data, ok := body.(string)
	if !ok {
		encoded, err := json.Marshal(body)
		if err != nil {
			r.Fatal(err)
		}
		data = string(encoded)
	}
	request, err := http.NewRequestWithContext(r.Context(), method, r.URL()+path, bytes.NewBufferString(data))
	if err != nil {
		r.Fatal(err)
	}
	request.Header.Set("X-Consul-Token", token)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		r.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		r.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// manage sends a request as management that must be answered by 200, and decodes the answer into out.
func (r real) manage(method, path string, body, out any) {
	r.Helper()
	status, text := r.do(r.ManagementToken(), method, path, body)
	if status != http.StatusOK {
		r.Fatalf("%s %s: %d %s", method, path, status, text)
	}
	if err := json.Unmarshal([]byte(text), out); err != nil {
		r.Fatalf("%s %s: %v", method, path, err)
	}
}

// token makes a token and gives its secret.
func (r real) token(fields map[string]any) string {
	r.Helper()
	var made struct{ SecretID string }
	r.manage(http.MethodPut, "/v1/acl/token", fields, &made)
	return made.SecretID
}

type object = map[string]any

// decoded is JSON as a T.
func decoded[T any](t testing.TB, text string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

var record = flag.Bool("record", false, "write what the real server answers to testdata")

// readRecording reads what the real server answered from a file.
func readRecording[T any](t testing.TB, file string) T {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return decoded[T](t, string(data))
}

// writeRecording writes what the real server answered to a file.
func writeRecording(t *testing.T, file string, answers any) {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "\t")
	if err := e.Encode(answers); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
