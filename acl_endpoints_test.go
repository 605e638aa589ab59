package consul_test

// This file lists the endpoints of ACL.

import (
	"context"

	"github.com/lictor-go/consul"
)

const (
	tokenJSON      = `{"AccessorID":"ffffffff-0000-4000-8000-00000000dead","SecretID":"ffffffff-0000-4000-8000-00000000beef"}`
	policyJSON     = `{"ID":"ffffffff-0000-4000-8000-00000000dead","Name":"p"}`
	authMethodJSON = `{"Name":"m","Type":"jwt","MaxTokenTTL":"5m0s","Config":{}}`
	bindingJSON    = `{"ID":"ffffffff-0000-4000-8000-00000000dead","AuthMethod":"m","BindType":"service","BindName":"s"}`
	templateJSON   = `{"TemplateName":"builtin/dns","Schema":"","Template":"","Description":""}`
)

var aclEndpoints = []endpoint{
	{name: "ACL.Bootstrap", route: "PUT /v1/acl/bootstrap", result: tokenJSON, call: func(ctx context.Context, c *consul.Client) error {
		_, _, err := c.ACL().Bootstrap(ctx, "")
		return err
	}},
	{name: "ACL.Replication", route: "GET /v1/acl/replication", result: `{"Enabled":false}`, call: func(ctx context.Context, c *consul.Client) error {
		_, _, err := c.ACL().Replication(ctx)
		return err
	}},
	{name: "ACL.TokenCreate", route: "PUT /v1/acl/token", result: tokenJSON, call: func(ctx context.Context, c *consul.Client) error {
		_, _, err := c.ACL().TokenCreate(ctx, &consul.ACLToken{})
		return err
	}},
	{name: "ACL.TokenRead", route: "GET /v1/acl/token/", result: tokenJSON, call: func(ctx context.Context, c *consul.Client) error {
		_, _, err := c.ACL().TokenRead(ctx, absentID)
		return err
	}},
	{name: "ACL.TokenReadExpanded", route: "GET /v1/acl/token/", result: tokenJSON, call: func(ctx context.Context, c *consul.Client) error {
		_, _, err := c.ACL().TokenReadExpanded(ctx, absentID)
		return err
	}},
	{name: "ACL.TokenReadSelf", route: "GET /v1/acl/token/self", result: tokenJSON, call: func(ctx context.Context, c *consul.Client) error {
		_, _, err := c.ACL().TokenReadSelf(ctx)
		return err
	}},
	{name: "ACL.TokenUpdate", route: "PUT /v1/acl/token/", result: tokenJSON, call: func(ctx context.Context, c *consul.Client) error {
		_, _, err := c.ACL().TokenUpdate(ctx, &consul.ACLToken{AccessorID: absentID})
		return err
	}},
	{name: "ACL.TokenClone", route: "PUT /v1/acl/token/", result: tokenJSON, call: func(ctx context.Context, c *consul.Client) error {
		_, _, err := c.ACL().TokenClone(ctx, absentID, "")
		return err
	}},
	{name: "ACL.TokenDelete", route: "DELETE /v1/acl/token/", call: func(ctx context.Context, c *consul.Client) error {
		_, err := c.ACL().TokenDelete(ctx, absentID)
		return err
	}},
	{name: "ACL.TokenList", route: "GET /v1/acl/tokens", result: "[" + tokenJSON + "]", call: func(ctx context.Context, c *consul.Client) error {
		_, _, err := c.ACL().TokenList(ctx)
		return err
	}},
	{name: "ACL.PolicyCreate", route: "PUT /v1/acl/policy", result: policyJSON, call: func(ctx context.Context, c *consul.Client) error {
		_, _, err := c.ACL().PolicyCreate(ctx, &consul.ACLPolicy{Name: "p"})
		return err
	}},
	{name: "ACL.PolicyRead", route: "GET /v1/acl/policy/", result: policyJSON, call: func(ctx context.Context, c *consul.Client) error {
		_, _, err := c.ACL().PolicyRead(ctx, absentID)
		return err
	}},
	{name: "ACL.PolicyReadByName", route: "GET /v1/acl/policy/name/", result: policyJSON, call: func(ctx context.Context, c *consul.Client) error {
		_, _, err := c.ACL().PolicyReadByName(ctx, "p")
		return err
	}},
	{name: "ACL.PolicyUpdate", route: "PUT /v1/acl/policy/", result: policyJSON, call: func(ctx context.Context, c *consul.Client) error {
		_, _, err := c.ACL().PolicyUpdate(ctx, &consul.ACLPolicy{ID: absentID, Name: "p"})
		return err
	}},
	{name: "ACL.PolicyDelete", route: "DELETE /v1/acl/policy/", call: func(ctx context.Context, c *consul.Client) error {
		_, err := c.ACL().PolicyDelete(ctx, absentID)
		return err
	}},
	{name: "ACL.PolicyList", route: "GET /v1/acl/policies", result: "[" + policyJSON + "]", call: func(ctx context.Context, c *consul.Client) error {
		_, _, err := c.ACL().PolicyList(ctx)
		return err
	}},
	{name: "ACL.RoleCreate", route: "PUT /v1/acl/role", result: policyJSON, call: func(ctx context.Context, c *consul.Client) error {
		_, _, err := c.ACL().RoleCreate(ctx, &consul.ACLRole{Name: "r"})
		return err
	}},
	{name: "ACL.RoleRead", route: "GET /v1/acl/role/", result: policyJSON, call: func(ctx context.Context, c *consul.Client) error {
		_, _, err := c.ACL().RoleRead(ctx, absentID)
		return err
	}},
	{name: "ACL.RoleReadByName", route: "GET /v1/acl/role/name/", result: policyJSON, call: func(ctx context.Context, c *consul.Client) error {
		_, _, err := c.ACL().RoleReadByName(ctx, "r")
		return err
	}},
	{name: "ACL.RoleUpdate", route: "PUT /v1/acl/role/", result: policyJSON, call: func(ctx context.Context, c *consul.Client) error {
		_, _, err := c.ACL().RoleUpdate(ctx, &consul.ACLRole{ID: absentID, Name: "r"})
		return err
	}},
	{name: "ACL.RoleDelete", route: "DELETE /v1/acl/role/", call: func(ctx context.Context, c *consul.Client) error {
		_, err := c.ACL().RoleDelete(ctx, absentID)
		return err
	}},
	{name: "ACL.RoleList", route: "GET /v1/acl/roles", result: "[" + policyJSON + "]", call: func(ctx context.Context, c *consul.Client) error {
		_, _, err := c.ACL().RoleList(ctx)
		return err
	}},
	{name: "ACL.AuthMethodCreate", route: "PUT /v1/acl/auth-method", result: authMethodJSON, call: func(ctx context.Context, c *consul.Client) error {
		_, _, err := c.ACL().AuthMethodCreate(ctx, &consul.ACLAuthMethod{Name: "m", Type: "jwt"})
		return err
	}},
	{name: "ACL.AuthMethodRead", route: "GET /v1/acl/auth-method/", result: authMethodJSON, call: func(ctx context.Context, c *consul.Client) error {
		_, _, err := c.ACL().AuthMethodRead(ctx, "m")
		return err
	}},
	{name: "ACL.AuthMethodUpdate", route: "PUT /v1/acl/auth-method/", result: authMethodJSON, call: func(ctx context.Context, c *consul.Client) error {
		_, _, err := c.ACL().AuthMethodUpdate(ctx, &consul.ACLAuthMethod{Name: "m", Type: "jwt"})
		return err
	}},
	{name: "ACL.AuthMethodDelete", route: "DELETE /v1/acl/auth-method/", call: func(ctx context.Context, c *consul.Client) error {
		_, err := c.ACL().AuthMethodDelete(ctx, "m")
		return err
	}},
	{name: "ACL.AuthMethodList", route: "GET /v1/acl/auth-methods", result: "[" + authMethodJSON + "]", call: func(ctx context.Context, c *consul.Client) error {
		_, _, err := c.ACL().AuthMethodList(ctx)
		return err
	}},
	{name: "ACL.BindingRuleCreate", route: "PUT /v1/acl/binding-rule", result: bindingJSON, call: func(ctx context.Context, c *consul.Client) error {
		_, _, err := c.ACL().BindingRuleCreate(ctx, &consul.ACLBindingRule{AuthMethod: "m"})
		return err
	}},
	{name: "ACL.BindingRuleRead", route: "GET /v1/acl/binding-rule/", result: bindingJSON, call: func(ctx context.Context, c *consul.Client) error {
		_, _, err := c.ACL().BindingRuleRead(ctx, absentID)
		return err
	}},
	{name: "ACL.BindingRuleUpdate", route: "PUT /v1/acl/binding-rule/", result: bindingJSON, call: func(ctx context.Context, c *consul.Client) error {
		_, _, err := c.ACL().BindingRuleUpdate(ctx, &consul.ACLBindingRule{ID: absentID, AuthMethod: "m"})
		return err
	}},
	{name: "ACL.BindingRuleDelete", route: "DELETE /v1/acl/binding-rule/", call: func(ctx context.Context, c *consul.Client) error {
		_, err := c.ACL().BindingRuleDelete(ctx, absentID)
		return err
	}},
	{name: "ACL.BindingRuleList", route: "GET /v1/acl/binding-rules", result: "[" + bindingJSON + "]", call: func(ctx context.Context, c *consul.Client) error {
		_, _, err := c.ACL().BindingRuleList(ctx)
		return err
	}},
	{name: "ACL.TemplatedPolicyList", route: "GET /v1/acl/templated-policies", result: `{"builtin/dns":` + templateJSON + `}`, call: func(ctx context.Context, c *consul.Client) error {
		_, _, err := c.ACL().TemplatedPolicyList(ctx)
		return err
	}},
	{name: "ACL.TemplatedPolicyReadByName", route: "GET /v1/acl/templated-policy/name/", result: templateJSON, call: func(ctx context.Context, c *consul.Client) error {
		_, _, err := c.ACL().TemplatedPolicyReadByName(ctx, "builtin/dns")
		return err
	}},
	{name: "ACL.TemplatedPolicyPreview", route: "POST /v1/acl/templated-policy/preview/", result: policyJSON, call: func(ctx context.Context, c *consul.Client) error {
		_, _, err := c.ACL().TemplatedPolicyPreview(ctx, &consul.ACLTemplatedPolicy{TemplateName: "builtin/dns"})
		return err
	}},
	{name: "ACL.Login", route: "POST /v1/acl/login", result: tokenJSON, call: func(ctx context.Context, c *consul.Client) error {
		_, _, err := c.ACL().Login(ctx, &consul.ACLLoginParams{AuthMethod: "m", BearerToken: "t"})
		return err
	}},
	{name: "ACL.Logout", route: "POST /v1/acl/logout", call: func(ctx context.Context, c *consul.Client) error {
		_, err := c.ACL().Logout(ctx)
		return err
	}},
}
