package acl_test

// This file tests the questions to an Authorizer that the server has no endpoint for, and random rules against the real
// server.

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/lictor-go/consul/embedded/internal/acl"
)

// What is asked of all names at once, or of any.
func TestQuestionsAboutManyNames(t *testing.T) {
	t.Parallel()
	type want struct{ readAll, writeAny, readA bool }
	for _, c := range []struct {
		rules string
		deny  want // where no rule applies, by default
		allow want
	}{
		{``, want{}, want{true, true, true}},
		{`service_prefix "" { policy = "read" }`, want{true, false, true}, want{true, false, true}},
		{`service_prefix "" { policy = "write" }`, want{true, true, true}, want{true, true, true}},
		{`service_prefix "" { policy = "deny" }`, want{}, want{}},
		{`service_prefix "" { policy = "deny" } service "x" { policy = "write" }`, want{writeAny: true}, want{writeAny: true}},
		{`service_prefix "" { policy = "read" } service "x" { policy = "deny" }`, want{readA: true}, want{readA: true}},
		{`service_prefix "" { policy = "read" } service "ax" { policy = "deny" }`, want{}, want{}},
		{`service_prefix "" { policy = "read" } service_prefix "ax" { policy = "deny" }`, want{}, want{}},
		{`service_prefix "a" { policy = "read" }`, want{readA: true}, want{true, true, true}},
		{`service_prefix "a" { policy = "deny" }`, want{}, want{writeAny: true}},
		{`service_prefix "ab" { policy = "read" }`, want{}, want{true, true, true}},
		{`service "a" { policy = "write" }`, want{writeAny: true}, want{true, true, true}},
		{`service "" { policy = "deny" }`, want{}, want{writeAny: true, readA: true}},
	} {
		for fallback, want := range map[acl.Default]want{acl.DefaultDeny: c.deny, acl.DefaultAllow: c.allow} {
			a := acl.New(fallback, parse(t, []string{c.rules})...)
			got := want
			got.readAll, got.writeAny, got.readA = a.ServiceReadAll(), a.ServiceWriteAny(), a.ServiceReadPrefix("a")
			if got != want {
				t.Errorf("%s by default %v: got %+v, want %+v", c.rules, fallback, got, want)
			}
		}
	}
}

func TestNodeReadAll(t *testing.T) {
	t.Parallel()
	for rules, want := range map[string]bool{
		``:                                   false,
		`node_prefix "" { policy = "read" }`: true,
		`node_prefix "" { policy = "read" } node "x" { policy = "deny" }`: false,
		`node "x" { policy = "write" }`:                                   false,
	} {
		if got := acl.New(acl.DefaultDeny, parse(t, []string{rules})...).NodeReadAll(); got != want {
			t.Errorf("%s: got %v, want %v", rules, got, want)
		}
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		a            *acl.Authorizer
		most, manage bool
	}{
		"deny":   {acl.DenyAll(), false, false},
		"allow":  {acl.AllowAll(), true, false},
		"manage": {acl.ManageAll(), true, true},
	} {
		for resource, accesses := range map[acl.Resource][]string{
			acl.ResourceACL: {"read", "write"}, acl.ResourceAgent: {"read", "write"}, acl.ResourceEvent: {"read", "write"},
			acl.ResourceIntention: {"read", "write"}, acl.ResourceKey: {"read", "list", "write", "write-prefix"},
			acl.ResourceKeyring: {"read", "write"}, acl.ResourceMesh: {"read", "write"}, acl.ResourceNode: {"read", "write"},
			acl.ResourceOperator: {"read", "write"}, acl.ResourcePeering: {"read", "write"}, acl.ResourceQuery: {"read", "write"},
			acl.ResourceService: {"read", "write"}, acl.ResourceSession: {"read", "write"},
		} {
			for _, access := range accesses {
				want := c.most
				if resource == acl.ResourceACL {
					want = c.manage
				}
				if got, err := c.a.Enforce(resource, "x", access); err != nil || got != want {
					t.Errorf("%s: %s:%s is %v, %v", name, resource, access, got, err)
				}
			}
		}
		if c.a.Snapshot() != c.manage || c.a.ServiceReadAll() != c.most || c.a.IntentionWrite("*") != c.most {
			t.Errorf("%s: snapshots %v, all services %v, all intentions %v",
				name, c.a.Snapshot(), c.a.ServiceReadAll(), c.a.IntentionWrite("*"))
		}
	}
}

func TestSnapshotsAreForWhoWritesACLs(t *testing.T) {
	t.Parallel()
	for rules, want := range map[string]bool{`acl = "write"`: true, `acl = "read"`: false, `operator = "write"`: false} {
		if got := acl.New(acl.DefaultAllow, parse(t, []string{rules})...).Snapshot(); got != want {
			t.Errorf("%s: got %v, want %v", rules, got, want)
		}
	}
}

