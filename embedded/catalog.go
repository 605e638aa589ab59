package embedded

// This file serves /v1/catalog/ where it lists: datacenters, nodes and services, and what its routes share.

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/hashicorp/go-memdb"

	"github.com/lictor-go/consul/embedded/internal/acl"
	"github.com/lictor-go/consul/embedded/internal/store"
)

var catalogRoutes = []route{
	{"/v1/catalog/register", methods("PUT"), registerCatalog},
	{"/v1/catalog/deregister", methods("PUT"), deregisterCatalog},
	{"/v1/catalog/datacenters", methods("GET"), listDatacenters},
	{"/v1/catalog/nodes", methods("GET"), listNodes},
	{"/v1/catalog/services", methods("GET"), listServices},
	{"/v1/catalog/service/", methods("GET"), listServiceNodes},
	{"/v1/catalog/connect/", methods("GET"), listConnectNodes},
	{"/v1/catalog/node/", methods("GET"), readNode},
	{"/v1/catalog/node-services/", methods("GET"), readNodeServices},
	{"/v1/catalog/gateway-services/", methods("GET"), listGatewayServices},
}

// parseCatalog reads what requests to the catalog and health can say, in the order of the real server's refusals.
func (c *call) parseCatalog() error {
	if err := c.refuseEnterprise(); err != nil {
		return err
	}
	return c.parse()
}

// nodeMeta is the metadata that nodes have to have: ?node-meta=key:value, several times.
func (c *call) nodeMeta() map[string]string {
	meta := map[string]string{}
	for _, pair := range c.params["node-meta"] {
		key, value, _ := strings.Cut(pair, ":")
		meta[key] = value
	}
	return meta
}

// withMeta runs an endpoint whose headers about the answer are there whether it fails or not.
func (c *call) withMeta(f func(m *meta) (any, error)) (any, error) {
	var m meta
	answer, err := f(&m)
	if err != nil {
		c.setFailedMeta()
		return nil, err
	}
	c.setMeta(&m)
	return answer, nil
}

// consistency is what X-Consul-Effective-Consistency calls the way in which the request reads.
func (c *call) consistency() string {
	switch {
	case c.consistent:
		return "consistent"
	case c.stale:
		return "stale"
	}
	return "leader"
}

// listing is a route that answers with a list.
type listing[T any] struct {
	read    func(tx *store.Tx, ws memdb.WatchSet) (uint64, []T)
	visible func(who identity, row T) bool
	// node is the name of the row's node, which the list is ordered by where ?near asks for it.
	node func(row T) string
	// allowed is whether the caller may ask at all, where it is not nil.
	allowed func(who identity) bool
	// filterFirst applies the filter before ACLs, so that what it takes out does not count as hidden.
	filterFirst bool
	// cached is whether the agent's cache serves ?cached.
	cached bool
}

