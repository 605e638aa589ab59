package main

// This file says where a server listens.

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
)

// endpoint is one address of the API.
type endpoint struct {
	network, address string
	tls              *tls.Config // nil for plain HTTP
}

// newEndpoint reads host:port, or unix:///path.
func newEndpoint(text string, settings *tls.Config) (endpoint, error) {
	if path, ok := strings.CutPrefix(text, "unix://"); ok {
		if settings != nil {
			return endpoint{}, errors.New("a unix socket serves plain HTTP: leave the certificate out")
		}
		return endpoint{network: "unix", address: path}, nil
	}
	if _, _, err := net.SplitHostPort(text); err != nil {
		return endpoint{}, fmt.Errorf("%q is no host:port, nor unix:///path", text)
	}
	return endpoint{network: "tcp", address: text, tls: settings}, nil
}

func (e endpoint) scheme() string {
	switch {
	case e.network == "unix":
		return "unix"
	case e.tls != nil:
		return "https"
	}
	return "http"
}

func (e endpoint) listen() (net.Listener, error) {
	if e.network == "unix" {
		// What a server that was killed left behind.
		if info, err := os.Stat(e.address); err == nil && info.Mode().Type() == fs.ModeSocket {
			if err := os.Remove(e.address); err != nil {
				return nil, err
			}
		}
	}
	l, err := net.Listen(e.network, e.address)
	if err != nil {
		return nil, err
	}
	if e.tls != nil {
		return tls.NewListener(l, e.tls), nil
	}
	return l, nil
}

// serverTLS is what a server speaks HTTPS with.
func serverTLS(cert, key string) (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
	}, nil
}

// verifyClients has clients show a certificate of an authority in the file.
func verifyClients(settings *tls.Config, caFile string) error {
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return err
	}
	settings.ClientAuth, settings.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
	if !settings.ClientCAs.AppendCertsFromPEM(pem) {
		return fmt.Errorf("%s has no certificate", caFile)
	}
	return nil
}
