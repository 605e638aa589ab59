package consul

// This file reads what answers of the catalog and of health have in common: nodes, service instances, their proxies.

import "github.com/lictor-go/consul/internal/plainjson"

var nodeFields = plainjson.Fields[Node]{
	field("ID", func(r *reader, n *Node) { n.ID = r.Text() }),
	field("Node", func(r *reader, n *Node) { n.Node = r.Repeated() }),
	field("Address", func(r *reader, n *Node) { n.Address = r.Repeated() }),
	field("Datacenter", func(r *reader, n *Node) { n.Datacenter = r.Repeated() }),
	field("TaggedAddresses", func(r *reader, n *Node) { n.TaggedAddresses = readMeta(r) }),
	field("Meta", func(r *reader, n *Node) { n.Meta = readMeta(r) }),
	field("Locality", func(r *reader, n *Node) { n.Locality = localityFields.New(r) }),
	field("PeerName", func(r *reader, n *Node) { n.PeerName = r.Repeated() }),
	field("Partition", func(r *reader, n *Node) { n.Partition = r.Repeated() }),
	field("CreateIndex", func(r *reader, n *Node) { n.CreateIndex = r.Uint() }),
	field("ModifyIndex", func(r *reader, n *Node) { n.ModifyIndex = r.Uint() }),
}

var serviceFields = plainjson.Fields[AgentService]{
	field("Kind", func(r *reader, s *AgentService) { s.Kind = ServiceKind(r.Repeated()) }),
	field("ID", func(r *reader, s *AgentService) { s.ID = r.Repeated() }),
	field("Service", func(r *reader, s *AgentService) { s.Service = r.Repeated() }),
	field("Tags", func(r *reader, s *AgentService) { s.Tags = readTags(r) }),
	field("Address", func(r *reader, s *AgentService) { s.Address = r.Repeated() }),
	field("TaggedAddresses", func(r *reader, s *AgentService) { s.TaggedAddresses = addressFields.Map(r) }),
	field("Meta", func(r *reader, s *AgentService) { s.Meta = readMeta(r) }),
	field("Port", func(r *reader, s *AgentService) { s.Port = r.Int() }),
	field("Ports", func(r *reader, s *AgentService) { s.Ports = servicePortFields.List(r) }),
	field("SocketPath", func(r *reader, s *AgentService) { s.SocketPath = r.Text() }),
	field("Weights", func(r *reader, s *AgentService) { weightsFields.Read(r, &s.Weights) }),
	field("EnableTagOverride", func(r *reader, s *AgentService) { s.EnableTagOverride = r.Bool() }),
	field("Locality", func(r *reader, s *AgentService) { s.Locality = localityFields.New(r) }),
	field("Proxy", func(r *reader, s *AgentService) { s.Proxy = readProxy(r) }),
	field("Connect", func(r *reader, s *AgentService) { s.Connect = readConnect(r) }),
	field("PeerName", func(r *reader, s *AgentService) { s.PeerName = r.Repeated() }),
	field("Namespace", func(r *reader, s *AgentService) { s.Namespace = r.Repeated() }),
	field("Partition", func(r *reader, s *AgentService) { s.Partition = r.Repeated() }),
	field("Datacenter", func(r *reader, s *AgentService) { s.Datacenter = r.Repeated() }),
	field("CreateIndex", func(r *reader, s *AgentService) { s.CreateIndex = r.Uint() }),
	field("ModifyIndex", func(r *reader, s *AgentService) { s.ModifyIndex = r.Uint() }),
	field("ContentHash", func(r *reader, s *AgentService) { s.ContentHash = r.Text() }),
}

var addressFields = plainjson.Fields[ServiceAddress]{
	field("Address", func(r *reader, a *ServiceAddress) { a.Address = r.Repeated() }),
	field("Port", func(r *reader, a *ServiceAddress) { a.Port = r.Int() }),
}

var servicePortFields = plainjson.Fields[ServicePort]{
	field("Name", func(r *reader, p *ServicePort) { p.Name = r.Repeated() }),
	field("Port", func(r *reader, p *ServicePort) { p.Port = r.Int() }),
	field("Default", func(r *reader, p *ServicePort) { p.Default = r.Bool() }),
}

var weightsFields = plainjson.Fields[AgentWeights]{
	field("Passing", func(r *reader, w *AgentWeights) { w.Passing = r.Int() }),
	field("Warning", func(r *reader, w *AgentWeights) { w.Warning = r.Int() }),
}

var localityFields = plainjson.Fields[Locality]{
	field("Region", func(r *reader, l *Locality) { l.Region = r.Repeated() }),
	field("Zone", func(r *reader, l *Locality) { l.Zone = r.Repeated() }),
}

var connectFields = plainjson.Fields[AgentServiceConnect]{
	field("Native", func(r *reader, c *AgentServiceConnect) { c.Native = r.Bool() }),
	field("SidecarService", func(r *reader, c *AgentServiceConnect) { r.Other(&c.SidecarService) }),
}

var proxyFields = plainjson.Fields[AgentServiceConnectProxyConfig]{
	field("DestinationServiceName", func(r *reader, p *AgentServiceConnectProxyConfig) { p.DestinationServiceName = r.Repeated() }),
	field("DestinationServiceID", func(r *reader, p *AgentServiceConnectProxyConfig) { p.DestinationServiceID = r.Repeated() }),
	field("LocalServiceAddress", func(r *reader, p *AgentServiceConnectProxyConfig) { p.LocalServiceAddress = r.Repeated() }),
	field("LocalServicePort", func(r *reader, p *AgentServiceConnectProxyConfig) { p.LocalServicePort = r.Int() }),
	field("LocalServiceSocketPath", func(r *reader, p *AgentServiceConnectProxyConfig) { p.LocalServiceSocketPath = r.Text() }),
	field("Mode", func(r *reader, p *AgentServiceConnectProxyConfig) { p.Mode = ProxyMode(r.Repeated()) }),
	field("TransparentProxy", func(r *reader, p *AgentServiceConnectProxyConfig) { r.Other(&p.TransparentProxy) }),
	field("Config", func(r *reader, p *AgentServiceConnectProxyConfig) { r.Other(&p.Config) }),
	field("Upstreams", func(r *reader, p *AgentServiceConnectProxyConfig) { r.Other(&p.Upstreams) }),
	field("MeshGateway", func(r *reader, p *AgentServiceConnectProxyConfig) { orEmpty(r, &p.MeshGateway) }),
	field("Expose", func(r *reader, p *AgentServiceConnectProxyConfig) { orEmpty(r, &p.Expose) }),
	field("AccessLogs", func(r *reader, p *AgentServiceConnectProxyConfig) { r.Other(&p.AccessLogs) }),
	field("EnvoyExtensions", func(r *reader, p *AgentServiceConnectProxyConfig) { r.Other(&p.EnvoyExtensions) }),
}

// noProxy is how the servers write the proxy of an instance that is none.
const noProxy = `{"Mode":"","MeshGateway":{},"Expose":{}}`

func readProxy(r *reader) *AgentServiceConnectProxyConfig {
	if r.Pass(noProxy) {
		return nil
	}
	return orNil(proxyFields.New(r))
}

func readConnect(r *reader) *AgentServiceConnect {
	if r.Empty() {
		return nil
	}
	return orNil(connectFields.New(r))
}

// orEmpty reads what is an empty object, the zero value, unless someone configured it.
func orEmpty[T any](r *reader, v *T) {
	if !r.Empty() {
		r.Other(v)
	}
}
