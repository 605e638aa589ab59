package main

// This file tests the module by itself: what it makes of parameters, and what it answers.

import (
	"slices"
	"testing"
	"time"

	"github.com/lictor-go/consul"
)

type params = map[string]any

func TestPresentIsIdempotent(t *testing.T) {
	t.Parallel()
	h, name := newHost(t), unique(t)
	first := h.does(true, params{"name": name})
	e := h.wantNamed(1, name)[0]
	if first.SessionID == nil || *first.SessionID != e.ID || *first.Name != name || *first.Node != h.server.NodeName() ||
		first.Behavior != "release" || first.Delay != 15 || first.TTL != nil || first.Checks != nil {
		t.Errorf("the answer is %s", first.text)
	}
	if e.LockDelay != 15*time.Second || e.TTL != 0 || e.Behavior != "release" ||
		!slices.Equal(e.NodeChecks, []string{"serfHealth"}) {
		t.Errorf("the session is %+v, want the document's defaults", e)
	}
	if second := h.does(false, params{"name": name}); *second.SessionID != e.ID || len(second.Sessions) != 1 {
		t.Errorf("the second answer is %s, want session %s", second.text, e.ID)
	}
	h.wantNamed(1, name)
}

func TestPresentWithoutANameMakesOneMore(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	first, second := h.does(true, nil), h.does(true, nil)
	if *first.SessionID == *second.SessionID {
		t.Errorf("both are session %s", *first.SessionID)
	}
	check := h.does(true, params{"_ansible_check_mode": true})
	if check.SessionID != nil {
		t.Errorf("check mode made session %s", *check.SessionID)
	}
	for _, a := range []answer{first, second} {
		h.does(true, params{"id": *a.SessionID, "state": "absent"})
	}
}

func TestPresentTakesAllParameters(t *testing.T) {
	t.Parallel()
	h, name := newHost(t), unique(t)
	node, check := "node-of-"+name, "check-of-"+name
	registration := &consul.CatalogRegistration{Node: node, Address: "192.0.2.1", Checks: consul.HealthChecks{
		{Node: node, CheckID: "serfHealth", Name: "serf", Status: consul.HealthPassing},
		{Node: node, CheckID: check, Name: "a check", Status: consul.HealthPassing},
	}}
	if _, err := h.client.Catalog().Register(t.Context(), registration); err != nil {
		t.Fatal(err)
	}
	asked := params{"name": name, "node": node, "checks": []string{check}, "delay": "20s", "ttl": 600, "behavior": "delete",
		"state": "present", "datacenter": h.server.Datacenter(), "validate_certs": "yes"}
	h.does(true, asked)
	e := h.wantNamed(1, name)[0]
	if e.Node != node || e.LockDelay != 20*time.Second || e.TTL != 10*time.Minute || e.Behavior != "delete" ||
		!slices.Equal(e.Checks, []string{check}) || !slices.Equal(e.NodeChecks, []string{"serfHealth"}) {
		t.Errorf("the session is %+v", e)
	}
	asked["checks"], asked["delay"], asked["ttl"], asked["validate_certs"] = check, 20, "10m", false // the same in other words
	again := h.does(false, asked)
	if again.Delay != 20 || *again.TTL != 600 {
		t.Errorf("the answer is %s, want a delay of 20 and a TTL of 600", again.text)
	}
	asked["checks"], asked["delay"] = []string{}, 0
	h.does(true, asked)
	if e := h.wantNamed(1, name)[0]; len(e.NodeChecks)+len(e.Checks) > 0 || e.LockDelay != 0 {
		t.Errorf("the session is %+v, want it without checks and lock-delay", e)
	}
	h.does(false, asked)
}

func TestPresentReplacesWhatIsOtherwise(t *testing.T) {
	t.Parallel()
	h, name := newHost(t), unique(t)
	old := *h.does(true, params{"name": name}).SessionID
	change := params{"name": name, "delay": 5, "_ansible_check_mode": true, "_ansible_diff": true}

	planned := h.does(true, change)
	if e := h.wantNamed(1, name)[0]; e.ID != old || planned.SessionID != nil {
		t.Errorf("check mode left session %s, and answered %s", e.ID, planned.text)
	}
	wantDiff(t, planned, 15, 5)

	change["_ansible_check_mode"] = false
	done := h.does(true, change)
	e := h.wantNamed(1, name)[0]
	if e.ID == old || e.ID != *done.SessionID || e.LockDelay != 5*time.Second {
		t.Errorf("the session is %+v, where %s was", e, old)
	}
	wantDiff(t, done, 15, 5)
	if same := h.does(false, change); same.Diff != nil {
		t.Errorf("a diff of nothing: %s", same.text)
	}
}

