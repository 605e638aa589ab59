package replay_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/lictor-go/consul/embedded/internal/replay"
)

// fake answers requests from a list, one after the other.
type fake struct {
	status  int
	headers map[string]string
	bodies  []string
}

func (f *fake) RoundTrip(r *http.Request) (*http.Response, error) {
	header := http.Header{"Content-Type": {"application/json"}}
	if strings.HasPrefix(r.URL.Path, "/v1/kv/replay-") { // what every run begins with
		header.Set("X-Consul-Index", "10")
		return &http.Response{StatusCode: 404, Header: header, Body: http.NoBody}, nil
	}
	body := f.bodies[0]
	f.bodies = f.bodies[1:]
	for name, value := range f.headers {
		header.Set(name, value)
	}
	return &http.Response{StatusCode: f.status, Header: header, Body: io.NopCloser(strings.NewReader(body))}, nil
}

func transcript(t *testing.T, script string, f *fake) replay.Transcript {
	t.Helper()
	s, err := replay.Parse(script)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Run(t.Context(), replay.Target{Transport: f, Address: "127.0.0.1:8500", Node: "n", Settle: func() {}})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

const twoReads = "GET /v1/a\n\nGET /v1/b\n"

// answers are two of one server: an ID that it made up, and indexes.
func answers(id string, first, second int) *fake {
	body := func(index int) string { return fmt.Sprintf(`[{"ID":"%s","ModifyIndex":%d,"Flags":3}]`, id, index) }
	return &fake{200, map[string]string{"X-Consul-Index": fmt.Sprint(second)}, []string{body(first), body(second)}}
}

const one, other = "11111111-2222-4333-8444-555555555555", "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"

func TestWhatMustDifferDoesNot(t *testing.T) {
	t.Parallel()
	want := transcript(t, twoReads, answers(one, 12, 15))
	if found := replay.Compare(want, transcript(t, twoReads, answers(other, 112, 500))); len(found) != 0 {
		t.Errorf("IDs and indexes that say the same are found to differ:\n%s", strings.Join(found, "\n"))
	}
	// As a recording, and back.
	if found := replay.Compare(replay.ParseTranscript(want.String()), want); len(found) != 0 {
		t.Errorf("a recording differs from what it records:\n%s", strings.Join(found, "\n"))
	}
}

func TestWhatMayNotDifferIsFound(t *testing.T) {
	t.Parallel()
	want := transcript(t, twoReads, answers(one, 12, 15))
	for name, change := range map[string]func(*fake){
		"status":            func(f *fake) { f.status = 404 },
		"header":            func(f *fake) { f.headers["X-Consul-Knownleader"] = "false" },
		"index stands":      func(f *fake) { f.headers["X-Consul-Index"] = "12" },
		"index goes back":   func(f *fake) { f.bodies[0], f.bodies[1] = f.bodies[1], f.bodies[0] },
		"value":             func(f *fake) { f.bodies[1] = strings.Replace(f.bodies[1], `"Flags":3`, `"Flags":4`, 1) },
		"order of members":  func(f *fake) { f.bodies[1] = fmt.Sprintf(`[{"ModifyIndex":15,"ID":"%s","Flags":3}]`, one) },
		"another ID":        func(f *fake) { f.bodies[1] = strings.Replace(f.bodies[1], one, other, 1) },
		"null for nothing":  func(f *fake) { f.bodies[1] = "null" },
		"space in the JSON": func(f *fake) { f.bodies[1] = strings.Replace(f.bodies[1], ",", ", ", 1) },
		"newline at end":    func(f *fake) { f.bodies[1] += "\n" },
		"no JSON":           func(f *fake) { f.bodies[1] = "gone" },
	} {
		changed := answers(one, 12, 15)
		change(changed)
		if found := replay.Compare(want, transcript(t, twoReads, changed)); len(found) == 0 {
			t.Errorf("%s: not found to differ", name)
		}
	}
	if found := replay.Compare(want, want[:1]); len(found) == 0 {
		t.Error("a request that was not sent is not missed")
	}
}

func TestKnownDifferencesAreLetPass(t *testing.T) {
	t.Parallel()
	script := "GET /v1/a\n@differs For a reason.\n\nGET /v1/b\n"
	want := transcript(t, script, answers(one, 12, 15))
	changed := answers(one, 12, 15)
	changed.bodies[0] = strings.Replace(changed.bodies[0], `"Flags":3`, `"Flags":4`, 1)
	if found := replay.Compare(want, transcript(t, script, changed)); len(found) != 0 {
		t.Errorf("a difference that is known is told of:\n%s", strings.Join(found, "\n"))
	}
	changed = answers(one, 12, 15)
	changed.bodies[1] = "gone"
	if found := replay.Compare(want, transcript(t, script, changed)); len(found) != 1 {
		t.Errorf("beside a known difference the other is not found: %q", found)
	}
}

func TestShowComparesWhatItShows(t *testing.T) {
	t.Parallel()
	script := "GET /v1/a\n@show *.Flags\n"
	shown := transcript(t, script, answers(one, 12, 15))
	if text := shown.String(); !strings.Contains(text, "3") || strings.Contains(text, "absent") || strings.Contains(text, "ModifyIndex") {
		t.Errorf("it shows:\n%s", text)
	}
	changed := answers(one, 12, 15)
	changed.bodies[0] = `[{"Flags":4}]`
	if found := replay.Compare(shown, transcript(t, script, changed)); len(found) != 1 {
		t.Errorf("what is shown and differs is not found: %q", found)
	}
}
