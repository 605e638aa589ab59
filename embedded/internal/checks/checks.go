// Package checks holds the health checks that an agent runs: what may be asked of them, and what they do. It knows
// neither routes nor the catalog: it tells whoever registered a check of each result.
package checks

// This file holds what checks share: how one is made, started and stopped.

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// The statuses of a check.
const (
	Passing  = "passing"
	Warning  = "warning"
	Critical = "critical"
)

const (
	// MinInterval is what a shorter interval is raised to, without a word.
	MinInterval = time.Second

	// MinDeregisterAfter is what a shorter DeregisterCriticalServiceAfter is raised to, by default.
	MinDeregisterAfter = time.Minute

	// DefaultOutputMaxSize is how many bytes of a check's output are kept, by default.
	DefaultOutputMaxSize = 4096
)

// ErrScriptsDisabled is why New refuses a check that runs a command where Env does not allow it.
const ErrScriptsDisabled = refusal(
	"Scripts are disabled on this agent from remote calls; to enable, configure 'enable_script_checks' to true")

// A Runner is a check that New made. Start and Stop are called once each, Start first.
//
// Stop ends a run that is under way and waits for it. Once it has returned no notification comes. So it must not be called
// from within one, nor with a lock held that notifications, or Env's functions, take.
type Runner interface {
	Start()
	Stop()
}

// Notify is told of the results of a check, one after the other. Most repeat the last one.
type Notify func(status, output string)

// Env is what checks need of the agent and of the world. The zero Env is an agent by default, without scripts or aliases,
// in the real world.
type Env struct {
	// OutputMaxSize is the agent's check_output_max_size. A check can have a lower limit of its own. 0 is the default.
	OutputMaxSize int

	// Scripts allows checks that run commands, on this machine or in containers.
	Scripts bool

	// DockerHost is the address of the Docker daemon, as in the variable DOCKER_HOST. Empty is the system's socket.
	DockerHost string

	// Aliases tells alias checks of what they follow.
	Aliases AliasSource

	// Dial makes the connections of all checks but those of HTTP where Transport is set. nil is that of a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// Transport sends the requests of HTTP checks, whatever these say of TLS. nil is a transport of the check's own.
	Transport http.RoundTripper

	// TLS is what the TLS configuration of each check begins with. nil is an empty one.
	TLS *tls.Config

	// Stagger says how long the first run of a check with this interval waits. nil is a random part of the interval.
	Stagger func(interval time.Duration) time.Duration
}

// New makes the check that a definition asks for. Its errors are those of Validate, and others whose texts are those of
// the agent's answer with status 500.
func New(def Definition, env Env, notify Notify) (Runner, error) {
	if err := def.Validate(); err != nil {
		return nil, err
	}
	if def.isScript() && !env.Scripts {
		return nil, ErrScriptsDisabled
	}
	env = env.withDefaults(def)

	// A definition can ask for several kinds of check. One is run, in this order of preference, which is not that of
	// Definition.Type.
	switch {
	case def.TTL > 0:
		return newTTL(def, env, notify), nil
	case def.HTTP != "":
		return newPeriodic(def, env, notify, newHTTP(def, env)), nil
	case def.TCP != "":
		return newPeriodic(def, env, notify, newTCP(def, env)), nil
	case def.UDP != "":
		return newPeriodic(def, env, notify, newUDP(def, env)), nil
	case def.GRPC != "":
		return newPeriodic(def, env, notify, newGRPC(def, env)), nil
	case def.isScript() && def.DockerContainerID != "":
		docker, err := newDocker(def, env)
		if err != nil {
			return nil, err
		}
		return newPeriodic(def, env, notify, docker), nil
	case def.OSService != "":
		// The real agent asks the service manager of Windows, and refuses elsewhere, with this text.
		return nil, refusal("not implemented")
	case def.isScript():
		return newPeriodic(def, env, notify, newScript(def, env)), nil
	case def.H2PING != "":
		return newPeriodic(def, env, notify, newH2Ping(def, env)), nil
	case env.Aliases == nil:
		return nil, refusal("alias checks have nothing to follow")
	default:
		return newAlias(def, env, notify), nil
	}
}

func (e Env) withDefaults(def Definition) Env {
	if e.OutputMaxSize <= 0 {
		e.OutputMaxSize = DefaultOutputMaxSize
	}
	if def.OutputMaxSize > 0 {
		e.OutputMaxSize = min(e.OutputMaxSize, def.OutputMaxSize)
	}
	if e.Dial == nil {
		e.Dial = new(net.Dialer).DialContext
	}
	if e.Stagger == nil {
		e.Stagger = stagger
	}
	return e
}