// wantDiff wants a diff of one session, by its delay.
func wantDiff(t *testing.T, a answer, before, after float64) {
	t.Helper()
	if a.Diff == nil || len(a.Diff.Before.Sessions) != 1 || len(a.Diff.After.Sessions) != 1 ||
		a.Diff.Before.Sessions[0]["delay"] != before || a.Diff.After.Sessions[0]["delay"] != after {
		t.Errorf("the diff is wrong, want delay %v and then %v: %s", before, after, a.text)
	}
}

// TestPresentKeepsWhatConsulRefusesToReplace has a change fail, after which the session is as it was.
func TestPresentKeepsWhatConsulRefusesToReplace(t *testing.T) {
	t.Parallel()
	h, name := newHost(t), unique(t)
	old := *h.does(true, params{"name": name}).SessionID
	h.fails(params{"name": name, "checks": "nonesuch"}, "create a session", "nonesuch", h.server.URL())
	if e := h.wantNamed(1, name)[0]; e.ID != old {
		t.Errorf("session %s is there, want %s", e.ID, old)
	}
}

func TestPresentAmongSeveral(t *testing.T) {
	t.Parallel()
	h, name := newHost(t), unique(t)
	for range 2 {
		if _, _, err := h.client.Session().Create(t.Context(), &consul.SessionEntry{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	h.does(false, params{"name": name}) // one is as asked for
	h.fails(params{"name": name, "delay": 1}, "2 sessions", name, "remove them first", h.named(name)[0].ID)
	h.wantNamed(2, name)
	if removed := h.does(true, params{"name": name, "state": "absent"}); len(removed.Sessions) != 2 {
		t.Errorf("the answer is %s, want both", removed.text)
	}
	h.wantNamed(0, name)
}

// TestPresentRenews has a session whose TTL runs be good for the whole of it again. That shows in what the program sends.
func TestPresentRenews(t *testing.T) {
	t.Parallel()
	asked := params{"name": "n", "ttl": 30}
	renewed, address := recordRenewals(t)
	h := newHost(t)
	h.env = []string{"CONSUL_HTTP_ADDR=" + address}
	id := *h.does(true, asked).SessionID
	h.does(false, params{"name": "n", "ttl": 30, "_ansible_check_mode": true})
	if got := renewed(); len(got) > 0 {
		t.Errorf("renewed %v, in check mode", got)
	}
	h.does(false, asked)
	if got := renewed(); !slices.Equal(got, []string{"/v1/session/renew/" + id}) {
		t.Errorf("renewed %v, want session %s", got, id)
	}
}

func TestPresentWarns(t *testing.T) {
	t.Parallel()
	h, name := newHost(t), unique(t)
	asked := params{"name": name, "id": "mine", "delay": 90}
	h.does(true, asked)
	a := h.does(false, asked)
	if len(a.Warnings) != 2 {
		t.Fatalf("want two warnings: %s", a.text)
	}
	wantText(t, a.Warnings[0], "1m0s at most, not 1m30s")
	wantText(t, a.Warnings[1], "id is ignored")
}

func TestAbsent(t *testing.T) {
	t.Parallel()
	for _, by := range []string{"id", "name"} {
		t.Run(by, func(t *testing.T) {
			t.Parallel()
			h, name := newHost(t), unique(t)
			id := *h.does(true, params{"name": name}).SessionID
			asked := params{"state": "absent", by: map[string]string{"id": id, "name": name}[by], "_ansible_diff": true}

			asked["_ansible_check_mode"] = true
			h.does(true, asked)
			h.wantNamed(1, name)

			asked["_ansible_check_mode"] = false
			done := h.does(true, asked)
			h.wantNamed(0, name)
			if *done.SessionID != id || len(done.Diff.Before.Sessions) != 1 || done.Diff.After.Sessions != nil {
				t.Errorf("the answer is %s", done.text)
			}
			h.does(false, asked)
		})
	}
}

// TestNamesAreOfANode has two hosts share a name, each of which has its own session of it.
func TestNamesAreOfANode(t *testing.T) {
	t.Parallel()
	h, name := newHost(t), unique(t)
	node := "node-of-" + name
	registration := &consul.CatalogRegistration{Node: node, Address: "192.0.2.1"}
	if _, err := h.client.Catalog().Register(t.Context(), registration); err != nil {
		t.Fatal(err)
	}
	h.does(true, params{"name": name, "node": node, "checks": []string{}})
	kept := h.does(false, params{"name": name, "state": "absent"})
	if len(kept.Warnings) != 1 {
		t.Fatalf("no warning of the other node: %s", kept.text)
	}
	wantText(t, kept.Warnings[0], name, node)
	h.does(true, params{"name": name})
	h.wantNamed(2, name)
	h.does(true, params{"name": name, "node": node, "state": "absent"})
	if e := h.wantNamed(1, name)[0]; e.Node != h.server.NodeName() {
		t.Errorf("the session of node %s is left, want the agent's", e.Node)
	}
}

func TestReads(t *testing.T) {
	t.Parallel()
	h, name := newHost(t), unique(t)
	id := *h.does(true, params{"name": name, "ttl": 60}).SessionID
	for what, asked := range map[string]params{
		"info":         {"state": "info", "id": id},
		"node":         {"state": "node", "node": h.server.NodeName()},
		"node by name": {"state": "node", "name": h.server.NodeName()},
		"list":         {"state": "list"},
	} {
		a := h.does(false, asked)
		i := slices.IndexFunc(a.Sessions, func(s session) bool { return s.ID == id })
		if i < 0 {
			t.Errorf("%s: session %s is not in %s", what, id, a.text)
		} else if s := a.Sessions[i]; s.Name != name || s.Node != h.server.NodeName() || s.LockDelay != 15*time.Second ||
			s.TTL == "" || s.Behavior != "release" || !slices.Equal(s.NodeChecks, []string{"serfHealth"}) || s.CreateIndex == 0 {
			t.Errorf("%s: %s", what, a.text)
		}
	}
	for what, asked := range map[string]params{
		"info": {"state": "info", "id": "session_id"},
		"node": {"state": "node", "node": "nonesuch"},
	} {
		if a := h.does(false, asked); len(a.Sessions) > 0 || a.Sessions == nil {
			t.Errorf("%s of what there is not: %s", what, a.text)
		}
	}
}

func TestFailuresNameTheParameter(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	for what, test := range map[string]struct {
		asked params
		says  []string
	}{
		"unknown":              {params{"nam": "n"}, []string{"unknown parameter nam", "behavior, ca_path"}},
		"two":                  {params{"state": "gone", "delay": "soon"}, []string{"state: ", `"gone"`, "delay: ", `"soon"`}},
		"state":                {params{"state": "remove"}, []string{"state: ", "present, absent, info, node, list"}},
		"behavior":             {params{"behavior": "keep"}, []string{"behavior: ", "release, delete"}},
		"scheme":               {params{"scheme": "ftp"}, []string{"scheme: ", "http, https"}},
		"delay":                {params{"delay": -1}, []string{"delay: "}},
		"ttl":                  {params{"ttl": "1.5"}, []string{"ttl: ", "seconds"}},
		"ttl that is refused":  {params{"ttl": 9}, []string{"TTL"}},
		"port":                 {params{"port": 0}, []string{"port: "}},
		"port text":            {params{"port": "http"}, []string{"port: ", "http"}},
		"host":                 {params{"host": "http://a"}, []string{"host: "}},
		"validate_certs":       {params{"validate_certs": "maybe"}, []string{"validate_certs: ", "maybe"}},
		"checks":               {params{"checks": "a,,b"}, []string{"checks: ", "empty"}},
		"checks, no text":      {params{"checks": []any{params{}}}, []string{"checks: ", "dictionary"}},
		"name, no text":        {params{"name": []string{"a"}}, []string{"name: ", "list"}},
		"node that is not":     {params{"node": "nonesuch"}, []string{"create a session", "node"}},
		"info without id":      {params{"state": "info", "name": "n"}, []string{"id is required"}},
		"absent without any":   {params{"state": "absent", "id": nil}, []string{"id or name is required"}},
		"node without any":     {params{"state": "node"}, []string{"node is required"}},
		"ca_path that is not":  {params{"scheme": "https", "ca_path": "/nonesuch"}, []string{"ca_path: ", "/nonesuch"}},
		"half a pair":          {params{"scheme": "https", "client_cert": "/a"}, []string{"client_cert", "client_key"}},
		"ca_path without TLS":  {params{"ca_path": "/"}, []string{"ca_path", "scheme"}},
		"a host that is not":   {params{"port": 1, "host": "127.0.0.1"}, []string{"http://127.0.0.1:1", "cannot reach"}},
		"a datacenter, no one": {params{"datacenter": "nonesuch", "state": "list"}, []string{"list the sessions", "datacenter"}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			one := *h
			one.t = t
			one.fails(test.asked, test.says...)
		})
	}
}

func TestMalformedArguments(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	for _, text := range []string{"", "[]", "{", `{"state":"list"}{}`, `name=n`} {
		if a := h.moduleText(text); !a.Failed || a.Msg == "" {
			t.Errorf("%q: %s", text, a.text)
		}
	}
	stdout, _ := h.ends(exitFailed, "/nonesuch/args")
	wantText(t, stdout, `"failed":true`, "/nonesuch/args")
}
