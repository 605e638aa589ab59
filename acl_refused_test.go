package consul_test

// This file tests what the methods of ACL refuse before anything is sent.

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/lictor-go/consul"
)

func TestACLRefusesWhatNoServerCanAccept(t *testing.T) {
	t.Parallel()
	c, sent := aclClientOf(t, http.StatusOK, "{}")
	ctx, a := testContext(t), c.ACL()
	method := func(change func(*consul.ACLAuthMethod)) *consul.ACLAuthMethod {
		m := &consul.ACLAuthMethod{Name: "m", Type: "jwt"}
		change(m)
		return m
	}
	id := strings.Repeat("0", 36)
	calls := map[string]func() error{
		"TokenCreate nil":      func() error { _, _, err := a.TokenCreate(ctx, nil); return err },
		"TokenCreate negative": func() error { _, _, err := a.TokenCreate(ctx, &consul.ACLToken{ExpirationTTL: -1}); return err },
		"TokenCreate both ends": func() error {
			_, _, err := a.TokenCreate(ctx, &consul.ACLToken{ExpirationTTL: 1, ExpirationTime: aclTime})
			return err
		},
		"TokenRead empty":         func() error { _, _, err := a.TokenRead(ctx, ""); return err },
		"TokenRead self":          func() error { _, _, err := a.TokenRead(ctx, "self"); return err },
		"TokenRead no dashes":     func() error { _, _, err := a.TokenRead(ctx, id); return err },
		"TokenRead no hex":        func() error { _, _, err := a.TokenRead(ctx, "g"+absentID[1:]); return err },
		"TokenReadExpanded empty": func() error { _, _, err := a.TokenReadExpanded(ctx, ""); return err },
		"TokenUpdate nil":         func() error { _, _, err := a.TokenUpdate(ctx, nil); return err },
		"TokenUpdate no ID":       func() error { _, _, err := a.TokenUpdate(ctx, &consul.ACLToken{}); return err },
		"TokenUpdate expiration": func() error {
			_, _, err := a.TokenUpdate(ctx, &consul.ACLToken{AccessorID: absentID, ExpirationTTL: 1})
			return err
		},
		"TokenUpdate clone": func() error {
			_, _, err := a.TokenUpdate(ctx, &consul.ACLToken{AccessorID: absentID + "/clone"})
			return err
		},
		"TokenClone empty":       func() error { _, _, err := a.TokenClone(ctx, "", "d"); return err },
		"TokenDelete empty":      func() error { _, err := a.TokenDelete(ctx, ""); return err },
		"PolicyCreate nil":       func() error { _, _, err := a.PolicyCreate(ctx, nil); return err },
		"PolicyCreate with ID":   func() error { _, _, err := a.PolicyCreate(ctx, &consul.ACLPolicy{ID: absentID}); return err },
		"PolicyRead empty":       func() error { _, _, err := a.PolicyRead(ctx, ""); return err },
		"PolicyRead name":        func() error { _, _, err := a.PolicyRead(ctx, "name/p"); return err },
		"PolicyReadByName empty": func() error { _, _, err := a.PolicyReadByName(ctx, ""); return err },
		"PolicyUpdate nil":       func() error { _, _, err := a.PolicyUpdate(ctx, nil); return err },
		"PolicyUpdate no ID":     func() error { _, _, err := a.PolicyUpdate(ctx, &consul.ACLPolicy{Name: "p"}); return err },
		"PolicyDelete empty":     func() error { _, err := a.PolicyDelete(ctx, ""); return err },
		"RoleCreate nil":         func() error { _, _, err := a.RoleCreate(ctx, nil); return err },
		"RoleCreate with ID":     func() error { _, _, err := a.RoleCreate(ctx, &consul.ACLRole{ID: absentID}); return err },
		"RoleRead empty":         func() error { _, _, err := a.RoleRead(ctx, ""); return err },
		"RoleReadByName empty":   func() error { _, _, err := a.RoleReadByName(ctx, ""); return err },
		"RoleUpdate nil":         func() error { _, _, err := a.RoleUpdate(ctx, nil); return err },
		"RoleUpdate no ID":       func() error { _, _, err := a.RoleUpdate(ctx, &consul.ACLRole{Name: "r"}); return err },
		"RoleDelete empty":       func() error { _, err := a.RoleDelete(ctx, ""); return err },
		"AuthMethodCreate nil":   func() error { _, _, err := a.AuthMethodCreate(ctx, nil); return err },
		"AuthMethodCreate no name": func() error {
			_, _, err := a.AuthMethodCreate(ctx, method(func(m *consul.ACLAuthMethod) { m.Name = "" }))
			return err
		},
		"AuthMethodCreate no type": func() error {
			_, _, err := a.AuthMethodCreate(ctx, method(func(m *consul.ACLAuthMethod) { m.Type = "" }))
			return err
		},
		"AuthMethodCreate negative": func() error {
			_, _, err := a.AuthMethodCreate(ctx, method(func(m *consul.ACLAuthMethod) { m.MaxTokenTTL = -1 }))
			return err
		},
		"AuthMethodCreate no JSON": func() error {
			_, _, err := a.AuthMethodCreate(ctx, method(func(m *consul.ACLAuthMethod) { m.Config = map[string]any{"f": func() {}} }))
			return err
		},
		"AuthMethodRead empty": func() error { _, _, err := a.AuthMethodRead(ctx, ""); return err },
		"AuthMethodUpdate nil": func() error { _, _, err := a.AuthMethodUpdate(ctx, nil); return err },
		"AuthMethodUpdate no name": func() error {
			_, _, err := a.AuthMethodUpdate(ctx, method(func(m *consul.ACLAuthMethod) { m.Name = "" }))
			return err
		},
		"AuthMethodDelete empty":        func() error { _, err := a.AuthMethodDelete(ctx, ""); return err },
		"BindingRuleCreate nil":         func() error { _, _, err := a.BindingRuleCreate(ctx, nil); return err },
		"BindingRuleCreate with ID":     func() error { _, _, err := a.BindingRuleCreate(ctx, &consul.ACLBindingRule{ID: absentID}); return err },
		"BindingRuleRead empty":         func() error { _, _, err := a.BindingRuleRead(ctx, ""); return err },
		"BindingRuleUpdate nil":         func() error { _, _, err := a.BindingRuleUpdate(ctx, nil); return err },
		"BindingRuleUpdate no ID":       func() error { _, _, err := a.BindingRuleUpdate(ctx, &consul.ACLBindingRule{}); return err },
		"BindingRuleDelete empty":       func() error { _, err := a.BindingRuleDelete(ctx, ""); return err },
		"TemplatedPolicyReadByName":     func() error { _, _, err := a.TemplatedPolicyReadByName(ctx, ""); return err },
		"TemplatedPolicyPreview nil":    func() error { _, _, err := a.TemplatedPolicyPreview(ctx, nil); return err },
		"TemplatedPolicyPreview noname": func() error { _, _, err := a.TemplatedPolicyPreview(ctx, &consul.ACLTemplatedPolicy{}); return err },
		"Login nil":                     func() error { _, _, err := a.Login(ctx, nil); return err },
		"Login no method":               func() error { _, _, err := a.Login(ctx, &consul.ACLLoginParams{BearerToken: "x"}); return err },
		"Login no bearer token":         func() error { _, _, err := a.Login(ctx, &consul.ACLLoginParams{AuthMethod: "m"}); return err },
	}
	for name, call := range calls {
		err := call()
		if !errors.Is(err, consul.ErrInvalidOption) || errors.Is(err, consul.ErrNotFound) {
			t.Errorf("%s: error is %v, want ErrInvalidOption", name, err)
		}
	}
	if len(*sent) > 0 {
		t.Errorf("%d requests were sent, the first to %s", len(*sent), (*sent)[0].URL)
	}
}
