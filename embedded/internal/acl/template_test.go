package acl_test

// This file tests templated policies, identities and built-in policies with what the real server says of them.

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/lictor-go/consul/embedded/internal/acl"
)

const (
	templatesFile = "testdata/templates.json"
	previewsFile  = "testdata/previews.json"
)

// recordedTemplate is a template as /v1/acl/templated-policies shows it.
type recordedTemplate struct{ TemplateName, Schema, Template, Description string }

// recordedPreview is what a template comes to with variables, or the error that it gives.
type recordedPreview struct {
	Template  string
	Variables acl.Variables
	Policy    acl.SyntheticPolicy
	Error     string
}

func TestTemplatesAsRecorded(t *testing.T) {
	t.Parallel()
	want := readRecording[map[string]recordedTemplate](t, templatesFile)
	for _, got := range acl.Templates() {
		if recorded := (recordedTemplate{got.Name, got.Schema, got.Text, got.Description}); want[got.Name] != recorded {
			t.Errorf("%s\n got %q\nwant %q", got.Name, recorded, want[got.Name])
		}
		if found, ok := acl.TemplateByName(got.Name); !ok || found != got {
			t.Errorf("TemplateByName(%q) gives %v, %v", got.Name, found, ok)
		}
		delete(want, got.Name)
	}
	if len(want) > 0 {
		t.Errorf("not there: %v", want)
	}
	if _, ok := acl.TemplateByName("builtin/unknown"); ok {
		t.Error("there is a template for workload identities")
	}
}

func TestPreviewsAsRecorded(t *testing.T) {
	t.Parallel()
	for _, want := range readRecording[[]recordedPreview](t, previewsFile) {
		template, ok := acl.TemplateByName(want.Template)
		if !ok {
			t.Errorf("no template %s", want.Template)
			continue
		}
		if err := template.Check(&want.Variables); err != nil {
			if err.Error() != want.Error {
				t.Errorf("%s of %+v\n got %q\nwant %q", want.Template, want.Variables, err, want.Error)
			}
			continue
		}
		got := template.Policy(&want.Variables)
		if want.Error != "" || got != want.Policy {
			t.Errorf("%s of %+v\n got %q\nwant %q, error %q", want.Template, want.Variables, got, want.Policy, want.Error)
		}
		// The name of a gateway may hold a quote, which makes rules that can't be read.
		if _, err := acl.Parse(got.Rules); err != nil && !strings.Contains(want.Variables.Name, `"`) {
			t.Errorf("%s of %+v can't be parsed: %v", want.Template, want.Variables, err)
		}
	}
}

func TestTemplateRecordingIsReal(t *testing.T) {
	t.Parallel()
	server := newReal(t)
	var got map[string]recordedTemplate
	server.manage(http.MethodGet, "/v1/acl/templated-policies", "", &got)
	if *record {
		writeRecording(t, templatesFile, got)
	}
	if want := readRecording[map[string]recordedTemplate](t, templatesFile); !reflect.DeepEqual(got, want) {
		t.Errorf("the server has %q\nrecorded is %q", got, want)
	}
}

func TestPreviewRecordingIsReal(t *testing.T) {
	t.Parallel()
	server := newReal(t)
	previews := readRecording[[]recordedPreview](t, previewsFile)
	for i, want := range previews {
		got := recordedPreview{Template: want.Template, Variables: want.Variables}
		path := "/v1/acl/templated-policy/preview/" + want.Template
		status, text := server.do(server.ManagementToken(), http.MethodPost, path, want.Variables)
		if status == http.StatusOK {
			got.Policy = decoded[acl.SyntheticPolicy](t, text)
		} else {
			got.Error = strings.TrimPrefix(text, `validation error for templated policy: "`+want.Template+`": `)
		}
		if *record {
			previews[i] = got
		} else if got != want {
			t.Errorf("the server gives %+v\nrecorded is %+v", got, want)
		}
	}
	if *record {
		writeRecording(t, previewsFile, previews)
	}
}

func TestTemplatesWithoutVariables(t *testing.T) {
	t.Parallel()
	for _, template := range acl.Templates() {
		err := template.Check(nil)
		if template.Schema == "" {
			if err != nil || template.Rules(nil) != template.Text {
				t.Errorf("%s: %v, %q", template.Name, err, template.Rules(nil))
			}
			continue
		}
		if err == nil {
			t.Errorf("%s takes no variables at all", template.Name)
		}
	}
}

