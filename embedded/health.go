package embedded

// This file serves /v1/health/ where it lists checks.

import (
	"github.com/hashicorp/go-memdb"

	"github.com/lictor-go/consul/embedded/internal/store"
)

var healthRoutes = []route{
	{"/v1/health/node/", methods("GET"), listNodeChecks},
	{"/v1/health/checks/", methods("GET"), listServiceChecks},
	{"/v1/health/state/", methods("GET"), listChecksInState},
	{"/v1/health/service/", methods("GET"), listHealthyService},
	{"/v1/health/connect/", methods("GET"), listHealthyConnect},
	{"/v1/health/ingress/", methods("GET"), listHealthyIngress},
}

func listNodeChecks(c *call) (any, error) {
	node := c.rest("/v1/health/node/")
	return c.listChecks(node, errNoNode, checkListing(
		func(tx *store.Tx, ws memdb.WatchSet) (uint64, []*store.HealthCheck) { return tx.NodeChecks(ws, node) }))
}

func listServiceChecks(c *call) (any, error) {
	service, meta := c.rest("/v1/health/checks/"), c.nodeMeta()
	l := checkListing(func(tx *store.Tx, ws memdb.WatchSet) (uint64, []*store.HealthCheck) {
		return tx.ServiceChecks(ws, service, meta)
	})
	l.filterFirst = true
	return c.listChecks(service, errNoService, l)
}

func listChecksInState(c *call) (any, error) {
	state, meta := c.rest("/v1/health/state/"), c.nodeMeta()
	return c.listChecks(state, badRequest("Missing check state"), checkListing(
		func(tx *store.Tx, ws memdb.WatchSet) (uint64, []*store.HealthCheck) {
			return tx.ChecksInState(ws, state, meta)
		}))
}

func checkListing(read func(*store.Tx, memdb.WatchSet) (uint64, []*store.HealthCheck)) listing[*store.HealthCheck] {
	return listing[*store.HealthCheck]{
		read: read,
		visible: func(who identity, check *store.HealthCheck) bool {
			return who.NodeRead(check.Node) && (check.ServiceName == "" || who.ServiceRead(check.ServiceName))
		},
		node: func(check *store.HealthCheck) string { return check.Node },
	}
}

// listChecks serves a list of checks. What they are asked for by must be named.
func (c *call) listChecks(name string, unnamed error, l listing[*store.HealthCheck]) (any, error) {
	if err := c.parseCatalog(); err != nil {
		return nil, err
	}
	if name == "" {
		return nil, unnamed
	}
	answer, err := l.serve(c)
	if err != nil {
		return nil, err
	}
	return withServiceTags(answer.([]*store.HealthCheck)), nil
}

// withServiceTags gives the checks with a list of tags each, which is empty where their service has none.
func withServiceTags(list []*store.HealthCheck) []*store.HealthCheck {
	return change(list,
		func(check *store.HealthCheck) bool { return check.ServiceTags == nil },
		func(check *store.HealthCheck) { check.ServiceTags = []string{} })
}
