package consul_test

// This file runs the client against servers that are set up and treated as in real life: behind TLS and ACLs, on a unix
// socket, in a cluster that loses its leader or its quorum, and silent.

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/lictor-go/consul"
	"github.com/lictor-go/consul/testutil"
)

// roundTripKey writes a key and reads it back.
func roundTripKey(t *testing.T, client *consul.Client) {
	t.Helper()
	ctx := testContext(t)
	if _, err := client.KV().Put(ctx, &consul.KVPair{Key: "k", Value: []byte("v")}); err != nil {
		t.Fatal(err)
	}
	if pair, _, err := client.KV().Get(ctx, "k"); err != nil || string(pair.Value) != "v" {
		t.Fatalf("got %v, %v", pair, err)
	}
}

func TestServerBehindTLSAndACLs(t *testing.T) {
	t.Parallel()
	server := testutil.NewServer(t, testutil.WithMutualTLS(), testutil.WithACL())
	config := consul.Config{Address: server.URL(), Token: server.ManagementToken(), TLS: consul.TLSConfig{
		CAFile: server.CAFile(), CertFile: server.ClientCertFile(), KeyFile: server.ClientKeyFile(),
	}}
	roundTripKey(t, clientWith(t, &config))

	config.Token = ""
	if _, _, err := clientWith(t, &config).KV().Get(testContext(t), "k"); !errors.Is(err, consul.ErrPermissionDenied) {
		t.Errorf("without a token: %v, want ErrPermissionDenied", err)
	}
	config.TLS.CertFile, config.TLS.KeyFile = "", ""
	if _, _, err := clientWith(t, &config).KV().Get(testContext(t), "k"); err == nil || errors.Is(err, consul.ErrPermissionDenied) {
		t.Errorf("without a certificate: %v, want no answer at all", err)
	}
}

func TestServerOnAUnixSocket(t *testing.T) {
	t.Parallel()
	server := testutil.NewServer(t, testutil.WithUnixSocket())
	roundTripKey(t, clientWith(t, &consul.Config{Address: "unix://" + server.SocketPath()}))
}

// A read that meets an election waits for its end.
func TestReadOutlivesTheLeader(t *testing.T) {
	testutil.NeedReal(t, "a cluster")
	t.Parallel()
	cluster := testutil.NewCluster(t, 3)
	leader, follower := leaderAndFollower(t, cluster)
	client := clientWith(t, &consul.Config{Address: follower.Addr(), Retry: consul.RetryPolicy{MaxAttempts: 100}})
	roundTripKey(t, client)
	if err := leader.Kill(); err != nil {
		t.Fatal(err)
	}
	// By default a new leader may answer before it has applied all that the old one wrote.
	pair, meta, err := client.KV().Get(testContext(t), "k", consul.Consistent())
	if err != nil || string(pair.Value) != "v" || !meta.KnownLeader {
		t.Errorf("got %v, %+v, %v", pair, meta, err)
	}
}

// Without a quorum there is no leader, and only stale reads go on.
func TestStaleReadsGoOnWithoutAQuorum(t *testing.T) {
	testutil.NeedReal(t, "a cluster")
	t.Parallel()
	cluster := testutil.NewCluster(t, 3, testutil.WithConfig(`performance { rpc_hold_timeout = "100ms" }`))
	leader, follower := leaderAndFollower(t, cluster)
	client := clientWith(t, &consul.Config{Address: follower.Addr(), Retry: consul.RetryPolicy{MaxAttempts: 1}})
	roundTripKey(t, client)
	ctx := testContext(t)
	eventually(t, "the follower has the key", func() bool {
		_, _, err := client.KV().Get(ctx, "k", consul.Stale())
		return err == nil
	})
	for _, s := range cluster.Servers {
		if s != follower {
			if err := s.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	// First it can't reach its leader, and after a while it knows none.
	eventually(t, "the lost leader is missed", func() bool {
		pair, meta, err := client.KV().Get(ctx, "k", consul.Stale())
		if err != nil || string(pair.Value) != "v" {
			t.Fatalf("a stale read: %v, %v", pair, err)
		}
		if _, _, err := client.KV().Get(ctx, "k"); !errors.Is(err, consul.ErrNoLeader) {
			t.Fatalf("a read: %v, want ErrNoLeader", err)
		}
		return !meta.KnownLeader
	})
	if _, err := client.KV().Put(ctx, &consul.KVPair{Key: "k"}); !errors.Is(err, consul.ErrNoLeader) {
		t.Errorf("a write: %v, want ErrNoLeader", err)
	}
	if err := leader.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	if pair, _, err := client.KV().Get(ctx, "k", consul.Consistent()); err != nil || string(pair.Value) != "v" {
		t.Errorf("with a quorum again: %v, %v", pair, err)
	}
}

func TestSilentServer(t *testing.T) {
	t.Parallel()
	server := testutil.NewServer(t)
	client := clientWith(t, &consul.Config{Address: server.Addr()})
	roundTripKey(t, client)
	if err := server.Suspend(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(testContext(t), 100*time.Millisecond)
	defer cancel()
	if _, _, err := client.KV().Get(ctx, "k"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want DeadlineExceeded", err)
	}
	if err := server.Continue(); err != nil {
		t.Fatal(err)
	}
	if pair, _, err := client.KV().Get(testContext(t), "k"); err != nil || string(pair.Value) != "v" {
		t.Errorf("after it went on: %v, %v", pair, err)
	}
}

func leaderAndFollower(t *testing.T, cluster *testutil.Cluster) (leader, follower *testutil.Server) {
	t.Helper()
	leader, err := cluster.Leader(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range cluster.Servers {
		if s != leader {
			follower = s
		}
	}
	return leader, follower
}
