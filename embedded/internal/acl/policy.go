package acl

// This file holds policies, and what levels their rules may have.

import "fmt"

// A Policy is rules that were read, by Parse or ParseLegacy. It does not change after that, and may be shared.
type Policy struct {
	single map[Resource]string // level by resource, of those that are not named
	named  map[Resource]named
}

// single is the rule of a resource that is not named: its level, or "" for none.
type single struct {
	resource Resource
	policy   string
}

// named is the rules of a named resource, in the order of the text.
type named struct {
	resource      Resource
	exact, prefix []rule
}

// rule is one rule for a name or a prefix. Its levels stay as they are written, since capitals matter to merging.
type rule struct {
	name       string
	policy     string
	intentions string // of services; empty: policy says
}

// part is the rules of one resource in a policy.
type part interface {
	check() error
	addTo(*Policy)
}

func newPolicy() *Policy {
	return &Policy{single: map[Resource]string{}, named: map[Resource]named{}}
}

// newPolicyOf makes a policy of its parts, or gives the first error in them.
func newPolicyOf(parts ...part) (*Policy, error) {
	p := newPolicy()
	for _, part := range parts {
		if err := part.check(); err != nil {
			return nil, err
		}
		part.addTo(p)
	}
	return p, nil
}

func (s single) addTo(p *Policy) { p.single[s.resource] = s.policy }
func (n named) addTo(p *Policy)  { p.named[n.resource] = n }

func (s single) check() error {
	if s.policy == "" || validLevel(s.policy, s.resource) {
		return nil
	}
	return fmt.Errorf("Invalid %s policy: %q", s.resource, s.policy)
}

func (n named) check() error {
	if err := n.checkRules(string(n.resource), n.exact); err != nil {
		return err
	}
	return n.checkRules(string(n.resource)+"_prefix", n.prefix)
}

func (n named) checkRules(keyword string, rules []rule) error {
	for _, r := range rules {
		if !validLevel(r.policy, n.resource) {
			return fmt.Errorf("Invalid %s policy: %s", keyword, n.print(r))
		}
		if r.intentions != "" && !validLevel(r.intentions, n.resource) {
			return fmt.Errorf("Invalid %s intentions policy: %s", keyword, n.print(r))
		}
	}
	return nil
}

func validLevel(level string, resource Resource) bool {
	access := accessOf(level)
	return access != 0 && (access != AccessList || resource == ResourceKey)
}

// printed is how the server shows a rule in an error: as Go prints the struct that it keeps it in.
var printed = map[Resource]struct{ goType, name, rest string }{
	ResourceAgent:   {"AgentRule", "Node", ""},
	ResourceEvent:   {"EventRule", "Event", ""},
	ResourceKey:     {"KeyRule", "Prefix", ", EnterpriseRule:acl.EnterpriseRule{}"},
	ResourceNode:    {"NodeRule", "Name", ", EnterpriseRule:acl.EnterpriseRule{}"},
	ResourceQuery:   {"PreparedQueryRule", "Prefix", ""},
	ResourceService: {"ServiceRule", "Name", ", EnterpriseRule:acl.EnterpriseRule{}"},
	ResourceSession: {"SessionRule", "Node", ""},
}

func (n named) print(r rule) string {
	as := printed[n.resource]
	var intentions string
	if n.resource == ResourceService {
		intentions = fmt.Sprintf(", Intentions:%q", r.intentions)
	}
	return fmt.Sprintf("&acl.%s{%s:%q, Policy:%q%s%s}", as.goType, as.name, r.name, r.policy, intentions, as.rest)
}
