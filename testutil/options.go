package testutil

// This file holds the options of servers and clusters.

import (
	"errors"
	"fmt"
)

// Option changes how Start, NewServer and NewCluster set a server up.
type Option func(*settings)

// settings is what the options of one server, or of one cluster, say.
type settings struct {
	real       bool
	why        string // what a real server is started on account of
	binary     string
	legacy     bool
	acl        bool
	tls        bool
	mutualTLS  bool
	scripts    bool
	unixSocket bool
	nodeName   string
	datacenter string
	extra      []string
}

// WithACL turns ACLs on, with the default policy "deny" and a management token of the server's own: ManagementToken.
func WithACL() Option { return func(s *settings) { s.acl = true } }

// WithTLS serves the API by HTTPS instead of HTTP, with certificates made for this server or cluster: CAFile,
// ClientCertFile and ClientKeyFile. A client certificate is not asked for.
func WithTLS() Option { return func(s *settings) { s.tls = true } }

// WithMutualTLS is WithTLS, and refuses clients that show no certificate of the server's own authority.
func WithMutualTLS() Option { return func(s *settings) { s.tls, s.mutualTLS = true, true } }

// WithScriptChecks lets checks that run a command on the server's machine be registered through the API.
func WithScriptChecks() Option { return func(s *settings) { s.scripts = true } }

// WithUnixSocket serves the API on a unix socket as well: SocketPath. It cannot be had with TLS.
func WithUnixSocket() Option { return func(s *settings) { s.unixSocket = true } }

// WithConfig adds Consul configuration, as HCL or as a JSON object, over what the harness sets itself. It can be given more
// than once: where two set the same thing, the later one holds. Only a real server has such configuration: one is started
// whatever CONSUL_TEST_BACKEND says.
func WithConfig(hclOrJSON string) Option {
	return func(s *settings) { s.extra = append(s.extra, hclOrJSON) }
}

// WithNodeName names the node; "server-1" without it. In a cluster it is what the names start with: "name-1", "name-2" …
func WithNodeName(name string) Option { return func(s *settings) { s.nodeName = name } }

// WithDatacenter names the datacenter; "dc1" without it. Servers of two datacenters are federated by a join over WANAddr.
func WithDatacenter(name string) Option { return func(s *settings) { s.datacenter = name } }

// WithLegacy starts Consul 1.10.0, the last line with the legacy ACL endpoints, from CONSUL_LEGACY_BIN or .bin/consul-legacy.
// With WithACL an embedded server serves these endpoints as 1.10.0 does, and the others as it always does.
func WithLegacy() Option { return func(s *settings) { s.legacy = true } }

// WithBinary starts the consul binary at path, a real server, whatever the environment says. With WithLegacy the binary is configured as
// Consul 1.10.0 wants it, which Consul 1.12 and later do not accept in full.
func WithBinary(path string) Option { return func(s *settings) { s.binary = path } }

func newSettings(opts []Option) (*settings, error) {
	s := &settings{datacenter: "dc1"}
	for _, opt := range opts {
		opt(s)
	}
	if s.tls && s.unixSocket {
		return nil, errors.New("testutil: WithUnixSocket cannot be had with TLS: the socket serves plain HTTP")
	}
	return s, s.chooseBackend()
}

// serverName is the node name of server i (from 0) of n.
func (s *settings) serverName(i, n int) string {
	switch {
	case s.nodeName == "":
		return fmt.Sprintf("server-%d", i+1)
	case n == 1:
		return s.nodeName
	default:
		return fmt.Sprintf("%s-%d", s.nodeName, i+1)
	}
}
