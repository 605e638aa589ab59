package embedded

// This file serves maintenance modes: a check that is critical while a service, or the node, is not to be used.

import (
	"maps"
	"slices"
	"strconv"

	"github.com/lictor-go/consul/embedded/internal/acl"
	"github.com/lictor-go/consul/embedded/internal/store"
)

// The IDs of these checks.
const (
	nodeMaintenance    = "_node_maintenance"
	serviceMaintenance = "_service_maintenance:"
)

const typeMaintenance = "maintenance"

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// readEnable reads whether the mode is to be on.
func (c *call) readEnable() (bool, error) {
	if !c.has("enable") {
		return false, badRequest("Missing value for enable")
	}
	text := c.params.Get("enable")
	enable, err := strconv.ParseBool(text)
	if err != nil {
		return false, badRequest("Invalid value for enable: %q", text)
	}
	return enable, nil
}

func maintainService(c *call) (any, error) {
	id := c.rest("/v1/agent/service/maintenance/")
	if id == "" {
		return nil, badRequest("Missing service ID")
	}
	enable, err := c.readEnable()
	if err != nil {
		return nil, err
	}
	if err := c.mayChangeService(id); err != nil {
		return nil, err
	}
	service := c.s.agent.service(id)
	if service == nil {
		return nil, notFound("No service registered with ID %q", id)
	}
	reason := c.params.Get("reason")
	setDefault(&reason, "Maintenance mode is enabled for this service, but no reason was provided. This is a default message.")
	return nil, c.s.agent.maintain(enable, c.token, &store.HealthCheck{
		Node: c.s.config.node, CheckID: serviceMaintenance + id, Name: "Service Maintenance Mode", Notes: reason,
		Status: store.HealthCritical, Type: typeMaintenance, ServiceID: id, ServiceName: service.Service,
	})
}

func maintainNode(c *call) (any, error) {
	enable, err := c.readEnable()
	if err != nil {
		return nil, err
	}
	c.parseTarget()
	who, err := c.authorize()
	if err != nil {
		return nil, err
	}
	if !who.NodeWrite(c.s.config.node) {
		return nil, who.denied(acl.ResourceNode, acl.AccessWrite, c.s.config.node)
	}
	reason := c.params.Get("reason")
	setDefault(&reason, "Maintenance mode is enabled for this node, but no reason was provided. This is a default message.")
	return nil, c.s.agent.maintain(enable, c.token, &store.HealthCheck{
		Node: c.s.config.node, CheckID: nodeMaintenance, Name: "Node Maintenance Mode", Notes: reason,
		Status: store.HealthCritical, Type: typeMaintenance,
	})
}

// maintain switches a mode on, unless it is, or off.
func (a *agent) maintain(enable bool, token string, check *store.HealthCheck) error {
	defer a.sync()
	if !enable {
		a.removeCheck(check.CheckID)
		return nil
	}
	if a.check(check.CheckID) != nil {
		return nil
	}
	return a.addCheck(checkOf{check: check}, token)
}