func (l listing[T]) serve(c *call) (any, error) {
	c.anyServer = l.cached && c.cached
	return c.withMeta(func(m *meta) (any, error) {
		if err := c.forward(); err != nil {
			return nil, err
		}
		filter, err := newFilter[[]T](c.filter)
		if err != nil {
			return nil, err
		}
		who, err := c.authorize()
		if err != nil {
			return nil, err
		}
		if l.allowed != nil && !l.allowed(who) {
			*m = meta{index: 1, leaderless: true, consistency: c.consistency()}
			return []T{}, nil
		}
		var use cacheUse
		if c.anyServer {
			use = c.useCache("catalog")
		}
		var list []T
		err = c.readMeta(m, func(tx *store.Tx, ws memdb.WatchSet, m *meta) error {
			use.runs++
			m.index, list = l.read(tx, ws)
			list, err = l.choose(list, who, filter, m)
			if near := c.near(); near != "" && err == nil {
				list = nearest(tx, near, list, l.node)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		m.consistency = c.consistency()
		use.setHeaders(c, m.index)
		if list == nil {
			list = []T{}
		}
		return list, nil
	})
}

// choose gives the rows that the caller may see and that the filter lets through.
func (l listing[T]) choose(list []T, who identity, filter filter[[]T], m *meta) ([]T, error) {
	var err error
	if l.filterFirst {
		if list, err = filter.apply(list); err != nil {
			return nil, err
		}
	}
	all := len(list)
	list = keep(list, func(row T) bool { return l.visible(who, row) })
	m.filtered = len(list) != all
	if !l.filterFirst {
		return filter.apply(list)
	}
	return list, nil
}

// listDatacenters takes neither a token nor an index.
func listDatacenters(c *call) (any, error) {
	if err := c.parseConsistency(); err != nil {
		return nil, err
	}
	if err := c.parseCacheControl(); err != nil {
		return nil, err
	}
	if c.cached {
		c.setDatacentersCache()
	}
	return []string{c.s.config.datacenter}, nil
}

func listNodes(c *call) (any, error) {
	if err := c.refusePartition(); err != nil {
		return nil, err
	}
	if err := c.parse(); err != nil {
		return nil, err
	}
	meta := c.nodeMeta()
	return listing[*store.Node]{
		read:    func(tx *store.Tx, ws memdb.WatchSet) (uint64, []*store.Node) { return tx.Nodes(ws, meta) },
		visible: func(who identity, n *store.Node) bool { return who.NodeRead(n.Node) },
		node:    func(n *store.Node) string { return n.Node },
	}.serve(c)
}

// listServices answers with the names of all services, each with the tags that any of its instances has.
func listServices(c *call) (any, error) {
	if err := c.parseCatalog(); err != nil {
		return nil, err
	}
	meta := c.nodeMeta()
	answer, err := listing[*store.ServiceNode]{
		read: func(tx *store.Tx, ws memdb.WatchSet) (uint64, []*store.ServiceNode) {
			return tx.Services(ws, meta)
		},
		visible: serviceVisible,
		node:    func(s *store.ServiceNode) string { return s.Node },
		cached:  true,
	}.serve(c)
	if err != nil {
		return nil, err
	}
	tags := map[string]map[string]bool{}
	for _, s := range answer.([]*store.ServiceNode) {
		if tags[s.ServiceName] == nil {
			tags[s.ServiceName] = map[string]bool{}
		}
		for _, tag := range s.ServiceTags {
			tags[s.ServiceName][tag] = true
		}
	}
	services := map[string][]string{}
	for name, set := range tags {
		services[name] = slices.AppendSeq([]string{}, maps.Keys(set))
		slices.Sort(services[name])
	}
	return services, nil
}

func serviceVisible(who identity, s *store.ServiceNode) bool {
	return who.NodeRead(s.Node) && who.ServiceRead(s.ServiceName)
}

// listGatewayServices answers with none: gateways get theirs from configuration entries, of which there are none here.
func listGatewayServices(c *call) (any, error) {
	if err := c.parseCatalog(); err != nil {
		return nil, err
	}
	gateway := c.rest("/v1/catalog/gateway-services/")
	if gateway == "" {
		return nil, badRequest("Missing gateway name")
	}
	return c.withMeta(func(m *meta) (any, error) {
		if err := c.forward(); err != nil {
			return nil, err
		}
		who, err := c.authorize()
		if err != nil {
			return nil, err
		}
		if !who.ServiceRead(gateway) {
			return nil, who.denied(acl.ResourceService, acl.AccessRead, gateway)
		}
		err = c.readMeta(m, func(*store.Tx, memdb.WatchSet, *meta) error { return nil })
		m.consistency = c.consistency()
		return []struct{}{}, err
	})
}

// errNoService, errNoNode refuse a path that ends too soon.
var (
	errNoService = &httpError{status: http.StatusBadRequest, text: "Missing service name"}
	errNoNode    = &httpError{status: http.StatusBadRequest, text: "Missing node name"}
)
