package embedded

// This file serves the templates of policies.

import (
	"github.com/lictor-go/consul/embedded/internal/acl"
	"github.com/lictor-go/consul/embedded/internal/store"
)

// template is a template, as it is answered.
type template struct{ TemplateName, Schema, Template, Description string }

func shownTemplate(t acl.Template) template { return template{t.Name, t.Schema, t.Text, t.Description} }

// needTemplates checks that the caller may read what concerns ACLs.
func (c *call) needTemplates() error {
	c.parseTarget()
	if err := c.refuseEnterprise(); err != nil {
		return err
	}
	_, err := c.needACL(acl.AccessRead)
	return err
}

func listTemplates(c *call) (any, error) {
	if err := c.needTemplates(); err != nil {
		return nil, err
	}
	list := map[string]template{}
	for _, t := range acl.Templates() {
		list[t.Name] = shownTemplate(t)
	}
	return list, nil
}

func readTemplate(c *call) (any, error) {
	name := c.rest("/v1/acl/templated-policy/name/")
	if name == "" {
		return nil, badRequest("Missing templated policy Name")
	}
	if err := c.needTemplates(); err != nil {
		return nil, err
	}
	t, ok := acl.TemplateByName(name)
	if !ok {
		return nil, badRequest("Invalid templated policy Name: %s", name)
	}
	return shownTemplate(t), nil
}

func previewTemplate(c *call) (any, error) {
	name := c.rest("/v1/acl/templated-policy/preview/")
	if name == "" {
		return nil, badRequest("Missing templated policy Name")
	}
	if err := c.needTemplates(); err != nil {
		return nil, err
	}
	t, ok := acl.TemplateByName(name)
	if !ok {
		return nil, badRequest("templated policy %q does not exist", name)
	}
	var variables acl.Variables
	if err := c.decode(&variables); err != nil {
		return nil, badRequest("Failed to decode request body: %s", err)
	}
	if err := t.Check(&variables); err != nil {
		return nil, badRequest("validation error for templated policy: %q: %s", name, err)
	}
	p := t.Policy(&variables)
	policy := &store.Policy{ID: p.ID, Name: p.Name, Description: p.Description, Rules: p.Rules}
	policy.Hash = policy.ContentHash()
	return policy, nil
}
