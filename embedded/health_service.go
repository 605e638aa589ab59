package embedded

// This file serves /v1/health/service/, /connect/ and /ingress/: the instances of a service with their nodes and checks.
//
// The real server has two ways to answer these. Those that wait for a change, and those from the cache, are streamed: the
// agent subscribes to the service's changes and answers from what it was told. This differs from a read in small things
// that a client can see, and the name of the way is in a header.

import (
	"cmp"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/go-bexpr"
	"github.com/hashicorp/go-memdb"

	"github.com/lictor-go/consul/embedded/internal/acl"
	"github.com/lictor-go/consul/embedded/internal/store"
)

func listHealthyService(c *call) (any, error) { return c.serveHealth("/v1/health/service/") }
func listHealthyConnect(c *call) (any, error) { return c.serveHealth("/v1/health/connect/") }
func listHealthyIngress(c *call) (any, error) { return c.serveHealth("/v1/health/ingress/") }

// healthQuery is what is asked about a service.
type healthQuery struct {
	service          string
	connect, ingress bool
	passing, merge   bool
	peer, group      string
	tags             []string
	meta             map[string]string
	streamed         bool

	filter filter[[]store.CheckServiceNode]
	who    identity

	// told is what a stream was told last, nil at first.
	told []store.CheckServiceNode
}

