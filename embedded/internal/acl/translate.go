package acl

// This file rewrites legacy rules as those of today, as Consul 1.10.0 does at /v1/acl/rules/translate.

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/hashicorp/hcl/hcl/ast"
	"github.com/hashicorp/hcl/hcl/parser"
	"github.com/hashicorp/hcl/hcl/printer"
	"github.com/hashicorp/hcl/hcl/token"
	jsonparser "github.com/hashicorp/hcl/json/parser"
)

// TranslateLegacy gives rules that mean today what text means as legacy rules, laid out afresh, with its comments. What
// is no rule stays as it is.
func TranslateLegacy(text string) (string, error) {
	var translated bytes.Buffer
	err := guard(text, func() error {
		file, err := parseTree(text)
		if err != nil {
			return err
		}
		ast.Walk(file, func(n ast.Node) (ast.Node, bool) {
			if item, ok := n.(*ast.ObjectItem); ok && len(item.Keys) > 0 {
				translateKeyword(&item.Keys[0].Token)
			}
			return n, true
		})
		return printer.Fprint(&translated, file)
	})
	if err != nil {
		return "", fmt.Errorf("Failed to parse rules: %w", err)
	}
	return translated.String(), nil
}

func parseTree(text string) (*ast.File, error) {
	if isJSON(text) {
		return jsonparser.Parse([]byte(text))
	}
	return parser.ParseDontErrorOnDuplicateKeys([]byte(text))
}

// translateKeyword replaces the keyword of a legacy rule, wherever it stands.
func translateKeyword(t *token.Token) {
	keyword := t.Text
	if unquoted, err := strconv.Unquote(keyword); err == nil {
		keyword = unquoted
	}
	switch keyword {
	case "policy":
		t.Text = keyword // without quotes
	case "agent", "event", "key", "node", "query", "service", "session":
		t.Text = keyword + "_prefix"
	}
}
