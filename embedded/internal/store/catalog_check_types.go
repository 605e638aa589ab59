package store

// This file holds checks as they are registered and answered.

import (
	"encoding/json"
	"time"
)

// The states of checks.
const (
	HealthPassing  = "passing"
	HealthWarning  = "warning"
	HealthCritical = "critical"

	// HealthAny stands for every state, in questions.
	HealthAny = "any"
)

// SerfHealth is the check that says whether a node is alive.
const SerfHealth = "serfHealth"

// checkTypeSession is the type of checks that follow a session.
const checkTypeSession = "session"

// HealthCheck is a check of a node, or of a service on it. ServiceName and ServiceTags are the service's.
type HealthCheck struct {
	Node        string
	CheckID     string
	Name        string
	Status      string
	Notes       string
	Output      string
	ServiceID   string
	ServiceName string
	ServiceTags []string
	Type        string
	Interval    string
	Timeout     string
	ExposedPort int
	PeerName    string                `json:",omitempty"`
	Definition  HealthCheckDefinition `bexpr:"-"`

	RaftIndex `bexpr:"-"`
}

// HealthCheckDefinition is how a check is run. The server keeps it for whoever runs it.
type HealthCheckDefinition struct {
	Interval                       Duration            `json:",omitzero"`
	OutputMaxSize                  uint                `json:",omitempty"`
	Timeout                        Duration            `json:",omitzero"`
	DeregisterCriticalServiceAfter Duration            `json:",omitzero"`
	HTTP                           string              `json:",omitempty"`
	TLSServerName                  string              `json:",omitempty"`
	TLSSkipVerify                  bool                `json:",omitempty"`
	Header                         map[string][]string `json:",omitempty"`
	Method                         string              `json:",omitempty"`
	Body                           string              `json:",omitempty"`
	DisableRedirects               bool                `json:",omitempty"`
	TCP                            string              `json:",omitempty"`
	TCPUseTLS                      bool                `json:",omitempty"`
	UDP                            string              `json:",omitempty"`
	H2PING                         string              `json:",omitempty"`
	OSService                      string              `json:",omitempty"`
	H2PingUseTLS                   bool                `json:",omitempty"`
	ScriptArgs                     []string            `json:",omitempty"`
	DockerContainerID              string              `json:",omitempty"`
	Shell                          string              `json:",omitempty"`
	GRPC                           string              `json:",omitempty"`
	GRPCUseTLS                     bool                `json:",omitempty"`
	AliasNode                      string              `json:",omitempty"`
	AliasService                   string              `json:",omitempty"`
	SessionName                    string              `json:",omitempty"`
	TTL                            NumberedDuration    `json:",omitempty"`
}

// UnmarshalJSON implements json.Unmarshaler. Fields that are not known are passed over, unlike elsewhere.
func (d *HealthCheckDefinition) UnmarshalJSON(data []byte) error {
	type Alias HealthCheckDefinition
	return json.Unmarshal(data, &struct{ *Alias }{(*Alias)(d)})
}

// Duration is written as a text ("10s"), and read from one or from a number of nanoseconds.
type Duration time.Duration

// MarshalJSON implements json.Marshaler.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

// UnmarshalJSON implements json.Unmarshaler. What is neither a text nor a number leaves the duration as it is.
func (d *Duration) UnmarshalJSON(data []byte) error {
	return unmarshalDuration(data, (*time.Duration)(d))
}

// NumberedDuration is read like a Duration, but written as its number of nanoseconds.
type NumberedDuration time.Duration

// UnmarshalJSON implements json.Unmarshaler.
func (d *NumberedDuration) UnmarshalJSON(data []byte) error {
	return unmarshalDuration(data, (*time.Duration)(d))
}

func unmarshalDuration(data []byte, d *time.Duration) error {
	var value any
	if err := json.Unmarshal(data, &value); err != nil {
		return err
	}
	switch value := value.(type) {
	case string:
		parsed, err := time.ParseDuration(value)
		if err != nil {
			return err
		}
		*d = parsed
	case float64:
		*d = time.Duration(value)
	}
	return nil
}

// Kind says what runs the check, "http" and so on; empty where the definition does not say enough for any.
func (d *HealthCheckDefinition) Kind() string {
	repeated := d.Interval > 0
	switch {
	case d.GRPC != "" && repeated:
		return "grpc"
	case d.HTTP != "" && repeated:
		return "http"
	case d.TTL > 0:
		return "ttl"
	case d.TCP != "" && repeated:
		return "tcp"
	case d.UDP != "" && repeated:
		return "udp"
	case d.AliasNode != "" || d.AliasService != "":
		return "alias"
	case len(d.ScriptArgs) > 0 && d.DockerContainerID != "" && repeated:
		return "docker"
	case len(d.ScriptArgs) > 0:
		return "script"
	case d.H2PING != "" && repeated:
		return "h2ping"
	case d.OSService != "" && repeated:
		return "os_service"
	}
	return ""
}