// What owners of identities and templated policies may have: each case is also asked of the server.
func TestIdentitiesAsTheServerTakesThem(t *testing.T) {
	t.Parallel()
	server := newReal(t)
	long := strings.Repeat("a", 257)
	for name, c := range map[string]struct {
		field string
		value object
		check func(acl.Owner) error
	}{
		"service":            {"ServiceIdentities", object{"ServiceName": "web-1_x"}, service("web-1_x")},
		"service in dc":      {"ServiceIdentities", object{"ServiceName": "web", "Datacenters": []string{"dc1"}}, service("web", "dc1")},
		"service nameless":   {"ServiceIdentities", object{"Datacenters": []string{"dc1"}}, service("", "dc1")},
		"service in capital": {"ServiceIdentities", object{"ServiceName": "Web"}, service("Web")},
		"service too long":   {"ServiceIdentities", object{"ServiceName": long}, service(long)},
		"service long":       {"ServiceIdentities", object{"ServiceName": long[:256]}, service(long[:256])},
		"service dash":       {"ServiceIdentities", object{"ServiceName": "web-"}, service("web-")},
		"node":               {"NodeIdentities", object{"NodeName": "n", "Datacenter": "dc1"}, node("n", "dc1")},
		"node nameless":      {"NodeIdentities", object{"Datacenter": "dc1"}, node("", "dc1")},
		"node nowhere":       {"NodeIdentities", object{"NodeName": "n"}, node("n", "")},
		"node in capital":    {"NodeIdentities", object{"NodeName": "N", "Datacenter": "dc1"}, node("N", "dc1")},
		"template":           {"TemplatedPolicies", object{"TemplateName": "builtin/dns"}, templated("builtin/dns", nil)},
		"template nameless":  {"TemplatedPolicies", object{}, templated("", nil)},
		"template unknown":   {"TemplatedPolicies", object{"TemplateName": "builtin/x"}, templated("builtin/x", nil)},
		"template of node":   {"TemplatedPolicies", with("builtin/node", "n"), templated("builtin/node", named("n"))},
		"template bad node":  {"TemplatedPolicies", with("builtin/node", "N"), templated("builtin/node", named("N"))},
		"template bad name":  {"TemplatedPolicies", with("builtin/service", "-"), templated("builtin/service", named("-"))},
		"template no name":   {"TemplatedPolicies", with("builtin/api-gateway", ""), templated("builtin/api-gateway", named(""))},
		"template no vars":   {"TemplatedPolicies", object{"TemplateName": "builtin/api-gateway"}, templated("builtin/api-gateway", nil)},
	} {
		for _, owner := range []acl.Owner{acl.OwnerToken, acl.OwnerRole} {
			body := object{c.field: []object{c.value}}
			if owner == acl.OwnerRole {
				body["Name"] = strings.ReplaceAll(name, " ", "-")
			}
			status, text := server.do(server.ManagementToken(), http.MethodPut, "/v1/acl/"+string(owner), body)
			compare(t, name+" of "+string(owner), c.check(owner), status, text)
		}
	}
	body := object{"Local": true, "ServiceIdentities": []object{{"ServiceName": "web", "Datacenters": []string{"dc1"}}}}
	status, text := server.do(server.ManagementToken(), http.MethodPut, "/v1/acl/token", body)
	compare(t, "service in dc of local token", acl.CheckServiceIdentity(acl.OwnerToken, "web", []string{"dc1"}, true), status, text)
}

func service(name string, datacenters ...string) func(acl.Owner) error {
	return func(o acl.Owner) error { return acl.CheckServiceIdentity(o, name, datacenters, false) }
}

func node(name, datacenter string) func(acl.Owner) error {
	return func(o acl.Owner) error { return acl.CheckNodeIdentity(o, name, datacenter) }
}

func templated(template string, v *acl.Variables) func(acl.Owner) error {
	return func(o acl.Owner) error {
		_, err := acl.CheckTemplatedPolicy(o, template, v)
		return err
	}
}

func named(name string) *acl.Variables { return &acl.Variables{Name: name} }

func with(template, name string) object {
	return object{"TemplateName": template, "TemplateVariables": object{"Name": name}}
}

// compare fails where the server accepts what err refuses, or the other way round, or says it in other words.
func compare(t *testing.T, what string, err error, status int, text string) {
	t.Helper()
	switch {
	case err == nil && status == http.StatusOK:
	case err == nil:
		t.Errorf("%s is accepted, but the server says %d %s", what, status, text)
	case status == http.StatusOK:
		t.Errorf("%s is refused, %v, but the server accepts it", what, err)
	case err.Error() != text:
		t.Errorf("%s\nserver: %d %q\n   got: %q", what, status, text, err)
	}
}

func TestIdentitiesAreTheirTemplates(t *testing.T) {
	t.Parallel()
	for template, got := range map[string]acl.SyntheticPolicy{
		"builtin/service": acl.ServiceIdentity("web"),
		"builtin/node":    acl.NodeIdentity("web"),
	} {
		want, _ := acl.TemplateByName(template)
		if got != want.Policy(named("web")) {
			t.Errorf("%s: %q", template, got)
		}
	}
	a := acl.New(acl.DefaultDeny, parse(t, []string{acl.ServiceIdentity("web").Rules})...)
	if !a.ServiceWrite("web") || !a.ServiceWrite("web-sidecar-proxy") || !a.ServiceReadAll() || !a.NodeReadAll() {
		t.Error("the identity of a service does not give what it must")
	}
	if a.ServiceWrite("db") || a.NodeWrite("web") {
		t.Error("the identity of a service gives more than it must")
	}
}

func TestBuiltinPoliciesAsTheServerHasThem(t *testing.T) {
	t.Parallel()
	server := newReal(t)
	for _, want := range []acl.BuiltinPolicy{acl.GlobalManagement(), acl.GlobalReadOnly()} {
		var got acl.BuiltinPolicy
		server.manage(http.MethodGet, "/v1/acl/policy/"+want.ID, "", &got)
		if got != want {
			t.Errorf("the server has %q\ngot %q", got, want)
		}
		if _, err := acl.Parse(want.Rules); err != nil {
			t.Error(err)
		}
	}
}

// The names of variables are those that the server writes.
func TestVariablesInJSON(t *testing.T) {
	t.Parallel()
	for v, want := range map[acl.Variables]string{{}: `{}`, {Name: "a"}: `{"name":"a"}`} {
		if got, err := json.Marshal(v); err != nil || string(got) != want {
			t.Errorf("%+v is %s, %v", v, got, err)
		}
	}
}
