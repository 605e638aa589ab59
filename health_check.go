package consul

// This file holds the shape of a health check, as health, the catalog and transactions have it.

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"
)

// What a check, or a set of them, can say.
const (
	HealthAny      = "any"         // not a status: every one, for Health.State
	HealthPassing  = "passing"     // all is well
	HealthWarning  = "warning"     // something is wrong, but it works
	HealthCritical = "critical"    // it does not work
	HealthMaint    = "maintenance" // not a status of a check: see HealthChecks.AggregatedStatus
)

// What marks the checks that maintenance mode adds: their CheckIDs. They are critical while they exist.
const (
	NodeMaint          = "_node_maintenance"     // the CheckID for a node
	ServiceMaintPrefix = "_service_maintenance:" // how the CheckID for a service instance starts; its ServiceID follows
)

// A HealthCheck is a check in the catalog: of a service instance, or of a node where ServiceID is empty.
type HealthCheck struct {
	Node        string
	CheckID     string // unique on the node; empty when registered: Name
	Name        string
	Status      string // HealthPassing, HealthWarning or HealthCritical; empty when registered: critical
	Notes       string // for people
	Output      string // what the last run had to say
	ServiceID   string
	ServiceName string   // told by the server from ServiceID
	ServiceTags []string // told by the server from ServiceID
	Type        string   // "http", "ttl", "script" and so on; empty where nobody said

	// How often, and for how long at most, the agent runs the check. The servers keep these as any text that they are
	// given: what is no duration reads as 0.
	Interval time.Duration
	Timeout  time.Duration

	ExposedPort int    // port of the proxy's listener through which the check is made; 0: none
	PeerName    string `json:",omitempty"` // the cluster peer that it was imported from
	Namespace   string `json:",omitempty"` // Consul Enterprise
	Partition   string `json:",omitempty"` // Consul Enterprise

	// Definition is how the check is made, for checks that were registered in the catalog with one. Agents keep theirs
	// to themselves: it is nil for their checks.
	Definition *HealthCheckDefinition `json:",omitempty"`

	CreateIndex uint64 `json:",omitempty"` // told by the server
	ModifyIndex uint64 `json:",omitempty"` // told by the server; what a CAS on a check in a transaction compares
}

// A HealthCheckDefinition says how a check is made. The servers only keep it, for whoever makes the checks of nodes that
// have no agent (such as consul-esm).
type HealthCheckDefinition struct {
	HTTP             string              `json:",omitempty"` // URL to ask
	Method           string              `json:",omitempty"` // empty: GET
	Header           map[string][]string `json:",omitempty"`
	Body             string              `json:",omitempty"`
	DisableRedirects bool                `json:",omitempty"`

	TCP       string `json:",omitempty"` // host:port to connect to
	TCPUseTLS bool   `json:",omitempty"`
	UDP       string `json:",omitempty"` // host:port to send to

	GRPC         string `json:",omitempty"` // host:port, or host:port/service
	GRPCUseTLS   bool   `json:",omitempty"`
	H2PING       string `json:",omitempty"` // host:port to ping over HTTP/2
	H2PingUseTLS bool   `json:",omitempty"`

	TLSServerName string `json:",omitempty"` // name that the certificate must be for
	TLSSkipVerify bool   `json:",omitempty"` // take any certificate

	ScriptArgs        []string `json:",omitempty"` // command and its arguments
	DockerContainerID string   `json:",omitempty"` // where the script runs
	Shell             string   `json:",omitempty"` // in the container
	OSService         string   `json:",omitempty"` // name of a service of the operating system
	AliasNode         string   `json:",omitempty"` // node whose health this is
	AliasService      string   `json:",omitempty"` // service instance whose health this is
	SessionName       string   `json:",omitempty"` // for Type "session": the session that keeps the check passing

	TTL                            time.Duration `json:",omitempty"`
	Interval                       time.Duration `json:",omitempty"`
	Timeout                        time.Duration `json:",omitempty"`
	DeregisterCriticalServiceAfter time.Duration `json:",omitempty"` // 0: never
	OutputMaxSize                  uint          `json:",omitempty"` // bytes of output to keep
}

