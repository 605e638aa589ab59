package embedded

// This file registers the server's own node, as the real one does when it has become the leader.

import (
	"maps"
	"slices"
	"strconv"

	"github.com/lictor-go/consul/embedded/internal/store"
)

const (
	// version is that of the Consul that the server behaves as.
	version   = "1.22.7"
	buildDate = "1970-01-01T00:00:01Z"

	// nodeAddress is the address of the node, and serverPort where it would speak to other servers.
	nodeAddress = "127.0.0.1"
	serverPort  = 8300
	serfPort    = 8301
	wanPort     = 8302
)

// serverAddress is where the server would speak to others, if there were any.
var serverAddress = nodeAddress + ":" + strconv.Itoa(serverPort)

// beginNode registers the node: first as the leader does, which has found it alive, then as its agent does.
func (s *Server) beginNode() error {
	if err := s.reconcile(); err != nil {
		return err
	}
	s.agent.fullSync()
	return nil
}

// reconcile registers the node unless it is registered, as alive and with the service that it is.
func (s *Server) reconcile() error {
	alive := s.aliveNode()
	return s.store.Write(func(tx *store.Tx) error {
		_, node, services := tx.NodeServices(nil, s.config.node)
		_, check := tx.NodeCheck(nil, s.config.node, serfHealth)
		known := slices.ContainsFunc(services, func(other *store.NodeService) bool {
			return other.ID == alive.Service.ID && maps.Equal(other.Meta, alive.Service.Meta)
		})
		if known && node.Address == nodeAddress && check != nil && check.Status == store.HealthPassing {
			return nil
		}
		if node != nil {
			alive.Node.TaggedAddresses, alive.Node.Meta = node.TaggedAddresses, node.Meta
		}
		return tx.Register(alive)
	})
}

// aliveNode is the node as the leader registers it, with the service that it is and the check that says it is alive.
func (s *Server) aliveNode() *store.Registration {
	return &store.Registration{
		Node: &store.Node{
			ID: s.config.nodeID, Node: s.config.node, Address: nodeAddress, Datacenter: s.config.datacenter,
			Meta: map[string]string{"consul-version": version},
		},
		Service: &store.NodeService{
			ID: consulService, Service: consulService, Tags: []string{}, Port: serverPort,
			Meta: map[string]string{
				"non_voter": "false", "raft_version": "3", "read_replica": "false", "serf_protocol_current": "2",
				"serf_protocol_max": "5", "serf_protocol_min": "1", "version": version,
			},
			Weights: &store.Weights{Passing: 1, Warning: 1},
		},
		Checks: []*store.HealthCheck{{
			Node: s.config.node, CheckID: serfHealth, Name: "Serf Health Status", Status: store.HealthPassing,
			Output: "Agent alive and reachable", ServiceTags: []string{},
		}},
	}
}

// ownNode is the node as its agent registers it.
func (s *Server) ownNode() *store.Node {
	return &store.Node{
		ID: s.config.nodeID, Node: s.config.node, Address: nodeAddress, Datacenter: s.config.datacenter,
		TaggedAddresses: map[string]string{
			"lan": nodeAddress, "lan_ipv4": nodeAddress, "wan": nodeAddress, "wan_ipv4": nodeAddress,
		},
		Meta: s.nodeMeta(),
	}
}

// nodeMeta is the metadata of the node.
func (s *Server) nodeMeta() map[string]string {
	meta := map[string]string{"consul-network-segment": "", "consul-version": version}
	maps.Copy(meta, s.config.nodeMeta)
	return meta
}
