package embedded

// This file serves /v1/agent/health/service/: how the agent's own services are, with a status that says it, too.

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/lictor-go/consul/embedded/internal/acl"
	"github.com/lictor-go/consul/embedded/internal/store"
)

// serviceHealth is how a service is.
type serviceHealth struct {
	AggregatedStatus string
	Service          *serviceAnswer
	Checks           []checkAnswer
}

// checkAnswer is a check as it is answered here.
type checkAnswer struct {
	Node        string
	CheckID     string
	Name        string
	Status      string
	Notes       string
	Output      string
	ServiceID   string
	ServiceName string
	ServiceTags []string
	Type        string
	ExposedPort int
	Definition  struct {
		// The real server's client writes these three, whatever they are.
		Interval, Timeout, DeregisterCriticalServiceAfter string
		HTTP                                              string
		Header                                            map[string][]string
		Method, Body, TLSServerName                       string
		TLSSkipVerify                                     bool
		TCP                                               string
		TCPUseTLS                                         bool
		UDP, GRPC, OSService                              string
		GRPCUseTLS                                        bool
	}
	CreateIndex, ModifyIndex uint64
}

func readHealthByID(c *call) (any, error) {
	id := c.rest("/v1/agent/health/service/id/")
	if id == "" {
		return nil, fmt.Errorf("Missing serviceID") // 500, whatever the real server meant
	}
	who, err := c.startAgentRead()
	if err != nil {
		return nil, err
	}
	service := c.s.agent.service(id)
	if service == nil {
		reason := fmt.Sprintf("ServiceId %s not found", id)
		return c.answerHealth(http.StatusNotFound, reason, reason, &serviceHealth{AggregatedStatus: store.HealthCritical})
	}
	if !who.ServiceRead(service.Service) {
		return nil, who.denied(acl.ResourceService, acl.AccessRead, service.Service)
	}
	health := c.s.healthOf(service)
	return c.answerHealth(statusOf(health.AggregatedStatus), health.AggregatedStatus, health.AggregatedStatus, health)
}

func readHealthByName(c *call) (any, error) {
	name := c.rest("/v1/agent/health/service/name/")
	if name == "" {
		return nil, fmt.Errorf("Missing service Name") // 500, whatever the real server meant
	}
	who, err := c.startAgentRead()
	if err != nil {
		return nil, err
	}
	if !who.ServiceRead(name) {
		return nil, who.denied(acl.ResourceService, acl.AccessRead, name)
	}
	code, status := http.StatusNotFound, fmt.Sprintf("ServiceName %s Not Found", name)
	list := []*serviceHealth{}
	for _, service := range c.s.agent.servicesNamed(name) {
		health := c.s.healthOf(service)
		list = append(list, health)
		if its := statusOf(health.AggregatedStatus); code == http.StatusNotFound || code < its {
			code, status = its, health.AggregatedStatus
		}
	}
	return c.answerHealth(code, status, status, list)
}

// answerHealth answers with a status and a reason: as text where the client asks for that, else as JSON.
func (c *call) answerHealth(code int, reason, text string, body any) (any, error) {
	if c.wantsText() {
		c.w.Header().Set("X-Consul-Reason", reason)
		c.write(code, "text/plain", []byte(text))
		return nil, nil
	}
	return &jsonWithStatus{status: code, body: body, reason: reason}, nil
}

// wantsText reports whether the client asks for text.
func (c *call) wantsText() bool {
	return strings.HasPrefix(c.r.Header.Get("Accept"), "text/plain") || c.params.Get("format") == "text"
}

// statusOf is the HTTP status of a health.
func statusOf(health string) int {
	switch health {
	case store.HealthPassing:
		return http.StatusOK
	case store.HealthWarning:
		return http.StatusTooManyRequests
	}
	return http.StatusServiceUnavailable
}

// servicesNamed gives the services of a name, in the order of their IDs.
func (a *agent) servicesNamed(name string) []*store.NodeService {
	return keep(a.allServices(), func(s *store.NodeService) bool { return s.Service == name })
}

// healthOf tells how a service is, by its checks and those of the node.
func (s *Server) healthOf(service *store.NodeService) *serviceHealth {
	health := &serviceHealth{Service: s.answerService(service), Checks: []checkAnswer{}}
	for _, c := range s.agent.allChecks() {
		if c.ServiceID != "" && c.ServiceID != service.ID {
			continue
		}
		answer := checkAnswer{
			Node: c.Node, CheckID: c.CheckID, Name: c.Name, Status: c.Status, Notes: c.Notes, Output: c.Output,
			ServiceID: c.ServiceID, ServiceName: c.ServiceName, ServiceTags: c.ServiceTags,
		}
		d := &answer.Definition
		d.Interval, d.Timeout, d.DeregisterCriticalServiceAfter = "0s", "0s", "0s"
		health.Checks = append(health.Checks, answer)
	}
	health.AggregatedStatus = aggregate(health.Checks)
	return health
}

// aggregate is the worst of the statuses, where maintenance is worse than critical.
func aggregate(list []checkAnswer) string {
	rank := map[string]int{store.HealthPassing: 0, store.HealthWarning: 1, store.HealthCritical: 2, "maintenance": 3}
	worst := store.HealthPassing
	for _, c := range list {
		status := c.Status
		if c.CheckID == nodeMaintenance || strings.HasPrefix(c.CheckID, serviceMaintenance) {
			status = "maintenance"
		}
		if rank[status] > rank[worst] {
			worst = status
		}
	}
	return worst
}
