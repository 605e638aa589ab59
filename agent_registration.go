package consul

// This file holds what is said of a service and of a check when they are registered with an agent.

import (
	"cmp"
	"encoding/json"
	"time"
)

// An AgentServiceRegistration describes an instance of a service to be registered with an agent.
type AgentServiceRegistration struct {
	Kind ServiceKind `json:",omitempty"`

	ID   string `json:",omitempty"` // unique on the agent; empty: Name
	Name string `json:",omitempty"` // name of the service; needed, except by a sidecar

	Tags              []string                  `json:",omitempty"`
	Port              int                       `json:",omitempty"` // 0: none
	Ports             []ServicePort             `json:",omitempty"` // several ports, by name, rather than Port
	Address           string                    `json:",omitempty"` // empty: that of the agent
	SocketPath        string                    `json:",omitempty"` // unix socket, rather than Address and Port
	TaggedAddresses   map[string]ServiceAddress `json:",omitempty"` // by use: "lan", "wan", "lan_ipv4" or any other text
	EnableTagOverride bool                      `json:",omitempty"` // whether the catalog may change Tags, rather than the agent undo that
	Meta              map[string]string         `json:",omitempty"` // at most 64 pairs
	Weights           *AgentWeights             `json:",omitempty"` // nil: 1 and 1

	Check  *AgentServiceCheck `json:",omitempty"` // one more of Checks
	Checks AgentServiceChecks `json:",omitempty"` // the service passes if all of them do

	Proxy   *AgentServiceConnectProxyConfig `json:",omitempty"` // for proxies and gateways
	Connect *AgentServiceConnect            `json:",omitempty"`

	Locality  *Locality `json:",omitempty"`
	Namespace string    `json:",omitempty"` // Consul Enterprise
	Partition string    `json:",omitempty"` // Consul Enterprise
}

// check gives r the reason why no agent can take the registration, if there is one.
func (s *AgentServiceRegistration) check(r *request) {
	for i, c := range s.Checks {
		if c == nil {
			r.fail(ErrInvalidOption, "AgentServiceRegistration.Checks[%d] is nil", i)
			return
		}
		c.check(r)
	}
	if s.Check != nil {
		s.Check.check(r)
	}
	if s.Connect != nil && s.Connect.SidecarService != nil {
		s.Connect.SidecarService.check(r)
	}
}

// AgentServiceChecks are the checks of one service.
type AgentServiceChecks []*AgentServiceCheck

// An AgentServiceCheck says how an agent finds out whether something is well. Exactly one kind of check is set: TTL, Args
// (a script, or with DockerContainerID a command in a container), HTTP, TCP, UDP, GRPC, H2PING, OSService, or AliasNode
// and AliasService. All but TTL and alias need an Interval.
type AgentServiceCheck struct {
	CheckID string `json:",omitempty"` // unique on the agent; empty: made from the service's ID
	Name    string `json:",omitempty"` // for people; empty: made from the service's name
	Notes   string `json:",omitempty"` // for people
	Status  string `json:",omitempty"` // until the check first ran: HealthPassing, HealthWarning or HealthCritical (empty)

	// TTL is how soon after the last PassTTL, WarnTTL, FailTTL or UpdateTTL the check turns critical.
	TTL time.Duration `json:",omitempty"`

	Interval time.Duration `json:",omitempty"` // from one run to the next; the agent takes less than a second for a second
	Timeout  time.Duration `json:",omitempty"` // of one run; 0: 10 s, scripts 30 s

	Args              []string `json:"ScriptArgs,omitempty"` // program and arguments; exit code 0 passes, 1 warns, any other is critical
	DockerContainerID string   `json:",omitempty"`           // the container that Args run in
	Shell             string   `json:",omitempty"`           // of the container; empty: the agent's SHELL

	HTTP             string              `json:",omitempty"` // URL; 2xx passes, 429 warns, anything else is critical
	Method           string              `json:",omitempty"` // empty: GET
	Header           map[string][]string `json:",omitempty"`
	Body             string              `json:",omitempty"`
	DisableRedirects bool                `json:",omitempty"` // whether a redirect is critical, rather than followed

	TCP       string `json:",omitempty"` // host:port; a connection passes
	TCPUseTLS bool   `json:",omitempty"`

	UDP string `json:",omitempty"` // host:port; no error passes

	GRPC       string `json:",omitempty"` // host:port, or host:port/service; the standard health service must say SERVING
	GRPCUseTLS bool   `json:",omitempty"`

	H2PING       string `json:",omitempty"` // host:port; an answer to an HTTP/2 ping passes
	H2PingUseTLS *bool  `json:",omitempty"` // nil: true

	OSService string `json:",omitempty"` // name of a systemd unit or Windows service

	AliasNode    string `json:",omitempty"` // node whose state is mirrored; empty, with AliasService: the agent's own
	AliasService string `json:",omitempty"` // ID of the service whose state is mirrored; empty: the node's own checks

	TLSServerName string `json:",omitempty"` // name that certificates must be for; empty: the host of the address
	TLSSkipVerify bool   `json:",omitempty"` // take any certificate

	SuccessBeforePassing   int `json:",omitempty"` // good runs in a row that it takes to pass or warn; 0: 1
	FailuresBeforeWarning  int `json:",omitempty"` // bad runs in a row that it takes to warn; 0: FailuresBeforeCritical, and at most that
	FailuresBeforeCritical int `json:",omitempty"` // bad runs in a row that it takes to be critical; 0: 1

	// DeregisterCriticalServiceAfter is how long the check may be critical before the agent removes its service; 0: for
	// ever. By default the agent takes less than a minute for a minute, and looks every 30 s.
	DeregisterCriticalServiceAfter time.Duration `json:",omitempty"`

	OutputMaxSize int `json:",omitempty"` // bytes of output kept, at most the agent's check_output_max_size; 0: 4 KiB
}

