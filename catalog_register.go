package consul

// This file holds the writes of the catalog: registrations that no agent makes.

import (
	"context"
	"net/http"
)

// A CatalogRegistration puts a node into the catalog, and with it, as far as they are set, a service instance and
// checks. What it does not mention stays as it was, except for the node's own fields: see SkipNodeUpdate.
type CatalogRegistration struct {
	ID              string            `json:",omitempty"` // UUID of the node; empty: none
	Node            string            // name of the node; needed
	Address         string            // of the node; needed, unless SkipNodeUpdate is set
	TaggedAddresses map[string]string `json:",omitempty"`
	NodeMeta        map[string]string `json:",omitempty"`
	Locality        *Locality         `json:",omitempty"`
	Datacenter      string            `json:",omitempty"` // empty: the agent's
	Partition       string            `json:",omitempty"` // Consul Enterprise

	Service *AgentService `json:",omitempty"` // needs Service; an empty ID is the same as Service

	// Checks of the node, or of the instance that a check's ServiceID names. An empty Node is the registration's, an empty
	// CheckID is the Name, one of which is needed.
	Check  *HealthCheck `json:",omitempty"`
	Checks HealthChecks `json:",omitempty"`

	SkipNodeUpdate bool `json:",omitempty"` // leave the node's own fields alone if the node exists
}

// A CatalogDeregistration names what is taken out of the catalog: the service instance if ServiceID is set, else the
// check if CheckID is, else the whole node with all that is on it.
type CatalogDeregistration struct {
	Node       string // name of the node; needed
	ServiceID  string `json:",omitempty"` // the instance's checks go with it
	CheckID    string `json:",omitempty"` // not looked at if ServiceID is set
	Datacenter string `json:",omitempty"` // empty: the agent's
	Namespace  string `json:",omitempty"` // Consul Enterprise
	Partition  string `json:",omitempty"` // Consul Enterprise
}

// Register writes a node, a service instance and checks into the catalog. It is for what has no agent of its own:
// an agent takes out of the catalog what it does not know on its node, so use Agent.ServiceRegister there. A
// registration that lacks what every server needs is ErrInvalidOption.
//
// Route: PUT /v1/catalog/register
func (c *Catalog) Register(ctx context.Context, reg *CatalogRegistration, opts ...WriteOption) (*WriteMeta, error) {
	r := newRequest(http.MethodPut, "catalog", "register")
	reg.check(r)
	return send(ctx, c.c, r.json(reg), opts)
}

// Deregister takes a service instance, a check or a node out of the catalog; with neither a ServiceID nor a CheckID
// that is the node. What does not exist is no error. An agent puts back what it knows: use Agent.ServiceDeregister for
// its services. An empty Node is ErrInvalidOption.
//
// Route: PUT /v1/catalog/deregister
func (c *Catalog) Deregister(ctx context.Context, dereg *CatalogDeregistration, opts ...WriteOption) (*WriteMeta, error) {
	r := newRequest(http.MethodPut, "catalog", "deregister")
	switch {
	case dereg == nil:
		r.fail(ErrInvalidOption, "the deregistration is nil")
	case dereg.Node == "":
		r.fail(ErrInvalidOption, "CatalogDeregistration.Node is empty")
	}
	return send(ctx, c.c, r.json(dereg), opts)
}

// check refuses what no server accepts. Consul answers most of it with 500, which says nothing about whose fault it is.
func (reg *CatalogRegistration) check(r *request) {
	switch {
	case reg == nil:
		r.fail(ErrInvalidOption, "the registration is nil")
		return
	case reg.Node == "":
		r.fail(ErrInvalidOption, "CatalogRegistration.Node is empty")
	case reg.Address == "" && !reg.SkipNodeUpdate:
		r.fail(ErrInvalidOption, "CatalogRegistration.Address is empty, and SkipNodeUpdate is not set")
	case reg.Service != nil && reg.Service.Service == "":
		r.fail(ErrInvalidOption, "CatalogRegistration.Service.Service, the service's name, is empty")
	case reg.Check != nil:
		reg.Check.check(r)
	}
	for _, check := range reg.Checks {
		check.check(r)
	}
}

func (c *HealthCheck) check(r *request) {
	switch {
	case c == nil:
		// Consul 1.22 drops the connection over a null among the checks.
		r.fail(ErrInvalidOption, "a check of CatalogRegistration.Checks is nil")
	case c.CheckID == "" && c.Name == "":
		r.fail(ErrInvalidOption, "a check has neither a CheckID nor a Name")
	}
}
