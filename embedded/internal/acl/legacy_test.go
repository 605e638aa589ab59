package acl_test

// This file tests legacy rules beside Consul 1.10.0: what they allow, and what they are translated to.

import (
	"net/http"
	"strings"
	"testing"

	"github.com/lictor-go/consul/embedded/internal/acl"
	"github.com/lictor-go/consul/testutil"
)

var legacyCases = []decisionCase{
	{
		name:     "a name is a prefix",
		policies: []string{`key "a" { policy = "write" } key "ab" { policy = "deny" } key "" { policy = "read" }`},
		can:      []string{"key:write a", "key:write ax", "key:read z", "key:write-prefix ax"},
		cannot:   []string{"key:read abc", "key:write z", "key:write-prefix a"},
	},
	{
		name: "all resources",
		policies: []string{`
			agent "a" { policy = "read" }
			event "a" { policy = "write" }
			node "a" { policy = "write" }
			query "a" { policy = "read" }
			service "a" { policy = "write" }
			service "i" { policy = "read" intentions = "write" }
			session "a" { policy = "write" }
			keyring = "read"
			operator = "write"`},
		can: []string{
			"agent:read ab", "event:write ab", "node:write ab", "query:read ab", "service:write ab", "session:write ab", "keyring:read",
			"operator:write", "intention:read ab", "intention:write ix",
		},
		cannot: []string{"agent:write ab", "query:write ab", "keyring:write", "acl:read", "service:write ix", "intention:write ab"},
	},
	{
		name:     "rules of today and for ACLs mean nothing",
		policies: []string{`key_prefix "a" { policy = "write" } acl = "write"`},
		cannot:   []string{"key:read a", "acl:read"},
	},
	{
		name:     "the stronger of two",
		policies: []string{`key "a" { policy = "read" policy = "write" } node "n" { policy = "deny" } node "n" { policy = "write" }`},
		can:      []string{"key:write a"},
		cannot:   []string{"node:read n"},
	},
	{
		name:     "JSON",
		policies: []string{`{"key":{"a":{"policy":"read"}}}`},
		can:      []string{"key:read ab"},
		cannot:   []string{"key:write ab"},
	},
}

func TestLegacyDecisions(t *testing.T) {
	t.Parallel()
	server := newReal(t, testutil.WithLegacy())
	for _, c := range legacyCases {
		p, err := acl.ParseLegacy(c.policies[0])
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		a := acl.New(acl.DefaultDeny, p)
		var made struct{ ID string }
		server.manage(http.MethodPut, "/v1/acl/create", object{"Rules": c.policies[0]}, &made)
		for _, answer := range server.authorize(made.ID, questions(append(c.can, c.cannot...)...)) {
			got, err := a.Enforce(acl.Resource(answer.Resource), answer.Segment, answer.Access)
			if err != nil || got != answer.Allow {
				t.Errorf("%s: server: %+v, got %v, %v", c.name, answer, got, err)
			}
		}
		for i, q := range questions(append(c.can, c.cannot...)...) {
			if got, err := a.Enforce(acl.Resource(q.Resource), q.Segment, q.Access); err != nil || got != (i < len(c.can)) {
				t.Errorf("%s: %+v is %v, %v", c.name, q, got, err)
			}
		}
	}
}

func TestTranslateLegacy(t *testing.T) {
	t.Parallel()
	server := newReal(t, testutil.WithLegacy())
	for _, text := range []string{
		"",
		`key "a" { policy = "read" }`,
		`{"key":{"a":{"policy":"read"}}}`,
		`{"key":[{"a":{"policy":"read"}},{"b":{"policy":"read"}}],"keyring":"read"}`,
		`agent "a" {} event "" {} node "n" {} query "q" {} service "s" { intentions = "read" } session "x" { policy = "bogus" }`,
		"# all keys\nkey \"\" {\npolicy=\"read\" # only\n}\noperator=\"read\"\n\"key\" \"b\" { \"policy\" = \"x\" }",
		`key "c" { key "d" { policy = 5 } } bogus "key" { service = true }`,
		`key "a" { policy = "read" policy = "write" } key "a" {}`,
		`key_prefix "a" { policy = "read" }`,
		"key \"a\" {\n  policy = <<EOF\nread\nEOF\n}\n",
		"key",
		"[]",
		`key "a" {`,
		"key 'a' {}",
	} {
		status, want := server.do(server.ManagementToken(), http.MethodPost, "/v1/acl/rules/translate", text)
		got, err := acl.TranslateLegacy(text)
		if err != nil {
			got = "Bad request: " + err.Error()
		}
		if got != want || (status == http.StatusOK) != (err == nil) {
			t.Errorf("%s\nserver: %d %q\n   got: %q", text, status, want, got)
		}
	}
}

func TestTranslatedRulesMeanTheSame(t *testing.T) {
	t.Parallel()
	for _, c := range legacyCases[:2] {
		today, err := acl.TranslateLegacy(c.policies[0])
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		a := acl.New(acl.DefaultDeny, parse(t, []string{today})...)
		for i, q := range questions(append(c.can, c.cannot...)...) {
			if got, err := a.Enforce(acl.Resource(q.Resource), q.Segment, q.Access); err != nil || got != (i < len(c.can)) {
				t.Errorf("%s: %+v is %v, %v", c.name, q, got, err)
			}
		}
	}
}

func TestTranslationIsLimited(t *testing.T) {
	t.Parallel()
	if _, err := acl.TranslateLegacy("a = " + strings.Repeat("[", 100_000)); err == nil {
		t.Error("rules of any depth are translated")
	}
}
