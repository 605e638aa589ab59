package checks_test

// This file holds the tests of what a registration may ask for.

import (
	"errors"
	"testing"
	"time"

	"github.com/lictor-go/consul/embedded/internal/checks"
)

const second = time.Second

func TestDefinitionRefused(t *testing.T) {
	t.Parallel()
	const (
		both        = "Interval and TTL cannot both be specified"
		interval    = "Interval must be > 0 for Script, HTTP, H2PING, TCP, UDP or OSService checks"
		noInterval  = "Interval cannot be set for Alias checks"
		aliasTTL    = "TTL must be not be set for Alias checks"
		ttl         = "TTL must be > 0 for TTL checks"
		size        = "MaxOutputMaxSize must be positive"
		beforeWarns = "FailuresBeforeWarning can't be higher than FailuresBeforeCritical"
	)
	tests := map[string]struct {
		def  checks.Definition
		want string
	}{
		"TTL":                   {checks.Definition{TTL: 1}, ""},
		"HTTP":                  {checks.Definition{HTTP: "x", Interval: 1}, ""},
		"alias":                 {checks.Definition{AliasNode: "x"}, ""},
		"alias and interval":    {checks.Definition{AliasService: "x", Interval: 1}, ""},
		"odd numbers":           {checks.Definition{TTL: 1, Timeout: -1, SuccessBeforePassing: -1}, ""},
		"nothing":               {checks.Definition{}, ttl},
		"interval alone":        {checks.Definition{Interval: 1}, ttl},
		"negative TTL":          {checks.Definition{TTL: -1}, ttl},
		"container alone":       {checks.Definition{DockerContainerID: "x", Interval: 1}, ttl},
		"interval and TTL":      {checks.Definition{Interval: 1, TTL: 1}, both},
		"HTTP, none":            {checks.Definition{HTTP: "x"}, interval},
		"HTTP, TTL":             {checks.Definition{HTTP: "x", TTL: 1}, interval},
		"HTTP, negative":        {checks.Definition{HTTP: "x", Interval: -1}, interval},
		"TCP, none":             {checks.Definition{TCP: "x"}, interval},
		"UDP, none":             {checks.Definition{UDP: "x"}, interval},
		"gRPC, none":            {checks.Definition{GRPC: "x"}, interval},
		"H2PING, none":          {checks.Definition{H2PING: "x"}, interval},
		"OS service, none":      {checks.Definition{OSService: "x"}, interval},
		"script, none":          {checks.Definition{ScriptArgs: []string{"x"}}, interval},
		"HTTP and alias":        {checks.Definition{HTTP: "x", Interval: 1, AliasService: "x"}, noInterval},
		"TTL and alias":         {checks.Definition{TTL: 1, AliasService: "x"}, aliasTTL},
		"negative size":         {checks.Definition{TTL: 1, OutputMaxSize: -1}, size},
		"warning alone":         {checks.Definition{TTL: 1, FailuresBeforeWarning: 1}, beforeWarns},
		"warning over critical": {checks.Definition{TTL: 1, FailuresBeforeWarning: 3, FailuresBeforeCritical: 2}, beforeWarns},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := ""
			if err := test.def.Validate(); err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if _, err := checks.New(test.def, checks.Env{}, nil); test.want != "" && (err == nil || err.Error() != test.want) {
				t.Errorf("New: got %v, want %q", err, test.want)
			}
		})
	}
}

func TestDefinitionType(t *testing.T) {
	t.Parallel()
	args := []string{"x"}
	tests := []struct {
		want string
		def  checks.Definition
	}{
		{"ttl", checks.Definition{TTL: 1}},
		{"http", checks.Definition{HTTP: "x", Interval: 1}},
		{"tcp", checks.Definition{TCP: "x", Interval: 1}},
		{"udp", checks.Definition{UDP: "x", Interval: 1}},
		{"grpc", checks.Definition{GRPC: "x", HTTP: "x", Interval: 1}},
		{"h2ping", checks.Definition{H2PING: "x", OSService: "x", Interval: 1}},
		{"os_service", checks.Definition{OSService: "x", Interval: 1}},
		{"alias", checks.Definition{AliasNode: "x"}},
		{"alias", checks.Definition{AliasService: "x", Interval: 1}},
		{"docker", checks.Definition{ScriptArgs: args, DockerContainerID: "x", Interval: 1}},
		{"script", checks.Definition{ScriptArgs: args, Interval: 1}},
		{"", checks.Definition{Interval: 1}},
	}
	for _, test := range tests {
		if got := test.def.Type(); got != test.want {
			t.Errorf("%+v: got %q, want %q", test.def, got, test.want)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	script := checks.Definition{ScriptArgs: []string{"true"}, Interval: second}
	if _, err := checks.New(script, checks.Env{}, nil); !errors.Is(err, checks.ErrScriptsDisabled) {
		t.Errorf("script: %v", err)
	}
	inContainer := script
	inContainer.DockerContainerID = "c"
	if _, err := checks.New(inContainer, checks.Env{}, nil); !errors.Is(err, checks.ErrScriptsDisabled) {
		t.Errorf("script in a container: %v", err)
	}
	tests := map[string]struct {
		def  checks.Definition
		env  checks.Env
		want string
	}{
		"OS service":    {checks.Definition{OSService: "x", Interval: second}, checks.Env{}, "not implemented"},
		"alias of none": {checks.Definition{AliasService: "x"}, checks.Env{}, "alias checks have nothing to follow"},
		"Docker host":   {inContainer, checks.Env{Scripts: true, DockerHost: "x"}, "unable to parse docker host `x`"},
		"Docker URL": {inContainer, checks.Env{Scripts: true, DockerHost: "tcp://[x"},
			`parse "tcp://[x": missing ']' in host`},
	}
	for name, test := range tests {
		if _, err := checks.New(test.def, test.env, nil); err == nil || err.Error() != test.want {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
}

// TestPreference registers checks of several kinds: the one that runs is not the one that Type gives.
func TestPreference(t *testing.T) {
	t.Parallel()
	to, _ := startTargets(t)
	def := checks.Definition{HTTP: to.expand("http://${http}/ok"), GRPC: to["closed"], TCP: to["closed"]}
	want := said{"passing", to.expand("HTTP GET http://${http}/ok: 200 OK Output: hello")}
	if got := firstResult(t, def, checks.Env{}); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestDeregisterAfter(t *testing.T) {
	t.Parallel()
	for after, want := range map[time.Duration]time.Duration{
		-second: 0, 0: 0, second: time.Minute, time.Hour: time.Hour,
	} {
		if got := (checks.Definition{DeregisterCriticalServiceAfter: after}).DeregisterAfter(); got != want {
			t.Errorf("%v: got %v, want %v", after, got, want)
		}
	}
}
