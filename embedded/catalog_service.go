package embedded

// This file serves /v1/catalog/service/ and /v1/catalog/connect/.

import (
	"github.com/hashicorp/go-memdb"

	"github.com/lictor-go/consul/embedded/internal/store"
)

func listServiceNodes(c *call) (any, error) {
	name := c.rest("/v1/catalog/service/")
	return c.listInstances(name, func(tx *store.Tx, ws memdb.WatchSet) (uint64, []*store.ServiceNode) {
		return tx.ServiceNodes(ws, name, c.params["tag"])
	}, nil)
}

func listConnectNodes(c *call) (any, error) {
	name := c.rest("/v1/catalog/connect/")
	return c.listInstances(name, func(tx *store.Tx, ws memdb.WatchSet) (uint64, []*store.ServiceNode) {
		return tx.ConnectServiceNodes(ws, name)
	}, func(who identity) bool { return who.ServiceRead(name) })
}

// listInstances serves instances of a service. A caller that is not allowed to ask for it gets none, as if it was not there
// and no leader had been asked.
func (c *call) listInstances(
	name string, read func(*store.Tx, memdb.WatchSet) (uint64, []*store.ServiceNode), allowed func(identity) bool,
) (any, error) {
	if err := c.parseCatalog(); err != nil {
		return nil, err
	}
	if name == "" {
		return nil, errNoService
	}
	meta := c.nodeMeta()
	answer, err := listing[*store.ServiceNode]{
		read: func(tx *store.Tx, ws memdb.WatchSet) (uint64, []*store.ServiceNode) {
			if c.params.Get("peer") != "" {
				return 0, nil // there are no peers to import services from
			}
			index, list := read(tx, ws)
			if c.has("merge-central-config") {
				mergeCentralConfig(list)
			}
			return index, keep(list, func(s *store.ServiceNode) bool { return store.HasMeta(s.NodeMeta, meta) })
		},
		visible: serviceVisible,
		node:    func(s *store.ServiceNode) string { return s.Node },
		allowed: allowed,
		cached:  true,
	}.serve(c)
	if err != nil {
		return nil, err
	}
	list := answer.([]*store.ServiceNode)
	for _, s := range list {
		if s.ServicePort == 0 {
			s.ServicePort = s.ServicePorts.Default()
		}
	}
	return list, nil
}

// mergeCentralConfig does to proxies and gateways what merging them with the configuration entries does on the real server
// where there are none: extensions are lost, and so is, in the catalog, what is told of the node.
func mergeCentralConfig(list []*store.ServiceNode) {
	for _, s := range list {
		if !store.CentrallyConfigured(s.ServiceKind, &s.ServiceProxy) {
			continue
		}
		s.ID, s.Address, s.Datacenter, s.TaggedAddresses, s.NodeMeta = "", "", "", nil, nil
		s.ServiceProxy.EnvoyExtensions = nil
	}
}
