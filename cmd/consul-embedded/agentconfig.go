package main

// This file makes a server's settings of those of a consul agent.

import (
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/lictor-go/consul/embedded"
)

// config reads settings by their paths, and notes which were read.
type config struct {
	tree tree
	dev  bool
	used map[string]bool
	// err is the first setting that has the wrong type.
	err error
}

// agent reads all that has an effect.
func (c *config) agent() (*agent, error) {
	a := &agent{settings: settings{
		node:       c.text("node_name", hostname()),
		nodeID:     c.text("node_id", newUUID()),
		nodeMeta:   c.texts("node_meta"),
		datacenter: strings.ToLower(c.text("datacenter", "dc1")),
		scripts:    c.boolean("enable_script_checks", false),
		pretty:     c.dev,
		acl:        c.acl(),
	}}
	a.leaveOnInterrupt = !c.boolean("skip_leave_on_interrupt", true)
	a.leaveOnTerminate = c.boolean("leave_on_terminate", false)
	level := "info"
	if c.dev {
		level = "debug"
	}
	var err error
	if a.level, err = parseLevel(c.text("log_level", level)); err != nil {
		return nil, fmt.Errorf("log_level: %w", err)
	}
	encryption, err := c.encryption()
	if err != nil {
		return nil, err
	}
	if a.endpoints, err = c.endpoints(encryption); err != nil {
		return nil, err
	}
	c.granted()
	if c.err != nil {
		return nil, c.err
	}
	a.idle = c.left(nil, c.tree)
	return a, a.validate()
}

// granted reads what is so without being asked for: the agent is a server, alone, that elects itself at once, and it checks
// for no update. Asked to be otherwise, the setting is without effect.
func (c *config) granted() {
	for name, value := range map[string]any{
		"server": true, "bootstrap": true, "bootstrap_expect": 1, "disable_update_check": true, "connect.enabled": true,
		"ports.dns": -1, "ports.grpc": -1, "ports.grpc_tls": -1, "bind_addr": "127.0.0.1",
	} {
		if found := c.find(name); found != nil && fmt.Sprint(found) == fmt.Sprint(value) {
			c.used[name] = true
		}
	}
	c.used["performance"] = true // there is nothing to wait for
}

// acl is nil where ACLs are off. The tokens have older names too; the newer one counts.
func (c *config) acl() *embedded.ACL {
	datacenter := c.text("acl_datacenter", "") // which switched ACLs on before Consul 1.4, and still does
	acl := &embedded.ACL{
		DefaultPolicy:     c.text("acl.default_policy", c.text("acl_default_policy", "allow")),
		InitialManagement: c.text("acl.tokens.initial_management", c.text("acl.tokens.master", c.text("acl_master_token", ""))),
		Agent:             c.text("acl.tokens.agent", c.text("acl_agent_token", "")),
		Default:           c.text("acl.tokens.default", c.text("acl_token", "")),
	}
	if !c.boolean("acl.enabled", datacenter != "") {
		return nil
	}
	return acl
}

// encryption is nil where there is no certificate for HTTPS.
func (c *config) encryption() (*tls.Config, error) {
	file := func(name string) string {
		return c.text("tls.https."+name, c.text("tls.defaults."+name, c.text(name, "")))
	}
	cert, key, ca := file("cert_file"), file("key_file"), file("ca_file")
	verify := c.boolean("tls.https.verify_incoming", c.boolean("tls.defaults.verify_incoming",
		c.boolean("verify_incoming", false) || c.boolean("verify_incoming_https", false)))
	if cert == "" || key == "" {
		return nil, nil
	}
	settings, err := serverTLS(cert, key)
	if err != nil {
		return nil, err
	}
	if !verify {
		return settings, nil
	}
	if ca == "" {
		return nil, fmt.Errorf("verify_incoming is set, and no ca_file to verify by")
	}
	return settings, verifyClients(settings, ca)
}

