package store

// This file registers and deregisters services.

import (
	"maps"
	"reflect"
	"strings"

	"github.com/hashicorp/go-memdb"
)

func (tx *Tx) instance(node, id string) *instance { return instances.get(tx, nil, join(node, id)) }

// NodeService gives a service of a node, nil where there is none, with the index of the last change of any service.
func (tx *Tx) NodeService(ws memdb.WatchSet, node, id string) (uint64, *NodeService) {
	last := tx.lastChange(string(instances))
	if i := instances.get(tx, ws, join(node, id)); i != nil {
		return last, i.service
	}
	return last, nil
}

// EnsureService registers a service on a node that is there, or changes it. The store keeps what service refers to.
func (tx *Tx) EnsureService(node string, service *NodeService) error {
	s := *service
	if err := validateServiceMeta(node, &s); err != nil {
		return err
	}
	if err := tx.addVirtualIP(&s); err != nil {
		return err
	}
	if tx.node(node) == nil {
		return ErrMissingNode
	}
	if s.Weights == nil || !s.Weights.valid() {
		s.Weights = &Weights{Passing: 1, Warning: 1}
	}
	s.CreateIndex, s.ModifyIndex = tx.index, tx.index
	if old := tx.instance(node, s.ID); old != nil {
		if s.same(old.service) {
			return nil
		}
		s.CreateIndex = old.service.CreateIndex
	}
	instances.put(tx, &instance{node, &s})
	tx.touch(string(instances), ofService(s.Service), string(nodes), ofNode(node))
	return nil
}

// maxWeight is the most that a weight may be in a DNS answer.
const maxWeight = 65535

func (w *Weights) valid() bool {
	return w.Passing >= 1 && w.Passing <= maxWeight && w.Warning >= 0 && w.Warning <= maxWeight
}

// same reports whether the two say the same, whenever they were registered. The real server leaves out the socket's path and
// the locality, so that a registration which changes nothing else has no effect.
func (s *NodeService) same(other *NodeService) bool {
	return s.Kind == other.Kind && s.ID == other.ID && s.Service == other.Service &&
		s.Address == other.Address && s.Port == other.Port && s.Ports.same(other.Ports) &&
		s.EnableTagOverride == other.EnableTagOverride && *s.Weights == *other.Weights &&
		equalMaps(s.Meta, other.Meta) &&
		reflect.DeepEqual(s.Tags, other.Tags) &&
		reflect.DeepEqual(s.TaggedAddresses, other.TaggedAddresses) &&
		reflect.DeepEqual(s.Proxy, other.Proxy) &&
		reflect.DeepEqual(s.Connect, other.Connect)
}

// EnsureServiceCAS is EnsureService if the service was not changed since its ModifyIndex, or is not there where that is 0.
func (tx *Tx) EnsureServiceCAS(node string, service *NodeService) (bool, error) {
	old := tx.instance(node, service.ID)
	if (old == nil) != (service.ModifyIndex == 0) || old != nil && old.service.ModifyIndex != service.ModifyIndex {
		return false, nil
	}
	return true, tx.EnsureService(node, service)
}

// DeregisterService deregisters a service, which may be absent, with its checks.
func (tx *Tx) DeregisterService(node, id string) error {
	i := tx.instance(node, id)
	if i == nil {
		return nil
	}
	for _, c := range checks.list(tx, nil, indexNodeService, join(node, id)) {
		if err := tx.DeregisterCheck(node, c.CheckID); err != nil {
			return err
		}
	}
	instances.remove(tx, i)
	tx.touch(string(checks), string(instances), string(nodes), ofNode(node))
	name := i.service.Service
	if len(instances.list(tx, nil, indexService, strings.ToLower(name))) > 0 {
		tx.touch(ofService(name))
		return nil
	}
	tx.forget(ofService(name))
	tx.touch(serviceExtinction)
	tx.freeVirtualIP(name)
	return nil
}

// DeregisterServiceCAS deregisters a service if it was not changed since index.
func (tx *Tx) DeregisterServiceCAS(node, id string, index uint64) (bool, error) {
	if i := tx.instance(node, id); i == nil || i.service.ModifyIndex != index {
		return false, nil
	}
	return true, tx.DeregisterService(node, id)
}

// addVirtualIP adds the address to s by which the mesh knows the service that s makes reachable.
func (tx *Tx) addVirtualIP(s *NodeService) error {
	name, ok := s.connects()
	if !ok || name == "" {
		return nil
	}
	address, err := tx.virtualIPOf(name)
	if err != nil {
		return err
	}
	addresses := map[string]ServiceAddress{}
	maps.Copy(addresses, s.TaggedAddresses)
	addresses["consul-virtual"] = ServiceAddress{Address: address, Port: s.Port}
	s.TaggedAddresses = addresses
	return nil
}
