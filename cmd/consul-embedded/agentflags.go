package main

// This file reads the flags of "consul agent". Each says the same as a setting of the configuration files, so that both
// come together as one tree of settings.

import (
	"flag"
	"fmt"
	"strconv"
	"strings"
)

// agentFlag is a flag, the setting that it stands for, as a path, and how its value is read.
type agentFlag struct {
	name, setting string
	read          func(string) (any, error)
	help          string
}

const noEffect = "accepted, without effect"

var agentFlags = []agentFlag{
	{"node", "node_name", asText, "name of the node; that of the machine without it"},
	{"node-id", "node_id", asText, "UUID of the node"},
	{"datacenter", "datacenter", asText, "name of the datacenter; dc1 without it"},
	{"client", "client_addr", asText, "addresses to serve the API on; 127.0.0.1 without it"},
	{"http-port", "ports.http", asNumber, "port of the API by HTTP, 8500 without it; -1 for none"},
	{"https-port", "ports.https", asNumber, "port of the API by HTTPS; none without it, or without a certificate"},
	{"log-level", "log_level", asText, "least level that is logged"},
	{"enable-script-checks", "enable_script_checks", asBool, "let clients register checks that run programs here"},
	{"server", "server", asBool, "what the agent is anyway"},
	{"bootstrap", "bootstrap", asBool, "what the agent does anyway"},
	{"bootstrap-expect", "bootstrap_expect", asNumber, "number of servers, of which there is one"},
	{"data-dir", "data_dir", asText, noEffect + ": nothing is kept"},
	{"ui", "ui_config.enabled", asBool, noEffect},
	{"bind", "bind_addr", asText, noEffect},
	{"advertise", "advertise_addr", asText, noEffect},
	{"advertise-wan", "advertise_addr_wan", asText, noEffect},
	{"allow-write-http-from", "http_config.allow_write_http_from", asList, noEffect},
	{"alt-domain", "alt_domain", asText, noEffect},
	{"auto-reload-config", "auto_reload_config", asBool, noEffect},
	{"check_output_max_size", "check_output_max_size", asNumber, noEffect},
	{"default-query-time", "default_query_time", asText, noEffect},
	{"disable-host-node-id", "disable_host_node_id", asBool, noEffect},
	{"disable-keyring-file", "disable_keyring_file", asBool, noEffect},
	{"dns-port", "ports.dns", asNumber, noEffect},
	{"domain", "domain", asText, noEffect},
	{"enable-local-script-checks", "enable_local_script_checks", asBool, noEffect},
	{"encrypt", "encrypt", asText, noEffect},
	{"grpc-port", "ports.grpc", asNumber, noEffect},
	{"grpc-tls-port", "ports.grpc_tls", asNumber, noEffect},
	{"join", "start_join", asList, noEffect},
	{"join-wan", "start_join_wan", asList, noEffect},
	{"log-file", "log_file", asText, noEffect},
	{"log-json", "log_json", asBool, noEffect},
	{"log-rotate-bytes", "log_rotate_bytes", asNumber, noEffect},
	{"log-rotate-duration", "log_rotate_duration", asText, noEffect},
	{"log-rotate-max-files", "log_rotate_max_files", asNumber, noEffect},
	{"max-query-time", "max_query_time", asText, noEffect},
	{"non-voting-server", "read_replica", asBool, noEffect},
	{"pid-file", "pid_file", asText, noEffect},
	{"primary-gateway", "primary_gateways", asList, noEffect},
	{"protocol", "protocol", asNumber, noEffect},
	{"raft-protocol", "raft_protocol", asNumber, noEffect},
	{"read-replica", "read_replica", asBool, noEffect},
	{"recursor", "recursors", asList, noEffect},
	{"rejoin", "rejoin_after_leave", asBool, noEffect},
	{"retry-interval", "retry_interval", asText, noEffect},
	{"retry-interval-wan", "retry_interval_wan", asText, noEffect},
	{"retry-join", "retry_join", asList, noEffect},
	{"retry-join-wan", "retry_join_wan", asList, noEffect},
	{"retry-max", "retry_max", asNumber, noEffect},
	{"retry-max-wan", "retry_max_wan", asNumber, noEffect},
	{"segment", "segment", asText, noEffect},
	{"serf-lan-allowed-cidrs", "serf_lan_allowed_cidrs", asList, noEffect},
	{"serf-lan-bind", "serf_lan", asText, noEffect},
	{"serf-lan-port", "ports.serf_lan", asNumber, noEffect},
	{"serf-wan-allowed-cidrs", "serf_wan_allowed_cidrs", asList, noEffect},
	{"serf-wan-bind", "serf_wan", asText, noEffect},
	{"serf-wan-port", "ports.serf_wan", asNumber, noEffect},
	{"server-port", "ports.server", asNumber, noEffect},
	{"syslog", "enable_syslog", asBool, noEffect},
	{"ui-content-path", "ui_config.content_path", asText, noEffect},
	{"ui-dir", "ui_config.dir", asText, noEffect},
}

