package grpcresolver

// This file registers the scheme with gRPC, for programs that leave the choice of Consul to their environment.

import (
	"github.com/lictor-go/consul"
	"google.golang.org/grpc/resolver"
)

// Register has gRPC resolve consul targets everywhere, without grpc.WithResolvers. Each connection has a client of its own,
// configured by the environment as consul.ConfigFromEnv says, read when the connection is made; the authority of a target
// goes before CONSUL_HTTP_ADDR. Call it from an init function, or at the start of main: gRPC's registry is not safe for
// concurrent use.
func Register() {
	resolver.Register(builder(clientFromEnv))
}

func clientFromEnv(authority string) (*consul.Client, func(), error) {
	config, err := consul.ConfigFromEnv()
	if err != nil {
		return nil, nil, err
	}
	if authority != "" {
		config.Address = authority
	}
	client, err := consul.NewClient(config)
	if err != nil {
		return nil, nil, err
	}
	return client, func() { client.Close() }, nil
}