func (c *call) serveHealth(prefix string) (any, error) {
	if err := c.parseCatalog(); err != nil {
		return nil, err
	}
	q, err := c.parseHealth(prefix)
	if err != nil {
		return nil, err
	}
	if err := c.prepareHealth(q); err != nil {
		return nil, err
	}
	var use cacheUse
	if c.cached || q.streamed {
		use = c.useCache("health")
	}
	var m meta
	var list []store.CheckServiceNode
	err = c.readMeta(&m, func(tx *store.Tx, ws memdb.WatchSet, m *meta) error {
		use.runs++
		var err error
		list, err = q.read(tx, ws, m)
		if near := c.near(); near != "" && err == nil {
			list = nearest(tx, near, list, func(n store.CheckServiceNode) string { return n.Node.Node })
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	m.consistency = c.consistency()
	if q.streamed {
		m.backend, m.leaderless, m.filtered = "streaming", true, false
	}
	c.setMeta(&m)
	if c.cached {
		use.setHeaders(c, m.index)
	}
	return q.completed(list), nil
}

func (c *call) parseHealth(prefix string) (*healthQuery, error) {
	q := &healthQuery{
		service: c.rest(prefix),
		connect: prefix == "/v1/health/connect/",
		ingress: prefix == "/v1/health/ingress/",
		merge:   c.has("merge-central-config"),
		peer:    c.params.Get("peer"),
		group:   c.params.Get("sg"),
		tags:    c.params["tag"],
		meta:    c.nodeMeta(),
	}
	if group := c.params.Get("sameness-group"); group != "" {
		q.group = group
	}
	if q.group != "" && q.peer != "" {
		return nil, badRequest("peer-name and sameness-group are mutually exclusive")
	}
	if q.service == "" {
		return nil, errNoService
	}
	switch value := c.params.Get("passing"); {
	case value != "":
		var err error
		if q.passing, err = strconv.ParseBool(value); err != nil {
			return nil, badRequest("Invalid value for ?passing")
		}
	default:
		q.passing = c.has("passing")
	}
	q.streamed = (c.cached || c.index > 0) && !q.ingress && !q.merge && q.group == "" && c.near() == ""
	c.anyServer = c.cached || q.streamed
	return q, nil
}

// errNoRoute is how a stream fails that goes to a datacenter which is not known. The real server takes its time for it.
var errNoRoute = &httpError{
	status: http.StatusServiceUnavailable, text: "resolver error: resolver produced no addresses",
}

// prepareHealth checks what is asked, and that the caller may ask it.
func (c *call) prepareHealth(q *healthQuery) error {
	if err := c.forward(); err != nil {
		if q.streamed {
			return errNoRoute
		}
		return err
	}
	var err error
	if q.who, err = c.authorize(); err != nil {
		return err
	}
	if !q.streamed && (q.connect || q.ingress) && !q.who.ServiceRead(q.service) {
		return acl.ErrPermissionDenied
	}
	if q.streamed && c.filter != "" {
		kind := reflect.TypeFor[store.CheckServiceNode]()
		if _, err := bexpr.CreateEvaluatorForType(c.filter, nil, kind); err != nil {
			return err
		}
	}
	if q.filter, err = newFilter[[]store.CheckServiceNode](c.filter); err != nil {
		return err
	}
	if q.group != "" {
		return errors.New("sameness groups are not supported in consul CE")
	}
	return nil
}

// read reads the instances, and of these those that the query wants and the caller may see.
func (q *healthQuery) read(tx *store.Tx, ws memdb.WatchSet, m *meta) ([]store.CheckServiceNode, error) {
	var list []store.CheckServiceNode
	switch {
	case q.ingress, q.peer != "": // there are neither gateways' configurations nor peers
		return nil, nil
	case q.connect:
		m.index, list = tx.CheckConnectServiceNodes(ws, q.service)
	case q.streamed:
		m.index, list = tx.CheckServiceNodes(ws, q.service, nil)
	default:
		m.index, list = tx.CheckServiceNodes(ws, q.service, q.tags)
	}
	if q.streamed {
		q.follow(tx, ws, list, m)
		if len(list) == 0 {
			// The index of what is not there is moved by other services, of which a stream hears nothing.
			return nil, errAbsent
		}
	}
	list = slices.DeleteFunc(list, func(n store.CheckServiceNode) bool { return !q.wants(n) })
	wanted := len(list)
	list = slices.DeleteFunc(list, func(n store.CheckServiceNode) bool {
		return !q.who.NodeRead(n.Node.Node) || !q.who.ServiceRead(n.Service.Service)
	})
	m.filtered = len(list) != wanted
	list, err := q.filter.apply(list)
	if err != nil {
		return nil, err
	}
	if q.streamed {
		slices.SortStableFunc(list, func(a, b store.CheckServiceNode) int {
			return cmp.Or(strings.Compare(a.Node.Node, b.Node.Node), strings.Compare(a.Service.ID, b.Service.ID))
		})
	}
	if q.passing {
		list = passingOnly(list, q.streamed)
	}
	return list, nil
}

// follow has a stream go by its own index, which is that of the last change it was told of, not by the service's.
func (q *healthQuery) follow(tx *store.Tx, ws memdb.WatchSet, list []store.CheckServiceNode, m *meta) {
	tx.WatchService(ws, q.service)
	same := slices.EqualFunc(list, q.told, func(a, b store.CheckServiceNode) bool {
		return a.Node == b.Node && a.Service == b.Service && slices.Equal(a.Checks, b.Checks)
	})
	if q.told != nil && !same {
		m.index = max(m.index, tx.CatalogIndex())
	}
	q.told = append([]store.CheckServiceNode{}, list...)
}

// wants reports whether the node has the metadata and, where that was not looked at yet, the service the tags. Streams take
// a value for the metadata's also where it is a part of it.
func (q *healthQuery) wants(n store.CheckServiceNode) bool {
	if !q.streamed {
		return store.HasMeta(n.Node.Meta, q.meta)
	}
	for key, part := range q.meta {
		if value, ok := n.Node.Meta[key]; !ok || !strings.Contains(value, part) {
			return false
		}
	}
	return n.Service.HasTags(q.tags)
}

// passingOnly gives the instances with no check but passing ones. Where no order is kept, the last takes the place of the
// one that goes, as on the real server.
func passingOnly(list []store.CheckServiceNode, ordered bool) []store.CheckServiceNode {
	failing := func(n store.CheckServiceNode) bool {
		return slices.ContainsFunc(n.Checks, func(c *store.HealthCheck) bool { return c.Status != store.HealthPassing })
	}
	if ordered {
		return slices.DeleteFunc(list, failing)
	}
	for i := 0; i < len(list); {
		if !failing(list[i]) {
			i++
			continue
		}
		last := len(list) - 1
		list[i] = list[last]
		list = list[:last]
	}
	return list
}

// completed gives the list as it is answered: nothing is null that clients take for a list, and a service with several
// ports tells its default one.
func (q *healthQuery) completed(list []store.CheckServiceNode) []store.CheckServiceNode {
	if list == nil {
		return []store.CheckServiceNode{}
	}
	for i := range list {
		n := &list[i]
		n.Checks = withServiceTags(n.Checks)
		if n.Checks == nil {
			n.Checks = []*store.HealthCheck{}
		}
		service := *n.Service
		if service.Tags == nil {
			service.Tags = []string{}
		}
		if service.Port == 0 {
			service.Port = service.Ports.Default()
		}
		if q.merge && store.CentrallyConfigured(service.Kind, &service.Proxy) {
			service.Proxy.EnvoyExtensions = nil
		}
		n.Service = &service
		if q.streamed {
			dropEmpty(n)
		}
	}
	return list
}

// dropEmpty makes null of what is empty, which streams do not tell apart. The service is the caller's own.
func dropEmpty(n *store.CheckServiceNode) {
	node := *n.Node
	for _, m := range []*map[string]string{&node.TaggedAddresses, &node.Meta, &n.Service.Meta} {
		if len(*m) == 0 {
			*m = nil
		}
	}
	n.Node = &node
}
