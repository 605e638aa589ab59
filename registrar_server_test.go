package consul_test

// This file has Registrar work with real servers, and with an embedded one in their place: one that is killed and wiped, and
// one that outlives the process that registered.

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lictor-go/consul"
	"github.com/lictor-go/consul/testutil"
)

// An agent takes what a Registrar does: registration, update, an operator's maintenance, drain and end.
func TestRegistrarOnTheServer(t *testing.T) {
	t.Parallel()
	client, ctx := newClient(t), testContext(t)
	name := unique(t)
	check := func(id string) *consul.AgentServiceCheck {
		return &consul.AgentServiceCheck{CheckID: id, TTL: 3 * time.Second}
	}
	registrar, err := client.Registrar(&consul.RegistrarOptions{
		Services: []consul.RegistrarService{{
			Service: &consul.AgentServiceRegistration{Name: name, Port: 1, Check: check(name + "-a")}, Health: well,
		}},
		Drain: 50 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	life, stop := context.WithCancel(ctx)
	defer stop()
	done := start(func() error { return registrar.Run(life) })
	wantError(t, "ready", registrar.Ready(ctx), nil)
	info, _, err := client.Agent().HealthServiceByID(ctx, name)
	if err != nil || info.AggregatedStatus != consul.HealthPassing {
		t.Fatalf("registered: %+v, %v", info, err)
	}
	if _, err := client.Agent().EnableServiceMaintenance(ctx, name, "a reason"); err != nil {
		t.Fatal(err)
	}
	update := &consul.AgentServiceRegistration{Name: name, Port: 2, Check: check(name + "-b")}
	wantError(t, "update", registrar.Update(update), nil)
	wantError(t, "ready", registrar.Ready(ctx), nil)
	info, _, err = client.Agent().HealthServiceByID(ctx, name)
	if err != nil || info.AggregatedStatus != consul.HealthMaint || info.Service.Port != 2 {
		t.Fatalf("after the update: %+v, %v", info, err)
	}
	var checks []string
	for _, c := range info.Checks {
		if c.ServiceID == name {
			checks = append(checks, c.CheckID+" "+c.Status)
		}
	}
	slices.Sort(checks)
	want := []string{name + "-b passing", "_service_maintenance:" + name + " critical"}
	slices.Sort(want)
	if !slices.Equal(checks, want) {
		t.Errorf("after the update the checks are %q, want %q", checks, want)
	}
	stop()
	wantError(t, "run", (<-done).err, nil)
	if _, _, err := client.Agent().Service(ctx, name); !errors.Is(err, consul.ErrNotFound) {
		t.Errorf("after the end: %v", err)
	}
}

// A token that may not register yet is told of, and tried again; it is in no text.
func TestRegistrarDenied(t *testing.T) {
	t.Parallel()
	manager, ctx, name := newACLClient(t), testContext(t), unique(t)
	var logged bytes.Buffer
	secret := randomUUID()
	client := clientWith(t, &consul.Config{
		Address: aclServer.get(t).Addr(), Token: secret, Logger: slog.New(slog.NewTextHandler(&logged, nil)),
	})
	registrar, err := client.Registrar(&consul.RegistrarOptions{Services: []consul.RegistrarService{{
		Service: &consul.AgentServiceRegistration{Name: name, Check: &consul.AgentServiceCheck{TTL: time.Second}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	life, stop := context.WithCancel(ctx)
	defer stop()
	done := start(func() error { return registrar.Run(life) })
	eventually(t, "it is told of", func() bool { return errors.Is(registrar.Status()[0].Err, consul.ErrPermissionDenied) })
	ended, cancel := context.WithCancel(ctx)
	cancel()
	err = registrar.Ready(ended)
	if !errors.Is(err, consul.ErrPermissionDenied) || !errors.Is(err, context.Canceled) {
		t.Errorf("ready: %v, want ErrPermissionDenied and Canceled", err)
	}
	texts := []string{err.Error(), registrar.Status()[0].String()}

	rules := &consul.ACLPolicy{Name: name, Rules: fmt.Sprintf(`service %q { policy = "write" }`, name)}
	policy, _, err := manager.ACL().PolicyCreate(ctx, rules)
	if err != nil {
		t.Fatal(err)
	}
	token := &consul.ACLToken{SecretID: secret, Policies: []*consul.ACLLink{{ID: policy.ID}}}
	if _, _, err := manager.ACL().TokenCreate(ctx, token); err != nil {
		t.Fatal(err)
	}
	wantError(t, "ready", registrar.Ready(ctx), nil)
	stop()
	wantError(t, "run", (<-done).err, nil)
	for _, text := range append(texts, logged.String()) {
		if strings.Contains(text, secret) || !strings.Contains(text, name) {
			t.Errorf("with the token, or without the service: %s", text)
		}
	}
}

// An agent that is killed and loses its data has the service again within two heartbeats after it is back.
func TestRegistrarWhenItsAgentIsWiped(t *testing.T) {
	testutil.NeedReal(t, "one whose data is lost")
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	server := testutil.NewServer(t, testutil.WithConfig(fmt.Sprintf("data_dir = %q", data)))
	client, ctx := clientWith(t, &consul.Config{Address: server.Addr()}), testContext(t)
	const ttl = 9 * time.Second
	registrar, err := client.Registrar(&consul.RegistrarOptions{Services: []consul.RegistrarService{{
		Service: &consul.AgentServiceRegistration{Name: "web", Check: &consul.AgentServiceCheck{TTL: ttl}}, Health: well,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	life, stop := context.WithCancel(ctx)
	defer stop()
	done := start(func() error { return registrar.Run(life) })
	wantError(t, "ready", registrar.Ready(ctx), nil)

	if err := errors.Join(server.Kill(), os.RemoveAll(data), server.Restart(ctx)); err != nil {
		t.Fatal(err)
	}
	back := time.Now()
	awaitPassing(t, client, "web")
	took := time.Since(back)
	t.Logf("visible %v after the agent was back; two heartbeats are %v", took, 2*ttl/3)
	if took > 2*ttl/3 {
		t.Errorf("visible %v after the agent was back, want two heartbeats, %v", took, 2*ttl/3)
	}
	stop()
	wantError(t, "run", (<-done).err, nil)
}

// awaitPassing waits until the catalog has one instance of a service, and all its checks pass.
func awaitPassing(t *testing.T, client *consul.Client, service string) {
	t.Helper()
	for index := uint64(0); ; {
		wait := consul.Wait(index, 10*time.Second)
		entries, meta, err := client.Health().Service(testContext(t), service, consul.PassingOnly(), wait)
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) == 1 {
			return
		}
		index = meta.LastIndex
	}
}

// registrarVariable makes this test binary register a service at the address that it holds, until SIGTERM.
const registrarVariable = "CONSUL_TEST_REGISTRAR"

// TestRegistrarProcess is no test of its own: it is what the process of TestRegistrarEndsWithItsProcess runs.
func TestRegistrarProcess(t *testing.T) {
	address, name, ok := strings.Cut(os.Getenv(registrarVariable), " ")
	if !ok {
		t.Skip("it is for a process that another test starts")
	}
	ctx, stop := signal.NotifyContext(t.Context(), syscall.SIGTERM)
	defer stop()
	registrar, err := clientWith(t, &consul.Config{Address: address}).Registrar(&consul.RegistrarOptions{
		Services: []consul.RegistrarService{{Service: &consul.AgentServiceRegistration{Name: name}, Health: well}},
	})
	if err != nil {
		t.Fatal(err)
	}
	done := start(func() error { return registrar.Run(ctx) })
	if err := registrar.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	fmt.Println("registered")
	wantError(t, "run", (<-done).err, nil)
}

// A process that is told to end takes its service with it.
func TestRegistrarEndsWithItsProcess(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGTERM to send")
	}
	client, name := newClient(t), unique(t)
	cmd := exec.Command(os.Args[0], "-test.run=^TestRegistrarProcess$", "-test.timeout=1m")
	cmd.Env = append(os.Environ(), registrarVariable+"="+plainServer.get(t).Addr()+" "+name)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	defer func() {
		if !ended {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}()
	out := bufio.NewReader(stdout)
	if line, err := out.ReadString('\n'); err != nil || line != "registered\n" {
		t.Fatalf("the process said %q, %v", line, err)
	}
	awaitPassing(t, client, name)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(out)
	ended = true
	if err := cmd.Wait(); err != nil {
		t.Errorf("the process ended with %v and said %s", err, rest)
	}
	if _, _, err := client.Agent().Service(testContext(t), name); !errors.Is(err, consul.ErrNotFound) {
		t.Errorf("after the process: %v, want ErrNotFound", err)
	}
}
