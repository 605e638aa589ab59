package embedded

// This file serves the members of the cluster, of which there is one, and what joins and leaves it.

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/lictor-go/consul/embedded/internal/acl"
)

// member is a member of the cluster.
type member struct {
	Name                                  string
	Addr                                  string
	Port                                  uint16
	Tags                                  map[string]string
	Status                                int
	ProtocolMin, ProtocolMax, ProtocolCur uint8
	DelegateMin, DelegateMax, DelegateCur uint8
}

// statusAlive is the status of members that are alive.
const statusAlive = 1

// member is the server itself.
func (s *Server) member() member {
	acls := "0"
	if s.config.acl.enabled() {
		acls = "1"
	}
	return member{
		Name: s.config.node, Addr: nodeAddress, Port: serfPort,
		Tags: map[string]string{
			"acls": acls, "bootstrap": "1", "build": version + ":", "dc": s.config.datacenter, "ft_fs": "1", "ft_si": "1",
			"id": s.config.nodeID, "port": strconv.Itoa(serverPort), "raft_vsn": "3", "role": "consul", "segment": "",
			"vsn": "2", "vsn_max": "3", "vsn_min": "2", "wan_join_port": "8302",
		},
		Status: statusAlive, ProtocolMin: 1, ProtocolMax: 5, ProtocolCur: 2, DelegateMin: 2, DelegateMax: 5, DelegateCur: 4,
	}
}

// wanMember is the server as other datacenters know it.
func (s *Server) wanMember() member {
	m := s.member()
	m.Name, m.Port = s.config.node+"."+s.config.datacenter, 8302
	return m
}

func listMembers(c *call) (any, error) {
	wan := c.params.Get("wan") != ""
	segment := c.params.Get("segment")
	if wan && segment != "" && segment != "_all" {
		return nil, badRequest("Cannot provide a segment with wan=true")
	}
	if err := c.refusePartition(); err != nil {
		return nil, err
	}
	if !wan && segment != "" && segment != "_all" {
		return nil, fmt.Errorf("Network segments are a Consul Enterprise feature")
	}
	c.parseTarget()
	who, err := c.authorize()
	if err != nil {
		return nil, err
	}
	all := []member{c.s.member()}
	if wan {
		all[0] = c.s.wanMember()
	}
	list := keep(all, func(m member) bool { return who.NodeRead(m.Name) })
	c.markFiltered(len(list) != len(all))
	if list == nil {
		list = []member{}
	}
	filter, err := newFilter[[]member](c.params.Get("filter"))
	if err != nil {
		return nil, err
	}
	return filter.apply(list)
}

// needAgentWrite refuses those who may not change the agent.
func (c *call) needAgentWrite() error {
	c.parseTarget()
	who, err := c.authorize()
	if err != nil {
		return err
	}
	if !who.AgentWrite(c.s.config.node) {
		return who.denied(acl.ResourceAgent, acl.AccessWrite, c.s.config.node)
	}
	return nil
}

func reload(c *call) (any, error) { return nil, c.needAgentWrite() }

// join fails but for the server itself: there is nobody else to join.
func join(c *call) (any, error) {
	if err := c.needAgentWrite(); err != nil {
		return nil, err
	}
	if err := c.refusePartition(); err != nil {
		return nil, err
	}
	port := serfPort
	if c.params.Get("wan") != "" {
		port = 8302
	}
	switch addr := c.rest("/v1/agent/join/"); addr {
	case nodeAddress, fmt.Sprintf("%s:%d", nodeAddress, port):
		return nil, nil
	default:
		return nil, fmt.Errorf("1 error occurred:\n\t* failed to join %s: an embedded server is alone\n\n", addr)
	}
}

// leave closes the server, once it has answered.
func leave(c *call) (any, error) {
	if err := c.needAgentWrite(); err != nil {
		return nil, err
	}
	c.answerNothing()
	c.w.Header().Set("Content-Length", "0")     // so that the flushed answer is whole
	_ = http.NewResponseController(c.w).Flush() // what can't be flushed is answered or lost with the end
	// Close waits for this request, too. It ends by itself, and whoever closes the server waits for it.
	go func() { _ = c.s.Close() }()
	return nil, nil
}

func forceLeave(c *call) (any, error) {
	c.parseTarget()
	who, err := c.authorize()
	if err != nil {
		return nil, err
	}
	if !who.OperatorWrite() {
		return nil, who.denied(acl.ResourceOperator, acl.AccessWrite, "")
	}
	if err := c.refusePartition(); err != nil {
		return nil, err
	}
	node := c.rest("/v1/agent/force-leave/")
	if node != c.s.config.node {
		return nil, fmt.Errorf("agent: No node found with name '%s'", node)
	}
	return nil, nil
}

// setAgentToken changes a token of the agent's.
func setAgentToken(c *call) (any, error) {
	if !c.s.config.acl.enabled() {
		return nil, errACLsOff
	}
	if err := c.needAgentWrite(); err != nil {
		return nil, err
	}
	type AgentToken struct{ Token string } // as the real server calls it, which errors tell
	var body AgentToken
	if err := c.decodeAgent(&body); err != nil {
		return nil, err
	}
	target := c.rest("/v1/agent/token/")
	var change func(*agentTokens)
	switch target {
	case "acl_token", "default":
		change = func(t *agentTokens) { t.user = body.Token }
	case "acl_agent_token", "agent":
		change = func(t *agentTokens) { t.agent = body.Token }
	case "acl_agent_master_token", "agent_master", "agent_recovery":
		change = func(t *agentTokens) { t.recovery = body.Token }
	case "acl_replication_token", "replication":
		change = func(t *agentTokens) { t.replication = body.Token }
	case "config_file_service_registration":
		change = func(t *agentTokens) { t.registration = body.Token }
	case "dns_token", "dns":
		change = func(*agentTokens) {}
	default:
		return nil, notFound("Token %q is unknown", target)
	}
	c.s.setAgentTokens(change)
	c.s.agent.fullSync()
	return nil, nil
}
