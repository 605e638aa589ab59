package store

// This file holds what services say for the service mesh. The server keeps it and hands it out; nothing here acts on it.

import (
	"bytes"
	"encoding/json"
	"maps"
	"strings"
)

// ServiceConnect is what a service says of its part in the mesh.
type ServiceConnect struct {
	Native bool `json:",omitempty"`
	// SidecarService is the definition of a sidecar, which only agents act on. It is answered as it was written.
	SidecarService json.RawMessage     `json:",omitempty" bexpr:"-"`
	PeerMeta       *PeeringServiceMeta `json:",omitempty" bexpr:"-"`
}

// PeeringServiceMeta is what a peer tells of a service that it exports.
type PeeringServiceMeta struct {
	SNI      []string `json:",omitempty"`
	SpiffeID []string `json:",omitempty"`
	Protocol string   `json:",omitempty"`
}

// ConnectProxyConfig is how a proxy is configured. TransparentProxy and AccessLogs come first, as in the real server's
// answers.
type ConnectProxyConfig struct {
	TransparentProxy       TransparentProxyConfig `json:",omitzero"`
	AccessLogs             AccessLogsConfig       `json:",omitzero"`
	EnvoyExtensions        []EnvoyExtension       `json:",omitempty"`
	DestinationServiceName string                 `json:",omitempty"`
	DestinationServiceID   string                 `json:",omitempty"`
	LocalServiceAddress    string                 `json:",omitempty"`
	LocalServicePort       int                    `json:",omitempty"`
	LocalServiceSocketPath string                 `json:",omitempty"`
	Mode                   string
	Config                 map[string]any `json:",omitempty" bexpr:"-"`
	Upstreams              []Upstream     `json:",omitempty"`
	MeshGateway            MeshGatewayConfig
	Expose                 ExposeConfig
}

// TransparentProxyConfig is how a proxy captures traffic.
type TransparentProxyConfig struct {
	OutboundListenerPort int  `json:",omitempty"`
	DialedDirectly       bool `json:",omitempty"`
}

// AccessLogsConfig is what a proxy logs.
type AccessLogsConfig struct {
	Enabled             bool   `json:",omitempty"`
	DisableListenerLogs bool   `json:",omitempty"`
	Type                string `json:",omitempty"`
	Path                string `json:",omitempty"`
	JSONFormat          string `json:",omitempty"`
	TextFormat          string `json:",omitempty"`
}

// EnvoyExtension is an extension of a proxy.
type EnvoyExtension struct {
	Name          string
	Required      bool
	Arguments     map[string]any `bexpr:"-"`
	ConsulVersion string
	EnvoyVersion  string
}

// MeshGatewayConfig says through which gateways traffic goes.
type MeshGatewayConfig struct {
	Mode string `json:",omitempty"`
}

// Upstream is a service that a proxy gives its own service access to.
type Upstream struct {
	DestinationType      string
	DestinationNamespace string `json:",omitempty"`
	DestinationPartition string `json:",omitempty"`
	DestinationPeer      string `json:",omitempty"`
	DestinationName      string
	Datacenter           string
	LocalBindAddress     string            `json:",omitempty"`
	LocalBindPort        int               `json:",omitempty"`
	LocalBindSocketPath  string            `json:",omitempty"`
	LocalBindSocketMode  string            `json:",omitempty"`
	Config               map[string]any    `json:",omitempty" bexpr:"-"`
	MeshGateway          MeshGatewayConfig `json:",omitempty"`
	CentrallyConfigured  bool              `json:",omitempty" bexpr:"-"`
}

// ExposeConfig is what a proxy lets through without the mesh's encryption.
type ExposeConfig struct {
	Checks bool         `json:",omitempty"`
	Paths  []ExposePath `json:",omitempty"`
}

