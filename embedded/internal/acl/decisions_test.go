package acl_test

// This file tests what rules allow. Each case states it, and the real server is asked whether that is so.

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/lictor-go/consul/embedded/internal/acl"
	"github.com/lictor-go/consul/testutil"
)

// decisionCase is policies, and permissions ("key:write a/b") that they give and that they do not, where all that no
// rule speaks of is denied.
type decisionCase struct {
	name     string
	policies []string
	can      []string
	cannot   []string
}

var decisionCases = []decisionCase{
	{
		name:   "no rules",
		cannot: []string{"key:read a", "acl:read", "operator:read", "mesh:read", "service:read web", "key:write-prefix "},
	},
	{
		name:     "exact and prefix",
		policies: []string{`key "a" { policy = "read" } key_prefix "b" { policy = "write" }`},
		can:      []string{"key:read a", "key:read b", "key:write bc", "key:list bc"},
		cannot:   []string{"key:write a", "key:read ab", "key:list a", "key:read ", "key:read c"},
	},
	{
		name: "the longest prefix wins, and an exact rule over it",
		policies: []string{`
			key_prefix ""    { policy = "read" }
			key_prefix "a/"  { policy = "deny" }
			key_prefix "a/b" { policy = "write" }
			key        "a/b" { policy = "deny" }
			key        "x"   { policy = "write" }`},
		can:    []string{"key:read q", "key:write a/bc", "key:write x", "key:read xy", "key:read a"},
		cannot: []string{"key:write q", "key:read a/", "key:read a/c", "key:read a/b", "key:write xy"},
	},
	{
		name:     "list grants read, write grants list",
		policies: []string{`key "l" { policy = "list" } key "w" { policy = "write" } key "r" { policy = "read" }`},
		can:      []string{"key:read l", "key:list l", "key:read w", "key:list w", "key:write w", "key:read r"},
		cannot:   []string{"key:write l", "key:list r"},
	},
	{
		name: "a whole prefix is written where nothing under it forbids",
		policies: []string{`
			key_prefix "a"     { policy = "write" }
			key_prefix "a/no"  { policy = "read" }
			key        "a/x/k" { policy = "deny" }`},
		can: []string{"key:write-prefix a/y", "key:write-prefix a/nn", "key:write-prefix ab"},
		cannot: []string{
			"key:write-prefix a", "key:write-prefix a/", "key:write-prefix a/no", "key:write-prefix a/nope", "key:write-prefix a/x/",
			"key:write-prefix ", "key:write-prefix b",
		},
	},
	{
		name:     "exact rules give no prefix",
		policies: []string{`key "a" { policy = "write" } key "a/b" { policy = "write" }`},
		cannot:   []string{"key:write-prefix a", "key:write-prefix a/"},
	},
	{
		name: "deny wins over write, write over list, list over read",
		policies: []string{
			`key "1" { policy = "deny" }  key "2" { policy = "write" } key "3" { policy = "list" } key_prefix "4" { policy = "read" }`,
			`key "1" { policy = "write" } key "2" { policy = "list" }  key "3" { policy = "read" } key_prefix "4" { policy = "deny" }`,
			`key "1" { policy = "read" }  key "2" { policy = "read" }  key "3" { policy = "read" } key_prefix "4" { policy = "write" }`,
		},
		can:    []string{"key:write 2", "key:list 3"},
		cannot: []string{"key:read 1", "key:write 3", "key:read 4", "key:read 44"},
	},
	{
		name: "one policy that says two things",
		policies: []string{`
			key "a" { policy = "read" }   key "a" { policy = "write" }
			node "n" { policy = "write" } node "n" { policy = "deny" }`},
		can:    []string{"key:write a"},
		cannot: []string{"node:read n"},
	},
	{
		name: "capitals count, but give way to small letters",
		policies: []string{
			`key "a" { policy = "DENY" } key "b" { policy = "WRITE" } node_prefix "" { policy = "Write" }`,
			`acl = "WRITE" operator = "READ"`,
			`key "a" { policy = "read" }`,
		},
		can:    []string{"key:read a", "key:write b", "node:write n"},
		cannot: []string{"acl:read", "operator:read", "mesh:read"},
	},
	{
		name:     "mesh and peering follow the operator",
		policies: []string{`operator = "read"`},
		can:      []string{"operator:read", "mesh:read", "peering:read"},
		cannot:   []string{"operator:write", "mesh:write", "peering:write", "keyring:read", "acl:read"},
	},
	{
		name:     "unless they have rules",
		policies: []string{`operator = "write" mesh = "deny"`, `peering = "read"`},
		can:      []string{"operator:write", "peering:read"},
		cannot:   []string{"mesh:read", "mesh:write", "peering:write"},
	},
	{
		name:     "resources without names",
		policies: []string{`acl = "read" keyring = "write"`},
		can:      []string{"acl:read", "keyring:read", "keyring:write"},
		cannot:   []string{"acl:write", "operator:read"},
	},
	{
		name: "agents, events, nodes, queries and sessions",
		policies: []string{`
			agent "a" { policy = "read" }    agent_prefix "p" { policy = "write" }
			event "a" { policy = "read" }    event_prefix "p" { policy = "write" }
			node "a" { policy = "read" }     node_prefix "p" { policy = "write" }
			query "a" { policy = "read" }    query_prefix "p" { policy = "write" }
			session "a" { policy = "read" }  session_prefix "p" { policy = "write" }`},
		can: []string{
			"agent:read a", "agent:write pq", "event:read a", "event:write pq", "node:read a", "node:write pq",
			"query:read a", "query:write pq", "session:read a", "session:write pq",
		},
		cannot: []string{
			"agent:write a", "agent:read b", "event:write a", "event:read b", "node:write a", "node:read b",
			"query:write a", "query:read b", "session:write a", "session:read b",
		},
	},
	{
		name: "who sees a service may read the intentions towards it",
		policies: []string{`
			service "r" { policy = "read" }
			service "w" { policy = "write" }
			service "d" { policy = "deny" }
			service "i" { policy = "read" intentions = "write" }
			service "n" { policy = "write" intentions = "deny" }
			service "c" { policy = "READ" }`},
		can: []string{"intention:read r", "intention:read w", "intention:write i", "intention:read *", "service:read c"},
		cannot: []string{
			"intention:write w", "intention:read d", "intention:read n", "intention:write *", "intention:read c", "intention:read x",
		},
	},
	{
		name: "intentions and services merge apart",
		policies: []string{
			`service "a" { policy = "write" } service "b" { policy = "deny" }`,
			`service "a" { policy = "read" intentions = "read" } service "b" { policy = "write" intentions = "write" }`,
		},
		can:    []string{"service:write a", "intention:read a", "intention:write b"},
		cannot: []string{"intention:write a", "service:read b"},
	},
	{
		name:     "intentions towards all",
		policies: []string{`service_prefix "" { policy = "read" intentions = "write" }`},
		can:      []string{"intention:write *", "intention:read *", "service:read *"},
		cannot:   []string{"service:write *"},
	},
	{
		name: "but one",
		policies: []string{
			`service_prefix "" { policy = "read" intentions = "write" } service "a" { policy = "write" intentions = "read" }`,
		},
		can:    []string{"intention:read *", "intention:write b", "service:write a"},
		cannot: []string{"intention:write *", "intention:write a"},
	},
	{
		name: "a JSON policy",
		policies: []string{`{
			"key_prefix": {"a": {"policy": "write"}, "ab": {"policy": "deny"}},
			"service": [{"x": {"policy": "read"}}],
			"acl": "read"
		}`},
		can:    []string{"key:write a", "service:read x", "acl:read"},
		cannot: []string{"key:read ab", "service:write x"},
	},
	{
		name: "what is not known grants nothing",
		policies: []string{`
			identity "x" { policy = "write" }
			namespace "default" { key "a" { policy = "write" } }
			snapshot = "read"`},
		cannot: []string{"key:read a", "service:read x", "node:read x"},
	},
	{
		name:     "an unnamed block is a rule named like its first field",
		policies: []string{`key { policy = "read" }`, `{"key_prefix":{"policy":"write"}}`},
		can:      []string{"key:read policy", "key:write policy2"},
		cannot:   []string{"key:read a", "key:read ", "key:write-prefix "},
	},
}

