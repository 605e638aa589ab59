package consul_test

// This file tests auth methods, binding rules and logins, with JWTs that the test signs itself.

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lictor-go/consul"
)

// A jwtIssuer is an authority that signs JWTs.
type jwtIssuer struct {
	key *ecdsa.PrivateKey
	pem string // the public key
}

func newJWTIssuer(t *testing.T) *jwtIssuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return &jwtIssuer{key, string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))}
}

// sign gives a JWT that says which service its bearer is, and ends after lifetime.
func (i *jwtIssuer) sign(t *testing.T, service string, lifetime time.Duration) string {
	t.Helper()
	now := time.Now()
	part := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	signed := part(map[string]string{"alg": "ES256", "typ": "JWT"}) + "." + part(map[string]any{
		"iss": "issuer", "aud": "consul", "sub": service, "service": service,
		"nbf": now.Add(-time.Hour).Unix(), "iat": now.Add(-time.Hour).Unix(), "exp": now.Add(lifetime).Unix(),
	})
	hash := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, i.key, hash[:])
	if err != nil {
		t.Fatal(err)
	}
	signature := append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// method is an auth method that trusts the issuer.
func (i *jwtIssuer) method(name string) *consul.ACLAuthMethod {
	return &consul.ACLAuthMethod{
		Name: name, Type: "jwt", DisplayName: "display", Description: "description",
		MaxTokenTTL: 5 * time.Minute, TokenLocality: "global", TokenNameFormat: "${auth_method_type}-login",
		Config: map[string]any{
			"JWTValidationPubKeys": []string{i.pem},
			"BoundIssuer":          "issuer",
			"BoundAudiences":       []string{"consul"},
			"ClaimMappings":        map[string]string{"service": "service"},
		},
	}
}

// newAuthMethod makes an auth method with an issuer of its own, for one test.
func newAuthMethod(t *testing.T, c *consul.Client) (*jwtIssuer, *consul.ACLAuthMethod) {
	t.Helper()
	issuer := newJWTIssuer(t)
	method, _, err := c.ACL().AuthMethodCreate(testContext(t), issuer.method(unique(t)))
	if err != nil {
		t.Fatal(err)
	}
	return issuer, method
}

