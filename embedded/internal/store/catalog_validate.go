package store

// This file checks what services say of themselves. The errors' texts are the real server's.

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Limits of metadata.
const (
	maxMetaPairs = 64
	maxMetaKey   = 128
	maxMetaValue = 512

	reservedMeta      = "consul-"
	wanFederationMeta = "consul-wan-federation"
)

var metaKeyFormat = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)

// ValidateMeta checks metadata that a client gives. Keys with the prefix that Consul keeps for itself are refused, but for
// those in reserved.
func ValidateMeta(meta map[string]string, reserved ...string) error {
	if len(meta) > maxMetaPairs {
		return fmt.Errorf("Node metadata cannot contain more than %d key/value pairs", maxMetaPairs)
	}
	for _, key := range slices.Sorted(maps.Keys(meta)) {
		if err := validateMetaPair(key, meta[key], reserved); err != nil {
			return fmt.Errorf("Couldn't load metadata pair ('%s', '%s'): %w", key, meta[key], err)
		}
	}
	return nil
}

func validateMetaPair(key, value string, reserved []string) error {
	switch {
	case key == "":
		return fmt.Errorf("Key cannot be blank")
	case !metaKeyFormat.MatchString(key):
		return fmt.Errorf("Key contains invalid characters")
	case len(key) > maxMetaKey:
		return fmt.Errorf("Key is too long (limit: %d characters)", maxMetaKey)
	case strings.HasPrefix(key, reservedMeta) && !slices.Contains(reserved, key):
		return fmt.Errorf("Key prefix '%s' is reserved for internal use", reservedMeta)
	case len(value) > maxMetaValue:
		return fmt.Errorf("Value is too long (limit: %d characters)", maxMetaValue)
	}
	return nil
}

// ValidateMeta checks the service's metadata.
func (s *NodeService) ValidateMeta() error {
	if s.Kind == KindMeshGateway {
		return ValidateMeta(s.Meta, wanFederationMeta)
	}
	return ValidateMeta(s.Meta)
}

func validateServiceMeta(node string, s *NodeService) error {
	if err := s.ValidateMeta(); err != nil {
		return fmt.Errorf("Invalid Service Meta for node %s and serviceID %s: %w", node, s.ID, err)
	}
	return nil
}

// faults are several errors at once.
type faults []error

func (f *faults) add(format string, values ...any) { *f = append(*f, fmt.Errorf(format, values...)) }

// Error implements error, in the real server's form.
func (f faults) Error() string {
	var b strings.Builder
	if len(f) == 1 {
		b.WriteString("1 error occurred:")
	} else {
		fmt.Fprintf(&b, "%d errors occurred:", len(f))
	}
	for _, err := range f {
		fmt.Fprintf(&b, "\n\t* %s", err)
	}
	b.WriteString("\n\n")
	return b.String()
}

func (f faults) err() error {
	if len(f) == 0 {
		return nil
	}
	return f
}

// Sidecar is what matters, for a service, of the sidecar that is registered with it.
type Sidecar struct{ ID, Nested bool }

// sidecar is that of a service in the catalog, where nothing comes of it. nil is none.
func (s *NodeService) sidecar() *Sidecar {
	var definition struct {
		ID      string
		Connect *struct {
			SidecarService      json.RawMessage
			SidecarServiceSnake json.RawMessage `json:"sidecar_service"`
		}
	}
	if len(s.Connect.SidecarService) == 0 || json.Unmarshal(s.Connect.SidecarService, &definition) != nil {
		return nil
	}
	nested := definition.Connect
	return &Sidecar{definition.ID != "", nested != nil && len(nested.SidecarService)+len(nested.SidecarServiceSnake) > 0}
}

// Validate checks a service that is registered in the catalog.
func (s *NodeService) Validate() error { return s.ValidateWith(s.sidecar()) }

// ValidateWith is Validate for a service with this sidecar, or with none.
func (s *NodeService) ValidateWith(sidecar *Sidecar) error {
	var f faults
	if s.Locality != nil && s.Locality.Region == "" && s.Locality.Zone != "" {
		f.add("zone cannot be set without region")
	}
	if s.Kind == KindConnectProxy {
		if len(s.Ports) > 0 {
			f.add("Ports cannot be set for a %s", s.Kind)
		}
		if s.Port == 0 && s.SocketPath == "" {
			f.add("Port or SocketPath must be set for a %s", s.Kind)
		}
	}
	s.validateForAgent(&f, sidecar)
	if len(s.Ports) > 0 && s.Port != 0 {
		f.add("Cannot set both Port and Ports")
	}
	if err := s.Ports.validate(); err != nil {
		f.add("%w", err)
	}
	return f.err()
}

// ValidateForAgent checks a service that is registered with an agent, which gives it a port if it has none.
func (s *NodeService) ValidateForAgent() error {
	var f faults
	s.validateForAgent(&f, s.sidecar())
	return f.err()
}

func (s *NodeService) validateForAgent(f *faults, sidecar *Sidecar) {
	switch {
	case s.Kind == KindConnectProxy:
		s.validateProxy(f)
	case IsGateway(s.Kind):
		s.validateGateway(f, sidecar != nil)
	}
	if sidecar != nil && sidecar.ID {
		f.add("A SidecarService cannot specify an ID as this is managed by the agent")
	}
	if sidecar != nil && sidecar.Nested {
		f.add("A SidecarService cannot have a nested SidecarService")
	}
	if s.Connect.Native && s.Port == 0 && s.SocketPath == "" {
		f.add("Port or SocketPath must be set for a Connect native service.")
	}
}

