package consul_test

// This file tests what sessions look like on the wire, both ways, and what is refused before it gets there.

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/lictor-go/consul"
)

// bodyOf reads what a client sends.
func bodyOf(r *http.Request) string {
	if r.Body == nil {
		return ""
	}
	b, _ := io.ReadAll(r.Body)
	return string(b)
}

func TestSessionEntryOnTheWire(t *testing.T) {
	t.Parallel()
	var body, query string
	c := clientWith(t, &consul.Config{Transport: respond(func(w http.ResponseWriter, r *http.Request) {
		body, query = bodyOf(r), r.URL.RawQuery
		io.WriteString(w, `{"ID":"s"}`)
	})})
	for _, test := range []struct {
		entry *consul.SessionEntry
		want  string
	}{
		{nil, ``},
		{&consul.SessionEntry{}, `{}`},
		{&consul.SessionEntry{ID: "x", CreateIndex: 1, ModifyIndex: 2, Namespace: "team", Partition: "east"}, `{}`},
		{&consul.SessionEntry{NodeChecks: []string{}}, `{"NodeChecks":[]}`},
		{&consul.SessionEntry{Checks: []string{}}, `{"Checks":[]}`},
		{&consul.SessionEntry{ServiceChecks: []consul.ServiceCheck{}}, `{"ServiceChecks":[]}`},
		{&consul.SessionEntry{LockDelay: consul.NoLockDelay}, `{"LockDelay":"0s"}`},
		{&consul.SessionEntry{LockDelay: time.Second, TTL: 90 * time.Second}, `{"LockDelay":"1s","TTL":"1m30s"}`},
		{
			&consul.SessionEntry{Name: "n", Node: "m", Behavior: "delete", NodeChecks: []string{"a"}, ServiceChecks: []consul.ServiceCheck{{ID: "b", Namespace: "c"}}},
			`{"Name":"n","Node":"m","Behavior":"delete","NodeChecks":["a"],"ServiceChecks":[{"ID":"b","Namespace":"c"}]}`,
		},
	} {
		id, _, err := c.Session().Create(testContext(t), test.entry)
		if err != nil || id != "s" || body != test.want {
			t.Errorf("sent %s (%q, %v), want %s", body, id, err, test.want)
		}
		if test.entry != nil && test.entry.Namespace != "" && query != "ns=team&partition=east" {
			t.Errorf("sent ?%s", query)
		}
	}
}

func TestSessionEntryFromTheWire(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]time.Duration{
		`{"LockDelay":15000000000}`: 15 * time.Second,
		`{"LockDelay":1.5e+10}`:     15 * time.Second,
		`{"LockDelay":"15s"}`:       15 * time.Second,
		`{"LockDelay":0}`:           0,
		`{"LockDelay":null}`:        0,
		`{}`:                        0,
	} {
		var e consul.SessionEntry
		if err := json.Unmarshal([]byte(in), &e); err != nil || e.LockDelay != want {
			t.Errorf("%s: %v, %v, want %v", in, e.LockDelay, err, want)
		}
	}
	var e consul.SessionEntry
	if err := json.Unmarshal([]byte(`{"TTL":"soon"}`), &e); err == nil {
		t.Errorf("a TTL of soon was taken for %v", e.TTL)
	}
	entries := checkRecorded[[]*consul.SessionEntry](t, "session/list.json")
	if len(entries) < 3 || entries[0].LockDelay != 1500*time.Millisecond || entries[0].TTL != 90*time.Second {
		t.Errorf("got %+v", entries[0])
	}
	checkRecorded[[]*consul.SessionEntry](t, "session/info.json")
	checkRecorded[[]*consul.SessionEntry](t, "session/renew.json")
}

func TestSessionEntriesWithoutSenseAreRefused(t *testing.T) {
	t.Parallel()
	ctx, s := testContext(t), refuseAll(t).Session()
	for _, entry := range []*consul.SessionEntry{
		{TTL: -1},
		{LockDelay: -2},
		{LockDelay: -time.Second},
		{LockDelay: 999 * time.Nanosecond},
		{Behavior: "explode"},
		{Checks: []string{"a"}, NodeChecks: []string{"b"}},
		{Checks: []string{}, NodeChecks: []string{"b"}},
		{Checks: []string{"a"}, NodeChecks: []string{}},
	} {
		if _, _, err := s.Create(ctx, entry); !errors.Is(err, consul.ErrInvalidOption) {
			t.Errorf("%+v: %v, want ErrInvalidOption", entry, err)
		}
	}
	for _, id := range []string{"", "..", "a//b"} {
		_, errDestroy := s.Destroy(ctx, id)
		_, _, errRenew := s.Renew(ctx, id)
		_, _, errInfo := s.Info(ctx, id)
		_, _, errNode := s.Node(ctx, id)
		for i, err := range []error{errDestroy, errRenew, errInfo, errNode, s.RenewPeriodic(ctx, id, time.Second)} {
			if !errors.Is(err, consul.ErrInvalidOption) {
				t.Errorf("%q, call %d: %v, want ErrInvalidOption", id, i, err)
			}
		}
	}
	for _, ttl := range []time.Duration{0, -time.Second} {
		if err := s.RenewPeriodic(ctx, "s", ttl); !errors.Is(err, consul.ErrInvalidOption) {
			t.Errorf("a TTL of %v: %v, want ErrInvalidOption", ttl, err)
		}
	}
}

func TestSessionAnswersWithoutSense(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	with := func(body string) *consul.Session {
		return clientWith(t, &consul.Config{Transport: respond(answer(200, body))}).Session()
	}
	if id, _, err := with(`{}`).Create(ctx, nil); !errors.Is(err, consul.ErrBadResponse) {
		t.Errorf("create without an ID: %q, %v, want ErrBadResponse", id, err)
	}
	for _, body := range []string{`null`, `[]`, `[null]`} {
		if e, _, err := with(body).Renew(ctx, "s"); !errors.Is(err, consul.ErrSessionExpired) {
			t.Errorf("renew with %s: %v, %v", body, e, err)
		}
		if e, meta, err := with(body).Info(ctx, "s"); !errors.Is(err, consul.ErrNotFound) || meta.LastIndex != 7 {
			t.Errorf("info with %s: %v, %v", body, e, err)
		}
	}
	if list, _, err := with(`null`).List(ctx); err != nil || list == nil {
		t.Errorf("list with null: %v, %v, want an empty one", list, err)
	}
}

func TestSessionRenewGivesTheTTLThatTheServerRaised(t *testing.T) {
	t.Parallel()
	c := clientWith(t, &consul.Config{Transport: respond(answer(200, `[{"ID":"s","TTL":"40s","LockDelay":1.5e+10}]`))})
	entry, _, err := c.Session().Renew(testContext(t), "s")
	if err != nil || entry.TTL != 40*time.Second || entry.LockDelay != 15*time.Second {
		t.Errorf("got %+v, %v", entry, err)
	}
}