func asText(text string) (any, error)   { return text, nil }
func asNumber(text string) (any, error) { return strconv.Atoi(text) }
func asBool(text string) (any, error)   { return strconv.ParseBool(text) }

// asList is for flags that can be given more than once.
func asList(text string) (any, error) { return []any{text}, nil }

// parseAgent reads the flags, and the files that they name. Where two set the same, HCL given by a flag counts more than
// other flags, these more than files, and a later file more than an earlier one.
func parseAgent(args []string, c console) (*config, error) {
	flags := flag.NewFlagSet("agent", flag.ContinueOnError)
	flags.SetOutput(c.stderr)
	said := tree{}
	var files, fragments []string
	var dev bool
	var format string
	appendTo := func(list *[]string) func(string) error {
		return func(text string) error {
			*list = append(*list, text)
			return nil
		}
	}
	flags.Func("config-file", "`file` of settings, as HCL or JSON; can be given more than once", appendTo(&files))
	flags.Func("config-dir", "`directory` of such files; can be given more than once", appendTo(&files))
	flags.Func("hcl", "settings as `HCL`; can be given more than once", appendTo(&fragments))
	flags.StringVar(&format, "config-format", "", "`format` of all files: hcl or json; by their extension without it")
	flags.BoolVar(&dev, "dev", false,
		"a server for development, which this always is: with indented JSON, and logging at the level debug")
	flags.Func("node-meta", "metadata of the node as `key:value`; can be given more than once", func(text string) error {
		pair := map[string]string{}
		if err := addPair(pair, text); err != nil {
			return err
		}
		for key, value := range pair {
			said.merge(tree{"node_meta": tree{key: value}})
		}
		return nil
	})
	for _, f := range agentFlags {
		define(flags, f, said)
	}
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("unexpected extra arguments: %v", flags.Args())
	}
	all := tree{}
	for _, path := range files {
		if err := all.readPath(path, format); err != nil {
			return nil, err
		}
	}
	all.merge(said)
	for _, text := range fragments {
		more, err := parseSettings(text, "hcl")
		if err != nil {
			return nil, fmt.Errorf("-hcl: %w", err)
		}
		all.merge(more)
	}
	return &config{tree: all, dev: dev, used: map[string]bool{}}, nil
}

// define makes a flag that puts its value into said.
func define(flags *flag.FlagSet, f agentFlag, said tree) {
	put := func(text string) error {
		value, err := f.read(text)
		if err != nil {
			return err
		}
		path := strings.Split(f.setting, ".")
		for i := len(path) - 1; i > 0; i-- {
			value = tree{path[i]: value}
		}
		said.merge(tree{path[0]: value})
		return nil
	}
	if value, err := f.read("true"); err == nil && value == true {
		flags.BoolFunc(f.name, f.help, put)
		return
	}
	flags.Func(f.name, f.help, put)
}