func (s *NodeService) validateProxy(f *faults) {
	destination := s.Proxy.DestinationServiceName
	if strings.TrimSpace(destination) == "" {
		f.add("Proxy.DestinationServiceName must be non-empty for Connect proxy services")
	}
	if destination == "*" {
		f.add("Proxy.DestinationServiceName must not be a wildcard for Connect proxy services")
	}
	if s.Connect.Native {
		f.add("A Proxy cannot also be Connect Native, only typical services")
	}
	validateUpstreams(f, s.Proxy.Upstreams)
	validateExposed(f, s.Proxy.Expose.Paths)
}

func validateUpstreams(f *faults, upstreams []Upstream) {
	type target struct{ kind, name, partition, namespace, peer, datacenter string }
	targets, listeners := map[target]bool{}, map[string]bool{}
	for i := range upstreams {
		u := &upstreams[i]
		if err := u.validate(); err != nil {
			f.add("%w", err)
			continue
		}
		t := target{u.DestinationType, u.DestinationName, u.DestinationPartition, u.DestinationNamespace,
			u.DestinationPeer, u.Datacenter}
		if targets[t] {
			f.add("upstreams cannot contain duplicates of [type=%q, name=%q, partition=%q, namespace=%q, peer=%q, "+
				"datacenter=%q]", t.kind, t.name, t.partition, t.namespace, t.peer, t.datacenter)
			continue
		}
		targets[t] = true
		listener := u.listener()
		if listeners[listener] && !u.CentrallyConfigured {
			f.add("upstreams cannot contain duplicates by local bind address and port or unix path; %q is specified twice",
				listener)
			continue
		}
		listeners[listener] = true
	}
}

func (u *Upstream) validate() error {
	switch u.DestinationType {
	case "", "service", "prepared_query":
	default:
		return fmt.Errorf("unknown upstream destination type: %q", u.DestinationType)
	}
	local := u.LocalBindPort != 0 || u.LocalBindSocketPath != ""
	switch {
	case u.DestinationName == "":
		return errors.New("upstream destination name cannot be empty")
	case u.DestinationName == "*" && !u.CentrallyConfigured:
		return errors.New("upstream destination name cannot be a wildcard")
	case u.DestinationPeer != "" && u.Datacenter != "":
		return errors.New("upstream cannot specify both destination peer and datacenter")
	case !local && !u.CentrallyConfigured:
		return errors.New("upstream local bind port or local socket path must be defined and nonzero")
	case u.LocalBindPort != 0 && u.LocalBindSocketPath != "" && !u.CentrallyConfigured:
		return errors.New("only one of upstream local bind port or local socket path can be defined and nonzero")
	}
	return nil
}

// listener is where the proxy listens for the upstream.
func (u *Upstream) listener() string {
	if u.LocalBindPort == 0 && u.LocalBindAddress == "" && u.LocalBindSocketPath != "" {
		return u.LocalBindSocketPath
	}
	address := u.LocalBindAddress
	if address == "" {
		address = "127.0.0.1"
	}
	if strings.Contains(address, ":") {
		address = "[" + address + "]"
	}
	return fmt.Sprintf("%s:%d", address, u.LocalBindPort)
}

func validateExposed(f *faults, paths []ExposePath) {
	ports := map[int]bool{}
	for _, p := range paths {
		if p.Path == "" {
			f.add("expose.paths: empty path exposed")
		}
		if ports[p.ListenerPort] {
			f.add("expose.paths: duplicate listener ports exposed")
		}
		ports[p.ListenerPort] = true
		if p.ListenerPort <= 0 || p.ListenerPort > 65535 {
			f.add("expose.paths: invalid listener port: %d", p.ListenerPort)
		}
		switch protocol := strings.ToLower(p.Protocol); protocol {
		case "", "http", "http2":
		default:
			f.add("protocol '%s' not supported for path: %s, must be in: [http http2]", protocol, p.Path)
		}
	}
}

func (s *NodeService) validateGateway(f *faults, sidecar bool) {
	if len(s.Ports) > 0 {
		f.add("Ports cannot be set for a %s", s.Kind)
	}
	if s.Port == 0 && s.Kind != KindIngressGateway && s.Kind != KindAPIGateway {
		f.add("Port must be non-zero for a %s", s.Kind)
	}
	if sidecar {
		f.add("A %s cannot have a sidecar service defined", s.Kind)
	}
	for _, field := range []struct {
		name string
		set  bool
	}{
		{"DestinationServiceName", s.Proxy.DestinationServiceName != ""},
		{"DestinationServiceID", s.Proxy.DestinationServiceID != ""},
		{"LocalServiceAddress", s.Proxy.LocalServiceAddress != ""},
		{"LocalServicePort", s.Proxy.LocalServicePort != 0},
		{"LocalServiceSocketPath", s.Proxy.LocalServiceSocketPath != ""},
		{"Upstreams", len(s.Proxy.Upstreams) != 0},
	} {
		if field.set {
			f.add("The Proxy.%s configuration is invalid for a %s", field.name, s.Kind)
		}
	}
}

func (p ServicePorts) validate() error {
	if len(p) == 0 {
		return nil
	}
	names, fallback := map[string]bool{}, false
	for _, port := range p {
		switch {
		case strings.TrimSpace(port.Name) == "":
			return errors.New("Ports.Name cannot be empty")
		case port.Port <= 0:
			return errors.New("Ports.Port must be greater than zero")
		case names[port.Name]:
			return fmt.Errorf("Ports.Name %q has to be unique", port.Name)
		case fallback && port.Default:
			return errors.New("Only one port can be marked as default")
		}
		names[port.Name] = true
		fallback = fallback || port.Default
	}
	if !fallback {
		return errors.New("One of the Ports must be marked as Default")
	}
	return nil
}
