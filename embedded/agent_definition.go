package embedded

// This file decodes what is registered with the agent: services and checks, with the names that fields have in JSON and those
// that they have in configuration files. The types' names are seen in the errors of bodies that do not fit them.

import (
	"bytes"
	"encoding/json"
	"reflect"
	"time"

	"github.com/lictor-go/consul/embedded/internal/checks"
	"github.com/lictor-go/consul/embedded/internal/store"
)

// strictly decodes as strictly as the real server does: a field that is not known is an error.
func strictly(data []byte, value any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	return decoder.Decode(value)
}

// ServiceDefinition is a service as it is registered.
type ServiceDefinition struct {
	Kind              string
	ID                string
	Name              string
	Tags              []string
	Address           string
	TaggedAddresses   map[string]store.ServiceAddress
	Meta              map[string]string
	Port              int
	Ports             store.ServicePorts
	SocketPath        string
	Check             CheckType
	Checks            []*CheckType
	Weights           *store.Weights
	Token             string
	EnableTagOverride bool
	Locality          *store.Locality
	Proxy             *store.ConnectProxyConfig
	Connect           *ServiceConnect
}

// ServiceConnect is a service's part in the mesh, as it is registered.
type ServiceConnect struct {
	Native         bool
	SidecarService *ServiceDefinition
}

