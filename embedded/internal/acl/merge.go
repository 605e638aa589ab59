package acl

// This file makes one of several policies.

// merged is what policies say together, by name where the resource is named.
type merged struct {
	single map[Resource]string
	exact  map[Resource]map[string]rule
	prefix map[Resource]map[string]rule
}

// merge unites policies. Of two rules for the same thing deny wins, then write, list and read.
func merge(policies []*Policy) merged {
	m := merged{map[Resource]string{}, map[Resource]map[string]rule{}, map[Resource]map[string]rule{}}
	for _, p := range policies {
		for resource, level := range p.single {
			m.single[resource] = stronger(m.single[resource], level)
		}
		for resource, rules := range p.named {
			unite(m.exact, resource, rules.exact)
			unite(m.prefix, resource, rules.prefix)
		}
	}
	return m
}

// unite adds rules of a resource to those that are there.
func unite(all map[Resource]map[string]rule, resource Resource, more []rule) {
	byName := all[resource]
	if byName == nil {
		byName = make(map[string]rule, len(more))
		all[resource] = byName
	}
	for _, r := range more {
		if old, ok := byName[r.name]; ok {
			r.policy = stronger(old.policy, r.policy)
			r.intentions = stronger(old.intentions, r.intentions)
		}
		byName[r.name] = r
	}
}

// stronger is the level that holds of two, the old one where neither outranks the other. Servers accept levels in
// capitals but rank them below all others, and below no level at all where the resource is not named.
func stronger(old, other string) string {
	if rank(other) > rank(old) {
		return other
	}
	return old
}

func rank(level string) int {
	switch level {
	case "deny":
		return 4
	case "write":
		return 3
	case "list":
		return 2
	case "read":
		return 1
	default:
		return 0
	}
}