func newBindingRule(t *testing.T, c *consul.Client, rule *consul.ACLBindingRule) *consul.ACLBindingRule {
	t.Helper()
	made, _, err := c.ACL().BindingRuleCreate(testContext(t), rule)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestACLAuthMethodLives(t *testing.T) {
	t.Parallel()
	ctx, c := testContext(t), newACLClient(t)
	a := c.ACL()
	issuer, method := newAuthMethod(t, c)
	given := issuer.method(method.Name)
	if method.Type != "jwt" || method.DisplayName != "display" || method.Description != "description" || method.MaxTokenTTL != 5*time.Minute ||
		method.TokenLocality != "global" || method.TokenNameFormat != given.TokenNameFormat || method.CreateIndex == 0 {
		t.Errorf("method is %+v", method)
	}
	if keys, ok := method.Config["JWTValidationPubKeys"].([]any); !ok || len(keys) != 1 || keys[0] != issuer.pem {
		t.Errorf("config is %v", method.Config)
	}
	read, meta, err := a.AuthMethodRead(ctx, method.Name)
	if err != nil || !reflect.DeepEqual(read, method) || meta.LastIndex == 0 {
		t.Errorf("read %+v, %+v, %v", read, meta, err)
	}
	read.Description, read.MaxTokenTTL, read.TokenLocality, read.Type = "second", 0, "local", ""
	updated, _, err := a.AuthMethodUpdate(ctx, read)
	if err != nil || updated.Description != "second" || updated.MaxTokenTTL != 0 || updated.TokenLocality != "local" ||
		updated.Type != "jwt" || updated.CreateIndex != method.CreateIndex {
		t.Errorf("updated to %+v, %v", updated, err)
	}
	again, _, err := a.AuthMethodCreate(ctx, given)
	if err != nil || again.CreateIndex != method.CreateIndex || again.MaxTokenTTL != 5*time.Minute {
		t.Errorf("created over what exists: %+v, %v; want it overwritten", again, err)
	}

	list, meta, err := a.AuthMethodList(ctx)
	if err != nil || meta.LastIndex == 0 {
		t.Fatal(err, meta)
	}
	want := &consul.ACLAuthMethodListEntry{
		Name: again.Name, Type: again.Type, DisplayName: again.DisplayName, Description: again.Description,
		MaxTokenTTL: again.MaxTokenTTL, TokenLocality: again.TokenLocality, TokenNameFormat: again.TokenNameFormat,
		CreateIndex: again.CreateIndex, ModifyIndex: again.ModifyIndex,
	}
	if !slices.ContainsFunc(list, func(e *consul.ACLAuthMethodListEntry) bool { return reflect.DeepEqual(e, want) }) {
		t.Errorf("the list lacks %+v", want)
	}

	if _, err := a.AuthMethodDelete(ctx, method.Name); err != nil {
		t.Fatal(err)
	}
	_, _, err = a.AuthMethodRead(ctx, method.Name)
	wantACLError(t, err, consul.ErrNotFound)
	if made, _, err := a.AuthMethodUpdate(ctx, given); err != nil || made.Name != given.Name {
		t.Errorf("updated what does not exist to %+v, %v; want it made", made, err)
	}
}

func TestACLAuthMethodWritesThatTheServerRefuses(t *testing.T) {
	t.Parallel()
	ctx, a, issuer := testContext(t), newACLClient(t).ACL(), newJWTIssuer(t)
	for text, change := range map[string]func(*consul.ACLAuthMethod){
		"Type should be one of":    func(m *consul.ACLAuthMethod) { m.Type = "bogus" },
		"invalid Name":             func(m *consul.ACLAuthMethod) { m.Name = "with space" },
		"cannot be less than 1m0s": func(m *consul.ACLAuthMethod) { m.MaxTokenTTL = time.Second },
		"TokenLocality":            func(m *consul.ACLAuthMethod) { m.TokenLocality = "bogus" },
		"error parsing public key": func(m *consul.ACLAuthMethod) { m.Config["JWTValidationPubKeys"] = []string{"x"} },
	} {
		method := issuer.method(unique(t))
		change(method)
		_, _, err := a.AuthMethodCreate(ctx, method)
		wantACLStatus(t, err, http.StatusInternalServerError, text)
		wantACLError(t, err, nil)
	}
}

func TestACLBindingRuleLives(t *testing.T) {
	t.Parallel()
	ctx, c := testContext(t), newACLClient(t)
	a := c.ACL()
	_, method := newAuthMethod(t, c)
	given := &consul.ACLBindingRule{
		Description: "first", AuthMethod: method.Name, Selector: `value.service == "web"`,
		BindType: consul.BindingRuleBindTypeTemplatedPolicy, BindName: consul.ACLTemplatedPolicyServiceName,
		BindVars: &consul.ACLTemplatedPolicyVariables{Name: "${value.service}"},
	}
	rule := newBindingRule(t, c, given)
	want := *given
	want.ID, want.CreateIndex, want.ModifyIndex = rule.ID, rule.CreateIndex, rule.ModifyIndex
	if rule.ID == "" || rule.CreateIndex == 0 || !reflect.DeepEqual(rule, &want) {
		t.Errorf("rule is %+v, want %+v", rule, want)
	}
	read, meta, err := a.BindingRuleRead(ctx, rule.ID)
	if err != nil || !reflect.DeepEqual(read, rule) || meta.LastIndex == 0 {
		t.Errorf("read %+v, %+v, %v", read, meta, err)
	}
	read.Description, read.AuthMethod, read.BindType, read.BindName, read.BindVars = "second", "", consul.BindingRuleBindTypeService, "web", nil
	updated, _, err := a.BindingRuleUpdate(ctx, read)
	if err != nil || updated.ID != rule.ID || updated.Description != "second" || updated.AuthMethod != method.Name ||
		updated.BindType != consul.BindingRuleBindTypeService || updated.BindVars != nil {
		t.Errorf("updated to %+v, %v", updated, err)
	}

	_, other := newAuthMethod(t, c)
	otherRule := newBindingRule(t, c, &consul.ACLBindingRule{AuthMethod: other.Name, BindType: consul.BindingRuleBindTypeNode, BindName: "n"})
	list, meta, err := a.BindingRuleList(ctx, consul.WithAuthMethod(method.Name))
	if err != nil || meta.LastIndex == 0 || len(list) != 1 || !reflect.DeepEqual(list[0], updated) {
		t.Errorf("rules of the method are %v, %v", list, err)
	}
	if list, _, err = a.BindingRuleList(ctx, consul.WithAuthMethod("absent")); err != nil || list == nil || len(list) != 0 {
		t.Errorf("rules of an absent method are %#v, %v; want an empty list", list, err)
	}
	if list, _, err = a.BindingRuleList(ctx); err != nil {
		t.Fatal(err)
	}
	for _, want := range []*consul.ACLBindingRule{updated, otherRule} {
		if !slices.ContainsFunc(list, func(r *consul.ACLBindingRule) bool { return reflect.DeepEqual(r, want) }) {
			t.Errorf("the list of all lacks %+v", want)
		}
	}

	if _, err := a.BindingRuleDelete(ctx, rule.ID); err != nil {
		t.Fatal(err)
	}
	_, _, err = a.BindingRuleRead(ctx, rule.ID)
	wantACLError(t, err, consul.ErrNotFound)
}

func TestACLBindingRuleWritesThatTheServerRefuses(t *testing.T) {
	t.Parallel()
	ctx, c := testContext(t), newACLClient(t)
	_, method := newAuthMethod(t, c)
	for text, rule := range map[string]*consul.ACLBindingRule{
		"cannot find auth method": {AuthMethod: "absent", BindType: consul.BindingRuleBindTypeRole, BindName: "r"},
		"no BindName is set":      {AuthMethod: method.Name, BindType: consul.BindingRuleBindTypeRole},
		"unknown BindType":        {AuthMethod: method.Name, BindType: "bogus", BindName: "r"},
		"Selector is invalid":     {AuthMethod: method.Name, BindType: consul.BindingRuleBindTypeRole, BindName: "r", Selector: "a == 1"},
	} {
		_, _, err := c.ACL().BindingRuleCreate(ctx, rule)
		wantACLStatus(t, err, http.StatusInternalServerError, text)
		wantACLError(t, err, nil)
	}
}

func TestACLLoginGivesWhatTheBindingRulesSay(t *testing.T) {
	t.Parallel()
	ctx, c := testContext(t), newACLClient(t)
	issuer, method := newAuthMethod(t, c)
	policy := newACLPolicy(t, c, `key_prefix "`+unique(t)+`" { policy = "write" }`)
	role, _, err := c.ACL().RoleCreate(ctx, &consul.ACLRole{Name: unique(t)})
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range []*consul.ACLBindingRule{
		{BindType: consul.BindingRuleBindTypeService, BindName: "${value.service}", Selector: `value.service == "web"`},
		{BindType: consul.BindingRuleBindTypeNode, BindName: "node-of-${value.service}"},
		{BindType: consul.BindingRuleBindTypeRole, BindName: role.Name},
		{BindType: consul.BindingRuleBindTypePolicy, BindName: policy.Name},
		{BindType: consul.BindingRuleBindTypeTemplatedPolicy, BindName: consul.ACLTemplatedPolicyServiceName,
			BindVars: &consul.ACLTemplatedPolicyVariables{Name: "${value.service}-api"}},
		{BindType: consul.BindingRuleBindTypeService, BindName: "other", Selector: `value.service == "other"`},
	} {
		rule.AuthMethod = method.Name
		newBindingRule(t, c, rule)
	}
	anyone := clientWith(t, &consul.Config{Address: aclServer.get(t).Addr()}) // has no token
	token, _, err := anyone.ACL().Login(ctx, &consul.ACLLoginParams{
		AuthMethod: method.Name, BearerToken: issuer.sign(t, "web", time.Hour), Meta: map[string]string{"pod": "p1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if token.SecretID == "" || token.AuthMethod != method.Name ||
		!strings.HasPrefix(token.Name, "jwt-login-") || token.Local || !strings.Contains(token.Description, `"pod":"p1"`) {
		t.Errorf("token is %+v", token)
	}
	if ttl := token.ExpirationTime.Sub(token.CreateTime); ttl != 5*time.Minute {
		t.Errorf("the token lives for %v, want the method's MaxTokenTTL", ttl)
	}
	want := consul.ACLToken{
		ServiceIdentities: []*consul.ACLServiceIdentity{{ServiceName: "web"}},
		NodeIdentities:    []*consul.ACLNodeIdentity{{NodeName: "node-of-web", Datacenter: "dc1"}},
		Roles:             []*consul.ACLTokenRoleLink{{ID: role.ID, Name: role.Name}},
		Policies:          []*consul.ACLTokenPolicyLink{{ID: policy.ID, Name: policy.Name}},
		TemplatedPolicies: []*consul.ACLTemplatedPolicy{{
			TemplateName: consul.ACLTemplatedPolicyServiceName, TemplateVariables: &consul.ACLTemplatedPolicyVariables{Name: "web-api"},
		}},
	}
	got := consul.ACLToken{
		ServiceIdentities: token.ServiceIdentities, NodeIdentities: token.NodeIdentities, Roles: token.Roles,
		Policies: token.Policies, TemplatedPolicies: token.TemplatedPolicies,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the token allows other things than the rules say: %+v", token)
	}
	list, _, err := c.ACL().TokenList(ctx, consul.WithAuthMethod(method.Name))
	if err != nil || len(list) != 1 || list[0].AccessorID != token.AccessorID {
		t.Errorf("tokens of the method are %v, %v", list, err)
	}
}

func TestACLLoginLastsUntilLogout(t *testing.T) {
	t.Parallel()
	ctx, c, key := testContext(t), newACLClient(t), unique(t)
	issuer, method := newAuthMethod(t, c)
	policy := newACLPolicy(t, c, `key "`+key+`" { policy = "write" }`)
	newBindingRule(t, c, &consul.ACLBindingRule{AuthMethod: method.Name, BindType: consul.BindingRuleBindTypePolicy, BindName: policy.Name})
	token, _, err := c.ACL().Login(ctx, &consul.ACLLoginParams{AuthMethod: method.Name, BearerToken: issuer.sign(t, "web", time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	session := clientWith(t, &consul.Config{Address: aclServer.get(t).Addr(), Token: token.SecretID})
	if _, err := session.KV().Put(ctx, &consul.KVPair{Key: key}); err != nil {
		t.Errorf("writing what the login allows: %v", err)
	}
	if _, err := session.KV().Put(ctx, &consul.KVPair{Key: key + "-other"}); err == nil {
		t.Error("the login allows what no rule says")
	}
	if _, _, err := c.ACL().TokenClone(ctx, token.AccessorID, ""); err == nil {
		t.Error("a token from a login was cloned")
	}

	if _, err := session.ACL().Logout(ctx); err != nil {
		t.Fatal(err)
	}
	_, _, err = session.ACL().TokenReadSelf(ctx)
	wantACLError(t, err, consul.ErrPermissionDenied)
	_, err = session.ACL().Logout(ctx)
	wantACLError(t, err, consul.ErrPermissionDenied)
	_, _, err = c.ACL().TokenRead(ctx, token.AccessorID)
	wantACLError(t, err, consul.ErrNotFound)
	_, err = c.ACL().Logout(ctx) // the management token is from no login
	wantACLError(t, err, consul.ErrPermissionDenied)
	wantACLStatus(t, err, http.StatusForbidden, "via login")
}

func TestACLLoginIsRefused(t *testing.T) {
	t.Parallel()
	ctx, c := testContext(t), newACLClient(t)
	issuer, method := newAuthMethod(t, c)
	newBindingRule(t, c, &consul.ACLBindingRule{
		AuthMethod: method.Name, BindType: consul.BindingRuleBindTypeService, BindName: "web", Selector: `value.service == "web"`,
	})
	login := func(bearer string) error {
		_, _, err := c.ACL().Login(ctx, &consul.ACLLoginParams{AuthMethod: method.Name, BearerToken: bearer})
		if err != nil && strings.Contains(err.Error(), bearer) {
			t.Errorf("the error shows the bearer token: %v", err)
		}
		return err
	}
	wantACLError(t, login(issuer.sign(t, "other", time.Hour)), consul.ErrPermissionDenied)
	wantACLStatus(t, login(issuer.sign(t, "web", -30*time.Minute)), http.StatusInternalServerError, "expired")
	wantACLStatus(t, login(newJWTIssuer(t).sign(t, "web", time.Hour)), http.StatusInternalServerError, "signature")
	wantACLStatus(t, login("not-a-jwt"), http.StatusInternalServerError, "error parsing token")
	if err := login(issuer.sign(t, "web", time.Hour)); err != nil {
		t.Errorf("a login that nothing is wrong with: %v", err)
	}
}
