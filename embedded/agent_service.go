package embedded

// This file serves the agent's services, one and all.

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/lictor-go/consul/embedded/internal/acl"
	"github.com/lictor-go/consul/embedded/internal/store"
)

// serviceAnswer is a service as the agent answers it.
type serviceAnswer struct {
	Kind              string `json:",omitempty"`
	ID                string
	Service           string
	Tags              []string
	Meta              map[string]string
	Port              int
	Ports             store.ServicePorts `json:",omitempty" bexpr:"-"`
	Address           string
	SocketPath        string                          `json:",omitempty"`
	TaggedAddresses   map[string]store.ServiceAddress `json:",omitempty"`
	Weights           store.Weights
	EnableTagOverride bool
	ContentHash       string          `json:",omitempty" bexpr:"-"`
	Proxy             *proxyAnswer    `json:",omitempty"`
	Connect           *connectAnswer  `json:",omitempty"`
	Datacenter        string          `json:",omitempty" bexpr:"-"`
	Locality          *localityAnswer `json:",omitempty" bexpr:"-"`
}

// localityAnswer is where a service runs, with both its parts whatever they are.
type localityAnswer struct{ Region, Zone string }

// connectAnswer is a service's part in the mesh.
type connectAnswer struct {
	Native bool `json:",omitempty"`
}

// proxyAnswer is a proxy's configuration.
type proxyAnswer struct {
	EnvoyExtensions        []store.EnvoyExtension        `json:",omitempty"`
	DestinationServiceName string                        `json:",omitempty"`
	DestinationServiceID   string                        `json:",omitempty"`
	LocalServiceAddress    string                        `json:",omitempty"`
	LocalServicePort       int                           `json:",omitempty"`
	LocalServiceSocketPath string                        `json:",omitempty"`
	Mode                   string                        `json:",omitempty"`
	TransparentProxy       *store.TransparentProxyConfig `json:",omitempty"`
	Config                 map[string]any                `json:",omitempty" bexpr:"-"`
	Upstreams              []upstreamAnswer              `json:",omitempty"`
	MeshGateway            store.MeshGatewayConfig
	Expose                 exposeAnswer
	AccessLogs             *store.AccessLogsConfig `json:",omitempty"`
}

// exposeAnswer is what a proxy lets through.
type exposeAnswer struct {
	Checks bool               `json:",omitempty"`
	Paths  []exposePathAnswer `json:",omitempty"`
}

type exposePathAnswer struct {
	ListenerPort    int    `json:",omitempty"`
	Path            string `json:",omitempty"`
	LocalPathPort   int    `json:",omitempty"`
	Protocol        string `json:",omitempty"`
	ParsedFromCheck bool
}

// upstreamAnswer is an upstream of a proxy.
type upstreamAnswer struct {
	DestinationType      string `json:",omitempty"`
	DestinationPartition string `json:",omitempty"`
	DestinationNamespace string `json:",omitempty"`
	DestinationPeer      string `json:",omitempty"`
	DestinationName      string
	Datacenter           string                  `json:",omitempty"`
	LocalBindAddress     string                  `json:",omitempty"`
	LocalBindPort        int                     `json:",omitempty"`
	LocalBindSocketPath  string                  `json:",omitempty"`
	LocalBindSocketMode  string                  `json:",omitempty"`
	Config               map[string]any          `json:",omitempty" bexpr:"-"`
	MeshGateway          store.MeshGatewayConfig `json:",omitempty"`
	CentrallyConfigured  bool                    `json:",omitempty" bexpr:"-"`
}

// answerService is a service as it is answered.
func (s *Server) answerService(in *store.NodeService) *serviceAnswer {
	out := &serviceAnswer{
		Kind: in.Kind, ID: in.ID, Service: in.Service, Tags: in.Tags, Meta: in.Meta, Port: in.Port, Ports: in.Ports,
		Address: in.Address, SocketPath: in.SocketPath, TaggedAddresses: in.TaggedAddresses,
		Weights: store.Weights{Passing: 1, Warning: 1}, EnableTagOverride: in.EnableTagOverride,
		Datacenter: s.config.datacenter, Locality: (*localityAnswer)(in.Locality),
	}
	if in.Weights != nil {
		out.Weights.Warning = in.Weights.Warning
		if in.Weights.Passing > 0 {
			out.Weights.Passing = in.Weights.Passing
		}
	}
	if in.Port == 0 && len(in.Ports) > 0 {
		out.Port = in.Ports.Default()
	}
	if out.Tags == nil {
		out.Tags = []string{}
	}
	if out.Meta == nil {
		out.Meta = map[string]string{}
	}
	if in.Connect.Native {
		out.Connect = &connectAnswer{Native: true}
	}
	if in.Kind == store.KindConnectProxy || store.IsGateway(in.Kind) {
		out.Proxy = answerProxy(&in.Proxy)
	}
	return out
}

