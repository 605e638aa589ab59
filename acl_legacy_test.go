package consul_test

// This file tests the legacy tokens on Consul 1.10.0, and what becomes of the calls on Consul of today.

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lictor-go/consul"
)

var aclLegacyEndpoints = []endpoint{
	{name: "ACL.Create", route: "PUT /v1/acl/create", result: `{"ID":"x"}`, call: func(ctx context.Context, c *consul.Client) error {
		_, _, err := c.ACL().Create(ctx, &consul.ACLEntry{Name: "n", Type: consul.ACLClientType})
		return err
	}},
	{name: "ACL.Update", route: "PUT /v1/acl/update", call: func(ctx context.Context, c *consul.Client) error {
		_, err := c.ACL().Update(ctx, &consul.ACLEntry{ID: "absent", Type: consul.ACLClientType})
		return err
	}},
	{name: "ACL.Destroy", route: "PUT /v1/acl/destroy/", call: func(ctx context.Context, c *consul.Client) error {
		_, err := c.ACL().Destroy(ctx, "absent")
		return err
	}},
	{name: "ACL.Info", route: "GET /v1/acl/info/", result: `[{"ID":"absent"}]`, call: func(ctx context.Context, c *consul.Client) error {
		_, _, err := c.ACL().Info(ctx, "absent")
		return err
	}},
	{name: "ACL.Clone", route: "PUT /v1/acl/clone/", result: `{"ID":"x"}`, call: func(ctx context.Context, c *consul.Client) error {
		_, _, err := c.ACL().Clone(ctx, "absent")
		return err
	}},
	{name: "ACL.List", route: "GET /v1/acl/list", result: `[{"ID":"x"}]`, call: func(ctx context.Context, c *consul.Client) error {
		_, _, err := c.ACL().List(ctx)
		return err
	}},
}

