package store

// This file holds nodes and services as they are registered and answered: the fields in the order of the real server's
// answers. The names of the types are seen as well, in the errors of bodies that do not fit them.

// RaftIndex says which writes made and last changed what it is a part of.
type RaftIndex struct {
	CreateIndex uint64
	ModifyIndex uint64
}

// Node is a node.
type Node struct {
	ID              string
	Node            string
	Address         string
	Datacenter      string
	Partition       string `json:",omitempty"`
	PeerName        string `json:",omitempty"`
	TaggedAddresses map[string]string
	Meta            map[string]string
	Locality        *Locality `json:",omitempty" bexpr:"-"`

	RaftIndex `bexpr:"-"`
}

// Locality is where a node or a service runs.
type Locality struct {
	Region string `json:",omitempty"`
	Zone   string `json:",omitempty"`
}

// The kinds of services; the usual one has none.
const (
	KindConnectProxy       = "connect-proxy"
	KindMeshGateway        = "mesh-gateway"
	KindTerminatingGateway = "terminating-gateway"
	KindIngressGateway     = "ingress-gateway"
	KindAPIGateway         = "api-gateway"
)

// NodeService is a service without the node that it is on.
type NodeService struct {
	Kind              string `json:",omitempty"`
	ID                string
	Service           string
	Tags              []string
	Address           string
	TaggedAddresses   map[string]ServiceAddress `json:",omitempty"`
	Meta              map[string]string
	Port              int          `json:",omitempty"`
	Ports             ServicePorts `json:",omitempty" bexpr:"-"`
	SocketPath        string       `json:",omitempty"`
	Weights           *Weights
	EnableTagOverride bool
	Locality          *Locality `json:",omitempty" bexpr:"-"`
	Proxy             ConnectProxyConfig
	Connect           ServiceConnect
	PeerName          string

	RaftIndex `bexpr:"-"`
}

// ServiceNode is a service with what the catalog tells of its node.
type ServiceNode struct {
	ID                       string
	Node                     string
	Address                  string
	Datacenter               string
	TaggedAddresses          map[string]string
	NodeMeta                 map[string]string
	ServiceKind              string
	ServiceID                string
	ServiceName              string
	ServiceTags              []string
	ServiceAddress           string
	ServiceTaggedAddresses   map[string]ServiceAddress `json:",omitempty"`
	ServiceWeights           Weights
	ServiceMeta              map[string]string
	ServicePort              int
	ServicePorts             ServicePorts `bexpr:"-"`
	ServiceSocketPath        string
	ServiceEnableTagOverride bool
	ServiceProxy             ConnectProxyConfig
	ServiceConnect           ServiceConnect
	ServiceLocality          *Locality `bexpr:"-"`
	PeerName                 string    `json:",omitempty"`

	RaftIndex `bexpr:"-"`
}

// CheckServiceNode is a service with its node, and with the checks of both.
type CheckServiceNode struct {
	Node    *Node
	Service *NodeService
	Checks  []*HealthCheck
}

// ServiceAddress is one of the addresses that a service has for those who ask from elsewhere.
type ServiceAddress struct {
	Address string
	Port    int
}

// ServicePort is one of the ports of a service that has several.
type ServicePort struct {
	Name    string
	Port    int
	Default bool
}

// ServicePorts are the ports of a service that has several.
type ServicePorts []ServicePort

// Default is the port of those that do not ask for one by name, 0 where there are none.
func (p ServicePorts) Default() int {
	for _, port := range p {
		if port.Default {
			return port.Port
		}
	}
	return 0
}

// same reports whether the ports are the same, as the real server has it: by name and number.
func (p ServicePorts) same(other ServicePorts) bool {
	if len(p) != len(other) {
		return false
	}
	ports := map[string]int{}
	for _, port := range p {
		ports[port.Name] = port.Port
	}
	for _, port := range other {
		if number, ok := ports[port.Name]; !ok || number != port.Port {
			return false
		}
	}
	return true
}

// Weights are those of a service in DNS answers, by its health.
type Weights struct {
	Passing int
	Warning int
}

// IsGateway reports whether services of the kind are gateways of the service mesh.
func IsGateway(kind string) bool {
	switch kind {
	case KindMeshGateway, KindTerminatingGateway, KindIngressGateway, KindAPIGateway:
		return true
	}
	return false
}
