package embedded

// This file serves the members of the cluster, of which there is one, and what joins and leaves it.

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/lictor-go/consul/embedded/internal/acl"
)

// member is a member of the cluster.
type member struct {
	Name                                  string
	Addr                                  net.IP
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
		Name: s.config.node, Addr: net.ParseIP(nodeAddress), Port: serfPort,
		Tags: map[string]string{
			"acls": acls, "bootstrap": "1", "build": version + ":", "dc": s.config.datacenter, "ft_fs": "1", "ft_si": "1",
			"id": s.config.nodeID, "port": strconv.Itoa(serverPort), "raft_vsn": "3", "role": "consul", "segment": "",
			"vsn": "2", "vsn_max": "3", "vsn_min": "2", "wan_join_port": strconv.Itoa(wanPort),
		},
		Status: statusAlive, ProtocolMin: 1, ProtocolMax: 5, ProtocolCur: 2, DelegateMin: 2, DelegateMax: 5, DelegateCur: 4,
	}
}

// wanMember is the server as other datacenters know it.
func (s *Server) wanMember() member {
	m := s.member()
	m.Name, m.Port = s.config.node+"."+s.config.datacenter, wanPort
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
		return nil, fmt.Errorf("Network segments are not supported in this version of Consul")
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

// joinTimeout is how long a member that is to be joined may take to answer.
const joinTimeout = 10 * time.Second

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
		port = wanPort
	}
	if err := tryJoin(c.r.Context(), c.rest("/v1/agent/join/"), port); err != nil {
		return nil, fmt.Errorf("1 error occurred:\n\t* %w\n\n", err)
	}
	return nil, nil
}

// tryJoin says what keeps the server from joining a member: like the real one it asks for its address, and dials it.
func tryJoin(ctx context.Context, target string, port int) error {
	host, number, err := net.SplitHostPort(target)
	if err != nil {
		host, number = strings.Trim(target, "[]"), strconv.Itoa(port)
	}
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		return fmt.Errorf("failed to resolve %s: %w", target, err)
	}
	address := net.JoinHostPort(addresses[0], number)
	if address == net.JoinHostPort(nodeAddress, strconv.Itoa(port)) {
		return nil // itself
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("failed to join %s: %w", address, err)
	}
	_ = conn.Close()
	return fmt.Errorf("failed to join %s: an embedded server joins nobody", address)
}

// leave closes the server, once it has answered.
func leave(c *call) (any, error) {
	if err := c.needAgentWrite(); err != nil {
		return nil, err
	}
	c.w.Header().Set("Content-Length", "0") // so that the flushed answer is whole
	c.answerNothing()
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
	node, own, suffix := c.rest("/v1/agent/force-leave/"), c.s.config.node, "."+c.s.config.datacenter
	if strings.TrimSuffix(node, suffix) == own && (strings.HasSuffix(node, suffix) || !c.has("wan")) {
		return nil, nil // it is alive, and stays
	}
	if c.has("wan") {
		node = "" // as the real server tells it
	}
	return nil, fmt.Errorf("agent: No node found with name '%s'", node)
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
	before := c.s.agentTokens.Load()
	c.s.setAgentTokens(change)
	if after := c.s.agentTokens.Load(); after.user != before.user || after.agent != before.agent {
		c.s.agent.fullSync()
	}
	c.s.log.Info("agent: Updated agent's ACL token", "token", target)
	return nil, nil
}