func TestRecovery(t *testing.T) {
	t.Parallel()
	a := acl.Recovery("n")
	if !a.AgentWrite("n") || !a.AgentRead("n") || !a.NodeRead("x") {
		t.Error("the recovery token can't use its own agent, or see nodes")
	}
	if a.AgentRead("n2") || a.NodeWrite("n") || a.KeyRead("k") || a.ACLRead() {
		t.Error("the recovery token can do more than use its own agent and see nodes")
	}
}

func TestMergingChangesNoPolicy(t *testing.T) {
	t.Parallel()
	policies := parse(t, []string{`service "x" { policy = "read" }`, `service "x" { policy = "write" }`})
	if !acl.New(acl.DefaultDeny, policies...).ServiceWrite("x") {
		t.Error("two policies do not give what one of them gives")
	}
	// The real server keeps what it merged: there the first policy now lets others write too, if its ID is the smaller
	// one.
	if acl.New(acl.DefaultDeny, policies[0]).ServiceWrite("x") {
		t.Error("a policy gives what another one that it was merged with gives")
	}
}

func TestEnforceOfWhatThereIsNot(t *testing.T) {
	t.Parallel()
	a := acl.ManageAll()
	for _, c := range []struct{ resource, access, want string }{
		{"bogus", "read", `Invalid ACL resource requested: "bogus"`},
		{"", "", `Invalid ACL resource requested: ""`},
		{"Key", "read", `Invalid ACL resource requested: "Key"`},
		{"key", "bogus", `Invalid access level for key resource: bogus`},
		{"acl", "list", `Invalid access level for acl resource: list`},
	} {
		if _, err := a.Enforce(acl.Resource(c.resource), "", c.access); err == nil || err.Error() != c.want {
			t.Errorf("%s:%s: got %v, want %s", c.resource, c.access, err, c.want)
		}
	}
	if ok, err := a.Enforce(acl.ResourceKey, "", "Write-Prefix"); !ok || err != nil {
		t.Errorf("access in capitals: %v, %v", ok, err)
	}
}

// Random rules are merged and decided as the real server does.
func TestRandomDecisionsAreReal(t *testing.T) {
	t.Parallel()
	server := newReal(t)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 60 {
		policies := make([]string, 1+random.IntN(3))
		levels := someLevels
		if len(policies) > 1 {
			levels = levels[:4] // of two levels in capitals that of the policy with the smaller ID holds, which is random
		}
		for j := range policies {
			policies[j] = randomRules(random, levels)
		}
		a := acl.New(acl.DefaultDeny, parse(t, policies)...)
		token := server.tokenOf(fmt.Sprintf("random-%d", i), policies)
		asked := make([]question, 64) // as many as the server takes at once
		for j := range asked {
			asked[j] = randomQuestion(random)
		}
		for _, want := range server.authorize(token, asked) {
			got, err := a.Enforce(acl.Resource(want.Resource), want.Segment, want.Access)
			if err != nil || got != want.Allow {
				t.Errorf("case %d: %+v, got %v, %v\n%q", i, want, got, err, policies)
			}
		}
	}
}

var (
	someResources = []string{"agent", "event", "key", "key", "node", "query", "service", "service", "session"}
	someNames     = []string{"", "a", "ab", "abc", "b", "a/", "a/b", "*", "é"}
	someLevels    = []string{"read", "write", "deny", "list", "READ", "Write", "DENY"}
)

func pick(random *rand.Rand, from []string) string { return from[random.IntN(len(from))] }

// level picks a level that a rule of the resource may have.
func level(random *rand.Rand, levels []string, resource string) string {
	for {
		if l := pick(random, levels); l != "list" || resource == "key" {
			return l
		}
	}
}

func randomRules(random *rand.Rand, levels []string) string {
	var text string
	for range random.IntN(8) {
		resource := pick(random, someResources)
		keyword := resource + pick(random, []string{"", "_prefix"})
		text += fmt.Sprintf("%s %q { policy = %q", keyword, pick(random, someNames), level(random, levels, resource))
		if resource == "service" && random.IntN(2) == 0 {
			text += fmt.Sprintf("\nintentions = %q", level(random, levels, resource))
		}
		text += "\n}\n"
	}
	for _, resource := range []string{"acl", "keyring", "mesh", "operator", "peering"} {
		if random.IntN(3) == 0 {
			text += fmt.Sprintf("%s = %q\n", resource, level(random, levels, resource))
		}
	}
	return text
}

func randomQuestion(random *rand.Rand) question {
	resource := pick(random, append(someResources, "acl", "keyring", "mesh", "operator", "peering", "intention", "intention"))
	accesses := []string{"read", "write"}
	if resource == "key" {
		accesses = append(accesses, "list", "write-prefix")
	}
	return question{resource, pick(random, accesses), pick(random, someNames)}
}
