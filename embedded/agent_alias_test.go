package embedded_test

// This file tests checks that follow others.

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestAliasFollowsAtOnce(t *testing.T) {
	t.Parallel()
	for name, alias := range map[string]string{
		"a service of the agent": `"AliasService": "main"`,
		"a service of the node":  `"AliasNode": "embedded", "AliasService": "main"`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t)
				tell(t, s, "/v1/agent/service/register", `{"Name": "main", "Check": {"TTL": "10s", "Status": "passing"}}`)
				tell(t, s, "/v1/agent/service/register", `{"Name": "follower", "Check": {`+alias+`}}`)
				if got := catalogCheck(t, s, "service:follower"); got.Status != "passing" {
					t.Errorf("it begins as %+v", got)
				}
				tell(t, s, "/v1/agent/check/warn/service:main?note=shaky", "")
				synctest.Wait()
				want := seen{"service:follower", "warning", `Aliased check "Service 'main' check" failing: shaky`}
				if got := catalogCheck(t, s, "service:follower"); got != want {
					t.Errorf("it is %+v, want %+v", got, want)
				}
				pass(10 * time.Second)
				if got := catalogCheck(t, s, "service:follower"); got.Status != "critical" {
					t.Errorf("once the other has expired it is %+v", got)
				}
			})
		})
	}
}

// TestAliasesInACircle shows that two checks which follow each other do not keep each other busy: if they did, time
// would not pass in the bubble.
func TestAliasesInACircle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		tell(t, s, "/v1/agent/service/register", `{"Name": "a", "Check": {"AliasService": "b"}}`)
		tell(t, s, "/v1/agent/service/register", `{"Name": "b", "Check": {"AliasService": "a"}}`)
		pass(10 * time.Minute)
		if got := agentCheck(t, s, "service:b"); got.Status != "critical" || len(got.Output) > 4096 {
			t.Errorf("it is %s, with %d bytes of output", got.Status, len(got.Output))
		}
	})
}

func TestAliasOfTheNodeIsRefreshed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		tell(t, s, "/v1/agent/service/register", `{"Name": "main"}`)
		tell(t, s, "/v1/agent/service/register", `{"Name": "follower", "Check": {"AliasService": "main"}}`)
		tell(t, s, "/v1/agent/check/register", `{"Name": "disk", "TTL": "1h"}`)
		pass(time.Minute)
		want := seen{"service:follower", "critical", `Aliased check "disk" failing: `}
		if got := agentCheck(t, s, "service:follower"); got != want {
			t.Errorf("a minute after the node went critical it is %+v, want %+v", got, want)
		}
	})
}
