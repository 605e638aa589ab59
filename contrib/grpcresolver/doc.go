// Package grpcresolver resolves gRPC targets by Consul: a connection follows the healthy instances of a service as they come
// and go.
//
//	conn, err := grpc.NewClient("consul:///web?tag=v2",
//		grpc.WithResolvers(grpcresolver.New(client)),
//		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig": [{"round_robin": {}}]}`),
//		grpc.WithTransportCredentials(…))
//
// # Targets
//
// A target is consul://[authority]/service, with parameters:
//
//	healthy=false    all instances; default true: only those all of whose checks pass, those of their node included
//	tag=v2           only instances with this tag; given more than once, with all of them
//	port=grpc        the port of this name, of instances with several; default: their port, or their default port
//	filter=…         only instances that this expression selects, in Consul's filter language
//	near=_agent      the nearest first, from a node or from the agent that is asked
//	dc=, peer=       in another datacenter, or as imported from a cluster peer
//	ns=, partition=  in a namespace, or a partition (Consul Enterprise)
//
// Text in them is escaped as in any URL. What a target can't mean is an error of grpc.NewClient or of the first call: no
// service, a parameter that is not known, a token (which belongs to the client).
//
// The authority is the address of an agent, as CONSUL_HTTP_ADDR has it, and is for [Register]. A resolver that [New] made
// asks its client, and takes none.
//
// # What gRPC gets
//
// Each instance is an endpoint with one address: its own, or its node's. One without a port is left out. [Weight] and [ID]
// tell a balancer more of an endpoint. Which one is called is the balancer's choice; gRPC's default, pick_first, stays with
// one.
//
// A service that does not exist, or has no healthy instance, resolves to nothing: calls fail at once, or wait with
// grpc.WaitForReady. While Consul can't be asked, the connection keeps what it knew. If it knows nothing yet, calls fail
// with the reason.
package grpcresolver
