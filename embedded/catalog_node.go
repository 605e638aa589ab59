package embedded

// This file serves /v1/catalog/node/ and /v1/catalog/node-services/: a node with its services.

import (
	"github.com/hashicorp/go-memdb"

	"github.com/lictor-go/consul/embedded/internal/store"
)

// nodeServices is a node with its services by their IDs.
type nodeServices struct {
	Node     *store.Node
	Services map[string]*store.NodeService
}

// nodeServiceList is a node with its services in the order of their IDs.
type nodeServiceList struct {
	Node     *store.Node
	Services []*store.NodeService
}

func readNode(c *call) (any, error) {
	return readNodeAs(c, "/v1/catalog/node/",
		func(who identity, s *store.NodeService) bool { return who.ServiceRead(s.ID) }, // by ID, as the real server does
		func(n *store.Node, services map[string]*store.NodeService) any {
			if n == nil {
				return (*nodeServices)(nil)
			}
			return &nodeServices{n, services}
		}, byID)
}

func readNodeServices(c *call) (any, error) {
	return readNodeAs(c, "/v1/catalog/node-services/",
		func(who identity, s *store.NodeService) bool { return who.ServiceRead(s.Service) },
		func(n *store.Node, services []*store.NodeService) any { return &nodeServiceList{n, services} },
		func(list []*store.NodeService) []*store.NodeService { return list })
}

func byID(list []*store.NodeService) map[string]*store.NodeService {
	services := map[string]*store.NodeService{}
	for _, s := range list {
		services[s.ID] = s
	}
	return services
}

// readNodeAs serves the node that the path names, with its services as the form S, which the filter is applied to.
func readNodeAs[S map[string]*store.NodeService | []*store.NodeService](
	c *call, prefix string, visible func(identity, *store.NodeService) bool,
	answer func(*store.Node, S) any, as func([]*store.NodeService) S,
) (any, error) {
	if err := c.parseCatalog(); err != nil {
		return nil, err
	}
	name := c.rest(prefix)
	if name == "" {
		return nil, errNoNode
	}
	return c.withMeta(func(m *meta) (any, error) {
		if err := c.forward(); err != nil {
			return nil, err
		}
		filter, err := newFilter[S](c.filter)
		if err != nil {
			return nil, err
		}
		who, err := c.authorize()
		if err != nil {
			return nil, err
		}
		var node *store.Node
		var services S
		err = c.readMeta(m, func(tx *store.Tx, ws memdb.WatchSet, m *meta) error {
			var list []*store.NodeService
			m.index, node, list = tx.NodeServices(ws, name)
			if node != nil && !who.NodeRead(node.Node) {
				node, list, m.filtered = nil, nil, true
			}
			all := len(list)
			list = keep(list, func(s *store.NodeService) bool { return visible(who, s) })
			m.filtered = m.filtered || len(list) != all
			if len(list) == 0 && all > 0 {
				list = []*store.NodeService{} // which tells that there are some
			}
			list = withTags(list)
			if c.has("merge-central-config") && prefix == "/v1/catalog/node-services/" {
				list = withoutExtensions(list)
			}
			services, err = filter.apply(as(list))
			return err
		})
		if err != nil {
			return nil, err
		}
		m.consistency = c.consistency()
		return answer(node, services), nil
	})
}

// withTags gives the services with a list of tags each, which is empty where they have none.
func withTags(list []*store.NodeService) []*store.NodeService {
	return change(list,
		func(s *store.NodeService) bool { return s.Tags == nil },
		func(s *store.NodeService) { s.Tags = []string{} })
}

// withoutExtensions is mergeCentralConfig for services without nodes.
func withoutExtensions(list []*store.NodeService) []*store.NodeService {
	return change(list,
		func(s *store.NodeService) bool { return store.CentrallyConfigured(s.Kind, &s.Proxy) },
		func(s *store.NodeService) { s.Proxy.EnvoyExtensions = nil })
}

// change gives the list with changed copies of those that need it; neither the list nor what is in it is changed, since the
// store shares them.
func change[T any](list []*T, needed func(*T) bool, f func(*T)) []*T {
	var changed []*T
	for i, item := range list {
		if !needed(item) {
			continue
		}
		if changed == nil {
			changed = append(changed, list...)
		}
		copied := *item
		f(&copied)
		changed[i] = &copied
	}
	if changed == nil {
		return list
	}
	return changed
}
