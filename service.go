package consul

// This file holds what the agent, the catalog and health have in common: the shape of a service instance, and of the
// proxy in front of it.

import (
	"encoding/json"
	"reflect"
)

// A ServiceKind says what an instance is for.
type ServiceKind string

// The kinds of services.
const (
	ServiceKindTypical            ServiceKind = ""                    // a service like any other
	ServiceKindConnectProxy       ServiceKind = "connect-proxy"       // a proxy of the service mesh; it needs Proxy
	ServiceKindMeshGateway        ServiceKind = "mesh-gateway"        // between datacenters or peers
	ServiceKindTerminatingGateway ServiceKind = "terminating-gateway" // out of the mesh
	ServiceKindIngressGateway     ServiceKind = "ingress-gateway"     // into the mesh
	ServiceKindAPIGateway         ServiceKind = "api-gateway"         // into the mesh, by routes
)

// An AgentService is an instance of a service: as an agent knows it, and as the catalog and health tell of it. The
// catalog takes it too, where a service is registered without an agent; Agent.ServiceRegister takes an
// AgentServiceRegistration.
type AgentService struct {
	Kind              ServiceKind `json:",omitempty"`
	ID                string      // unique on the node; empty when registered: Service
	Service           string      // name of the service
	Tags              []string
	Meta              map[string]string
	Port              int                       // 0: none
	Ports             []ServicePort             `json:",omitempty"` // several ports, by name, rather than Port
	Address           string                    // empty: that of the node
	SocketPath        string                    `json:",omitempty"` // unix socket, rather than Address and Port
	TaggedAddresses   map[string]ServiceAddress `json:",omitempty"` // by use: "lan", "wan", "lan_ipv4" or any other text
	Weights           AgentWeights              `json:",omitzero"`  // zero when registered: 1 and 1
	EnableTagOverride bool                      // whether the catalog may change Tags, rather than the agent undo that

	// For proxies and gateways, and for what is in the mesh. What says nothing, as servers send it with every instance, is nil.
	Proxy   *AgentServiceConnectProxyConfig `json:",omitempty"`
	Connect *AgentServiceConnect            `json:",omitempty"`

	PeerName   string    `json:",omitempty"` // the cluster peer that it was imported from
	Locality   *Locality `json:",omitempty"`
	Namespace  string    `json:",omitempty"` // Consul Enterprise
	Partition  string    `json:",omitempty"` // Consul Enterprise
	Datacenter string    `json:",omitempty"` // told by the agent, read nowhere

	CreateIndex uint64 `json:",omitempty"` // told by the catalog
	ModifyIndex uint64 `json:",omitempty"` // told by the catalog
	ContentHash string `json:",omitempty"` // told by Agent.Service: what WaitHash waits on
}

// UnmarshalJSON makes Proxy and Connect nil where they say nothing.
func (s *AgentService) UnmarshalJSON(b []byte) error {
	type plain AgentService
	if err := json.Unmarshal(b, (*plain)(s)); err != nil {
		return err
	}
	s.Proxy, s.Connect = orNil(s.Proxy), orNil(s.Connect)
	return nil
}

// orNil gives nil for what says nothing.
func orNil[T any](v *T) *T {
	if v == nil || reflect.ValueOf(v).Elem().IsZero() {
		return nil
	}
	return v
}

// A ServiceAddress is where a service listens.
type ServiceAddress struct {
	Address string
	Port    int
}

// A ServicePort is one of several ports of an instance. Exactly one of them is the Default. Consul 1.22 and later.
type ServicePort struct {
	Name    string // unique in the instance
	Port    int    // above 0
	Default bool   // the one that those who know of one port only get
}

// AgentWeights says how much of the traffic an instance gets, relative to others, where DNS SRV records and the mesh
// spread it.
type AgentWeights struct {
	Passing int // while all its checks pass; at least 1
	Warning int // while a check warns; 0: no traffic then
}

// A Locality says where something runs. What the names mean is up to whoever gives them.
type Locality struct {
	Region string `json:",omitempty"`
	Zone   string `json:",omitempty"` // in the region
}

// AgentServiceConnect says how an instance is part of the service mesh.
type AgentServiceConnect struct {
	Native bool `json:",omitempty"` // the service speaks the mesh's TLS itself

	// SidecarService registers a proxy for the instance with it. Only what differs from the agent's defaults needs to be
	// set: the zero value is a usable sidecar. It is read in registrations and never told.
	SidecarService *AgentServiceRegistration `json:",omitempty"`
}

// A ProxyMode says how traffic reaches a proxy.
type ProxyMode string

// The modes of proxies.
const (
	ProxyModeDefault     ProxyMode = ""            // what the proxy defaults say
	ProxyModeTransparent ProxyMode = "transparent" // traffic is captured and redirected to the proxy
	ProxyModeDirect      ProxyMode = "direct"      // whoever sends traffic connects to the proxy's listeners
)

