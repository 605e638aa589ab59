package embedded

// This file serves /v1/catalog/register and /v1/catalog/deregister.

import (
	"errors"
	"fmt"
	"strings"

	"github.com/lictor-go/consul/embedded/internal/acl"
	"github.com/lictor-go/consul/embedded/internal/store"
)

// registerBody is what is registered.
type registerBody struct {
	Datacenter      string
	ID              string
	Node            string
	Address         string
	TaggedAddresses map[string]string
	NodeMeta        map[string]string
	Service         *store.NodeService
	Check           *store.HealthCheck
	Checks          HealthChecks
	Locality        *store.Locality
	SkipNodeUpdate  bool
	PeerName        string
	Token           string // not used: the request's is
	store.RaftIndex
}

// HealthChecks has the name that errors give it.
type HealthChecks []*store.HealthCheck

func registerCatalog(c *call) (any, error) {
	type RegisterRequest registerBody // as the real server calls it, which errors tell
	if err := c.refuseEnterprise(); err != nil {
		return nil, err
	}
	var request RegisterRequest
	if err := c.decodeCatalog(&request); err != nil {
		return nil, err
	}
	body := (*registerBody)(&request)
	if body.ofPeer() {
		return nil, errors.New("cannot register requests with PeerName in them")
	}
	if err := c.targetCatalog(&body.Datacenter); err != nil {
		return nil, err
	}
	who, err := c.authorize()
	if err != nil {
		return nil, err
	}
	if err := body.complete(who); err != nil {
		return nil, err
	}
	registration := body.registration()
	if err := who.mayRegister(registration, c.s.store.Read()); err != nil {
		return nil, err
	}
	if err := c.s.store.Write(func(tx *store.Tx) error { return tx.Register(registration) }); err != nil {
		return nil, err
	}
	return true, nil
}

// decodeCatalog decodes a body. Errors tell the types' names, of which the real server has all in one package, and of fields
// that only Consul Enterprise knows.
func (c *call) decodeCatalog(body any) error {
	err := c.decode(body)
	if err == nil {
		return nil
	}
	text := strings.NewReplacer(" type embedded.", " type structs.", " type store.", " type structs.").Replace(err.Error())
	if text == `json: unknown field "Namespace"` {
		text += " - Namespaces are a Consul Enterprise feature"
	}
	return badRequest("Request decode failed: %s", text)
}

// targetCatalog takes the datacenter from the body, where it is filled in if it is not there, and never from the query.
func (c *call) targetCatalog(datacenter *string) error {
	c.token = c.parseToken()
	if *datacenter == "" {
		*datacenter = c.s.config.datacenter
	}
	c.datacenter = *datacenter
	return c.forward()
}

// ofPeer reports whether anything in the body is said to be of a peer.
func (r *registerBody) ofPeer() bool {
	peers := []string{r.PeerName}
	if r.Service != nil {
		peers = append(peers, r.Service.PeerName)
	}
	for _, check := range r.allChecks() {
		peers = append(peers, check.PeerName)
	}
	return strings.Join(peers, "") != ""
}

// allChecks are the checks of the body, the one that older clients send last.
func (r *registerBody) allChecks() []*store.HealthCheck {
	var all []*store.HealthCheck
	for _, check := range append(r.Checks, r.Check) {
		if check != nil {
			all = append(all, check)
		}
	}
	return all
}

// complete checks the body and fills in what it leaves out.
func (r *registerBody) complete(who identity) error {
	if r.Node == "" {
		return errors.New("Must provide node")
	}
	if err := checkUUID(r.ID); err != nil {
		return fmt.Errorf("Bad node ID: %w", err)
	}
	if r.Address == "" && !r.SkipNodeUpdate {
		return errors.New("Must provide address if SkipNodeUpdate is not set")
	}
	if r.Service != nil {
		if err := completeService(r.Service, who); err != nil {
			return err
		}
	}
	r.Checks, r.Check = r.allChecks(), nil
	for _, check := range r.Checks {
		if check.Node == "" {
			check.Node = r.Node
		}
		completeCheck(check)
	}
	return nil
}

// completeService checks a service that goes into the catalog and fills in its ID, as transactions do, too.
func completeService(s *store.NodeService, who identity) error {
	if err := s.Validate(); err != nil {
		return err
	}
	switch {
	case s.ID == "" && s.Service == "":
		return errors.New("service name (Service.Service) is required; both Service ID (Service.ID) and Service Name " +
			"cannot be empty")
	case s.Service == "":
		return errors.New("Must provide service name (Service.Service) when service ID is provided")
	case s.ID == "":
		s.ID = s.Service
	}
	switch s.Address {
	case "0.0.0.0", "::", "[::]":
		return errors.New("Invalid service address")
	}
	if s.Service != consulService && !who.ServiceWrite(s.Service) {
		return who.denied(acl.ResourceService, acl.AccessWrite, s.Service)
	}
	if destination := s.Proxy.DestinationServiceName; s.Kind == store.KindConnectProxy && !who.ServiceWrite(destination) {
		return who.denied(acl.ResourceService, acl.AccessWrite, destination)
	}
	return nil
}

// consulService is the service that servers themselves are.
const consulService = "consul"

// completeCheck fills in what a check that goes into the catalog leaves out.
func completeCheck(check *store.HealthCheck) {
	if check.CheckID == "" {
		check.CheckID = check.Name
	}
	if check.Type == "" {
		check.Type = check.Definition.Kind()
	}
}

func (r *registerBody) registration() *store.Registration {
	return &store.Registration{
		Node: &store.Node{
			ID:              r.ID,
			Node:            r.Node,
			Address:         r.Address,
			Datacenter:      r.Datacenter,
			TaggedAddresses: r.TaggedAddresses,
			Meta:            r.NodeMeta,
			Locality:        r.Locality,
		},
		SkipNodeUpdate: r.SkipNodeUpdate,
		Service:        r.Service,
		Checks:         r.Checks,
	}
}

// DeregisterRequest names a service, a check or, where both are empty, a node.
type deregisterBody struct {
	Datacenter string
	Node       string
	ServiceID  string
	CheckID    string
	PeerName   string
	Token      string // not used: the request's is
	Address    string // of old clients, not used
}

func deregisterCatalog(c *call) (any, error) {
	if err := c.refuseEnterprise(); err != nil {
		return nil, err
	}
	type Alias deregisterBody // as the real server calls it, which errors tell
	var request Alias
	if err := c.decodeCatalog(&struct{ *Alias }{&request}); err != nil {
		return nil, err
	}
	body := deregisterBody(request)
	if err := c.targetCatalog(&body.Datacenter); err != nil {
		return nil, err
	}
	if body.Node == "" {
		return nil, errors.New("Must provide node")
	}
	who, err := c.authorize()
	if err != nil {
		return nil, err
	}
	if err := who.mayDeregister(&body, c.s.store.Read()); err != nil {
		return nil, err
	}
	if body.PeerName != "" {
		return true, nil // nothing is of a peer
	}
	err = c.s.store.Write(func(tx *store.Tx) error {
		return tx.Deregister(body.Node, body.ServiceID, body.CheckID)
	})
	if err != nil {
		return nil, err
	}
	return true, nil
}
