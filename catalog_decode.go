package consul

// This file reads the catalog's answers that are long: the instances of a service.

import "github.com/lictor-go/consul/internal/plainjson"

var catalogServiceFields = plainjson.Fields[CatalogService]{
	field("ID", func(r *reader, s *CatalogService) { s.ID = r.Text() }),
	field("Node", func(r *reader, s *CatalogService) { s.Node = r.Repeated() }),
	field("Address", func(r *reader, s *CatalogService) { s.Address = r.Repeated() }),
	field("Datacenter", func(r *reader, s *CatalogService) { s.Datacenter = r.Repeated() }),
	field("TaggedAddresses", func(r *reader, s *CatalogService) { s.TaggedAddresses = readMeta(r) }),
	field("NodeMeta", func(r *reader, s *CatalogService) { s.NodeMeta = readMeta(r) }),
	field("ServiceKind", func(r *reader, s *CatalogService) { s.ServiceKind = ServiceKind(r.Repeated()) }),
	field("ServiceID", func(r *reader, s *CatalogService) { s.ServiceID = r.Repeated() }),
	field("ServiceName", func(r *reader, s *CatalogService) { s.ServiceName = r.Repeated() }),
	field("ServiceTags", func(r *reader, s *CatalogService) { s.ServiceTags = readTags(r) }),
	field("ServiceAddress", func(r *reader, s *CatalogService) { s.ServiceAddress = r.Repeated() }),
	field("ServiceTaggedAddresses", func(r *reader, s *CatalogService) { s.ServiceTaggedAddresses = addressFields.Map(r) }),
	field("ServiceWeights", func(r *reader, s *CatalogService) { weightsFields.Read(r, &s.ServiceWeights) }),
	field("ServiceMeta", func(r *reader, s *CatalogService) { s.ServiceMeta = readMeta(r) }),
	field("ServicePort", func(r *reader, s *CatalogService) { s.ServicePort = r.Int() }),
	field("ServicePorts", func(r *reader, s *CatalogService) { s.ServicePorts = servicePortFields.List(r) }),
	field("ServiceSocketPath", func(r *reader, s *CatalogService) { s.ServiceSocketPath = r.Text() }),
	field("ServiceEnableTagOverride", func(r *reader, s *CatalogService) { s.ServiceEnableTagOverride = r.Bool() }),
	field("ServiceProxy", func(r *reader, s *CatalogService) { s.ServiceProxy = readProxy(r) }),
	field("ServiceConnect", func(r *reader, s *CatalogService) { s.ServiceConnect = readConnect(r) }),
	field("ServiceLocality", func(r *reader, s *CatalogService) { s.ServiceLocality = localityFields.New(r) }),
	field("PeerName", func(r *reader, s *CatalogService) { s.PeerName = r.Repeated() }),
	field("Namespace", func(r *reader, s *CatalogService) { s.Namespace = r.Repeated() }),
	field("Partition", func(r *reader, s *CatalogService) { s.Partition = r.Repeated() }),
	field("CreateIndex", func(r *reader, s *CatalogService) { s.CreateIndex = r.Uint() }),
	field("ModifyIndex", func(r *reader, s *CatalogService) { s.ModifyIndex = r.Uint() }),
}
