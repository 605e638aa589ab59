package consul

// This file holds Catalog, the client of the catalog: which nodes and services there are.
// See https://developer.hashicorp.com/consul/api-docs/catalog

import (
	"context"
	"encoding/json"
	"net/http"
)

// Catalog is the client of the catalog: /v1/catalog. It tells which nodes and services are registered, well or not; see
// Health for the instances that work. A token sees only what its policies let it: the rest is left out of lists, and a
// node is ErrNotFound.
type Catalog struct{ c *Client }

// Catalog gives the client of the catalog.
func (c *Client) Catalog() *Catalog { return &Catalog{c} }

// A Node is a machine, or whatever else services run on, as the catalog has it.
type Node struct {
	ID              string // UUID; empty for nodes that were registered without one
	Node            string // name
	Address         string
	Datacenter      string
	TaggedAddresses map[string]string `json:",omitempty"` // by use: "lan", "wan", "lan_ipv4" and so on
	Meta            map[string]string `json:",omitempty"`
	Locality        *Locality         `json:",omitempty"`
	PeerName        string            `json:",omitempty"` // the cluster peer that it was imported from
	Partition       string            `json:",omitempty"` // Consul Enterprise
	CreateIndex     uint64            `json:",omitempty"` // told by the server
	ModifyIndex     uint64            `json:",omitempty"` // told by the server; what a CAS on a node in a transaction compares
}

// A CatalogService is an instance of a service with the node that it runs on.
type CatalogService struct {
	ID              string // UUID of the node
	Node            string // name of the node
	Address         string // of the node
	Datacenter      string
	TaggedAddresses map[string]string // of the node
	NodeMeta        map[string]string

	ServiceKind              ServiceKind
	ServiceID                string
	ServiceName              string
	ServiceTags              []string
	ServiceAddress           string                    // empty: that of the node
	ServiceTaggedAddresses   map[string]ServiceAddress `json:",omitempty"`
	ServiceWeights           AgentWeights
	ServiceMeta              map[string]string
	ServicePort              int
	ServicePorts             []ServicePort `json:",omitempty"`
	ServiceSocketPath        string        `json:",omitempty"`
	ServiceEnableTagOverride bool
	ServiceProxy             *AgentServiceConnectProxyConfig `json:",omitempty"` // nil where it says nothing
	ServiceConnect           *AgentServiceConnect            `json:",omitempty"` // nil where it says nothing
	ServiceLocality          *Locality                       `json:",omitempty"`

	PeerName    string `json:",omitempty"` // the cluster peer that it was imported from
	Namespace   string `json:",omitempty"` // Consul Enterprise
	Partition   string `json:",omitempty"` // Consul Enterprise
	CreateIndex uint64
	ModifyIndex uint64
}

// UnmarshalJSON makes ServiceProxy and ServiceConnect nil where they say nothing.
func (s *CatalogService) UnmarshalJSON(b []byte) error {
	type plain CatalogService
	if err := json.Unmarshal(b, (*plain)(s)); err != nil {
		return err
	}
	s.ServiceProxy, s.ServiceConnect = orNil(s.ServiceProxy), orNil(s.ServiceConnect)
	return nil
}

// A CatalogNode is a node with its service instances by their IDs.
type CatalogNode struct {
	Node     *Node
	Services map[string]*AgentService
}

// A CatalogNodeServiceList is a node with a list of its service instances.
type CatalogNodeServiceList struct {
	Node     *Node
	Services []*AgentService
}

// A CompoundServiceName is the name of a service and where it is valid.
type CompoundServiceName struct {
	Name      string
	Namespace string `json:",omitempty"` // Consul Enterprise
	Partition string `json:",omitempty"` // Consul Enterprise
}

// A GatewayService is a service that a gateway leads to. What is set beyond the names depends on the kind of gateway.
type GatewayService struct {
	Gateway     CompoundServiceName
	Service     CompoundServiceName
	GatewayKind ServiceKind
	ServiceKind string `json:",omitempty"` // "service" or "destination", or empty where the server has not worked it out

	Port     int      `json:",omitempty"` // ingress: where the gateway listens for it
	Protocol string   `json:",omitempty"` // ingress: "tcp", "http" and so on
	Hosts    []string `json:",omitempty"` // ingress: the names by which it is asked for

	CAFile          string `json:",omitempty"` // terminating: how the gateway verifies the service
	CertFile        string `json:",omitempty"` // terminating: the certificate that it shows
	KeyFile         string `json:",omitempty"` // terminating: its key
	SNI             string `json:",omitempty"` // terminating: the name that it asks for
	AutoHostRewrite bool   `json:",omitempty"` // terminating: whether the host of requests becomes the service's

	FromWildcard bool `json:",omitempty"` // whether the gateway is for any service, not for this one by name
	CreateIndex  uint64
	ModifyIndex  uint64
}

