package testutil

// This file writes the configuration of a server's agent.

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/lictor-go/consul/internal/ports"
)

type object = map[string]any

// agentConfig is what the harness itself sets: a server on loopback, with its data on disk so that it can be restarted, as
// fast to start and to elect a leader as Consul can be configured, and without what a test seldom needs (DNS, gRPC).
func (s *Server) agentConfig() object {
	config := object{
		"server":               true,
		"bootstrap_expect":     len(s.group.servers),
		"datacenter":           s.group.datacenter,
		"node_name":            s.name,
		"data_dir":             filepath.Join(s.dir, "data"),
		"bind_addr":            "127.0.0.1",
		"client_addr":          "127.0.0.1",
		"disable_update_check": true,
		"log_level":            "INFO",
		"ports":                s.portConfig(),
		// The shortest election timeout: 1 to 2 s.
		"performance": object{"raft_multiplier": 1},
		// A server that stops answering is noticed in about 1.5 s, one that is merely slow on a busy machine is not.
		"gossip_lan": object{
			"gossip_interval": "20ms",
			"probe_interval":  "250ms",
			"probe_timeout":   "200ms",
			"suspicion_mult":  4,
		},
		"enable_script_checks": s.group.scripts,
	}
	if join := s.others(); len(join) > 0 {
		config["retry_join"], config["retry_interval"] = join, "50ms"
	}
	if s.socket != "" {
		config["addresses"] = object{"http": "127.0.0.1 unix://" + s.socket}
	}
	if s.token != "" {
		config["acl"] = s.aclConfig()
	}
	if s.group.tls {
		for key, value := range s.tlsConfig() {
			config[key] = value
		}
	}
	return config
}

func (s *Server) portConfig() object {
	api, off := "http", "https"
	if s.group.tls {
		api, off = off, api
	}
	config := object{
		api:        s.ports.Port(ports.API),
		off:        -1,
		"server":   s.ports.Port(ports.Server),
		"serf_lan": s.ports.Port(ports.SerfLAN),
		"serf_wan": s.ports.Port(ports.SerfWAN),
		"dns":      -1,
		"grpc":     -1,
	}
	if !s.group.legacy {
		config["grpc_tls"] = -1
	}
	return config
}

// others are the gossip addresses of the cluster's other servers.
func (s *Server) others() []string {
	var addrs []string
	for _, other := range s.group.servers {
		if other != s {
			addrs = append(addrs, other.LANAddr())
		}
	}
	return addrs
}

// aclConfig denies what no token allows. The agent has a token too, without which it could not keep its own node up to date.
func (s *Server) aclConfig() object {
	management := "initial_management"
	if s.group.legacy {
		management = "master" // its name before Consul 1.11
	}
	return object{
		"enabled":        true,
		"default_policy": "deny",
		"tokens":         object{management: s.token, "agent": s.token},
	}
}

func (s *Server) tlsConfig() object {
	files := object{"ca_file": s.certs.ca, "cert_file": s.certs.serverCert, "key_file": s.certs.serverKey}
	if s.group.legacy {
		files["verify_incoming_https"] = s.group.mutualTLS
		return files
	}
	files["verify_incoming"] = s.group.mutualTLS
	return object{"tls": object{"https": files}}
}

// writeConfig writes the agent's configuration and what WithConfig adds.
func (s *Server) writeConfig() error {
	data, err := json.MarshalIndent(s.agentConfig(), "", "  ")
	if err != nil {
		return err
	}
	for i, path := range s.configFiles() {
		content := data
		if i > 0 {
			content = []byte(s.group.extra[i-1])
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// configFiles are the paths of the configuration, in the order in which Consul merges them.
func (s *Server) configFiles() []string {
	files := []string{filepath.Join(s.dir, "agent.json")}
	for i, text := range s.group.extra {
		format := "hcl"
		if strings.HasPrefix(strings.TrimSpace(text), "{") {
			format = "json"
		}
		files = append(files, filepath.Join(s.dir, fmt.Sprintf("extra-%d.%s", i+1, format)))
	}
	return files
}

// arguments are those of the consul command.
func (s *Server) arguments() []string {
	arguments := []string{"agent"}
	for _, path := range s.configFiles() {
		arguments = append(arguments, "-config-file="+path)
	}
	return arguments
}
