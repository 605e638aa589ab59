package interop

// This file speaks to servers by plain HTTP, where a test looks at what a program did.

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

func request(t *testing.T, address, path string) string {
	t.Helper()
	return send(t, http.MethodGet, address, path, "")
}

func put(t *testing.T, address, path, body string) {
	t.Helper()
	send(t, http.MethodPut, address, path, body)
}

func send(t *testing.T, method, address, path, body string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+address+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %s, %s, %v", method, path, response.Status, answer, err)
	}
	return string(answer)
}

// member gives a text of a JSON object.
func member(t *testing.T, object, name string) string {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal([]byte(object), &all); err != nil {
		t.Fatal(err)
	}
	text, ok := all[name].(string)
	if !ok {
		t.Fatalf("no text %s in %s", name, object)
	}
	return text
}
