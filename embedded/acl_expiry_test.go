package embedded_test

// This file tests that tokens end, in the time of a bubble.

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lictor-go/consul/embedded"
)

func TestTokenIsRefusedOnceItsTimeIsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newACLServer(t, embedded.ACL{})
		ending := s.newToken(`, "ExpirationTTL": "1m"`)
		lasting := s.newToken("")
		time.Sleep(time.Minute)
		s.want(http.StatusOK, ending.SecretID, "PUT", "/v1/kv/a", "at its last moment")
		time.Sleep(time.Nanosecond)
		if text := s.want(http.StatusForbidden, ending.SecretID, "GET", "/v1/kv/a", ""); text != "ACL not found" {
			t.Errorf("refused as %q", text)
		}
		synctest.Wait()
		s.want(http.StatusForbidden, management, "GET", "/v1/acl/token/"+ending.AccessorID, "")
		s.want(http.StatusOK, lasting.SecretID, "GET", "/v1/kv/a", "")
		if n := s.countTokens(); n != 3 {
			t.Errorf("%d tokens are left, want the initial one, the anonymous one and the one without an end", n)
		}
	})
}

func TestTokensEndInTheirOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newACLServer(t, embedded.ACL{})
		before := s.countTokens()
		for _, minutes := range []int{3, 1, 2, 5} {
			s.newToken(fmt.Sprintf(`, "ExpirationTTL": "%dm", "Local": %v`, minutes, minutes%2 == 0))
		}
		for minutes, want := range []int{4, 3, 2, 1, 1, 0} {
			if n := s.countTokens() - before; n != want {
				t.Errorf("after %d minutes %d tokens are left, want %d", minutes, n, want)
			}
			time.Sleep(time.Minute + time.Millisecond)
			synctest.Wait()
		}
	})
}

func TestTokensEndWakesThoseWhoWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newACLServer(t, embedded.ACL{})
		ending := s.newToken(`, "ExpirationTTL": "1m"`)
		began := time.Now()
		path := fmt.Sprintf("/v1/acl/tokens?wait=5m&index=%d", ending.ModifyIndex)
		var list []any
		if err := json.Unmarshal([]byte(s.want(http.StatusOK, management, "GET", path, "")), &list); err != nil || len(list) != 2 {
			t.Errorf("%d tokens, %v; want those without an end", len(list), err)
		}
		if waited := time.Since(began); waited < time.Minute || waited > time.Minute+time.Second {
			t.Errorf("waited for %v, want a minute", waited)
		}
	})
}

func TestServerClosesWhileTokensLive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newACLServer(t, embedded.ACL{})
		s.newToken(`, "ExpirationTTL": "1h"`)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}