func answerProxy(in *store.ConnectProxyConfig) *proxyAnswer {
	out := &proxyAnswer{
		EnvoyExtensions: in.EnvoyExtensions, DestinationServiceName: in.DestinationServiceName,
		DestinationServiceID: in.DestinationServiceID, LocalServiceAddress: in.LocalServiceAddress,
		LocalServicePort: in.LocalServicePort, LocalServiceSocketPath: in.LocalServiceSocketPath, Mode: in.Mode,
		Config: in.Config, MeshGateway: in.MeshGateway, Expose: exposeAnswer{Checks: in.Expose.Checks},
	}
	for _, path := range in.Expose.Paths {
		out.Expose.Paths = append(out.Expose.Paths, exposePathAnswer(path))
	}
	if in.TransparentProxy != (store.TransparentProxyConfig{}) {
		out.TransparentProxy = &in.TransparentProxy
	}
	if in.AccessLogs != (store.AccessLogsConfig{}) {
		out.AccessLogs = &in.AccessLogs
	}
	for _, u := range in.Upstreams {
		out.Upstreams = append(out.Upstreams, upstreamAnswer{
			DestinationType: u.DestinationType, DestinationPartition: u.DestinationPartition,
			DestinationNamespace: u.DestinationNamespace, DestinationPeer: u.DestinationPeer,
			DestinationName: u.DestinationName, Datacenter: u.Datacenter, LocalBindAddress: u.LocalBindAddress,
			LocalBindPort: u.LocalBindPort, LocalBindSocketPath: u.LocalBindSocketPath,
			LocalBindSocketMode: u.LocalBindSocketMode, Config: u.Config, MeshGateway: u.MeshGateway,
			CentrallyConfigured: u.CentrallyConfigured,
		})
	}
	return out
}

// startAgentRead is how reads of the agent begin.
func (c *call) startAgentRead() (identity, error) {
	c.parseTarget()
	if err := c.refuseEnterprise(); err != nil {
		return identity{}, err
	}
	c.filter = c.params.Get("filter")
	return c.authorize()
}

// markFiltered says that ACLs have hidden a part of the answer.
func (c *call) markFiltered(hidden bool) {
	if hidden && c.token != "" {
		c.w.Header().Set("X-Consul-Results-Filtered-By-Acls", "true")
	}
}

func listAgentServices(c *call) (any, error) {
	who, err := c.startAgentRead()
	if err != nil {
		return nil, err
	}
	filter, err := newFilter[map[string]*serviceAnswer](c.filter)
	if err != nil {
		return nil, err
	}
	all := c.s.agent.allServices()
	list := map[string]*serviceAnswer{}
	for _, s := range keep(all, func(s *store.NodeService) bool { return who.ServiceRead(s.Service) }) {
		list[s.ID] = c.s.answerService(s)
	}
	c.markFiltered(len(list) != len(all))
	return filter.apply(list)
}

// readAgentService serves one service. A client that sends a hash waits until that of the answer is another.
func readAgentService(c *call) (any, error) {
	id := c.rest("/v1/agent/service/")
	if err := c.parseWait(); err != nil {
		return nil, err
	}
	if _, err := c.startAgentRead(); err != nil {
		return nil, err
	}
	hash := c.params.Get("hash")
	var timeout <-chan time.Time
	if hash != "" {
		if err := c.s.blocking.enter(); err != nil {
			return nil, err
		}
		defer c.s.blocking.leave()
		timer := time.NewTimer(waitTime(c.wait))
		defer timer.Stop()
		timeout = timer.C
	}
	for {
		service, replaced, err := c.s.agent.watchService(id)
		if err != nil {
			return nil, err
		}
		who, err := c.authorize() // anew, for what a wait has made of it
		if err != nil {
			return nil, err
		}
		if !who.ServiceRead(service.Service) {
			return nil, who.denied(acl.ResourceService, acl.AccessRead, service.Service)
		}
		answer := c.s.answerService(service)
		answer.ContentHash = contentHash(answer)
		if hash == "" || answer.ContentHash != hash {
			return c.hashed(answer), nil
		}
		select {
		case <-replaced:
		case <-timeout:
			return c.hashed(answer), nil
		case <-c.r.Context().Done():
			abort()
		}
	}
}

// hashed tells the answer's hash in a header, too.
func (c *call) hashed(answer *serviceAnswer) *serviceAnswer {
	c.w.Header().Set("X-Consul-Contenthash", answer.ContentHash)
	return answer
}

// watchService gives a service and what is closed when it is replaced or gone.
func (a *agent) watchService(id string) (*store.NodeService, <-chan struct{}, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.services[id]
	if s == nil || s.gone {
		return nil, nil, notFound("unknown service ID: %s", id)
	}
	return s.service, s.replaced, nil
}

// contentHash is a hash of all that an answer says.
func contentHash(answer any) string {
	text, err := json.Marshal(answer)
	if err != nil {
		return ""
	}
	h := fnv.New64a()
	_, _ = h.Write(text) // never fails
	return fmt.Sprintf("%x", h.Sum64())
}
