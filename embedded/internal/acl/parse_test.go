package acl_test

// This file tests what rules are accepted, and the errors of those that are not, with a recording of the real server's
// answers.

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/lictor-go/consul/embedded/internal/acl"
	"github.com/lictor-go/consul/testutil"
)

// recordedRules is rules, and the error that the server gives for them; "" if it accepts them.
type recordedRules struct{ Rules, Error string }

const (
	rulesFile       = "testdata/rules.json"
	legacyRulesFile = "testdata/legacy-rules.json"
)

func TestParseAsRecorded(t *testing.T) {
	t.Parallel()
	testParse(t, rulesFile, acl.Parse)
}

func TestParseLegacyAsRecorded(t *testing.T) {
	t.Parallel()
	testParse(t, legacyRulesFile, acl.ParseLegacy)
}

func testParse(t *testing.T, file string, parse func(string) (*acl.Policy, error)) {
	t.Helper()
	var accepted, refused int
	for _, r := range readRecording[[]recordedRules](t, file) {
		p, err := parse(r.Rules)
		switch {
		case r.Error == "":
			accepted++
			if err != nil || p == nil {
				t.Errorf("%s\n%s is refused with %v, but the server accepts it", file, r.Rules, err)
			}
		default:
			refused++
			if err == nil || err.Error() != r.Error {
				t.Errorf("%s\n%s\n got %v\nwant %s", file, r.Rules, err, r.Error)
			}
		}
	}
	if accepted == 0 || refused == 0 {
		t.Errorf("%s has %d rules that are accepted, and %d that are refused", file, accepted, refused)
	}
}

func TestRecordingIsReal(t *testing.T) {
	t.Parallel()
	server := newReal(t)
	n := 0
	checkRecording(t, rulesFile, func(rules string) error {
		n++
		body := object{"Name": fmt.Sprintf("policy-%d", n), "Rules": rules}
		status, text := server.do(server.ManagementToken(), http.MethodPut, "/v1/acl/policy", body)
		return answered(status, text)
	})
}

func TestLegacyRecordingIsReal(t *testing.T) {
	t.Parallel()
	server := newReal(t, testutil.WithLegacy())
	checkRecording(t, legacyRulesFile, func(rules string) error {
		status, text := server.do(server.ManagementToken(), http.MethodPut, "/v1/acl/create", object{"Rules": rules})
		text = strings.TrimPrefix(text, "ACL rule compilation failed: ")
		return answered(status, text)
	})
}

func answered(status int, text string) error {
	if status == http.StatusOK {
		return nil
	}
	return errors.New(text)
}

// checkRecording compares a recording with the answers of the server, or makes it.
func checkRecording(t *testing.T, file string, ask func(rules string) error) {
	t.Helper()
	all := readRecording[[]recordedRules](t, file)
	for i, r := range all {
		var got string
		if err := ask(r.Rules); err != nil {
			got = err.Error()
		}
		if *record {
			all[i].Error = got
		} else if got != r.Error {
			t.Errorf("%s\n%s\nserver: %s\nrecord: %s", file, r.Rules, got, r.Error)
		}
	}
	if *record {
		writeRecording(t, file, all)
	}
}

// Rules that the real server would take very long to refuse are refused at once; brackets that do not nest are not
// counted.
func TestDepthIsLimited(t *testing.T) {
	t.Parallel()
	const many = 100_000
	for _, text := range []string{
		"a = " + strings.Repeat("[", many),
		"a = " + strings.Repeat("[ /* ] */", many),
		strings.Repeat("a {", many),
		strings.Repeat(`a = { b = "]}"`, many),
		strings.Repeat(`{"a":`, many) + "1" + strings.Repeat("}", many),
		`{"key":` + strings.Repeat("[", many),
	} {
		for _, parse := range []func(string) (*acl.Policy, error){acl.Parse, acl.ParseLegacy} {
			if _, err := parse(text); err == nil || err.Error() != "Failed to parse ACL rules: brackets nest too deep" {
				t.Errorf("%.20s…: %v", text, err)
			}
		}
	}
	for _, text := range []string{
		strings.Repeat("key \"a\" { policy = \"read\" }\n", many/10),
		`key "` + strings.Repeat("{[", many) + `" { policy = "read" }`,
		"#" + strings.Repeat("{[", many),
		`{"key":[{"a":{"policy":"read"}}` + strings.Repeat(`,{"a":{"policy":"read"}}`, many/10) + `]}`,
		`{"key":{"` + strings.Repeat("{[", many) + `":{"policy":"read"}}}`,
	} {
		if _, err := acl.Parse(text); err != nil {
			t.Errorf("%.20s…: %v", text, err)
		}
	}
}

// Over each of these the real server ends the request without an answer.
func TestWhatTheDecoderPanicsOver(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`acl = "\777"`, `acl = "\U00110000"`, `"\777" = 1`, `key "\777" {}`, `{"acl":"\ud800"}`, `{"acl":"\777"}`,
	} {
		if p, err := acl.Parse(text); err == nil || p != nil {
			t.Errorf("%s: %v, %v", text, p, err)
		}
	}
	if _, err := acl.ParseLegacy(`key "\777" {}`); err == nil {
		t.Error("legacy rules are accepted")
	}
}

func FuzzParse(f *testing.F) {
	for _, file := range []string{rulesFile, legacyRulesFile} {
		for _, r := range readRecording[[]recordedRules](f, file) {
			f.Add(r.Rules, r.Rules)
		}
	}
	f.Fuzz(func(t *testing.T, rules, legacy string) {
		p, err := acl.Parse(rules)
		if (p == nil) == (err == nil) {
			t.Errorf("Parse gives policy %v with error %v", p, err)
		}
		l, err := acl.ParseLegacy(legacy)
		if (l == nil) == (err == nil) {
			t.Errorf("ParseLegacy gives policy %v with error %v", l, err)
		}
		if translated, err := acl.TranslateLegacy(legacy); err != nil && translated != "" {
			t.Errorf("TranslateLegacy gives %q with error %v", translated, err)
		}
		var policies []*acl.Policy
		for _, p := range []*acl.Policy{p, l} {
			if p != nil {
				policies = append(policies, p)
			}
		}
		a := acl.New(acl.DefaultDeny, policies...)
		if a.KeyWrite(rules) && !a.KeyRead(rules) {
			t.Errorf("a key may be written but not read")
		}
	})
}