// AgentServiceConnectProxyConfig configures a proxy or a gateway.
type AgentServiceConnectProxyConfig struct {
	DestinationServiceName string `json:",omitempty"` // the service that it stands in front of; needed by a proxy
	DestinationServiceID   string `json:",omitempty"` // the instance, on the same agent; empty: not a sidecar
	LocalServiceAddress    string `json:",omitempty"` // of the instance, for a sidecar; empty: 127.0.0.1
	LocalServicePort       int    `json:",omitempty"` // of the instance, for a sidecar; 0: the one registered
	LocalServiceSocketPath string `json:",omitempty"` // of the instance, rather than address and port

	Mode             ProxyMode               `json:",omitempty"`
	TransparentProxy *TransparentProxyConfig `json:",omitempty"`
	Upstreams        []Upstream              `json:",omitempty"`
	MeshGateway      MeshGatewayConfig       `json:",omitzero"`
	Expose           ExposeConfig            `json:",omitzero"`
	AccessLogs       *AccessLogsConfig       `json:",omitempty"`
	EnvoyExtensions  []EnvoyExtension        `json:",omitempty"` // those of config entries replace what an agent is told

	// Config is for the proxy itself; Consul passes it on. Its numbers come back as float64.
	Config map[string]any `json:",omitempty"`
}

// TransparentProxyConfig configures a proxy in ProxyModeTransparent.
type TransparentProxyConfig struct {
	OutboundListenerPort int  `json:",omitempty"` // where the service's traffic is redirected to
	DialedDirectly       bool `json:",omitempty"` // whether others may connect to this very instance
}

// An UpstreamDestType says what an upstream leads to.
type UpstreamDestType string

// The destinations of upstreams.
const (
	UpstreamDestTypeService       UpstreamDestType = "service" // what empty means, too
	UpstreamDestTypePreparedQuery UpstreamDestType = "prepared_query"
)

// An Upstream is a service that a proxy gives its own service a way to.
type Upstream struct {
	DestinationType      UpstreamDestType `json:",omitempty"`
	DestinationNamespace string           `json:",omitempty"` // Consul Enterprise
	DestinationPartition string           `json:",omitempty"` // Consul Enterprise
	DestinationPeer      string           `json:",omitempty"` // not with Datacenter
	DestinationName      string
	Datacenter           string `json:",omitempty"` // empty: the proxy's own

	LocalBindAddress    string `json:",omitempty"` // where the proxy listens for it; empty: 127.0.0.1
	LocalBindPort       int    `json:",omitempty"` // needed, unless LocalBindSocketPath is set
	LocalBindSocketPath string `json:",omitempty"` // unix socket, rather than address and port
	LocalBindSocketMode string `json:",omitempty"` // of the socket, in octal: "0600"

	MeshGateway MeshGatewayConfig `json:",omitzero"`
	Config      map[string]any    `json:",omitempty"` // for the proxy itself

	CentrallyConfigured bool `json:",omitempty"` // told where it comes from a config entry
}

// A MeshGatewayMode says whether traffic to another datacenter goes through gateways.
type MeshGatewayMode string

// The modes of mesh gateways.
const (
	MeshGatewayModeDefault MeshGatewayMode = ""       // what the proxy or service defaults say
	MeshGatewayModeNone    MeshGatewayMode = "none"   // directly
	MeshGatewayModeLocal   MeshGatewayMode = "local"  // through a gateway of this datacenter
	MeshGatewayModeRemote  MeshGatewayMode = "remote" // through a gateway of the other datacenter
)

// MeshGatewayConfig says how mesh gateways are used.
type MeshGatewayConfig struct {
	Mode MeshGatewayMode `json:",omitempty"`
}

// ExposeConfig names paths of a service that its proxy lets through without the mesh's TLS.
type ExposeConfig struct {
	Checks bool         `json:",omitempty"` // those that the service's HTTP and gRPC checks ask for
	Paths  []ExposePath `json:",omitempty"`
}

// An ExposePath is one path that is let through.
type ExposePath struct {
	ListenerPort    int    `json:",omitempty"` // where the proxy listens for it
	Path            string `json:",omitempty"` // such as "/metrics"
	LocalPathPort   int    `json:",omitempty"` // where the service listens
	Protocol        string `json:",omitempty"` // "http" or "http2"; empty: "http"
	ParsedFromCheck bool   `json:",omitempty"` // told where it comes from a check
}

// A LogSinkType says where a proxy writes its access log.
type LogSinkType string

// Where access logs go.
const (
	DefaultLogSinkType LogSinkType = "" // standard output
	FileLogSinkType    LogSinkType = "file"
	StdErrLogSinkType  LogSinkType = "stderr"
	StdOutLogSinkType  LogSinkType = "stdout"
)

// AccessLogsConfig configures the access log of a proxy.
type AccessLogsConfig struct {
	Enabled             bool        `json:",omitempty"`
	DisableListenerLogs bool        `json:",omitempty"` // leave out connections that no listener takes
	Type                LogSinkType `json:",omitempty"`
	Path                string      `json:",omitempty"` // of the file, with FileLogSinkType
	JSONFormat          string      `json:",omitempty"` // not with TextFormat
	TextFormat          string      `json:",omitempty"`
}

// An EnvoyExtension changes the configuration that Envoy gets.
type EnvoyExtension struct {
	Name          string
	Required      bool           `json:",omitempty"` // whether the proxy gets nothing if it can't be applied
	Arguments     map[string]any `json:",omitempty"`
	ConsulVersion string         `json:",omitempty"` // constraint on the version
	EnvoyVersion  string         `json:",omitempty"` // constraint on the version
}
