package acl

// This file holds templated policies: policies that the server writes from a name.

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A Template is a policy with places for variables.
type Template struct {
	ID          string // shown with the tokens and roles that use the template
	Name        string
	Schema      string // JSON schema of the variables; empty: it takes none
	Text        string // rules, with {{.Name}} where the variable goes
	Description string
}

// Variables are what a template is filled with.
type Variables struct {
	Name string `json:"name,omitempty"`
}

// The names of the templates that identities stand for.
const (
	TemplateService = ReservedNamePrefix + "service"
	TemplateNode    = ReservedNamePrefix + "node"
)

// Templates is the templates that there are, by name.
func Templates() []Template { return slices.Clone(templates) }

// TemplateByName finds a template.
func TemplateByName(name string) (Template, bool) {
	i := slices.IndexFunc(templates, func(t Template) bool { return t.Name == name })
	if i < 0 {
		return Template{}, false
	}
	return templates[i], true
}

// Check says whether the variables fit the template, in the words in which the server goes on after "validation error
// for templated policy …: ". Nil is no variables at all.
func (t Template) Check(v *Variables) error {
	switch {
	case t.Schema == "":
		return nil
	case v == nil:
		return violations("Invalid type. Expected: object, given: null")
	case t.Name == TemplateService && !ValidServiceIdentityName(v.Name):
		return fmt.Errorf("service identity %q has an invalid name. %s", v.Name, identityCharacters)
	case t.Name == TemplateNode && !ValidNodeIdentityName(v.Name):
		return fmt.Errorf("node identity %q  has an invalid name. %s", v.Name, identityCharacters)
	case v.Name == "":
		return violations("name is required")
	default:
		return nil
	}
}

// violations lists what is wrong by the schema, laid out as the server does.
func violations(what string) error { return errors.New("1 error occurred:\n\t* " + what + "\n\n") }

// Rules is the rules that the template comes to with variables that Check accepts.
func (t Template) Rules(v *Variables) string {
	if v == nil {
		v = &Variables{}
	}
	return strings.ReplaceAll(t.Text, "{{.Name}}", v.Name)
}

// A SyntheticPolicy is the policy that a templated policy or an identity comes to. It is stored nowhere.
type SyntheticPolicy struct{ ID, Name, Description, Rules string }

// Policy is the policy that the template comes to with variables that Check accepts.
func (t Template) Policy(v *Variables) SyntheticPolicy {
	rules := t.Rules(v)
	// The server means to hash the rules but gives the rules themselves and the hash of nothing: 128-bit FNV-1a.
	id := hex.EncodeToString([]byte(rules)) + "6c62272e07bb014262b821756295c58d"
	return SyntheticPolicy{
		ID:          id,
		Name:        "synthetic-policy-" + id,
		Description: "synthetic policy generated from templated policy: " + t.Name,
		Rules:       rules,
	}
}

// ServiceIdentity is the policy of the service of a name, and of its sidecar proxy.
func ServiceIdentity(name string) SyntheticPolicy { return identity(TemplateService, name) }

// NodeIdentity is the policy of the agent on the node of a name.
func NodeIdentity(name string) SyntheticPolicy { return identity(TemplateNode, name) }

func identity(template, name string) SyntheticPolicy {
	t, _ := TemplateByName(template)
	return t.Policy(&Variables{Name: name})
}
