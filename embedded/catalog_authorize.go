package embedded

// This file says who may change what in the catalog.

import (
	"fmt"
	"strings"

	"github.com/lictor-go/consul/embedded/internal/acl"
	"github.com/lictor-go/consul/embedded/internal/store"
)

// mayRegister refuses a registration that the caller may not make, given what is registered already.
func (i identity) mayRegister(r *store.Registration, tx *store.Tx) error {
	_, node, services := tx.NodeServices(nil, r.Node.Node)
	if r.ChangesNode(node) && !i.NodeWrite(r.Node.Node) {
		return i.denied(acl.ResourceNode, acl.AccessWrite, r.Node.Node)
	}
	registered := byID(services)
	if s := r.Service; s != nil {
		if !i.ServiceWrite(s.Service) {
			return i.denied(acl.ResourceService, acl.AccessWrite, s.Service)
		}
		if old := registered[s.ID]; old != nil && !i.ServiceWrite(old.Service) {
			return acl.ErrPermissionDenied
		}
	}
	for _, check := range r.Checks {
		if err := i.mayRegisterCheck(check, r, registered); err != nil {
			return err
		}
	}
	return nil
}

func (i identity) mayRegisterCheck(
	check *store.HealthCheck, r *store.Registration, registered map[string]*store.NodeService,
) error {
	if !strings.EqualFold(check.Node, r.Node.Node) {
		return fmt.Errorf("Node '%s' for check '%s' doesn't match register request node '%s'",
			check.Node, check.CheckID, r.Node.Node)
	}
	if check.ServiceID == "" {
		if !i.NodeWrite(r.Node.Node) {
			return i.denied(acl.ResourceNode, acl.AccessWrite, r.Node.Node)
		}
		return nil
	}
	if r.Service != nil && r.Service.ID == check.ServiceID {
		return nil // which was asked for already
	}
	s := registered[check.ServiceID]
	if s == nil {
		return fmt.Errorf("Unknown service ID '%s' for check ID '%s'", check.ServiceID, check.CheckID)
	}
	if !i.ServiceWrite(s.Service) {
		return i.denied(acl.ResourceService, acl.AccessWrite, s.Service)
	}
	return nil
}

// mayDeregister refuses a deregistration that the caller may not make. Who may write the node may deregister all of it.
func (i identity) mayDeregister(r *deregisterBody, tx *store.Tx) error {
	if i.NodeWrite(r.Node) {
		return nil
	}
	nodeDenied := i.denied(acl.ResourceNode, acl.AccessWrite, r.Node)
	service := ""
	switch {
	case r.ServiceID != "":
		_, s := tx.NodeService(nil, r.Node, r.ServiceID)
		if s == nil || r.PeerName != "" {
			return fmt.Errorf("Unknown service ID '%s'", r.ServiceID)
		}
		service = s.Service
	case r.CheckID != "":
		_, check := tx.NodeCheck(nil, r.Node, r.CheckID)
		if check == nil || r.PeerName != "" {
			return fmt.Errorf("Unknown check ID '%s'", r.CheckID)
		}
		if check.ServiceID == "" {
			return nodeDenied
		}
		service = check.ServiceName
	default:
		return nodeDenied
	}
	if !i.ServiceWrite(service) {
		return i.denied(acl.ResourceService, acl.AccessWrite, service)
	}
	return nil
}
