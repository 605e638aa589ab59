package grpcresolver_test

import (
	"context"
	"fmt"
	"log"
	"net"

	"github.com/lictor-go/consul"
	"github.com/lictor-go/consul/contrib/grpcresolver"
	"github.com/lictor-go/consul/embedded"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

func Example() {
	server, err := embedded.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	client, err := consul.NewClient(&consul.Config{Address: server.Addr()})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	ctx := context.Background()

	// The service: a gRPC server that is registered with its port.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	service := grpc.NewServer()
	healthpb.RegisterHealthServer(service, health.NewServer())
	go service.Serve(listener)
	defer service.Stop()
	port := listener.Addr().(*net.TCPAddr).Port
	_, err = client.Agent().ServiceRegister(ctx, &consul.AgentServiceRegistration{Name: "web", Tags: []string{"v2"}, Port: port})
	if err != nil {
		log.Fatal(err)
	}

	// Its client.
	conn, err := grpc.NewClient("consul:///web?tag=v2",
		grpc.WithResolvers(grpcresolver.New(client)),
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig": [{"round_robin": {}}]}`),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	answer, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{}, grpc.WaitForReady(true))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(answer.Status)
	// Output: SERVING
}
