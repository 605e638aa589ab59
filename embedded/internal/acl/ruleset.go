package acl

// This file holds the rules of one named resource in the form in which they are asked.

import (
	"slices"
	"strings"
)

// decision is what rules say of a request.
type decision int

const (
	undecided decision = iota // no rule applies
	denied
	allowed
)

// decide says what a level means to a request that wants another.
func decide(have, want Access) decision {
	switch {
	case have == 0:
		return undecided
	case have >= want:
		return allowed
	default:
		return denied
	}
}

// ruleset is the rules of one named resource. A rule for the name itself outdoes one for a prefix, the longest prefix
// the others.
type ruleset struct {
	exact   map[string]Access
	prefix  map[string]Access
	lengths []int // of the prefixes, each once, the longest first
}

// newRuleset makes the rules, whose levels level reads.
func newRuleset(exact, prefix map[string]rule, level func(rule) Access) ruleset {
	s := ruleset{exact: make(map[string]Access, len(exact)), prefix: make(map[string]Access, len(prefix))}
	for name, r := range exact {
		s.exact[name] = level(r)
	}
	for name, r := range prefix {
		s.prefix[name] = level(r)
		s.lengths = append(s.lengths, len(name))
	}
	slices.Sort(s.lengths)
	s.lengths = slices.Compact(s.lengths)
	slices.Reverse(s.lengths)
	return s
}

// one decides a request for one name.
func (s *ruleset) one(name string, want Access) decision {
	if have, ok := s.exact[name]; ok {
		return decide(have, want)
	}
	return decide(s.longest(name), want)
}

// longest is the level that the longest prefix of name has; 0 where no prefix has one.
func (s *ruleset) longest(name string) Access {
	for _, n := range s.lengths {
		if n > len(name) {
			continue
		}
		if have, ok := s.prefix[name[:n]]; ok {
			return have
		}
	}
	return 0
}

// under decides a request for all names with a prefix: the prefix must be granted, and no rule below it may take that
// back.
func (s *ruleset) under(prefix string, want Access) decision {
	base := decide(s.longest(prefix), want)
	if base == denied || s.refuses(prefix, want) {
		return denied
	}
	return base
}

// all decides a request for every name. Without a rule for every name it is undecided, unless some rule refuses.
func (s *ruleset) all(want Access) decision { return s.under("", want) }

// any decides a request for some name, whichever: one rule that grants it is enough.
func (s *ruleset) any(want Access) decision {
	for _, levels := range []map[string]Access{s.exact, s.prefix} {
		for _, have := range levels {
			if decide(have, want) == allowed {
				return allowed
			}
		}
	}
	return decide(s.longest(""), want)
}

// refuses says whether a rule for a name with the prefix, or for a longer prefix, does not grant what is wanted.
func (s *ruleset) refuses(prefix string, want Access) bool {
	for _, levels := range []map[string]Access{s.exact, s.prefix} {
		for name, have := range levels {
			if decide(have, want) == denied && strings.HasPrefix(name, prefix) {
				return true
			}
		}
	}
	return false
}
