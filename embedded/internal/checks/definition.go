package checks

// This file holds what a registration can ask of a check, and which of that makes no sense.

import "time"

// refusal is an error whose text is the real server's.
type refusal string

func (r refusal) Error() string { return string(r) }

// Definition is that part of a registration that says what a check does. Durations that are zero are the defaults.
type Definition struct {
	// TTL makes a check that is told its status, and is critical where none was told for so long.
	TTL time.Duration

	// Interval is the time from the end of a run to the begin of the next one. Kinds other than TTL and alias need one.
	Interval time.Duration
	// Timeout bounds a run: by default to 30 seconds for scripts, to 10 seconds for the others.
	Timeout time.Duration

	HTTP             string // URL
	Method           string // GET if empty
	Header           map[string][]string
	Body             string
	DisableRedirects bool

	TCP       string // host:port
	TCPUseTLS bool

	UDP string // host:port

	GRPC       string // host:port, or host:port/service
	GRPCUseTLS bool

	H2PING string // host:port
	// H2PingUseTLS is true by default, for whom H2PING is set: it's for the decoder of a registration to say so.
	H2PingUseTLS bool

	TLSServerName string
	TLSSkipVerify bool

	// ScriptArgs is a command with its arguments: run in the container if one is named.
	ScriptArgs        []string
	DockerContainerID string
	Shell             string // is accepted, and without effect where there are ScriptArgs

	OSService string

	// AliasService is the ID of a service, AliasNode the name of a node: of this one, if it's empty.
	AliasNode    string
	AliasService string

	SuccessBeforePassing   int
	FailuresBeforeWarning  int // FailuresBeforeCritical if 0
	FailuresBeforeCritical int

	DeregisterCriticalServiceAfter time.Duration

	OutputMaxSize int // the agent's limit if 0, which it can't exceed
}

// Validate refuses what makes no sense. Its texts are the real server's, which come after "Invalid check: " in answers
// with status 400.
func (d Definition) Validate() error {
	probes := d.probes()
	switch {
	case d.Interval > 0 && d.TTL > 0:
		return refusal("Interval and TTL cannot both be specified")
	case probes && d.Interval <= 0:
		return refusal("Interval must be > 0 for Script, HTTP, H2PING, TCP, UDP or OSService checks")
	case probes && d.isAlias():
		return refusal("Interval cannot be set for Alias checks")
	case d.isAlias() && d.TTL > 0:
		return refusal("TTL must be not be set for Alias checks")
	case !probes && !d.isAlias() && d.TTL <= 0:
		return refusal("TTL must be > 0 for TTL checks")
	case d.OutputMaxSize < 0:
		return refusal("MaxOutputMaxSize must be positive")
	case d.FailuresBeforeWarning > d.FailuresBeforeCritical:
		return refusal("FailuresBeforeWarning can't be higher than FailuresBeforeCritical")
	}
	return nil
}

// Type is the Type that answers give for the check. Where a definition asks for several kinds it need not be the one
// that New runs: the real agent prefers them in two orders.
func (d Definition) Type() string {
	periodic := d.Interval > 0
	switch {
	case d.GRPC != "" && periodic:
		return "grpc"
	case d.HTTP != "" && periodic:
		return "http"
	case d.TTL > 0:
		return "ttl"
	case d.TCP != "" && periodic:
		return "tcp"
	case d.UDP != "" && periodic:
		return "udp"
	case d.isAlias():
		return "alias"
	case d.isScript() && d.DockerContainerID != "" && periodic:
		return "docker"
	case d.isScript():
		return "script"
	case d.H2PING != "" && periodic:
		return "h2ping"
	case d.OSService != "" && periodic:
		return "os_service"
	}
	return ""
}

// DeregisterAfter is how long the check may be critical until its service is deregistered; 0 is for ever.
func (d Definition) DeregisterAfter() time.Duration {
	if d.DeregisterCriticalServiceAfter <= 0 {
		return 0
	}
	return max(d.DeregisterCriticalServiceAfter, MinDeregisterAfter)
}

// timeout is that of a run, or otherwise if the definition has none.
func (d Definition) timeout(otherwise time.Duration) time.Duration {
	if d.Timeout > 0 {
		return d.Timeout
	}
	return otherwise
}

// probes is whether the check asks something for its status at intervals.
func (d Definition) probes() bool {
	return d.isScript() || d.HTTP != "" || d.TCP != "" || d.UDP != "" || d.GRPC != "" || d.H2PING != "" || d.OSService != ""
}

func (d Definition) isScript() bool { return len(d.ScriptArgs) > 0 }

func (d Definition) isAlias() bool { return d.AliasNode != "" || d.AliasService != "" }
