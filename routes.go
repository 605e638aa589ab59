package consul

// This file knows the routes of the API by their templates, for Hooks: what names a thing in a path is left out of them,
// so that there are few.

import (
	"strings"
	"sync"
)

// routeTemplates are the routes of Consul 1.22, and the legacy ones of ACLs. What starts with a colon stands for a name,
// which may have slashes in it.
const routeTemplates = `
/v1/acl/auth-method /v1/acl/auth-method/:name /v1/acl/auth-methods
/v1/acl/binding-rule /v1/acl/binding-rule/:id /v1/acl/binding-rules
/v1/acl/bootstrap /v1/acl/login /v1/acl/logout /v1/acl/replication
/v1/acl/clone/:id /v1/acl/create /v1/acl/destroy/:id /v1/acl/info/:id /v1/acl/list /v1/acl/update
/v1/acl/policies /v1/acl/policy /v1/acl/policy/:id /v1/acl/policy/name/:name
/v1/acl/role /v1/acl/role/:id /v1/acl/role/name/:name /v1/acl/roles
/v1/acl/templated-policies /v1/acl/templated-policy/name/:name /v1/acl/templated-policy/preview/:name
/v1/acl/token /v1/acl/token/:accessor/clone /v1/acl/token/:accessor /v1/acl/token/self /v1/acl/tokens

/v1/agent/check/deregister/:id /v1/agent/check/fail/:id /v1/agent/check/pass/:id /v1/agent/check/warn/:id
/v1/agent/check/register /v1/agent/check/update/:id /v1/agent/checks
/v1/agent/connect/authorize /v1/agent/connect/ca/leaf/:service /v1/agent/connect/ca/roots
/v1/agent/force-leave/:node /v1/agent/join/:address /v1/agent/leave /v1/agent/members
/v1/agent/health/service/id/:id /v1/agent/health/service/name/:name
/v1/agent/host /v1/agent/maintenance /v1/agent/metrics /v1/agent/metrics/stream /v1/agent/monitor
/v1/agent/reload /v1/agent/self /v1/agent/token/:name /v1/agent/version
/v1/agent/service/:id /v1/agent/service/deregister/:id /v1/agent/service/maintenance/:id
/v1/agent/service/register /v1/agent/services

/v1/catalog/connect/:service /v1/catalog/datacenters /v1/catalog/deregister /v1/catalog/gateway-services/:gateway
/v1/catalog/node-services/:node /v1/catalog/node/:node /v1/catalog/nodes /v1/catalog/register
/v1/catalog/service/:service /v1/catalog/services
/v1/config /v1/config/:entry
/v1/connect/ca/configuration /v1/connect/ca/roots
/v1/connect/intentions /v1/connect/intentions/:id /v1/connect/intentions/check /v1/connect/intentions/exact
/v1/connect/intentions/match
/v1/coordinate/datacenters /v1/coordinate/node/:node /v1/coordinate/nodes /v1/coordinate/update
/v1/discovery-chain/:service /v1/exported-services /v1/imported-services
/v1/event/fire/:name /v1/event/list
/v1/health/checks/:service /v1/health/connect/:service /v1/health/ingress/:service /v1/health/node/:node
/v1/health/service/:service /v1/health/state/:state

/v1/internal/acl/authorize /v1/internal/federation-state/:datacenter /v1/internal/federation-states
/v1/internal/federation-states/mesh-gateways /v1/internal/service-virtual-ip
/v1/internal/ui/catalog-overview /v1/internal/ui/exported-services /v1/internal/ui/gateway-intentions/:gateway
/v1/internal/ui/gateway-services-nodes/:gateway /v1/internal/ui/metrics-proxy/:path /v1/internal/ui/node/:node
/v1/internal/ui/nodes /v1/internal/ui/service-topology/:service /v1/internal/ui/services

/v1/kv/:key
/v1/operator/autopilot/configuration /v1/operator/autopilot/health /v1/operator/autopilot/state
/v1/operator/keyring /v1/operator/raft/configuration /v1/operator/raft/peer /v1/operator/raft/transfer-leader
/v1/operator/usage /v1/operator/utilization
/v1/peering/:name /v1/peering/establish /v1/peering/token /v1/peerings
/v1/query /v1/query/:query/execute /v1/query/:query/explain /v1/query/:query
/v1/session/create /v1/session/destroy/:id /v1/session/info/:id /v1/session/list /v1/session/node/:node
/v1/session/renew/:id
/v1/snapshot /v1/status/leader /v1/status/peers /v1/txn
`

// A routeTable finds the template of a path as the server finds what serves it: by the whole path, else by its longest
// beginning up to a slash.
type routeTable struct {
	whole map[string]bool
	named map[string][]namedRoute // by what stands before the name
}

// A namedRoute is a route with a name in its path. The name ends before tail.
type namedRoute struct{ template, tail string }

var knownRoutes = sync.OnceValue(func() *routeTable {
	t := &routeTable{whole: map[string]bool{}, named: map[string][]namedRoute{}}
	for template := range strings.FieldsSeq(routeTemplates) {
		before, name, named := strings.Cut(template, ":")
		if !named {
			t.whole[template] = true
			continue
		}
		tail := ""
		if slash := strings.IndexByte(name, '/'); slash >= 0 {
			tail = name[slash:]
		}
		t.named[before] = append(t.named[before], namedRoute{template, tail})
	}
	return t
})

// routeOf is the template of the route that serves a path, empty where this package does not know it.
func routeOf(path string) string {
	t := knownRoutes()
	if t.whole[path] {
		return path
	}
	for end := strings.LastIndexByte(path, '/'); end > 0; end = strings.LastIndexByte(path[:end], '/') {
		for _, route := range t.named[path[:end+1]] {
			if strings.HasSuffix(path[end:], route.tail) {
				return route.template
			}
		}
	}
	return ""
}
