package main

// This file stands in for "consul agent".

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"syscall"

	"github.com/lictor-go/consul/embedded"
)

// runAgent runs a server as consul's flags and configuration files say, until a signal or the end of ctx. It prints what a
// consul agent prints that suites look for, on standard output as that does, and gives the exit codes of one.
func runAgent(ctx context.Context, args []string, c console) int {
	config, err := parseAgent(args, c)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		fmt.Fprintf(c.stderr, "==> %v\n", err)
		return exitFailed
	}
	a, err := config.agent()
	if err != nil {
		fmt.Fprintf(c.stderr, "==> %v\n", err)
		return exitFailed
	}
	a.log = slog.New(newLogHandler(c.stdout, a.level))
	fmt.Fprintln(c.stdout, "==> Starting Consul agent...")
	server, err := start(&a.settings)
	if err != nil {
		fmt.Fprintf(c.stderr, "==> %v\n", err)
		return exitFailed
	}
	a.greet(c, server)
	code := a.exitCode(server.await(ctx, c.signals))
	if err := server.close(); err != nil {
		a.log.Error("the agent did not end well", "error", err)
		code = exitFailed
	}
	a.log.Info("Exit code", "code", code)
	return code
}

// agent is what the flags and files of "consul agent" come down to.
type agent struct {
	settings
	// leaveOnInterrupt and leaveOnTerminate say which signals have the agent leave, and so end with 0.
	leaveOnInterrupt, leaveOnTerminate bool
	// idle names what was asked for and has no effect.
	idle []string
}

// greet prints what a consul agent does when it starts, and what is different here.
func (a *agent) greet(c console, server *server) {
	policy := "allow"
	if a.acl != nil {
		policy = a.acl.DefaultPolicy
	}
	for _, line := range [][2]string{
		{"Version", "'" + embedded.Version + "'"},
		{"Node ID", "'" + a.nodeID + "'"},
		{"Node name", "'" + a.node + "'"},
		{"Datacenter", "'" + a.datacenter + "'"},
		{"Server", "true (Bootstrap: true)"},
		{"Client Addr", strings.Join(server.urls(), " ")},
		{"ACL Enabled", fmt.Sprint(a.acl != nil)},
		{"ACL Default Policy", policy},
	} {
		fmt.Fprintf(c.stdout, "%22s: %s\n", line[0], line[1])
	}
	fmt.Fprintln(c.stdout, "\n==> This is consul-embedded in place of consul: one node, in memory, for development and tests.\n"+
		"==> NOTHING IS KEPT.")
	if len(a.idle) > 0 {
		fmt.Fprintf(c.stdout, "==> Without effect here: %s\n", strings.Join(a.idle, ", "))
	}
	fmt.Fprintf(c.stdout, "\n==> Log data will now stream in as it occurs:\n\n")
	for _, url := range server.urls() {
		a.log.Info("Starting server", "address", url)
	}
	a.log.Info("Consul agent running!")
}

// exitCode is 0 where the agent leaves, and 1 where it is only stopped.
func (a *agent) exitCode(s os.Signal) int {
	switch {
	case s == os.Interrupt && !a.leaveOnInterrupt, s == syscall.SIGTERM && !a.leaveOnTerminate:
		return exitFailed
	}
	return exitOK
}
