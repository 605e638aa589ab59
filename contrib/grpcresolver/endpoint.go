package grpcresolver

// This file makes gRPC's endpoints of a service's instances.

import (
	"net"
	"slices"
	"strconv"

	"github.com/lictor-go/consul"
	"google.golang.org/grpc/attributes"
	"google.golang.org/grpc/resolver"
)

// The keys of an endpoint's attributes.
type (
	weightKey struct{}
	idKey     struct{}
)

// Weight is the weight that an endpoint's instance was registered with for the state that it is in, passing or warning; 1
// by default. A balancer gives it a share of the calls by that. It is 0 of an endpoint that this package did not make.
func Weight(e resolver.Endpoint) int {
	weight, _ := e.Attributes.Value(weightKey{}).(int)
	return weight
}

// ID is the ID that an endpoint's instance was registered with, unique on its node. It is empty of an endpoint that this
// package did not make.
func ID(e resolver.Endpoint) string {
	id, _ := e.Attributes.Value(idKey{}).(string)
	return id
}

// state is what gRPC is told of the instances of a service.
func state(instances []*consul.ServiceEntry, port string) resolver.State {
	var s resolver.State
	for _, instance := range instances {
		addr := address(instance, port)
		if addr == "" {
			continue
		}
		a := resolver.Address{Addr: addr}
		about := attributes.New(weightKey{}, weight(instance)).WithValue(idKey{}, instance.Service.ID)
		s.Addresses = append(s.Addresses, a) // for balancers that know no endpoints
		s.Endpoints = append(s.Endpoints, resolver.Endpoint{Addresses: []resolver.Address{a}, Attributes: about})
	}
	if s.Endpoints == nil {
		s.Endpoints = []resolver.Endpoint{}
	}
	return s
}

// same reports whether two lists have the same endpoints in the same order.
func same(a, b []resolver.Endpoint) bool {
	return slices.EqualFunc(a, b, func(a, b resolver.Endpoint) bool {
		return a.Addresses[0].Equal(b.Addresses[0]) && a.Attributes.Equal(b.Attributes)
	})
}

// address is where an instance is reached, empty where it has no port, or none of that name.
func address(of *consul.ServiceEntry, name string) string {
	if of.Service.SocketPath != "" && name == "" {
		return "unix:" + of.Service.SocketPath
	}
	port := of.Service.Port
	if name != "" {
		port = 0
	}
	for _, p := range of.Service.Ports {
		if p.Name == name || name == "" && p.Default {
			port = p.Port
		}
	}
	if port == 0 {
		return ""
	}
	host := of.Service.Address
	if host == "" {
		host = of.Node.Address
	}
	return net.JoinHostPort(host, strconv.Itoa(port))
}

func weight(of *consul.ServiceEntry) int {
	weights := of.Service.Weights
	if of.Checks.AggregatedStatus() == consul.HealthPassing {
		return max(1, weights.Passing)
	}
	return max(1, weights.Warning)
}