// ExposePath is one HTTP path that a proxy lets through.
type ExposePath struct {
	ListenerPort    int    `json:",omitempty"`
	Path            string `json:",omitempty"`
	LocalPathPort   int    `json:",omitempty"`
	Protocol        string `json:",omitempty"`
	ParsedFromCheck bool   `json:",omitempty"`
}

// CentrallyConfigured reports whether a service of the kind, configured so, is one that configuration entries apply to.
func CentrallyConfigured(kind string, proxy *ConnectProxyConfig) bool {
	if kind == KindConnectProxy {
		return proxy.DestinationServiceID != "" || proxy.DestinationServiceName != ""
	}
	return IsGateway(kind)
}

// The fields above that clients may also write in lower case with underscores.
var (
	proxyAliases = aliases("DestinationServiceName", "DestinationServiceID", "LocalServiceAddress", "LocalServicePort",
		"LocalServiceSocketPath", "MeshGateway", "TransparentProxy", "AccessLogs")
	upstreamAliases = aliases("DestinationType", "DestinationPartition", "DestinationNamespace", "DestinationPeer",
		"DestinationName", "LocalBindAddress", "LocalBindPort", "LocalBindSocketPath", "LocalBindSocketMode",
		"MeshGateway")
	exposeAliases  = aliases("ListenerPort", "LocalPathPort", "ParsedFromCheck")
	connectAliases = aliases("SidecarService")
)

// aliases maps the other spelling of each name to it.
func aliases(names ...string) map[string]string {
	other := map[string]string{}
	for _, name := range names {
		var spelt strings.Builder
		for i, r := range name {
			upper := r >= 'A' && r <= 'Z'
			if upper && i > 0 && name[i-1] >= 'a' {
				spelt.WriteByte('_')
			}
			if upper {
				r += 'a' - 'A'
			}
			spelt.WriteRune(r)
		}
		other[spelt.String()] = name
	}
	return other
}

// UnmarshalJSON implements json.Unmarshaler. As on the real server, a field that is not known is an error.
func (p *ConnectProxyConfig) UnmarshalJSON(data []byte) error {
	type Alias ConnectProxyConfig
	return unmarshalStrictly(data, proxyAliases, &struct{ *Alias }{(*Alias)(p)})
}

// UnmarshalJSON implements json.Unmarshaler, as strictly.
func (u *Upstream) UnmarshalJSON(data []byte) error {
	type Alias Upstream
	return unmarshalStrictly(data, upstreamAliases, &struct{ *Alias }{(*Alias)(u)})
}

// UnmarshalJSON implements json.Unmarshaler, as strictly.
func (p *ExposePath) UnmarshalJSON(data []byte) error {
	type Alias ExposePath
	return unmarshalStrictly(data, exposeAliases, &struct{ *Alias }{(*Alias)(p)})
}

// UnmarshalJSON implements json.Unmarshaler. Here, fields that are not known are passed over.
func (c *ServiceConnect) UnmarshalJSON(data []byte) error {
	type Alias ServiceConnect
	return json.Unmarshal(rename(data, connectAliases), &struct{ *Alias }{(*Alias)(c)})
}

func unmarshalStrictly(data []byte, aliases map[string]string, value any) error {
	decoder := json.NewDecoder(bytes.NewReader(rename(data, aliases)))
	decoder.DisallowUnknownFields()
	return decoder.Decode(value)
}

// rename gives the fields of an object that have an alias their names, unless these are there as well.
func rename(data []byte, aliases map[string]string) []byte {
	var fields map[string]json.RawMessage
	if json.Unmarshal(data, &fields) != nil {
		return data // no object: the decoder says so
	}
	renamed := maps.Clone(fields)
	for alias, name := range aliases {
		if value, ok := fields[alias]; ok {
			delete(renamed, alias)
			if _, ok := fields[name]; !ok {
				renamed[name] = value
			}
		}
	}
	if len(fields) == 0 {
		return data
	}
	out, err := json.Marshal(renamed)
	if err != nil {
		return data
	}
	return out
}
