package acl

// This file keeps rules from package hcl that it can't cope with.

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	hclscanner "github.com/hashicorp/hcl/hcl/scanner"
	hcltoken "github.com/hashicorp/hcl/hcl/token"
	jsonscanner "github.com/hashicorp/hcl/json/scanner"
	jsontoken "github.com/hashicorp/hcl/json/token"
)

// maxDepth is how deep brackets may nest. Rules have no use for more than a handful. The decoder's time and memory grow
// with the square of the depth, so that one request can keep the real server, which has no limit, busy for hours.
const maxDepth = 500

var errTooDeep = errors.New("brackets nest too deep")

// guard has package hcl read text. It panics over escapes that stand for no character ("\777"), where the real server
// then ends the request without an answer; here that is an error.
func guard(text string, read func() error) (err error) {
	if err := checkDepth(text); err != nil {
		return err
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	return read()
}

// checkDepth gives an error if brackets nest deeper than maxDepth. It splits text into tokens as the decoder does, as a
// bracket in a string or comment is none.
func checkDepth(text string) error {
	if strings.Count(text, "[")+strings.Count(text, "{") <= maxDepth {
		return nil
	}
	var depth, deepest int
	count := func(opens, closes bool) {
		switch {
		case opens:
			depth++
			deepest = max(deepest, depth)
		case closes:
			depth--
		}
	}
	if isJSON(text) {
		scanner := jsonscanner.New([]byte(text))
		scanner.Error = func(jsontoken.Pos, string) {} // the decoder will say
		for t := scanner.Scan(); t.Type != jsontoken.EOF; t = scanner.Scan() {
			count(t.Type == jsontoken.LBRACK || t.Type == jsontoken.LBRACE, t.Type == jsontoken.RBRACK || t.Type == jsontoken.RBRACE)
		}
	} else {
		scanner := hclscanner.New([]byte(text))
		scanner.Error = func(hcltoken.Pos, string) {}
		for t := scanner.Scan(); t.Type != hcltoken.EOF; t = scanner.Scan() {
			count(t.Type == hcltoken.LBRACK || t.Type == hcltoken.LBRACE, t.Type == hcltoken.RBRACK || t.Type == hcltoken.RBRACE)
		}
	}
	if deepest > maxDepth {
		return errTooDeep
	}
	return nil
}

// isJSON says whether the decoder takes text for JSON.
func isJSON(text string) bool {
	return strings.HasPrefix(strings.TrimLeftFunc(text, unicode.IsSpace), "{")
}
