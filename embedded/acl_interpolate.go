package embedded

// This file fills in the ${variables} of binding rules and token names.

import (
	"fmt"
	"strings"
	"unicode"
)

// interpolate replaces each ${name} in text by its value, and $${ by ${. Of the language that Consul has for this, HIL,
// these are all that its documentation speaks of: other expressions are refused.
func interpolate(text string, value func(name string) (string, bool)) (string, error) {
	var out strings.Builder
	rest := text
	for {
		at := strings.Index(rest, "${")
		if at < 0 {
			out.WriteString(rest)
			return out.String(), nil
		}
		if at > 0 && rest[at-1] == '$' {
			out.WriteString(rest[:at-1] + "${")
			rest = rest[at+2:]
			continue
		}
		out.WriteString(rest[:at])
		rest = rest[at+2:]
		column := len([]rune(text[:len(text)-len(rest)])) + 1
		expression, after, closed := strings.Cut(rest, "}")
		name := strings.TrimSpace(expression)
		column += strings.Index(expression, name)
		switch {
		case name == "" && !closed:
			return "", fmt.Errorf("parse error at 1:%d: expected expression but found end of string", column)
		case name == "":
			return "", fmt.Errorf(`parse error at 1:%d: expected expression but found "}"`, column)
		case !isVariable(name):
			return "", fmt.Errorf("1:%d: only variables can be used: %s", column, name)
		case !closed:
			return "", fmt.Errorf(`parse error at 1:%d: expected "}" but found end of string`, column+len([]rune(name)))
		}
		found, ok := value(name)
		if !ok {
			return "", fmt.Errorf("1:%d: unknown variable accessed: %s", column, name)
		}
		out.WriteString(found)
		rest = after
	}
}

// isVariable reports whether a text is the name of a variable, not another expression.
func isVariable(name string) bool {
	for i, r := range name {
		if r == '_' || unicode.IsLetter(r) {
			continue
		}
		if i == 0 || r != '-' && r != '.' && !unicode.IsNumber(r) && !unicode.IsMark(r) {
			return false
		}
	}
	return true
}