// endpoints are where the API is served by HTTP, then where by HTTPS.
func (c *config) endpoints(encryption *tls.Config) ([]endpoint, error) {
	client := c.text("client_addr", "127.0.0.1")
	all, err := endpointsAt(c.text("addresses.http", client), c.number("ports.http", 8500), nil)
	if err != nil {
		return nil, err
	}
	port := c.number("ports.https", -1)
	if encryption != nil {
		secure, err := endpointsAt(c.text("addresses.https", client), port, encryption)
		if err != nil {
			return nil, err
		}
		all = append(all, secure...)
	} else if port > 0 {
		delete(c.used, "ports.https") // without a certificate it has no effect
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("the API is served nowhere: set ports.http, or ports.https with a certificate")
	}
	return all, nil
}

// endpointsAt reads a list of addresses, apart by spaces. No port, -1, is for none.
func endpointsAt(addresses string, port int, settings *tls.Config) ([]endpoint, error) {
	if port < 0 {
		return nil, nil
	}
	var all []endpoint
	for _, address := range strings.Fields(addresses) {
		if !strings.HasPrefix(address, "unix://") {
			if net.ParseIP(strings.Trim(address, "[]")) == nil && address != "localhost" {
				return nil, fmt.Errorf("%q is no IP address; templates of addresses are not known here", addresses)
			}
			address = net.JoinHostPort(strings.Trim(address, "[]"), strconv.Itoa(port))
		}
		e, err := newEndpoint(address, settings)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

// find gives the setting at a path, nil where it is not set.
func (c *config) find(path string) any {
	var value any = c.tree
	for name := range strings.SplitSeq(path, ".") {
		group, ok := value.(tree)
		if !ok {
			return nil
		}
		value = group[name]
	}
	return value
}

// read gives the setting at a path as T, by way of weak for those that are written as another type.
func read[T any](c *config, path string, otherwise T, weak func(string) (T, error)) T {
	value := c.find(path)
	if value == nil {
		return otherwise
	}
	c.used[path] = true
	if exact, ok := value.(T); ok {
		return exact
	}
	result, err := weak(fmt.Sprint(value))
	if err != nil && c.err == nil {
		c.err = fmt.Errorf("%s is %v, want a value of the type %T", path, value, otherwise)
	}
	return result
}

// text gives otherwise for an empty text too, as consul takes it.
func (c *config) text(path, otherwise string) string {
	value := read(c, path, otherwise, func(s string) (string, error) { return s, nil })
	if value == "" {
		return otherwise
	}
	return value
}

func (c *config) boolean(path string, otherwise bool) bool {
	return read(c, path, otherwise, strconv.ParseBool)
}

func (c *config) number(path string, otherwise int) int {
	return read(c, path, otherwise, strconv.Atoi)
}

// texts reads a group whose values are texts.
func (c *config) texts(path string) map[string]string {
	texts := map[string]string{}
	group, ok := c.find(path).(tree)
	if !ok {
		return texts
	}
	for name := range group {
		texts[name] = c.text(path+"."+name, "")
	}
	return texts
}

// left names the settings below a path that nothing has read, in order. Those that say nothing are left out.
func (c *config) left(path []string, t tree) []string {
	var names []string
	for name, value := range t {
		at := append(slices.Clone(path), name)
		full := strings.Join(at, ".")
		if c.used[full] {
			continue
		}
		switch value := value.(type) {
		case tree:
			names = append(names, c.left(at, value)...)
		case nil:
		default:
			if text := fmt.Sprint(value); text != "" && text != "false" && text != "[]" {
				names = append(names, full)
			}
		}
	}
	slices.Sort(names)
	return names
}

// hostname is what consul names a node that has no name.
func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		slog.Default().Debug("the machine has no name", "error", err)
		return "embedded"
	}
	return name
}

// newUUID makes a random UUID of version 4.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
