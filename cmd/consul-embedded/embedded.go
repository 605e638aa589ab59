package main

// This file runs the program by its own name: its flags, and what it prints.

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/lictor-go/consul/embedded"
)

const usage = `Usage: consul-embedded [flags]

Runs a Consul %s of one node, in memory, for development and tests. NOTHING IS KEPT: all data is gone when it ends, on
SIGINT or SIGTERM. Once it serves, it prints one line to its standard output:

  CONSUL_HTTP_ADDR=http://127.0.0.1:8500

Put on PATH as "consul", it also stands in for "consul agent" and "consul version".

Flags:
`

// runEmbedded runs a server as the flags say, until a signal or the end of ctx.
func runEmbedded(ctx context.Context, args []string, c console) int {
	s, err := parseFlags(args, c)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		fmt.Fprintf(c.stderr, "consul-embedded: %v\nRun consul-embedded -h for the flags.\n", err)
		return exitUsage
	}
	s.log = slog.New(newLogHandler(c.stderr, s.level))
	server, err := start(s)
	if err != nil {
		fmt.Fprintf(c.stderr, "consul-embedded: %v\n", err)
		return exitFailed
	}
	fmt.Fprintln(c.stderr, "consul-embedded: NOTHING IS KEPT: all data is in memory and gone when this ends. "+
		"For development and tests only.")
	fmt.Fprintf(c.stdout, "CONSUL_HTTP_ADDR=%s\n", server.urls()[0])
	server.await(ctx, c.signals)
	if err := server.close(); err != nil {
		fmt.Fprintf(c.stderr, "consul-embedded: %v\n", err)
		return exitFailed
	}
	return exitOK
}

// parseFlags reads the flags. Help is printed, errors are left to the caller.
func parseFlags(args []string, c console) (*settings, error) {
	s := &settings{nodeMeta: map[string]string{}}
	flags := flag.NewFlagSet("consul-embedded", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	var addr, token, policy, level, cert, key string
	var legacy bool
	flags.StringVar(&addr, "http-addr", "127.0.0.1:8500",
		"the `address` to serve the API on: host:port, where port 0 takes a free one, or unix:///path\n"+
			"of a socket. Beyond loopback, whoever reaches it can do as they like.")
	flags.StringVar(&s.node, "node", "embedded", "the `name` of the node")
	flags.StringVar(&s.nodeID, "node-id", "", "the `UUID` of the node; another at each start without it")
	flags.Func("node-meta", "metadata of the node as `key:value`; can be given more than once", func(text string) error {
		return addPair(s.nodeMeta, text)
	})
	flags.StringVar(&s.datacenter, "datacenter", "dc1", "the `name` of the datacenter")
	flags.StringVar(&token, "acl-token", "", "switches ACLs on, and makes this `secret` that of a token which may do everything")
	flags.StringVar(&policy, "acl-default-policy", "",
		"switches ACLs on, with this `policy` for what no rule speaks of: allow or deny; deny where only\n-acl-token is given")
	flags.BoolVar(&legacy, "acl-legacy", false, "serve the ACL endpoints of before Consul 1.4 too, as Consul 1.10 does")
	flags.BoolVar(&s.scripts, "script-checks", false,
		"let clients register checks that run programs here, which are refused otherwise")
	flags.StringVar(&cert, "tls-cert", "", "serve HTTPS with the certificate in this PEM `file`; goes with -tls-key")
	flags.StringVar(&key, "tls-key", "", "the `file` with the key of -tls-cert")
	flags.StringVar(&level, "log-level", "warn", "the least `level` that is logged: trace, debug, info, warn or error")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprintf(c.stdout, usage, embedded.Version)
			flags.SetOutput(c.stdout)
			flags.PrintDefaults()
		}
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("%q is left over: there are flags only", strings.Join(flags.Args(), " "))
	}
	if token != "" || policy != "" || legacy {
		s.acl = &embedded.ACL{InitialManagement: token, Agent: token, DefaultPolicy: policy, Legacy: legacy}
	}
	settings, err := loadPair(cert, key)
	if err != nil {
		return nil, err
	}
	if s.level, err = parseLevel(level); err != nil {
		return nil, fmt.Errorf("-log-level: %w", err)
	}
	e, err := newEndpoint(addr, settings)
	if err != nil {
		return nil, fmt.Errorf("-http-addr: %w", err)
	}
	s.endpoints = []endpoint{e}
	return s, s.validate()
}

// loadPair reads a server's certificate and key; nil without either.
func loadPair(cert, key string) (*tls.Config, error) {
	switch {
	case cert == "" && key == "":
		return nil, nil
	case cert == "" || key == "":
		return nil, errors.New("-tls-cert and -tls-key go together")
	}
	return serverTLS(cert, key)
}

func addPair(to map[string]string, text string) error {
	key, value, ok := strings.Cut(text, ":")
	if !ok || key == "" {
		return fmt.Errorf("%q is no key:value", text)
	}
	to[key] = value
	return nil
}