// check gives r the reason why no agent can take the check, if there is one.
func (c *AgentServiceCheck) check(r *request) {
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"TTL", c.TTL}, {"Interval", c.Interval}, {"Timeout", c.Timeout},
		{"DeregisterCriticalServiceAfter", c.DeregisterCriticalServiceAfter},
	} {
		if d.value < 0 {
			r.fail(ErrInvalidOption, "AgentServiceCheck.%s is negative (%v)", d.name, d.value)
		}
	}
	if c.Status != "" && !isCheckStatus(c.Status) {
		r.fail(ErrInvalidOption, "AgentServiceCheck.Status is %q, want passing, warning or critical", c.Status)
	}
}

// isCheckStatus reports whether a check can be in a status.
func isCheckStatus(s string) bool {
	return s == HealthPassing || s == HealthWarning || s == HealthCritical
}

type plainServiceCheck AgentServiceCheck

// serviceCheckJSON is an AgentServiceCheck on the wire.
type serviceCheckJSON struct {
	plainServiceCheck
	TTL                            wireDuration `json:",omitzero"`
	Interval                       wireDuration `json:",omitzero"`
	Timeout                        wireDuration `json:",omitzero"`
	DeregisterCriticalServiceAfter wireDuration `json:",omitzero"`
}

func (c AgentServiceCheck) wire() serviceCheckJSON {
	return serviceCheckJSON{
		plainServiceCheck:              plainServiceCheck(c),
		TTL:                            wireDuration(c.TTL),
		Interval:                       wireDuration(c.Interval),
		Timeout:                        wireDuration(c.Timeout),
		DeregisterCriticalServiceAfter: wireDuration(c.DeregisterCriticalServiceAfter),
	}
}

func (w serviceCheckJSON) plain() AgentServiceCheck {
	c := AgentServiceCheck(w.plainServiceCheck)
	c.TTL = time.Duration(w.TTL)
	c.Interval = time.Duration(w.Interval)
	c.Timeout = time.Duration(w.Timeout)
	c.DeregisterCriticalServiceAfter = time.Duration(w.DeregisterCriticalServiceAfter)
	return c
}

// MarshalJSON writes durations as the agent reads them.
func (c AgentServiceCheck) MarshalJSON() ([]byte, error) { return json.Marshal(c.wire()) }

// UnmarshalJSON reads what MarshalJSON writes.
func (c *AgentServiceCheck) UnmarshalJSON(b []byte) error {
	var w serviceCheckJSON
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	*c = w.plain()
	return nil
}

// An AgentCheckRegistration describes a check to be registered with an agent, for a service of the agent or for the node.
type AgentCheckRegistration struct {
	ID        string // unique on the agent; empty: CheckID, else Name
	Name      string // needed; empty: AgentServiceCheck.Name
	Notes     string // for people; empty: AgentServiceCheck.Notes
	ServiceID string // the service that it checks; empty: the node
	AgentServiceCheck
	Namespace string // Consul Enterprise
	Partition string // Consul Enterprise
}

// check gives r the reason why no agent can take the registration, if there is one. A field that stands in two places may
// be set in either, but only one of two values could be sent.
func (c *AgentCheckRegistration) check(r *request) {
	inner := &c.AgentServiceCheck
	switch {
	case cmp.Or(c.Name, inner.Name) == "":
		r.fail(ErrInvalidOption, "AgentCheckRegistration.Name is empty")
	case differ(c.ID, inner.CheckID):
		r.fail(ErrInvalidOption, "AgentCheckRegistration.ID (%q) and CheckID (%q) differ", c.ID, inner.CheckID)
	case differ(c.Name, inner.Name):
		r.fail(ErrInvalidOption, "AgentCheckRegistration.Name (%q) and AgentServiceCheck.Name (%q) differ", c.Name, inner.Name)
	case differ(c.Notes, inner.Notes):
		r.fail(ErrInvalidOption, "AgentCheckRegistration.Notes (%q) and AgentServiceCheck.Notes (%q) differ", c.Notes, inner.Notes)
	}
	inner.check(r)
}

func differ(a, b string) bool { return a != "" && b != "" && a != b }

// checkRegistrationJSON is an AgentCheckRegistration on the wire, which knows a check's ID by another name than a
// service's check.
type checkRegistrationJSON struct {
	ID        string `json:",omitempty"`
	Name      string `json:",omitempty"`
	Notes     string `json:",omitempty"`
	ServiceID string `json:",omitempty"`
	serviceCheckJSON
	Namespace string `json:",omitempty"`
	Partition string `json:",omitempty"`
}

// MarshalJSON writes the check as the agent reads it.
func (r AgentCheckRegistration) MarshalJSON() ([]byte, error) {
	w := checkRegistrationJSON{
		ID:               cmp.Or(r.ID, r.CheckID),
		Name:             cmp.Or(r.Name, r.AgentServiceCheck.Name),
		Notes:            cmp.Or(r.Notes, r.AgentServiceCheck.Notes),
		ServiceID:        r.ServiceID,
		serviceCheckJSON: r.AgentServiceCheck.wire(),
		Namespace:        r.Namespace,
		Partition:        r.Partition,
	}
	w.CheckID = ""
	return json.Marshal(w)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (r *AgentCheckRegistration) UnmarshalJSON(b []byte) error {
	var w checkRegistrationJSON
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	*r = AgentCheckRegistration{
		ID:                w.ID,
		Name:              w.Name,
		Notes:             w.Notes,
		ServiceID:         w.ServiceID,
		AgentServiceCheck: w.plain(),
		Namespace:         w.Namespace,
		Partition:         w.Partition,
	}
	return nil
}