// permission splits "key:write a b" into resource, access and name.
func permission(text string) (resource, access, name string) {
	what, name, _ := strings.Cut(text, " ")
	resource, access, _ = strings.Cut(what, ":")
	return resource, access, name
}

func parse(t *testing.T, texts []string) []*acl.Policy {
	t.Helper()
	var policies []*acl.Policy
	for _, text := range texts {
		p, err := acl.Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		policies = append(policies, p)
	}
	return policies
}

func TestDecisions(t *testing.T) {
	t.Parallel()
	for _, c := range decisionCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := acl.New(acl.DefaultDeny, parse(t, c.policies)...)
			check := func(permissions []string, want bool) {
				for _, text := range permissions {
					resource, access, name := permission(text)
					got, err := a.Enforce(acl.Resource(resource), name, access)
					if err != nil || got != want {
						t.Errorf("%s: got %v, %v; want %v", text, got, err, want)
					}
				}
			}
			check(c.can, true)
			check(c.cannot, false)
		})
	}
}

// question and authorization are what /v1/internal/acl/authorize is asked, and answers.
type (
	question      struct{ Resource, Access, Segment string }
	authorization struct {
		question
		Allow bool
	}
)

func questions(permissions ...string) []question {
	all := make([]question, len(permissions))
	for i, text := range permissions {
		q := &all[i]
		q.Resource, q.Access, q.Segment = permission(text)
	}
	return all
}

