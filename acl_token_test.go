package consul_test

// This file tests tokens.

import (
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lictor-go/consul"
)

func TestACLTokenLives(t *testing.T) {
	t.Parallel()
	ctx, c := testContext(t), newACLClient(t)
	a := c.ACL()
	policy := newACLPolicy(t, c, `key_prefix "a/" { policy = "read" }`)
	role, _, err := a.RoleCreate(ctx, &consul.ACLRole{Name: unique(t), Policies: []*consul.ACLRolePolicyLink{{Name: policy.Name}}})
	if err != nil {
		t.Fatal(err)
	}
	given := &consul.ACLToken{
		Description:       "first",
		Policies:          []*consul.ACLTokenPolicyLink{{Name: policy.Name}},
		Roles:             []*consul.ACLTokenRoleLink{{ID: role.ID}},
		ServiceIdentities: []*consul.ACLServiceIdentity{{ServiceName: "web", Datacenters: []string{"dc1"}}},
		NodeIdentities:    []*consul.ACLNodeIdentity{{NodeName: "n1", Datacenter: "dc1"}},
		TemplatedPolicies: []*consul.ACLTemplatedPolicy{{
			TemplateName:      consul.ACLTemplatedPolicyServiceName,
			TemplateVariables: &consul.ACLTemplatedPolicyVariables{Name: "api"},
			Datacenters:       []string{"dc1"},
		}},
	}
	token, _, err := a.TokenCreate(ctx, given)
	if err != nil {
		t.Fatal(err)
	}
	if token.AccessorID == "" || token.SecretID == "" || token.CreateTime.IsZero() || token.CreateIndex == 0 || !token.ExpirationTime.IsZero() {
		t.Errorf("token is %+v", token)
	}
	if *token.Policies[0] != (consul.ACLLink{ID: policy.ID, Name: policy.Name}) || *token.Roles[0] != (consul.ACLLink{ID: role.ID, Name: role.Name}) {
		t.Errorf("links are %+v and %+v", token.Policies[0], token.Roles[0])
	}
	for _, pair := range [][2]any{
		{token.ServiceIdentities, given.ServiceIdentities},
		{token.NodeIdentities, given.NodeIdentities},
		{token.TemplatedPolicies, given.TemplatedPolicies},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("%T differs from what was given", pair[0])
		}
	}

	read, meta, err := a.TokenRead(ctx, token.AccessorID)
	if err != nil || !reflect.DeepEqual(read, token) {
		t.Errorf("read %+v, %v; want what was created", read, err)
	}
	if meta.LastIndex == 0 || !meta.KnownLeader {
		t.Errorf("meta is %+v", meta)
	}
	self, _, err := a.TokenReadSelf(ctx, consul.WithToken(token.SecretID))
	if err != nil || !reflect.DeepEqual(self, token) {
		t.Errorf("the token reads itself as %+v, %v", self, err)
	}

	read.Description, read.Policies = "second", nil
	updated, _, err := a.TokenUpdate(ctx, read)
	if err != nil || updated.Description != "second" || len(updated.Policies) != 0 || len(updated.Roles) != 1 || updated.SecretID != token.SecretID {
		t.Errorf("updated to %+v, %v", updated, err)
	}
	clone, _, err := a.TokenClone(ctx, token.AccessorID, "")
	if err != nil || clone.AccessorID == token.AccessorID || clone.SecretID == token.SecretID || clone.Description != "second" || len(clone.Roles) != 1 {
		t.Errorf("cloned %+v, %v", clone, err)
	}
	if clone, _, err = a.TokenClone(ctx, token.AccessorID, "third"); err != nil || clone.Description != "third" {
		t.Errorf("cloned %+v, %v", clone, err)
	}

	if _, err := a.TokenDelete(ctx, token.AccessorID); err != nil {
		t.Fatal(err)
	}
	_, _, err = a.TokenRead(ctx, token.AccessorID)
	wantACLError(t, err, consul.ErrNotFound)
	_, _, err = a.TokenReadSelf(ctx, consul.WithToken(token.SecretID))
	wantACLError(t, err, consul.ErrPermissionDenied)
}

