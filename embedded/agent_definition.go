package embedded

// This file decodes what is registered with the agent: services and checks, with the names that fields have in JSON and
// those that they have in configuration files. The types' names are seen in the errors of bodies that do not fit them.

import (
	"bytes"
	"cmp"
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
	Checks            CheckTypes
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

// UnmarshalJSON implements json.Unmarshaler. Fields that are not known are passed over, unlike elsewhere.
func (c *ServiceConnect) UnmarshalJSON(data []byte) error {
	type Alias ServiceConnect
	aux := struct {
		*Alias
		SidecarServiceSnake *ServiceDefinition `json:"sidecar_service"`
	}{Alias: (*Alias)(c)}
	if err := json.Unmarshal(data, &aux); err != nil {
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

// sidecar is what matters of the definition's sidecar to its service; nil where there is none.
func (d *ServiceDefinition) sidecar() *store.Sidecar {
	if d.Connect == nil || d.Connect.SidecarService == nil {
		return nil
	}
	its := d.Connect.SidecarService
	return &store.Sidecar{ID: its.ID != "", Nested: its.sidecar() != nil}
}

// checkTypes are the checks of the definition.
func (d *ServiceDefinition) checkTypes() ([]*CheckType, error) {
	var list []*CheckType
	if !reflect.DeepEqual(d.Check, CheckType{}) {
		list = append(list, &d.Check)
	}
	for _, c := range d.Checks {
		if c == nil {
			abort() // the real server stumbles over it
		}
		list = append(list, c)
	}
	for _, c := range list {
		if err := c.definition().Validate(); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// CheckTypes has the name that errors give it.
type CheckTypes []*CheckType

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
	Interval                       time.Duration
	AliasNode                      string
	AliasService                   string
	DockerContainerID              string
	Shell                          string
	GRPC                           string
	GRPCUseTLS                     bool
	OSService                      string
	TLSServerName                  string
	TLSSkipVerify                  bool
	Timeout                        time.Duration
	TTL                            time.Duration
	SuccessBeforePassing           int
	FailuresBeforeWarning          int
	FailuresBeforeCritical         int
	DeregisterCriticalServiceAfter time.Duration
	OutputMaxSize                  int
}

// otherNames are the values of a check's fields that came by other names.
type otherNames struct {
	args, scriptArgs                          []string
	container, serverName                     string
	skipVerify, tcpTLS, grpcTLS, h2pingTLS    bool
	interval, timeout, ttl, deregister, after any
}

// merge takes what came by other names, and reads the durations, which are texts or numbers.
func (r *checkRun) merge(other *otherNames) error {
	if len(r.ScriptArgs) == 0 {
		r.ScriptArgs = other.args
	}
	if len(r.ScriptArgs) == 0 {
		r.ScriptArgs = other.scriptArgs
	}
	setDefault(&r.DockerContainerID, other.container)
	setDefault(&r.TLSServerName, other.serverName)
	r.TLSSkipVerify = r.TLSSkipVerify || other.skipVerify
	r.TCPUseTLS = r.TCPUseTLS || other.tcpTLS
	r.GRPCUseTLS = r.GRPCUseTLS || other.grpcTLS
	if other.h2pingTLS != (r.H2PING != "") {
		r.H2PingUseTLS = other.h2pingTLS
	}
	if other.deregister == nil {
		other.deregister = other.after
	}
	return cmp.Or(
		readDuration(other.interval, &r.Interval),
		readDuration(other.timeout, &r.Timeout),
		readDuration(other.ttl, &r.TTL),
		readDuration(other.deregister, &r.DeregisterCriticalServiceAfter),
	)
}

// readDuration reads a text or a number of nanoseconds, and passes over what is neither.
func readDuration(value any, d *time.Duration) error {
	switch value := value.(type) {
	case string:
		var err error
		*d, err = time.ParseDuration(value)
		return err
	case float64:
		*d = time.Duration(value)
	}
	return nil
}

// UnmarshalJSON implements json.Unmarshaler. The fields of aux, in their order, are seen in the errors of bodies that
// are no objects.
func (c *CheckType) UnmarshalJSON(data []byte) error {
	type Alias CheckType
	aux := &struct {
		Interval                            any
		Timeout                             any
		TTL                                 any
		DeregisterCriticalServiceAfter      any
		Args                                []string `json:"args"`
		ScriptArgsSnake                     []string `json:"script_args"`
		DeregisterCriticalServiceAfterSnake any      `json:"deregister_critical_service_after"`
		DockerContainerIDSnake              string   `json:"docker_container_id"`
		TLSServerNameSnake                  string   `json:"tls_server_name"`
		TLSSkipVerifySnake                  bool     `json:"tls_skip_verify"`
		TCPUseTLSSnake                      bool     `json:"tcp_use_tls"`
		GRPCUseTLSSnake                     bool     `json:"grpc_use_tls"`
		H2PingUseTLSSnake                   bool     `json:"h2ping_use_tls"`
		ServiceID                           string   `json:"ServiceID"` // which is that of the service around it
		ServiceIDSnake                      string   `json:"service_id"`
		*Alias
	}{Alias: (*Alias)(c)}
	err := strictlyTwice(data, aux, func() {
		if aux.H2PING != "" {
			aux.H2PingUseTLS, aux.H2PingUseTLSSnake = true, true
		}
	})
	if err != nil {
		return err
	}
	return c.merge(&otherNames{
		aux.Args, aux.ScriptArgsSnake, aux.DockerContainerIDSnake, aux.TLSServerNameSnake, aux.TLSSkipVerifySnake,
		aux.TCPUseTLSSnake, aux.GRPCUseTLSSnake, aux.H2PingUseTLSSnake,
		aux.Interval, aux.Timeout, aux.TTL, aux.DeregisterCriticalServiceAfter, aux.DeregisterCriticalServiceAfterSnake,
	})
}

// UnmarshalJSON implements json.Unmarshaler, as that of CheckType.
func (c *CheckDefinition) UnmarshalJSON(data []byte) error {
	type Alias CheckDefinition
	aux := &struct {
		Interval                            any
		Timeout                             any
		TTL                                 any
		DeregisterCriticalServiceAfter      any
		Args                                []string `json:"args"`
		ScriptArgsSnake                     []string `json:"script_args"`
		DeregisterCriticalServiceAfterSnake any      `json:"deregister_critical_service_after"`
		DockerContainerIDSnake              string   `json:"docker_container_id"`
		TLSServerNameSnake                  string   `json:"tls_server_name"`
		TLSSkipVerifySnake                  bool     `json:"tls_skip_verify"`
		TCPUseTLSSnake                      bool     `json:"tcp_use_tls"`
		GRPCUseTLSSnake                     bool     `json:"grpc_use_tls"`
		ServiceIDSnake                      string   `json:"service_id"`
		H2PingUseTLSSnake                   bool     `json:"h2ping_use_tls"`
		DisableRedirectsSnake               bool     `json:"disable_redirects"`
		*Alias
	}{Alias: (*Alias)(c)}
	err := strictlyTwice(data, aux, func() {
		if aux.H2PING != "" {
			aux.H2PingUseTLS, aux.H2PingUseTLSSnake = true, true
		}
	})
	if err != nil {
		return err
	}
	setDefault(&c.ServiceID, aux.ServiceIDSnake)
	c.DisableRedirects = c.DisableRedirects || aux.DisableRedirectsSnake
	return c.merge(&otherNames{
		aux.Args, aux.ScriptArgsSnake, aux.DockerContainerIDSnake, aux.TLSServerNameSnake, aux.TLSSkipVerifySnake,
		aux.TCPUseTLSSnake, aux.GRPCUseTLSSnake, aux.H2PingUseTLSSnake,
		aux.Interval, aux.Timeout, aux.TTL, aux.DeregisterCriticalServiceAfter, aux.DeregisterCriticalServiceAfterSnake,
	})
}

// strictlyTwice decodes, sets defaults that depend on what was decoded, and decodes again over them.
func strictlyTwice(data []byte, value any, setDefaults func()) error {
	if err := strictly(data, value); err != nil {
		return err
	}
	setDefaults()
	return strictly(data, value)
}

// definition is what runs the check.
func (r *checkRun) definition() *checks.Definition {
	return &checks.Definition{
		TTL: r.TTL, Interval: r.Interval, Timeout: r.Timeout,
		HTTP: r.HTTP, Method: r.Method, Header: r.Header, Body: r.Body, DisableRedirects: r.DisableRedirects,
		TCP: r.TCP, TCPUseTLS: r.TCPUseTLS, UDP: r.UDP, GRPC: r.GRPC, GRPCUseTLS: r.GRPCUseTLS,
		H2PING: r.H2PING, H2PingUseTLS: r.H2PingUseTLS, TLSServerName: r.TLSServerName, TLSSkipVerify: r.TLSSkipVerify,
		ScriptArgs: r.ScriptArgs, DockerContainerID: r.DockerContainerID, Shell: r.Shell, OSService: r.OSService,
		AliasService: r.AliasService, AliasNode: r.AliasNode,
		SuccessBeforePassing: r.SuccessBeforePassing, FailuresBeforeWarning: r.FailuresBeforeWarning,
		FailuresBeforeCritical:         r.FailuresBeforeCritical,
		DeregisterCriticalServiceAfter: r.DeregisterCriticalServiceAfter, OutputMaxSize: r.OutputMaxSize,
	}
}