// UnmarshalJSON implements json.Unmarshaler.
func (c *ServiceConnect) UnmarshalJSON(data []byte) error {
	type Alias ServiceConnect
	aux := struct {
		*Alias
		SidecarServiceSnake *ServiceDefinition `json:"sidecar_service"`
	}{Alias: (*Alias)(c)}
	if err := strictly(data, &aux); err != nil {
		return err
	}
	if c.SidecarService == nil {
		c.SidecarService = aux.SidecarServiceSnake
	}
	return nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (d *ServiceDefinition) UnmarshalJSON(data []byte) error {
	type Alias ServiceDefinition
	aux := struct {
		EnableTagOverrideSnake bool                            `json:"enable_tag_override"`
		TaggedAddressesSnake   map[string]store.ServiceAddress `json:"tagged_addresses"`
		*Alias
	}{Alias: (*Alias)(d)}
	if err := strictly(data, &aux); err != nil {
		return err
	}
	d.EnableTagOverride = d.EnableTagOverride || aux.EnableTagOverrideSnake
	if len(d.TaggedAddresses) == 0 {
		d.TaggedAddresses = aux.TaggedAddressesSnake
	}
	return nil
}

// service is the service that the definition defines.
func (d *ServiceDefinition) service() *store.NodeService {
	s := &store.NodeService{
		Kind: d.Kind, ID: d.ID, Service: d.Name, Tags: d.Tags, Address: d.Address, Meta: d.Meta, Port: d.Port, Ports: d.Ports,
		SocketPath: d.SocketPath, Weights: d.Weights, EnableTagOverride: d.EnableTagOverride, Locality: d.Locality,
	}
	if d.Connect != nil {
		s.Connect.Native = d.Connect.Native
	}
	if d.Proxy != nil {
		s.Proxy = *d.Proxy
		for i := range s.Proxy.Upstreams {
			if s.Proxy.Upstreams[i].DestinationType == "" {
				s.Proxy.Upstreams[i].DestinationType = "service"
			}
		}
	}
	if s.ID == "" {
		s.ID = s.Service
	}
	if len(d.TaggedAddresses) > 0 {
		s.TaggedAddresses = d.TaggedAddresses
	}
	return s
}

// checkTypes are the checks of the definition.
func (d *ServiceDefinition) checkTypes() ([]*CheckType, error) {
	var list []*CheckType
	if !reflect.DeepEqual(d.Check, CheckType{}) {
		list = append(list, &d.Check)
	}
	for _, c := range d.Checks {
		if c != nil {
			list = append(list, c)
		}
	}
	for _, c := range list {
		if err := c.definition().Validate(); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// CheckType is a check as it is registered with its service.
type CheckType struct {
	CheckID, Name, Status, Notes string
	checkRun
	ProxyHTTP, ProxyGRPC string
}

// CheckDefinition is a check as it is registered by itself.
type CheckDefinition struct {
	ID, Name, Notes, ServiceID, Token, Status string
	checkRun
}

// checkRun is what a check does.
type checkRun struct {
	ScriptArgs                     []string
	HTTP                           string
	H2PING                         string
	H2PingUseTLS                   bool
	Header                         map[string][]string
	Method                         string
	Body                           string
	DisableRedirects               bool
	TCP                            string
	TCPUseTLS                      bool
	UDP                            string
	Interval                       store.Duration
	AliasNode                      string
	AliasService                   string
	DockerContainerID              string
	Shell                          string
	GRPC                           string
	GRPCUseTLS                     bool
	OSService                      string
	TLSServerName                  string
	TLSSkipVerify                  bool
	Timeout                        store.Duration
	TTL                            store.Duration
	SuccessBeforePassing           int
	FailuresBeforeWarning          int
	FailuresBeforeCritical         int
	DeregisterCriticalServiceAfter store.Duration
	OutputMaxSize                  int
}

// checkAliases are other names that fields of a check may have.
type checkAliases struct {
	Args                           []string       `json:"args"`
	ScriptArgs                     []string       `json:"script_args"`
	DeregisterCriticalServiceAfter store.Duration `json:"deregister_critical_service_after"`
	DockerContainerID              string         `json:"docker_container_id"`
	TLSServerName                  string         `json:"tls_server_name"`
	TLSSkipVerify                  bool           `json:"tls_skip_verify"`
	TCPUseTLS                      bool           `json:"tcp_use_tls"`
	GRPCUseTLS                     bool           `json:"grpc_use_tls"`
	H2PingUseTLS                   *bool          `json:"h2ping_use_tls"`
	ServiceIDSnake                 string         `json:"service_id"`
}

// merge takes what was said by another name.
func (r *checkRun) merge(other *checkAliases, useTLS *bool) {
	if len(r.ScriptArgs) == 0 {
		r.ScriptArgs = other.Args
	}
	if len(r.ScriptArgs) == 0 {
		r.ScriptArgs = other.ScriptArgs
	}
	if r.DeregisterCriticalServiceAfter == 0 {
		r.DeregisterCriticalServiceAfter = other.DeregisterCriticalServiceAfter
	}
	if r.DockerContainerID == "" {
		r.DockerContainerID = other.DockerContainerID
	}
	if r.TLSServerName == "" {
		r.TLSServerName = other.TLSServerName
	}
	r.TLSSkipVerify = r.TLSSkipVerify || other.TLSSkipVerify
	r.TCPUseTLS = r.TCPUseTLS || other.TCPUseTLS
	r.GRPCUseTLS = r.GRPCUseTLS || other.GRPCUseTLS
	// Pings use TLS unless one of the names says no.
	r.H2PingUseTLS = r.H2PING != ""
	for _, said := range []*bool{useTLS, other.H2PingUseTLS} {
		if said != nil {
			r.H2PingUseTLS = r.H2PingUseTLS && *said || r.H2PING == "" && *said
		}
	}
}

// UnmarshalJSON implements json.Unmarshaler.
func (c *CheckType) UnmarshalJSON(data []byte) error {
	type Alias CheckType
	aux := struct {
		checkAliases
		H2PingUseTLS *bool
		ServiceID    string
		*Alias
	}{Alias: (*Alias)(c)}
	if err := strictly(data, &aux); err != nil {
		return err
	}
	c.merge(&aux.checkAliases, aux.H2PingUseTLS)
	return nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (c *CheckDefinition) UnmarshalJSON(data []byte) error {
	type Alias CheckDefinition
	aux := struct {
		checkAliases
		H2PingUseTLS          *bool
		DisableRedirectsSnake bool `json:"disable_redirects"`
		*Alias
	}{Alias: (*Alias)(c)}
	if err := strictly(data, &aux); err != nil {
		return err
	}
	c.merge(&aux.checkAliases, aux.H2PingUseTLS)
	if c.ServiceID == "" {
		c.ServiceID = aux.ServiceIDSnake
	}
	c.DisableRedirects = c.DisableRedirects || aux.DisableRedirectsSnake
	return nil
}

// definition is what runs the check.
func (r *checkRun) definition() *checks.Definition {
	return &checks.Definition{
		TTL: time.Duration(r.TTL), Interval: time.Duration(r.Interval), Timeout: time.Duration(r.Timeout),
		HTTP: r.HTTP, Method: r.Method, Header: r.Header, Body: r.Body, DisableRedirects: r.DisableRedirects,
		TCP: r.TCP, TCPUseTLS: r.TCPUseTLS, UDP: r.UDP, GRPC: r.GRPC, GRPCUseTLS: r.GRPCUseTLS,
		H2PING: r.H2PING, H2PingUseTLS: r.H2PingUseTLS, TLSServerName: r.TLSServerName, TLSSkipVerify: r.TLSSkipVerify,
		ScriptArgs: r.ScriptArgs, DockerContainerID: r.DockerContainerID, Shell: r.Shell, OSService: r.OSService,
		AliasService: r.AliasService, AliasNode: r.AliasNode,
		SuccessBeforePassing: r.SuccessBeforePassing, FailuresBeforeWarning: r.FailuresBeforeWarning,
		FailuresBeforeCritical:         r.FailuresBeforeCritical,
		DeregisterCriticalServiceAfter: time.Duration(r.DeregisterCriticalServiceAfter), OutputMaxSize: r.OutputMaxSize,
	}
}
