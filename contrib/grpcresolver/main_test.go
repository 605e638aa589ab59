package grpcresolver_test

// This file holds what the tests share: Consul, services that speak gRPC and are registered there, and connections.

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/lictor-go/consul"
	"github.com/lictor-go/consul/testutil"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/peer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A world is a Consul with a client of it.
type world struct {
	*testing.T
	server *testutil.Server
	client *consul.Client
	ctx    context.Context
}

func newWorld(t *testing.T) *world {
	t.Helper()
	server := testutil.NewServer(t)
	client, err := consul.NewClient(&consul.Config{Address: server.Addr()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return &world{t, server, client, ctx}
}

// An instance is a gRPC server that is an instance of the service web.
type instance struct {
	id, addr     string
	registration *consul.AgentServiceRegistration
}

// serve starts an instance, which ends with the test, and registers it, passing.
func (w *world) serve(id string, tags ...string) *instance {
	w.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.Fatal(err)
	}
	server := grpc.NewServer()
	healthpb.RegisterHealthServer(server, health.NewServer())
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	w.Cleanup(func() {
		server.Stop()
		if err := <-served; err != nil {
			w.Errorf("server %s: %v", id, err)
		}
	})
	i := &instance{id, listener.Addr().String(), &consul.AgentServiceRegistration{
		ID: id, Name: "web", Address: "127.0.0.1", Port: listener.Addr().(*net.TCPAddr).Port, Tags: tags,
		Check: &consul.AgentServiceCheck{CheckID: "ttl-" + id, TTL: time.Hour, Status: consul.HealthPassing},
	}}
	w.register(i)
	return i
}

func (w *world) register(i *instance) {
	w.Helper()
	if _, err := w.client.Agent().ServiceRegister(w.ctx, i.registration); err != nil {
		w.Fatal(err)
	}
}

func (w *world) deregister(i *instance) {
	w.Helper()
	if _, err := w.client.Agent().ServiceDeregister(w.ctx, i.id); err != nil {
		w.Fatal(err)
	}
}

// setHealth has an instance's check say how it is.
func (w *world) setHealth(i *instance, status string) {
	w.Helper()
	if _, err := w.client.Agent().UpdateTTL(w.ctx, "ttl-"+i.id, "", status); err != nil {
		w.Fatal(err)
	}
}

// dial makes a connection that spreads calls over all instances.
func (w *world) dial(target string, opts ...grpc.DialOption) *grpc.ClientConn {
	w.Helper()
	conn, err := grpc.NewClient(target, append(opts,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig": [{"round_robin": {}}]}`))...)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { conn.Close() })
	return conn
}

// call makes a call and gives the address of the instance that answered.
func (w *world) call(conn *grpc.ClientConn, opts ...grpc.CallOption) (string, error) {
	ctx, cancel := context.WithTimeout(w.ctx, 10*time.Second)
	defer cancel()
	var from peer.Peer
	_, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{}, append(opts, grpc.Peer(&from))...)
	if err != nil {
		return "", err
	}
	return from.Addr.String(), nil
}

// await makes calls until they are answered by these instances in turn, and by no other; by none means that calls fail.
func (w *world) await(conn *grpc.ClientConn, want ...*instance) {
	w.Helper()
	var last string
	for w.ctx.Err() == nil {
		answers := map[string]int{}
		for range max(1, 4*len(want)) {
			addr, err := w.call(conn)
			if err != nil {
				addr = err.Error()
			}
			answers[addr]++
		}
		if last = fmt.Sprint(answers); isFrom(answers, want) {
			return
		}
	}
	w.Fatalf("the last calls were answered by %s, want %v", last, want)
}

func isFrom(answers map[string]int, want []*instance) bool {
	if len(want) == 0 {
		for text := range answers {
			return strings.Contains(text, "code = Unavailable")
		}
	}
	for _, i := range want {
		if answers[i.addr] != 4 {
			return false
		}
	}
	return true
}
