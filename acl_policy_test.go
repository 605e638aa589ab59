package consul_test

// This file tests policies, roles and templated policies.

import (
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/lictor-go/consul"
)

func TestACLPolicyLives(t *testing.T) {
	t.Parallel()
	ctx, a, name := testContext(t), newACLClient(t).ACL(), unique(t)
	policy, _, err := a.PolicyCreate(ctx, &consul.ACLPolicy{
		Name: name, Description: "first", Rules: `key_prefix "a/" { policy = "read" }`, Datacenters: []string{"dc1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if policy.ID == "" || policy.Name != name || policy.Description != "first" ||
		!slices.Equal(policy.Datacenters, []string{"dc1"}) || policy.CreateIndex == 0 {
		t.Errorf("policy is %+v", policy)
	}
	read, meta, err := a.PolicyRead(ctx, policy.ID)
	if err != nil || !reflect.DeepEqual(read, policy) || meta.LastIndex == 0 {
		t.Errorf("read %+v, %+v, %v", read, meta, err)
	}
	if read, meta, err = a.PolicyReadByName(ctx, name); err != nil || !reflect.DeepEqual(read, policy) || meta.LastIndex == 0 {
		t.Errorf("read by name %+v, %+v, %v", read, meta, err)
	}
	read.Name, read.Rules, read.Datacenters = name+"-2", `key_prefix "b/" { policy = "write" }`, nil
	updated, _, err := a.PolicyUpdate(ctx, read)
	if err != nil || updated.ID != policy.ID || updated.Name != name+"-2" || !strings.Contains(updated.Rules, "b/") || updated.Datacenters != nil {
		t.Errorf("updated to %+v, %v", updated, err)
	}
	_, _, err = a.PolicyReadByName(ctx, name)
	wantACLError(t, err, consul.ErrNotFound)

	list, meta, err := a.PolicyList(ctx)
	if err != nil || meta.LastIndex == 0 {
		t.Fatal(err, meta)
	}
	want := &consul.ACLPolicyListEntry{
		ID: updated.ID, Name: updated.Name, Description: updated.Description, Hash: updated.Hash,
		CreateIndex: updated.CreateIndex, ModifyIndex: updated.ModifyIndex,
	}
	if !slices.ContainsFunc(list, func(e *consul.ACLPolicyListEntry) bool { return reflect.DeepEqual(e, want) }) {
		t.Errorf("the list lacks %+v", want)
	}

	if _, err := a.PolicyDelete(ctx, policy.ID); err != nil {
		t.Fatal(err)
	}
	_, _, err = a.PolicyRead(ctx, policy.ID)
	wantACLError(t, err, consul.ErrNotFound)
}

func TestACLPolicyWithASlashInItsNameIsReadByName(t *testing.T) {
	t.Parallel()
	ctx, a := testContext(t), newACLClient(t).ACL()
	policy, _, err := a.PolicyReadByName(ctx, "builtin/global-read-only")
	if err != nil || policy.Name != "builtin/global-read-only" {
		t.Errorf("policy is %+v, %v", policy, err)
	}
}

func TestACLPolicyWritesThatTheServerRefuses(t *testing.T) {
	t.Parallel()
	ctx, c := testContext(t), newACLClient(t)
	taken := newACLPolicy(t, c, "")
	for text, policy := range map[string]*consul.ACLPolicy{
		"already exists":  {Name: taken.Name},
		"invalid Name":    {Name: "with space"},
		"no Name is set":  {},
		"Failed to parse": {Name: unique(t), Rules: "@@"},
	} {
		_, _, err := c.ACL().PolicyCreate(ctx, policy)
		wantACLStatus(t, err, http.StatusInternalServerError, text)
		wantACLError(t, err, nil)
	}
	_, err := c.ACL().PolicyDelete(ctx, "00000000-0000-0000-0000-000000000001")
	wantACLStatus(t, err, http.StatusInternalServerError, "not permitted")
}

func TestACLRoleLives(t *testing.T) {
	t.Parallel()
	ctx, c, name := testContext(t), newACLClient(t), unique(t)
	a, policy := c.ACL(), newACLPolicy(t, c, "")
	given := &consul.ACLRole{
		Name: name, Description: "first",
		Policies:          []*consul.ACLRolePolicyLink{{Name: policy.Name}},
		ServiceIdentities: []*consul.ACLServiceIdentity{{ServiceName: "web", Datacenters: []string{"dc1"}}},
		NodeIdentities:    []*consul.ACLNodeIdentity{{NodeName: "n1", Datacenter: "dc1"}},
		TemplatedPolicies: []*consul.ACLTemplatedPolicy{{
			TemplateName:      consul.ACLTemplatedPolicyNodeName,
			TemplateVariables: &consul.ACLTemplatedPolicyVariables{Name: "n2"},
			Datacenters:       []string{"dc1"},
		}},
	}
	role, _, err := a.RoleCreate(ctx, given)
	if err != nil {
		t.Fatal(err)
	}
	if role.ID == "" || role.Name != name || role.Description != "first" || *role.Policies[0] != (consul.ACLLink{ID: policy.ID, Name: policy.Name}) {
		t.Errorf("role is %+v", role)
	}
	if !reflect.DeepEqual(role.ServiceIdentities, given.ServiceIdentities) || !reflect.DeepEqual(role.NodeIdentities, given.NodeIdentities) ||
		!reflect.DeepEqual(role.TemplatedPolicies, given.TemplatedPolicies) {
		t.Errorf("role is %+v, which lacks what was given", role)
	}
	read, meta, err := a.RoleRead(ctx, role.ID)
	if err != nil || !reflect.DeepEqual(read, role) || meta.LastIndex == 0 {
		t.Errorf("read %+v, %+v, %v", read, meta, err)
	}
	if read, meta, err = a.RoleReadByName(ctx, name); err != nil || !reflect.DeepEqual(read, role) || meta.LastIndex == 0 {
		t.Errorf("read by name %+v, %+v, %v", read, meta, err)
	}

	for id, want := range map[string]int{policy.ID: 1, absentID: 0} {
		list, _, err := a.RoleList(ctx, consul.WithPolicy(id))
		if err != nil || list == nil || len(list) != want {
			t.Errorf("roles with policy %s: %v, %v; want %d", id, list, err, want)
		}
	}
	read.Name, read.Policies, read.NodeIdentities = name+"-2", nil, nil
	updated, _, err := a.RoleUpdate(ctx, read)
	if err != nil || updated.ID != role.ID || updated.Name != name+"-2" ||
		len(updated.Policies) != 0 || len(updated.NodeIdentities) != 0 || len(updated.ServiceIdentities) != 1 {
		t.Errorf("updated to %+v, %v", updated, err)
	}
	list, meta, err := a.RoleList(ctx)
	if err != nil || meta.LastIndex == 0 || !slices.ContainsFunc(list, func(r *consul.ACLRole) bool { return reflect.DeepEqual(r, updated) }) {
		t.Errorf("the list is %v, %v; it lacks %+v", list, err, updated)
	}

	if _, err := a.RoleDelete(ctx, role.ID); err != nil {
		t.Fatal(err)
	}
	_, _, err = a.RoleRead(ctx, role.ID)
	wantACLError(t, err, consul.ErrNotFound)
}

func TestACLRoleWritesThatTheServerRefuses(t *testing.T) {
	t.Parallel()
	ctx, a := testContext(t), newACLClient(t).ACL()
	taken, _, err := a.RoleCreate(ctx, &consul.ACLRole{Name: unique(t)})
	if err != nil {
		t.Fatal(err)
	}
	for text, role := range map[string]*consul.ACLRole{
		"already exists":               {Name: taken.Name},
		"invalid Name":                 {Name: "with space"},
		"No such ACL policy with name": {Name: unique(t), Policies: []*consul.ACLRolePolicyLink{{Name: "absent"}}},
	} {
		_, _, err := a.RoleCreate(ctx, role)
		wantACLStatus(t, err, http.StatusInternalServerError, text)
	}
}

func TestACLTemplatedPoliciesAreListedReadAndPreviewed(t *testing.T) {
	t.Parallel()
	ctx, a := testContext(t), newACLClient(t).ACL()
	templates, _, err := a.TemplatedPolicyList(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		consul.ACLTemplatedPolicyServiceName, consul.ACLTemplatedPolicyNodeName, consul.ACLTemplatedPolicyDNSName,
		consul.ACLTemplatedPolicyNomadServerName, consul.ACLTemplatedPolicyNomadClientName, consul.ACLTemplatedPolicyAPIGatewayName,
	} {
		template, _, err := a.TemplatedPolicyReadByName(ctx, name)
		if err != nil || template.TemplateName != name || template.Template == "" || *template != templates[name] {
			t.Errorf("%s is %+v, %v", name, template, err)
		}
	}

	policy, _, err := a.TemplatedPolicyPreview(ctx, &consul.ACLTemplatedPolicy{
		TemplateName:      consul.ACLTemplatedPolicyServiceName,
		TemplateVariables: &consul.ACLTemplatedPolicyVariables{Name: "web"},
	})
	if err != nil || !strings.Contains(policy.Rules, `service "web"`) {
		t.Errorf("preview is %+v, %v", policy, err)
	}
	policy, _, err = a.TemplatedPolicyPreview(ctx, &consul.ACLTemplatedPolicy{TemplateName: consul.ACLTemplatedPolicyDNSName})
	if err != nil || !strings.Contains(policy.Rules, "query_prefix") {
		t.Errorf("preview without variables is %+v, %v", policy, err)
	}
	_, _, err = a.TemplatedPolicyPreview(ctx, &consul.ACLTemplatedPolicy{TemplateName: consul.ACLTemplatedPolicyServiceName})
	wantACLError(t, err, consul.ErrBadRequest)
}
