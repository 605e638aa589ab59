package main

// This file finds the Consul to talk to: by parameters, else by the environment, else on this host.

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/lictor-go/consul"
)

// target is which Consul is meant, and how it is reached. What is empty was not given.
type target struct {
	host, port, scheme            string
	datacenter                    string
	token                         string
	validateCerts                 *bool
	caPath, clientCert, clientKey string
}

func (t *target) setHost(value string) error {
	host := strings.TrimSuffix(strings.TrimPrefix(value, "["), "]")
	_, err := netip.ParseAddr(host)
	if host == "" || err != nil && strings.ContainsAny(host, ":/?#@[] ") {
		return fmt.Errorf("%q is neither the name of a host nor an IP address", value)
	}
	t.host = host
	return nil
}

func (t *target) setPort(value string) error {
	if n, err := strconv.ParseUint(value, 10, 16); err != nil || n == 0 {
		return fmt.Errorf("%q is not a port between 1 and 65535", value)
	}
	t.port = value
	return nil
}

// config is the client's configuration: the environment's, with what was given in its place.
func (t *target) config() (*consul.Config, error) {
	c, err := consul.ConfigFromEnv()
	if err != nil {
		return nil, err
	}
	c.Address, c.Datacenter = t.address(c.Address), t.datacenter
	if t.token != "" {
		c.Token, c.TokenFile = t.token, ""
	}
	if t.validateCerts != nil {
		c.TLS.InsecureSkipVerify = !*t.validateCerts
	}
	if t.caPath != "" {
		if err := t.trust(&c.TLS); err != nil {
			return nil, err
		}
	}
	if (t.clientCert == "") != (t.clientKey == "") {
		return nil, fmt.Errorf("client_cert and client_key go together: one is given without the other")
	}
	if t.clientCert != "" {
		c.TLS.CertFile, c.TLS.KeyFile = t.clientCert, t.clientKey
	}
	if (t.caPath != "" || t.clientCert != "") && !strings.HasPrefix(c.Address, "https://") {
		return nil, fmt.Errorf("ca_path and client_cert are for TLS, and %s is without: scheme has to be https", c.Address)
	}
	return c, nil
}

// address is where the API is: fromEnv, with the parts that were given in place of its own. A host does not go with another
// one's port, nor the reverse. TLS that the environment asks for is given up only for a scheme that was given.
func (t *target) address(fromEnv string) string {
	scheme, at, found := strings.Cut(fromEnv, "://")
	if !found {
		scheme, at = "http", fromEnv
	}
	if t.host != "" || t.port != "" || at == "" || scheme == "unix" && t.scheme == "https" {
		at = net.JoinHostPort(cmp.Or(t.host, "localhost"), cmp.Or(t.port, "8500"))
		if scheme == "unix" {
			scheme = "http"
		}
	}
	if scheme != "unix" {
		scheme = cmp.Or(t.scheme, scheme)
	}
	return scheme + "://" + at
}

// trust has the authorities at ca_path trusted, in place of the environment's.
func (t *target) trust(tls *consul.TLSConfig) error {
	info, err := os.Stat(t.caPath)
	if err != nil {
		return fmt.Errorf("ca_path: %w", err)
	}
	tls.CAFile, tls.CAPath = t.caPath, ""
	if info.IsDir() {
		tls.CAFile, tls.CAPath = "", t.caPath
	}
	return nil
}

// connect makes the client, and says whom it talks to.
func (t *target) connect() (client *consul.Client, address string, err error) {
	config, err := t.config()
	if err != nil {
		return nil, "", err
	}
	client, err = consul.NewClient(config)
	return client, config.Address, err
}
