package embedded

// This file serves the registration and deregistration of services with the agent.

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lictor-go/consul/embedded/internal/acl"
	"github.com/lictor-go/consul/embedded/internal/store"
)

// sidecarSuffix is what the ID of a sidecar ends with that is registered as a part of its service.
const sidecarSuffix = "-sidecar-proxy"

// registrationOf is a service that is to be registered.
type registrationOf struct {
	service *store.NodeService
	checks  []*CheckType
	token   string
	sidecar bool
}

func registerService(c *call) (any, error) {
	if err := c.refuseEnterprise(); err != nil {
		return nil, err
	}
	var definition ServiceDefinition
	if err := c.decodeAgent(&definition); err != nil {
		return nil, err
	}
	if definition.Name == "" {
		return nil, badRequest("Missing service name")
	}
	if isAny(definition.Address) {
		return nil, badRequest("Invalid service address")
	}
	c.parseTarget()
	who, err := c.authorize()
	if err != nil {
		return nil, err
	}
	main, err := definition.registration(c.token)
	if err != nil {
		return nil, err
	}
	if err := c.mayRegisterService(who, main.service); err != nil {
		return nil, err
	}
	all := []*registrationOf{main}
	if connect := definition.Connect; connect != nil && connect.SidecarService != nil {
		sidecar, err := c.sidecarOf(connect.SidecarService, main)
		if err != nil {
			return nil, err
		}
		all = append(all, sidecar)
	}
	given := c.params.Get("replace-existing-checks")
	replace := c.has("replace-existing-checks") && (given == "" || given == "true")
	defer c.s.agent.sync() // also what has changed though it failed
	for _, r := range all {
		if err := c.s.agent.registerService(r, replace); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// decodeErrors has the errors of decoding tell the real server's types, which are all in one package.
var decodeErrors = strings.NewReplacer(
	" type embedded.", " type structs.", " type store.", " type structs.", "]store.", "]structs.",
	"*embedded.Alias", "*structs.Alias", ".checkRun.", ".",
)

// decodeAgent decodes a body that is for the agent.
func (c *call) decodeAgent(value any) error {
	if err := c.decode(value); err != nil {
		return badRequest("Request decode failed: %s", decodeErrors.Replace(err.Error()))
	}
	return nil
}

// isAny reports whether an address is that of any interface.
func isAny(address string) bool {
	ip := net.ParseIP(strings.Trim(address, "[]"))
	return ip != nil && ip.IsUnspecified()
}

// registration checks the definition and makes of it what is registered.
func (d *ServiceDefinition) registration(token string) (*registrationOf, error) {
	service := d.service()
	if w := service.Weights; w != nil {
		if err := validateWeights(w); err != nil {
			return nil, badRequest("Invalid Weights: %v", err)
		}
	}
	if err := service.ValidateMeta(); err != nil {
		return nil, badRequest("Invalid Service Meta: %v", err)
	}
	if err := service.ValidateWith(d.sidecar()); err != nil {
		return nil, badRequest("Validation failed: %v", err)
	}
	list, err := validCheckTypes(d, "Invalid check")
	if err != nil {
		return nil, err
	}
	if d.Connect != nil && d.Connect.SidecarService != nil {
		if len(d.Ports) > 0 {
			return nil, badRequest("MultiPort cannot be used with Consul Connect.")
		}
		if _, err := validCheckTypes(d.Connect.SidecarService, "Invalid check in sidecar_service"); err != nil {
			return nil, err
		}
	}
	return &registrationOf{service: service, checks: list, token: token}, nil
}

func validCheckTypes(d *ServiceDefinition, invalid string) ([]*CheckType, error) {
	list, err := d.checkTypes()
	if err != nil {
		return nil, badRequest("%s: %v", invalid, err)
	}
	for _, check := range list {
		if check.Status != "" && !validStatus(check.Status) {
			return nil, badRequest("Status for checks must 'passing', 'warning', 'critical'")
		}
	}
	return list, nil
}

func validStatus(status string) bool {
	return status == store.HealthPassing || status == store.HealthWarning || status == store.HealthCritical
}

func validateWeights(w *store.Weights) error {
	const most = 65535
	switch {
	case w.Passing < 1:
		return fmt.Errorf("Passing must be greater than 0")
	case w.Warning < 0:
		return fmt.Errorf("Warning must be greater or equal than 0")
	case w.Passing > most || w.Warning > most:
		return fmt.Errorf("DNS Weight must be between 0 and 65535")
	}
	return nil
}

// mayRegisterService refuses a service that the caller may not register, or not in the place of the one that is there.
func (c *call) mayRegisterService(who identity, service *store.NodeService) error {
	names := []string{service.Service}
	if old := c.s.agent.service(service.ID); old != nil {
		names = append(names, old.Service)
	}
	if service.Kind == store.KindConnectProxy {
		names = append(names, service.Proxy.DestinationServiceName)
	}
	for _, name := range names {
		if !who.ServiceWrite(name) {
			return who.denied(acl.ResourceService, acl.AccessWrite, name)
		}
	}
	return nil
}

// sidecarOf is the sidecar that is registered with a service, with the defaults that it has from it.
func (c *call) sidecarOf(d *ServiceDefinition, of *registrationOf) (*registrationOf, error) {
	s, main := d.service(), of.service
	s.ID = main.ID + sidecarSuffix
	if err := s.ValidateMeta(); len(s.Meta) > 0 && err != nil {
		return nil, badRequest("Invalid SidecarService: %s", err)
	}
	if len(s.Meta) == 0 {
		s.Meta = maps.Clone(main.Meta)
	}
	if len(s.Tags) == 0 {
		s.Tags = slices.Clone(main.Tags)
	}
	if s.Locality == nil {
		s.Locality = main.Locality
	}
	setDefault(&s.Kind, store.KindConnectProxy)
	setDefault(&s.Service, main.Service+"-sidecar-proxy")
	setDefault(&s.Address, main.Address)
	setDefault(&s.Proxy.DestinationServiceName, main.Service)
	setDefault(&s.Proxy.DestinationServiceID, main.ID)
	if p := &s.Proxy; p.LocalServiceSocketPath == "" && (p.LocalServiceAddress == "" || p.LocalServicePort < 1) {
		if main.SocketPath != "" {
			p.LocalServiceSocketPath = main.SocketPath
		} else {
			setDefault(&p.LocalServiceAddress, nodeAddress)
			if p.LocalServicePort < 1 {
				p.LocalServicePort = main.Port
			}
		}
	}
	list, err := d.checkTypes()
	if err != nil {
		return nil, badRequest("Invalid SidecarService: %s", err)
	}
	if err := s.ValidateForAgent(); err != nil {
		return nil, badRequest("Failed Validation: %v", err)
	}
	token := of.token
	if d.Token != "" {
		token = d.Token
	}
	who, err := c.s.resolve(token)
	if err != nil {
		return nil, err
	}
	if err := c.mayRegisterService(who, s); err != nil {
		return nil, err
	}
	return &registrationOf{service: s, checks: list, token: token, sidecar: true}, nil
}

func setDefault(text *string, value string) {
	if *text == "" {
		*text = value
	}
}

// The ports that sidecars are given which ask for none.
const minSidecarPort, maxSidecarPort = 21000, 21255

// registerService registers a service with its checks.
func (a *agent) registerService(r *registrationOf, replace bool) error {
	s := r.service
	if r.sidecar {
		if s.Port < 1 {
			port, err := a.sidecarPort(s.ID)
			if err != nil {
				return err
			}
			s.Port = port
		}
		if len(r.checks) == 0 {
			r.checks = sidecarChecks(s)
		}
	}
	if s.Weights == nil {
		s.Weights = &store.Weights{Passing: 1, Warning: 1}
	}
	if err := validateTaggedAddresses(s); err != nil {
		return err
	}
	addTaggedAddresses(s)
	var list []checkOf
	for i, check := range r.checks {
		list = append(list, checkOf{a.checkOfService(s, check, i, len(r.checks)), check.definition()})
	}
	return a.addService(&agentService{service: s, token: r.token, sidecar: r.sidecar}, list, replace)
}

// checkOfService is one of a number of checks of a service, as it is kept.
func (a *agent) checkOfService(s *store.NodeService, t *CheckType, i, of int) *store.HealthCheck {
	id, name, status := t.CheckID, t.Name, t.Status
	if id == "" {
		id = "service:" + s.ID
		if of > 1 {
			id += fmt.Sprintf(":%d", i+1)
		}
	}
	setDefault(&name, fmt.Sprintf("Service '%s' check", s.Service))
	setDefault(&status, store.HealthCritical)
	check := &store.HealthCheck{
		Node: a.s.config.node, CheckID: id, Name: name, Status: status, Notes: t.Notes,
		ServiceID: s.ID, ServiceName: s.Service, ServiceTags: s.Tags, Type: t.definition().Type(),
	}
	if t.Interval != 0 {
		check.Interval = t.definition().Interval.String()
	}
	if t.Timeout != 0 {
		check.Timeout = t.definition().Timeout.String()
	}
	return check
}

// sidecarPort gives the port of a sidecar that is there, else the first that is free.
func (a *agent) sidecarPort(id string) (int, error) {
	used := map[int]bool{}
	for _, s := range a.allServices() {
		if s.Port < minSidecarPort || s.Port > maxSidecarPort {
			continue
		}
		if s.ID == id {
			return s.Port, nil
		}
		used[s.Port] = true
	}
	for port := minSidecarPort; port <= maxSidecarPort; port++ {
		if !used[port] {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no port provided for sidecar_service and none left in the configured range [%d, %d]",
		minSidecarPort, maxSidecarPort)
}

// sidecarChecks are those of a sidecar that brings none: that it listens, and that its service is well.
func sidecarChecks(s *store.NodeService) []*CheckType {
	address, of := s.Address, strings.TrimSuffix(s.ID, sidecarSuffix)
	setDefault(&address, s.Proxy.LocalServiceAddress)
	return []*CheckType{
		{Name: "Connect Sidecar Listening", checkRun: checkRun{
			TCP: net.JoinHostPort(address, strconv.Itoa(s.Port)), Interval: 10 * time.Second,
		}},
		{Name: "Connect Sidecar Aliasing " + of, checkRun: checkRun{AliasService: of}},
	}
}

func validateTaggedAddresses(s *store.NodeService) error {
	for _, kind := range []string{"lan_ipv4", "wan_ipv4", "lan_ipv6"} { // wan_ipv6 the real server forgets
		tagged, ok := s.TaggedAddresses[kind]
		if !ok {
			continue
		}
		family := kind[len("lan_"):]
		ip := net.ParseIP(tagged.Address)
		if ip == nil || (ip.To4() != nil) != (family == "ipv4") {
			return fmt.Errorf("Service tagged address %q must be a valid %s address", kind, family)
		}
	}
	return nil
}

// addTaggedAddresses adds the addresses by family that follow from the service's own.
func addTaggedAddresses(s *store.NodeService) {
	tagged := map[string]store.ServiceAddress{}
	maps.Copy(tagged, s.TaggedAddresses)
	if ip := net.ParseIP(s.Address); ip != nil {
		family := "ipv6"
		if ip.To4() != nil {
			family = "ipv4"
		}
		port := s.Port
		if len(s.Ports) > 0 {
			port = s.Ports.Default()
		}
		for _, network := range []string{"lan_", "wan_"} {
			if _, ok := tagged[network+family]; !ok {
				tagged[network+family] = store.ServiceAddress{Address: s.Address, Port: port}
			}
		}
	}
	s.TaggedAddresses = tagged
}

func deregisterService(c *call) (any, error) {
	id := c.rest("/v1/agent/service/deregister/")
	if err := c.mayChangeService(id); err != nil {
		return nil, err
	}
	c.s.agent.removeService(id)
	c.s.agent.sync()
	return nil, nil
}

// mayChangeService refuses changes of a service that is not there, or that the caller may not change.
func (c *call) mayChangeService(id string) error {
	c.parseTarget()
	if err := c.refuseEnterprise(); err != nil {
		return err
	}
	who, err := c.authorize()
	if err != nil {
		return err
	}
	service := c.s.agent.service(id)
	if service == nil {
		return notFound("Unknown service ID %q. Ensure that the service ID is passed, not the service name.", id)
	}
	if !who.ServiceWrite(service.Service) {
		return who.denied(acl.ResourceService, acl.AccessWrite, service.Service)
	}
	return nil
}
