package consul_test

// This file tests how an agent's own tokens are set.

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/lictor-go/consul"
	"github.com/lictor-go/consul/testutil"
)

// The agent's tokens, by the methods that set them.
var agentTokens = []struct {
	name   string
	update agentTokenUpdate
}{
	{"default", (*consul.Agent).UpdateDefaultACLToken},
	{"agent", (*consul.Agent).UpdateAgentACLToken},
	{"agent_recovery", (*consul.Agent).UpdateAgentRecoveryACLToken},
	{"replication", (*consul.Agent).UpdateReplicationACLToken},
	{"config_file_service_registration", (*consul.Agent).UpdateConfigFileRegistrationToken},
	{"dns", (*consul.Agent).UpdateDNSToken},
}

func TestAgentTokensAreSet(t *testing.T) {
	t.Parallel()
	server := testutil.NewServer(t, testutil.WithACL())
	agent := clientWith(t, &consul.Config{Address: server.Addr(), Token: server.ManagementToken()}).Agent()
	anonymous := clientWith(t, &consul.Config{Address: server.Addr()}).Agent()
	ctx := testContext(t)
	const recovery = "recovery-0000"

	_, _, err := anonymous.Self(ctx)
	wantAgentError(t, "a call without a token", err, consul.ErrPermissionDenied)
	_, _, err = anonymous.Self(ctx, consul.WithToken(recovery))
	wantAgentError(t, "a token that nobody knows", err, consul.ErrPermissionDenied)
	for _, token := range agentTokens {
		secret := server.ManagementToken()
		if token.name == "agent_recovery" {
			secret = recovery
		}
		if _, err := token.update(agent, ctx, secret); err != nil {
			t.Errorf("%s: %v", token.name, err)
		}
	}
	if _, _, err := anonymous.Self(ctx); err != nil {
		t.Errorf("a call without a token, which has the default one now: %v", err)
	}
	if _, _, err := anonymous.Self(ctx, consul.WithToken(recovery)); err != nil {
		t.Errorf("the recovery token: %v", err)
	}
	if _, err := agent.UpdateDefaultACLToken(ctx, ""); err != nil {
		t.Fatal(err)
	}
	_, _, err = anonymous.Self(ctx)
	wantAgentError(t, "a call without a token, and no default one", err, consul.ErrPermissionDenied)
}

func TestAgentTokensOnTheWire(t *testing.T) {
	t.Parallel()
	for _, token := range agentTokens {
		line, body := agentRequest(t, func(ctx context.Context, a *consul.Agent) error {
			_, err := token.update(a, ctx, "5ec2e7-0f-a-7oken")
			return err
		})
		if line != "PUT /v1/agent/token/"+token.name || body != `{"Token":"5ec2e7-0f-a-7oken"}` {
			t.Errorf("%s: sent %s %s", token.name, line, body)
		}
	}
}

func TestAgentTokensStayOutOfErrors(t *testing.T) {
	t.Parallel()
	agent := clientWith(t, &consul.Config{Transport: respond(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, "can't use %s", body)
	})}).Agent()
	for _, token := range agentTokens {
		_, err := token.update(agent, testContext(t), "5ec2e7-0f-a-7oken")
		wantAgentError(t, token.name, err, consul.ErrBadRequest)
		if err != nil && strings.Contains(err.Error(), "5ec2e7-0f-a-7oken") {
			t.Errorf("%s: the error has the token: %v", token.name, err)
		}
	}
}

func TestAgentTokensNeedACLs(t *testing.T) {
	t.Parallel()
	agent := newClient(t).Agent()
	for _, token := range agentTokens {
		_, err := token.update(agent, testContext(t), "x")
		wantAgentError(t, token.name, err, consul.ErrPermissionDenied)
	}
}