// tokenOf makes a token with policies, whose names start with name.
func (r real) tokenOf(name string, policies []string) string {
	r.Helper()
	links := []object{}
	for i, rules := range policies {
		link := fmt.Sprintf("%s-%d", name, i)
		var made object
		r.manage(http.MethodPut, "/v1/acl/policy", object{"Name": link, "Rules": rules}, &made)
		links = append(links, object{"Name": link})
	}
	return r.token(object{"Policies": links})
}

// authorize asks the real server what a token may do.
func (r real) authorize(token string, questions []question) []authorization {
	r.Helper()
	status, text := r.do(token, http.MethodPost, "/v1/internal/acl/authorize", questions)
	if status != http.StatusOK {
		r.Fatalf("authorize: %d %s", status, text)
	}
	return decoded[[]authorization](r.T, text)
}

func TestDecisionsAreReal(t *testing.T) {
	t.Parallel()
	server := newReal(t)
	for i, c := range decisionCases {
		token := server.tokenOf(fmt.Sprintf("case-%d", i), c.policies)
		for j, answer := range server.authorize(token, questions(slices.Concat(c.can, c.cannot)...)) {
			if want := j < len(c.can); answer.Allow != want {
				t.Errorf("%s: %+v, but the case says %v", c.name, answer, want)
			}
		}
	}
}

func TestDefaultAllowIsReal(t *testing.T) {
	t.Parallel()
	server := newReal(t, testutil.WithConfig(`acl { default_policy = "allow" }`))
	rules := []string{`key "a" { policy = "read" } service_prefix "s" { policy = "deny" } operator = "read"`}
	token := server.tokenOf("p", rules)
	a := acl.New(acl.DefaultAllow, parse(t, rules)...)
	asked := questions(
		"key:read a", "key:write a", "key:write b", "key:write-prefix a", "key:write-prefix b", "key:write-prefix ",
		"acl:read", "acl:write",
		"operator:read", "operator:write", "mesh:write", "peering:read", "keyring:write", "service:read s1", "service:write t",
		"intention:read s1", "intention:read t", "intention:write t", "intention:read *", "intention:write *", "node:write n",
	)
	for _, answer := range server.authorize(token, asked) {
		got, err := a.Enforce(acl.Resource(answer.Resource), answer.Segment, answer.Access)
		if err != nil || got != answer.Allow {
			t.Errorf("%+v: got %v, %v", answer, got, err)
		}
	}
}