func TestACLTokenTakesIDsExpirationAndLocality(t *testing.T) {
	t.Parallel()
	ctx, a := testContext(t), newACLClient(t).ACL()
	accessor, tokenSecret := newUUID(), newUUID()
	token, _, err := a.TokenCreate(ctx, &consul.ACLToken{
		AccessorID: accessor, SecretID: tokenSecret, Name: "own name", Local: true, ExpirationTTL: 90 * time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	if token.AccessorID != accessor || token.SecretID != tokenSecret || token.Name != "own name" || !token.Local {
		t.Errorf("token is %+v", token)
	}
	if ttl := token.ExpirationTime.Sub(token.CreateTime); ttl != 90*time.Minute || token.ExpirationTTL != 0 {
		t.Errorf("the token lives for %v, with a TTL of %v in the answer", ttl, token.ExpirationTTL)
	}

	end := time.Now().Add(2 * time.Hour).UTC().Round(time.Second)
	other, _, err := a.TokenCreate(ctx, &consul.ACLToken{ExpirationTime: end})
	if err != nil || !other.ExpirationTime.Equal(end) {
		t.Errorf("token is %+v, %v; want it to end at %v", other, err, end)
	}
	if other, _, err = a.TokenUpdate(ctx, other); err != nil || !other.ExpirationTime.Equal(end) {
		t.Errorf("updated with its own expiration to %+v, %v", other, err)
	}
	if other, _, err = a.TokenUpdate(ctx, &consul.ACLToken{AccessorID: other.AccessorID}); err != nil || !other.ExpirationTime.Equal(end) {
		t.Errorf("updated without an expiration to %+v, %v; want it kept", other, err)
	}
}

func TestACLTokenWritesThatTheServerRefuses(t *testing.T) {
	t.Parallel()
	ctx, c := testContext(t), newACLClient(t)
	a := c.ACL()
	taken := newACLToken(t, c, "")
	for text, token := range map[string]*consul.ACLToken{
		"AccessorID - not a valid UUID":        {AccessorID: "own"},
		"SecretID - not a valid UUID":          {SecretID: "own"},
		"AccessorID is already in use":         {AccessorID: taken.AccessorID},
		"SecretID is already in use":           {SecretID: taken.SecretID},
		"No such ACL policy with name":         {Policies: []*consul.ACLTokenPolicyLink{{Name: "absent"}}},
		"No such ACL role with name":           {Roles: []*consul.ACLTokenRoleLink{{Name: "absent"}}},
		"cannot be less than 1m0s":             {ExpirationTTL: time.Second},
		"cannot be before CreateTime":          {ExpirationTime: time.Unix(0, 0)},
		"disallowed outside of login":          {AuthMethod: "m"},
		"cannot specify a list of datacenters": {Local: true, ServiceIdentities: []*consul.ACLServiceIdentity{{ServiceName: "web", Datacenters: []string{"dc1"}}}},
	} {
		_, _, err := a.TokenCreate(ctx, token)
		wantACLStatus(t, err, http.StatusInternalServerError, text)
		wantACLError(t, err, nil)
		if token.SecretID == taken.SecretID && strings.Contains(err.Error(), taken.SecretID) {
			t.Errorf("the error shows the secret: %v", err)
		}
	}
	for text, token := range map[string]*consul.ACLToken{
		"SecretID is not permitted":     {SecretID: absentID},
		"Cannot toggle local mode":      {Local: true},
		"Cannot change expiration time": {ExpirationTime: time.Now().Add(time.Hour)},
	} {
		token.AccessorID = taken.AccessorID
		_, _, err := a.TokenUpdate(ctx, token)
		wantACLStatus(t, err, http.StatusInternalServerError, text)
	}
	_, err := a.TokenDelete(ctx, "00000000-0000-0000-0000-000000000002")
	wantACLStatus(t, err, http.StatusInternalServerError, "anonymous token")
}

func TestACLTokenReadExpandedShowsWhatTheTokenComesTo(t *testing.T) {
	t.Parallel()
	ctx, c := testContext(t), newACLClient(t)
	a := c.ACL()
	policy := newACLPolicy(t, c, `key_prefix "a/" { policy = "read" }`)
	role, _, err := a.RoleCreate(ctx, &consul.ACLRole{Name: unique(t), Policies: []*consul.ACLRolePolicyLink{{ID: policy.ID}}})
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := a.TokenCreate(ctx, &consul.ACLToken{
		Roles:             []*consul.ACLTokenRoleLink{{Name: role.Name}},
		ServiceIdentities: []*consul.ACLServiceIdentity{{ServiceName: "web"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	expanded, meta, err := a.TokenReadExpanded(ctx, token.AccessorID)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(&expanded.ACLToken, token) || meta.LastIndex == 0 {
		t.Errorf("the token in it is %+v, meta %+v", expanded.ACLToken, meta)
	}
	if len(expanded.ExpandedRoles) != 1 || expanded.ExpandedRoles[0].ID != role.ID {
		t.Errorf("roles are %+v", expanded.ExpandedRoles)
	}
	has := func(text string) bool {
		return slices.ContainsFunc(expanded.ExpandedPolicies, func(p consul.ACLPolicy) bool { return strings.Contains(p.Rules, text) })
	}
	if len(expanded.ExpandedPolicies) != 2 || !has(`key_prefix "a/"`) || !has(`service "web"`) {
		t.Errorf("policies are %+v", expanded.ExpandedPolicies)
	}
	if expanded.AgentACLDefaultPolicy != "deny" || expanded.AgentACLDownPolicy == "" || expanded.ResolvedByAgent == "" {
		t.Errorf("expanded token is %+v, defaults %q, %q, by %q", expanded,
			expanded.AgentACLDefaultPolicy, expanded.AgentACLDownPolicy, expanded.ResolvedByAgent)
	}
}

func TestACLTokenListKeepsWhatTheOptionSays(t *testing.T) {
	t.Parallel()
	ctx, c, service := testContext(t), newACLClient(t), strings.ToLower(unique(t))
	a := c.ACL()
	byPolicy := newACLToken(t, c, `key_prefix "a/" { policy = "read" }`)
	role, _, err := a.RoleCreate(ctx, &consul.ACLRole{Name: unique(t)})
	if err != nil {
		t.Fatal(err)
	}
	byRole, _, err := a.TokenCreate(ctx, &consul.ACLToken{Roles: []*consul.ACLTokenRoleLink{{ID: role.ID}}})
	if err != nil {
		t.Fatal(err)
	}
	byService, _, err := a.TokenCreate(ctx, &consul.ACLToken{ServiceIdentities: []*consul.ACLServiceIdentity{{ServiceName: service}}})
	if err != nil {
		t.Fatal(err)
	}

	all, meta, err := a.TokenList(ctx)
	if err != nil || meta.LastIndex == 0 {
		t.Fatal(err, meta)
	}
	for _, want := range []*consul.ACLToken{byPolicy, byRole, byService} {
		if !slices.ContainsFunc(all, func(e *consul.ACLTokenListEntry) bool { return reflect.DeepEqual(e, want) }) {
			t.Errorf("the list lacks %+v", want)
		}
	}
	policyID := byPolicy.Policies[0].ID
	for name, test := range map[string]struct {
		opt  consul.QueryOption
		want *consul.ACLToken
	}{
		"policy":         {consul.WithPolicy(policyID), byPolicy},
		"role":           {consul.WithRole(role.ID), byRole},
		"service":        {consul.WithServiceName(service), byService},
		"absent policy":  {consul.WithPolicy(absentID), nil},
		"absent method":  {consul.WithAuthMethod("absent"), nil},
		"absent service": {consul.WithServiceName("absent"), nil},
	} {
		list, _, err := a.TokenList(ctx, test.opt)
		switch {
		case err != nil:
			t.Errorf("%s: %v", name, err)
		case test.want == nil && (list == nil || len(list) != 0):
			t.Errorf("%s: list is %#v, want an empty one", name, list)
		case test.want != nil && (len(list) != 1 || list[0].AccessorID != test.want.AccessorID):
			t.Errorf("%s: list is %v, want only %v", name, list, test.want)
		}
	}
	_, _, err = a.TokenList(ctx, consul.WithPolicy(policyID), consul.WithRole(role.ID))
	wantACLStatus(t, err, http.StatusInternalServerError, "only filter by one")
	if list, _, err := a.TokenList(ctx, consul.WithPolicy("")); err != nil || len(list) < 3 {
		t.Errorf("an empty policy keeps %v, %v; want all", list, err)
	}
}

func TestACLTokenListWaitsForAChange(t *testing.T) {
	t.Parallel()
	ctx, c := testContext(t), newACLClient(t)
	policy := newACLPolicy(t, c, "")
	list, meta, err := c.ACL().TokenList(ctx, consul.WithPolicy(policy.ID))
	if err != nil || len(list) != 0 {
		t.Fatal(list, err)
	}
	made := make(chan error, 1)
	go func() {
		_, _, err := c.ACL().TokenCreate(ctx, &consul.ACLToken{Policies: []*consul.ACLTokenPolicyLink{{ID: policy.ID}}})
		made <- err
	}()
	for len(list) == 0 {
		if list, meta, err = c.ACL().TokenList(ctx, consul.WithPolicy(policy.ID), consul.Wait(meta.LastIndex, time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-made; err != nil {
		t.Fatal(err)
	}
}

func TestACLTokenReadHidesTheSecretFromThoseWhoMayOnlyRead(t *testing.T) {
	t.Parallel()
	ctx, c := testContext(t), newACLClient(t)
	reader, token := newACLToken(t, c, `acl = "read"`), newACLToken(t, c, "")
	read, _, err := c.ACL().TokenRead(ctx, token.AccessorID, consul.WithToken(reader.SecretID))
	if err != nil || read.SecretID != "<hidden>" {
		t.Errorf("read %#v, %v", read, err)
	}
	_, _, err = c.ACL().TokenRead(ctx, absentID, consul.WithToken(reader.SecretID))
	wantACLError(t, err, consul.ErrNotFound)
	_, _, err = c.ACL().TokenClone(ctx, token.AccessorID, "", consul.WithToken(reader.SecretID))
	wantACLError(t, err, consul.ErrPermissionDenied)
}
