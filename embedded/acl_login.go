package embedded

// This file logs clients in and out: a login makes a token that has what the binding rules of its auth method say.

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/hashicorp/go-bexpr"

	"github.com/lictor-go/consul/embedded/internal/acl"
	"github.com/lictor-go/consul/embedded/internal/store"
)

// What binding rules bind to.
const (
	bindService  = "service"
	bindNode     = "node"
	bindRole     = "role"
	bindPolicy   = "policy"
	bindTemplate = "templated-policy"
)

// bindNames say what can be the name of what a rule binds to.
var bindNames = map[string]func(name string) bool{
	bindService: acl.ValidServiceIdentityName,
	bindNode:    acl.ValidNodeIdentityName,
	bindRole:    func(name string) bool { return acl.CheckRoleName(name) == nil },
	bindPolicy:  func(name string) bool { return acl.CheckPolicyName(name) == nil },
}

// loginRequest is who logs in.
type loginRequest struct {
	AuthMethod, BearerToken string
	Meta                    map[string]string
}

func login(c *call) (any, error) {
	var request loginRequest
	if err := c.decodeACL("Failed to decode request body", &request); err != nil {
		return nil, err
	}
	if err := c.forward(); err != nil {
		return nil, err
	}
	_, method := c.s.store.Read().AuthMethod(nil, request.AuthMethod)
	if method == nil {
		return nil, fmt.Errorf("%w: auth method %q not found", errUnknownToken, request.AuthMethod)
	}
	authenticator, err := newAuthenticator(method)
	if err != nil {
		return nil, fmt.Errorf("auth method validator for %q could not be initialized: %w", method.Name, err)
	}
	who, err := authenticator.login(request.BearerToken)
	if err != nil {
		return nil, err
	}
	token, err := c.s.bind(method, who)
	if err != nil {
		return nil, err
	}
	token.Description = "token created via login"
	if len(request.Meta) > 0 {
		meta, err := json.Marshal(request.Meta)
		if err != nil {
			return nil, err
		}
		token.Description += ": " + string(meta)
	}
	if token.Name, err = loginName(method); err != nil {
		return nil, err
	}
	if err := c.s.prepareToken(token, method.MaxTokenTTL); err != nil {
		return nil, err
	}
	return c.s.writeToken(token)
}

// bind makes the token that the binding rules of the auth method give.
func (s *Server) bind(method *store.AuthMethod, who verified) (*store.Token, error) {
	tx := s.store.Read()
	token := &store.Token{AuthMethod: method.Name, Local: method.TokenLocality != "global"}
	_, rules := tx.BindingRules(nil, method.Name)
	bound := false
	for _, rule := range rules {
		if !selects(rule.Selector, who.selectable) {
			continue
		}
		added, err := s.bindRule(tx, token, rule, who)
		if err != nil {
			return nil, err
		}
		bound = bound || added
	}
	if !bound {
		return nil, acl.ErrPermissionDenied
	}
	return token, nil
}

// selects reports whether the selector is true of the fields. One that fits them no more is of none.
func selects(selector string, fields any) bool {
	if selector == "" {
		return true
	}
	evaluator, err := bexpr.CreateEvaluatorForType(selector, nil, fields)
	if err != nil {
		return false
	}
	selected, err := evaluator.Evaluate(fields)
	return err == nil && selected
}

// bindRule adds to the token what the rule binds to, and reports whether that is there.
func (s *Server) bindRule(tx *store.Tx, token *store.Token, rule *store.BindingRule, who verified) (bool, error) {
	if rule.BindType == bindTemplate {
		template, err := boundTemplate(rule, who)
		token.TemplatedPolicies = append(token.TemplatedPolicies, template)
		return true, err
	}
	valid := bindNames[rule.BindType]
	if rule.BindType == bindPolicy {
		valid = bindNames[bindRole] // stricter than when the rule was made, as in the real server
	}
	name, err := boundName(rule, who, valid)
	if err != nil {
		return false, err
	}
	switch rule.BindType {
	case bindService:
		token.ServiceIdentities = append(token.ServiceIdentities, &store.ServiceIdentity{ServiceName: name})
	case bindNode:
		token.NodeIdentities = append(token.NodeIdentities, &store.NodeIdentity{NodeName: name, Datacenter: s.config.datacenter})
	case bindPolicy:
		_, policy := tx.PolicyByName(nil, name)
		if policy == nil {
			return false, nil
		}
		token.Policies = append(token.Policies, store.Link{ID: policy.ID})
	case bindRole:
		_, role := tx.RoleByName(nil, name)
		if role == nil {
			return false, nil
		}
		token.Roles = append(token.Roles, store.Link{ID: role.ID})
	}
	return true, nil
}

// boundName is the name of what the rule binds to.
func boundName(rule *store.BindingRule, who verified, valid func(string) bool) (string, error) {
	name, err := who.fill(rule.BindName)
	if err != nil {
		return "", fmt.Errorf("error interpreting template: %w", err)
	}
	if !valid(name) {
		return "", fmt.Errorf("invalid bind name: %q", name)
	}
	return name, nil
}

// boundTemplate is the templated policy that the rule binds to.
func boundTemplate(rule *store.BindingRule, who verified) (*store.TemplatedPolicy, error) {
	template, ok := acl.TemplateByName(rule.BindName)
	if !ok {
		return nil, fmt.Errorf("Bind name for templated-policy bind type does not match existing template name: %s", rule.BindName)
	}
	bound := &store.TemplatedPolicy{TemplateID: template.ID, TemplateName: template.Name}
	if rule.BindVars != nil {
		name, err := who.fill(rule.BindVars.Name)
		if err != nil {
			return nil, fmt.Errorf("failed to interpret templated policy variables: %w", err)
		}
		bound.TemplateVariables = &acl.Variables{Name: name}
	}
	if err := template.Check(bound.TemplateVariables); err != nil {
		return nil, fmt.Errorf("templated policy failed validation: %w", err)
	}
	return bound, nil
}

// fill fills in the variables of a text, in lower case.
func (v verified) fill(text string) (string, error) {
	return interpolate(text, func(name string) (string, bool) {
		value, ok := v.variables[name]
		return strings.ToLower(value), ok
	})
}

func logout(c *call) (any, error) {
	c.parseTarget()
	if c.token == "" {
		return nil, &httpError{status: http.StatusUnauthorized, text: "Supplied token does not exist"}
	}
	if err := c.forward(); err != nil {
		return nil, err
	}
	_, token := c.s.store.Read().TokenBySecret(nil, c.token)
	if token == nil {
		return nil, errUnknownToken
	}
	if token.AuthMethod == "" {
		return nil, acl.Denied{Cause: "token wasn't created via login"}
	}
	err := c.s.store.Write(func(tx *store.Tx) error {
		tx.DeleteToken(token.AccessorID)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("Failed to apply token delete request: %w", err)
	}
	return true, nil
}