// HealthChecks is a list of checks.
type HealthChecks []*HealthCheck

// AggregatedStatus is the worst that the checks say: HealthMaint if the node or a service is in maintenance mode, else
// HealthCritical, HealthWarning or HealthPassing. No checks at all are passing. The servers take any text as a status:
// one that is not known counts as critical, as it does for PassingOnly.
func (c HealthChecks) AggregatedStatus() string {
	status := HealthPassing
	for _, check := range c {
		switch {
		case check == nil:
		case check.isMaintenance():
			return HealthMaint
		case check.Status == HealthPassing:
		case check.Status == HealthWarning:
			if status == HealthPassing {
				status = HealthWarning
			}
		default:
			status = HealthCritical
		}
	}
	return status
}

func (c *HealthCheck) isMaintenance() bool {
	return c.CheckID == NodeMaint || strings.HasPrefix(c.CheckID, ServiceMaintPrefix)
}

// A wireCheck is a HealthCheck on the wire.
type wireCheck struct {
	plainHealthCheck
	Interval string `json:",omitempty"`
	Timeout  string `json:",omitempty"`
}

type plainHealthCheck HealthCheck

// check makes w what the caller gets, in place.
func (w *wireCheck) check() *HealthCheck {
	if w == nil {
		return nil
	}
	c := (*HealthCheck)(&w.plainHealthCheck)
	c.Interval, c.Timeout = lenientDuration(w.Interval), lenientDuration(w.Timeout)
	c.Definition = orNil(c.Definition)
	return c
}

// lenientDuration takes what is no duration for 0. The servers never look into a check's interval and timeout: if one odd
// check were an error, nobody could read the list that it is in.
func lenientDuration(s string) time.Duration {
	if s == "" {
		return 0 // most have none, and an error would have to be made for nobody
	}
	d, _ := time.ParseDuration(s)
	return d
}

// MarshalJSON writes the durations as text.
func (c HealthCheck) MarshalJSON() ([]byte, error) {
	w := wireCheck{plainHealthCheck: plainHealthCheck(c)}
	if c.Interval != 0 {
		w.Interval = c.Interval.String()
	}
	if c.Timeout != 0 {
		w.Timeout = c.Timeout.String()
	}
	return json.Marshal(w)
}

// UnmarshalJSON reads the durations from text.
func (c *HealthCheck) UnmarshalJSON(b []byte) error {
	w := wireCheck{plainHealthCheck: plainHealthCheck(*c)}
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	*c = *w.check()
	return nil
}

// A definitionJSON is a HealthCheckDefinition on the wire. The servers send all durations as text but the TTL.
type definitionJSON struct {
	*plainDefinition
	TTL                            wireDuration `json:",omitzero"`
	Interval                       wireDuration `json:",omitzero"`
	Timeout                        wireDuration `json:",omitzero"`
	DeregisterCriticalServiceAfter wireDuration `json:",omitzero"`
}

type plainDefinition HealthCheckDefinition

// MarshalJSON writes the durations as text.
func (d HealthCheckDefinition) MarshalJSON() ([]byte, error) {
	return json.Marshal(definitionJSON{
		plainDefinition:                (*plainDefinition)(&d),
		TTL:                            wireDuration(d.TTL),
		Interval:                       wireDuration(d.Interval),
		Timeout:                        wireDuration(d.Timeout),
		DeregisterCriticalServiceAfter: wireDuration(d.DeregisterCriticalServiceAfter),
	})
}

// UnmarshalJSON reads the durations from text or nanoseconds.
func (d *HealthCheckDefinition) UnmarshalJSON(b []byte) error {
	if bytes.Equal(b, []byte("{}")) { // the definition of every check that an agent registered
		*d = HealthCheckDefinition{}
		return nil
	}
	w := definitionJSON{plainDefinition: (*plainDefinition)(d)}
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	d.TTL = time.Duration(w.TTL)
	d.Interval = time.Duration(w.Interval)
	d.Timeout = time.Duration(w.Timeout)
	d.DeregisterCriticalServiceAfter = time.Duration(w.DeregisterCriticalServiceAfter)
	return nil
}