func TestLegacyACLTokenLives(t *testing.T) {
	t.Parallel()
	ctx, c, name := testContext(t), newLegacyClient(t), unique(t)
	a := c.ACL()

	id, _, err := a.Create(ctx, &consul.ACLEntry{Name: name, Type: consul.ACLClientType, Rules: `key "` + name + `/" { policy = "read" }`})
	if err != nil || id == "" {
		t.Fatalf("created %q, %v", id, err)
	}
	entry, meta, err := a.Info(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	if entry.ID != id || entry.Name != name || entry.Type != consul.ACLClientType || !strings.Contains(entry.Rules, name) || entry.CreateIndex == 0 {
		t.Errorf("entry is %+v", entry)
	}
	if meta.LastIndex == 0 || !meta.KnownLeader {
		t.Errorf("meta is %+v", meta)
	}
	_, err = c.KV().Put(ctx, &consul.KVPair{Key: name + "/k"}, consul.WithToken(id))
	wantACLError(t, err, consul.ErrPermissionDenied)

	clone, _, err := a.Clone(ctx, id)
	if err != nil || clone == "" || clone == id {
		t.Fatalf("cloned %q, %v", clone, err)
	}
	entry.Rules = `key "` + name + `/" { policy = "write" }`
	if _, err := a.Update(ctx, entry); err != nil {
		t.Fatal(err)
	}
	if _, err := c.KV().Put(ctx, &consul.KVPair{Key: name + "/k"}, consul.WithToken(id)); err != nil {
		t.Errorf("writing what the update allows: %v", err)
	}
	_, err = c.KV().Put(ctx, &consul.KVPair{Key: name + "/k"}, consul.WithToken(clone))
	wantACLError(t, err, consul.ErrPermissionDenied)

	list, _, err := a.List(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{id, clone} {
		if !slices.ContainsFunc(list, func(e *consul.ACLEntry) bool { return e.ID == want && e.Name == name }) {
			t.Errorf("the list lacks one of the tokens: %v", list)
		}
	}

	if _, err := a.Destroy(ctx, id); err != nil {
		t.Fatal(err)
	}
	gone, meta, err := a.Info(ctx, id)
	wantACLError(t, err, consul.ErrNotFound)
	if gone != nil || meta == nil || meta.LastIndex == 0 {
		t.Errorf("beside ErrNotFound: %v, meta %+v", gone, meta)
	}
	if strings.Contains(err.Error(), id) {
		t.Errorf("the error shows the secret: %v", err)
	}
	if _, err := a.Destroy(ctx, id); err != nil {
		t.Errorf("destroying what is gone: %v", err)
	}
}

func TestLegacyACLTokenHasAnIDOfTheCallersChoice(t *testing.T) {
	t.Parallel()
	ctx, a := testContext(t), newLegacyClient(t).ACL()
	own := unique(t) + " with / and ?&%#"
	id, _, err := a.Create(ctx, &consul.ACLEntry{ID: own, Name: "first", Type: consul.ACLClientType})
	if err != nil || id != own {
		t.Fatalf("created %q, %v", id, err)
	}
	entry, _, err := a.Info(ctx, own)
	if err != nil || entry.ID != own || entry.Type != consul.ACLClientType {
		t.Fatalf("entry is %+v, %v", entry, err)
	}
	if _, _, err := a.Create(ctx, &consul.ACLEntry{ID: own, Name: "second", Type: consul.ACLClientType}); err != nil {
		t.Fatal(err)
	}
	if entry, _, err = a.Info(ctx, own); err != nil || entry.Name != "second" {
		t.Errorf("after another Create the entry is %+v, %v", entry, err)
	}
	if _, err := a.Destroy(ctx, own); err != nil {
		t.Fatal(err)
	}
	_, _, err = a.Info(ctx, own)
	wantACLError(t, err, consul.ErrNotFound)
}

func TestLegacyACLInfoWaitsForATokenToAppear(t *testing.T) {
	t.Parallel()
	ctx, a, id := testContext(t), newLegacyClient(t).ACL(), unique(t)
	_, meta, err := a.Info(ctx, id)
	wantACLError(t, err, consul.ErrNotFound)
	made := make(chan error, 1)
	go func() {
		_, err := a.Update(ctx, &consul.ACLEntry{ID: id, Type: consul.ACLManagementType})
		made <- err
	}()
	// The index is that of all tokens: those of other tests wake the call too.
	for {
		var entry *consul.ACLEntry
		entry, meta, err = a.Info(ctx, id, consul.Wait(meta.LastIndex, time.Minute))
		if err == nil {
			if entry.Type != consul.ACLManagementType {
				t.Errorf("entry is %+v", entry)
			}
			break
		}
		if !errors.Is(err, consul.ErrNotFound) {
			t.Fatal(err)
		}
	}
	if err := <-made; err != nil {
		t.Errorf("updating one that does not exist: %v", err)
	}
}

func TestLegacyACLServerRefusals(t *testing.T) {
	t.Parallel()
	ctx, c := testContext(t), newLegacyClient(t)
	a := c.ACL()
	_, _, err := a.Create(ctx, &consul.ACLEntry{Type: "bogus"})
	wantACLStatus(t, err, http.StatusInternalServerError, "Invalid ACL Type")
	_, _, err = a.Create(ctx, &consul.ACLEntry{Type: consul.ACLClientType, Rules: "@@"})
	wantACLStatus(t, err, http.StatusInternalServerError, "rule compilation failed")
	_, err = a.Destroy(ctx, "anonymous")
	wantACLError(t, err, consul.ErrPermissionDenied)
	_, _, err = a.Clone(ctx, "absent")
	wantACLError(t, err, consul.ErrPermissionDenied)
	_, _, err = a.List(ctx, consul.WithToken("unknown"))
	wantACLError(t, err, consul.ErrPermissionDenied)
	_, _, err = a.Create(ctx, &consul.ACLEntry{Type: consul.ACLClientType}, consul.WithToken("unknown"))
	wantACLError(t, err, consul.ErrPermissionDenied)
}

func TestLegacyACLRefusesWhatNoServerCanAccept(t *testing.T) {
	t.Parallel()
	c, sent := aclClientOf(t, http.StatusOK, `{"ID":"x"}`)
	ctx, a := testContext(t), c.ACL()
	for name, call := range map[string]func() error{
		"Create nil":     func() error { _, _, err := a.Create(ctx, nil); return err },
		"Create no type": func() error { _, _, err := a.Create(ctx, &consul.ACLEntry{}); return err },
		"Update nil":     func() error { _, err := a.Update(ctx, nil); return err },
		"Update no ID":   func() error { _, err := a.Update(ctx, &consul.ACLEntry{Type: consul.ACLClientType}); return err },
		"Destroy empty":  func() error { _, err := a.Destroy(ctx, ""); return err },
		"Destroy dots":   func() error { _, err := a.Destroy(ctx, ".."); return err },
		"Info empty":     func() error { _, _, err := a.Info(ctx, ""); return err },
		"Clone empty":    func() error { _, _, err := a.Clone(ctx, ""); return err },
	} {
		if err := call(); !errors.Is(err, consul.ErrInvalidOption) {
			t.Errorf("%s: error is %v, want ErrInvalidOption", name, err)
		}
	}
	if len(*sent) > 0 {
		t.Errorf("%d requests were sent", len(*sent))
	}
}

func TestLegacyACLWriteWithoutAnIDInTheAnswerIsUnusable(t *testing.T) {
	t.Parallel()
	c, _ := aclClientOf(t, http.StatusOK, "{}")
	_, _, err := c.ACL().Create(testContext(t), &consul.ACLEntry{Type: consul.ACLClientType})
	wantACLError(t, err, consul.ErrBadResponse)
}

func TestLegacyACLCallsAreUnsupportedByConsulOfToday(t *testing.T) {
	t.Parallel()
	c := newACLClient(t)
	for _, e := range aclLegacyEndpoints {
		t.Run(e.name, func(t *testing.T) {
			err := e.call(testContext(t), c)
			wantACLError(t, err, errors.ErrUnsupported)
			wantACLStatus(t, err, http.StatusNotFound, "not a recognized HTTP API endpoint")
			if !strings.Contains(err.Error(), "does not have the endpoint") {
				t.Errorf("error does not say what is wrong: %v", err)
			}
		})
	}
}

// What the docs of ACL say of Consul 1.10, whose answers differ from those of today.
func TestACLOfTodayOnConsul110(t *testing.T) {
	t.Parallel()
	ctx, c := testContext(t), newOldClient(t)
	a := c.ACL()
	token := newACLToken(t, c, `key_prefix "a/" { policy = "read" }`)
	if read, _, err := a.TokenRead(ctx, token.AccessorID); err != nil || read.SecretID != token.SecretID {
		t.Errorf("token is %+v, %v", read, err)
	}
	_, _, err := a.TokenRead(ctx, absentID)
	wantACLError(t, err, consul.ErrPermissionDenied)
	_, _, err = a.PolicyRead(ctx, absentID)
	wantACLError(t, err, consul.ErrPermissionDenied)
	_, _, err = a.TokenUpdate(ctx, &consul.ACLToken{AccessorID: absentID})
	wantACLError(t, err, consul.ErrNotFound)
	if _, err := a.TokenDelete(ctx, absentID); err != nil {
		t.Errorf("deleting a token that does not exist: %v", err)
	}
}