// Datacenters lists the known datacenters, the nearest first. The answer has no index to wait on.
//
// Route: GET /v1/catalog/datacenters
func (c *Catalog) Datacenters(ctx context.Context, opts ...QueryOption) ([]string, *QueryMeta, error) {
	return notNil(query[[]string](ctx, c.c, newRequest(http.MethodGet, "catalog", "datacenters"), opts))
}

// Nodes lists the nodes. Options that choose and sort: WithFilter, WithNodeMeta, Near.
//
// Route: GET /v1/catalog/nodes
func (c *Catalog) Nodes(ctx context.Context, opts ...QueryOption) ([]*Node, *QueryMeta, error) {
	return notNil(query[[]*Node](ctx, c.c, newRequest(http.MethodGet, "catalog", "nodes"), opts))
}

// Services lists the names of all services, each with the tags that any of its instances has. Options that choose:
// WithFilter, WithNodeMeta.
//
// Route: GET /v1/catalog/services
func (c *Catalog) Services(ctx context.Context, opts ...QueryOption) (map[string][]string, *QueryMeta, error) {
	return notNilMap(query[map[string][]string](ctx, c.c, newRequest(http.MethodGet, "catalog", "services"), opts))
}

// Service lists the instances of a service, working or not; see Health.Service for those that work. A service that
// does not exist has none. Options that choose and sort: WithTags, WithFilter, WithNodeMeta, WithPeer, Near;
// MergeCentralConfig adds what config entries say to them.
//
// Route: GET /v1/catalog/service/:service
func (c *Catalog) Service(ctx context.Context, service string, opts ...QueryOption) ([]*CatalogService, *QueryMeta, error) {
	return notNil(query[[]*CatalogService](ctx, c.c, newRequest(http.MethodGet, "catalog", "service", service), opts))
}

// Connect lists the instances through which a service is reached over the service mesh: its proxies, its instances that
// speak the mesh's TLS themselves, and the terminating gateways that lead to it. Options as Service.
//
// Route: GET /v1/catalog/connect/:service
func (c *Catalog) Connect(ctx context.Context, service string, opts ...QueryOption) ([]*CatalogService, *QueryMeta, error) {
	return notNil(query[[]*CatalogService](ctx, c.c, newRequest(http.MethodGet, "catalog", "connect", service), opts))
}

// Node reads a node, by its name, with its service instances. If it does not exist the error is ErrNotFound, and the
// QueryMeta says at which index, so that Wait(meta.LastIndex, …) waits for it to appear. WithFilter chooses among the
// services.
//
// Route: GET /v1/catalog/node/:node
func (c *Catalog) Node(ctx context.Context, node string, opts ...QueryOption) (*CatalogNode, *QueryMeta, error) {
	r := newRequest(http.MethodGet, "catalog", "node", node)
	n, meta, err := query[*CatalogNode](ctx, c.c, r, opts)
	if err == nil && (n == nil || n.Node == nil) { // the server says null with status 200
		return nil, meta, r.notFound("node")
	}
	return n, meta, err
}

// NodeServiceList is Node with the services in a list.
//
// Route: GET /v1/catalog/node-services/:node
func (c *Catalog) NodeServiceList(ctx context.Context, node string, opts ...QueryOption) (*CatalogNodeServiceList, *QueryMeta, error) {
	r := newRequest(http.MethodGet, "catalog", "node-services", node)
	n, meta, err := query[*CatalogNodeServiceList](ctx, c.c, r, opts)
	if err == nil && (n == nil || n.Node == nil) { // the server says {"Node": null} with status 200
		return nil, meta, r.notFound("node")
	}
	return n, meta, err
}

// GatewayServices lists the services that an ingress or terminating gateway leads to. A gateway without a config entry
// has none.
//
// Route: GET /v1/catalog/gateway-services/:gateway
func (c *Catalog) GatewayServices(ctx context.Context, gateway string, opts ...QueryOption) ([]*GatewayService, *QueryMeta, error) {
	return notNil(query[[]*GatewayService](ctx, c.c, newRequest(http.MethodGet, "catalog", "gateway-services", gateway), opts))
}
