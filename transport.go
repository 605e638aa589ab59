package consul

// This file makes the http.Transport that a Client uses when it is not given one, and its TLS side.

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/hashicorp/go-cleanhttp"
	"github.com/hashicorp/go-rootcerts"
)

// TLSConfig says how the server of an https address is verified, and which certificate the client shows. The zero value
// trusts the system's authorities and shows none. Certificates with an address that is not an https one are refused:
// tokens would travel in the clear where that was not meant.
//
// Files are read again for each new connection, so that renewed certificates and authorities are picked up without a
// restart. A file that can't be read then fails that connection, and the error names it.
type TLSConfig struct {
	CAFile string // PEM file of the authorities to trust; it goes before CAPEM and CAPath
	CAPEM  []byte // the authorities to trust, in PEM; it goes before CAPath
	CAPath string // directory of PEM files of the authorities to trust

	CertFile string // PEM file of the client's certificate, with KeyFile
	KeyFile  string // PEM file of the client certificate's key
	CertPEM  []byte // the client's certificate in PEM, with KeyPEM; not with CertFile
	KeyPEM   []byte // the client certificate's key in PEM

	ServerName string // name that the server's certificate must be for; empty: the host of the address

	// InsecureSkipVerify takes any certificate of the server: anyone on the way can read the tokens. For tests.
	InsecureSkipVerify bool
}

func (t *TLSConfig) isZero() bool {
	return t.CAFile == "" && t.CAPath == "" && t.CAPEM == nil && t.CertFile == "" && t.KeyFile == "" &&
		t.CertPEM == nil && t.KeyPEM == nil && t.ServerName == "" && !t.InsecureSkipVerify
}

// wantsTLS reports whether a certificate is named: then a connection without TLS can't be meant.
func (t *TLSConfig) wantsTLS() bool {
	return t.CAFile != "" || t.CAPath != "" || t.CAPEM != nil || t.CertFile != "" || t.CertPEM != nil
}

// check refuses half a key pair, two of them, and certificates for an address without TLS.
func (t *TLSConfig) check(addr *address) error {
	switch {
	case addr.scheme != "https" && t.wantsTLS():
		return fmt.Errorf("consul: TLS names certificates, but Address is %s, without TLS; use an https:// address: %w", addr, ErrInvalidConfig)
	case (t.CertFile == "") != (t.KeyFile == ""):
		return fmt.Errorf("consul: TLS.CertFile and TLS.KeyFile: one is set without the other: %w", ErrInvalidConfig)
	case (t.CertPEM == nil) != (t.KeyPEM == nil):
		return fmt.Errorf("consul: TLS.CertPEM and TLS.KeyPEM: one is set without the other: %w", ErrInvalidConfig)
	case t.CertFile != "" && t.CertPEM != nil:
		return fmt.Errorf("consul: TLS.CertFile and TLS.CertPEM are both set: %w", ErrInvalidConfig)
	}
	return nil
}

// load reads the authorities and the client's certificate as they are now.
func (t *TLSConfig) load() (*tls.Config, error) {
	cfg := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         t.ServerName,
		InsecureSkipVerify: t.InsecureSkipVerify,
		NextProtos:         []string{"h2", "http/1.1"},
	}
	err := rootcerts.ConfigureTLS(cfg, &rootcerts.Config{CAFile: t.CAFile, CACertificate: t.CAPEM, CAPath: t.CAPath})
	if err != nil {
		return nil, fmt.Errorf("certificate authorities: %w", err)
	}
	switch {
	case t.CertFile != "":
		cert, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("client certificate %s with key %s: %w", t.CertFile, t.KeyFile, err)
		}
		cfg.Certificates = []tls.Certificate{cert}
	case t.CertPEM != nil:
		cert, err := tls.X509KeyPair(t.CertPEM, t.KeyPEM)
		if err != nil {
			return nil, fmt.Errorf("client certificate from TLS.CertPEM: %w", err)
		}
		cfg.Certificates = []tls.Certificate{cert}
	}
	return cfg, nil
}

// NewTransport makes the transport that a Client made from config would use: go-cleanhttp's pooled one, with room for
// as many idle connections as config allows, so that concurrent callers reuse them. It is there to be wrapped, for
// tracing or metrics, and set as Config.Transport of a copy of config whose TLS is zero. A nil config is the zero one.
//
// It fails, with ErrInvalidConfig, on an address or a TLS configuration that makes no sense or can't be read.
func NewTransport(config *Config) (*http.Transport, error) {
	if config == nil {
		config = &Config{}
	}
	addr, err := parseAddress(config.Address)
	if err != nil {
		return nil, fmt.Errorf("consul: Config.Address: %w: %w", err, ErrInvalidConfig)
	}
	if err := config.TLS.check(addr); err != nil {
		return nil, err
	}
	t := cleanhttp.DefaultPooledTransport()
	conns := maxConns(config)
	t.MaxIdleConns, t.MaxIdleConnsPerHost, t.MaxConnsPerHost = conns, conns, conns
	t.Proxy = config.Proxy
	if addr.socket != "" {
		t.Proxy = nil
		t.DialContext = dialSocket(addr.socket)
	}
	t.DialContext = checked(t.DialContext)
	if addr.scheme == "https" {
		if err := useTLS(t, config.TLS); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// useTLS makes t load its TLS configuration anew for each connection. What is read here serves to fail early, and for
// connections through a proxy, which net/http makes by itself.
func useTLS(t *http.Transport, from TLSConfig) error {
	first, err := from.load()
	if err != nil {
		return fmt.Errorf("consul: TLS: %w: %w", err, ErrInvalidConfig)
	}
	t.TLSClientConfig = first
	if from.CertFile != "" {
		t.TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			cert, err := tls.LoadX509KeyPair(from.CertFile, from.KeyFile)
			return &cert, err
		}
	}
	dial, timeout := t.DialContext, t.TLSHandshakeTimeout
	t.DialTLSContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		cfg, err := from.load()
		if err != nil {
			return nil, &tlsError{err}
		}
		if cfg.ServerName == "" {
			cfg.ServerName, _, _ = net.SplitHostPort(addr)
		}
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		secure := tls.Client(conn, cfg)
		if err := handshake(ctx, timeout, secure); err != nil {
			conn.Close()
			return nil, &tlsError{err}
		}
		return secure, nil
	}
	return nil
}

func handshake(ctx context.Context, limit time.Duration, conn *tls.Conn) error {
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := conn.HandshakeContext(limited)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return fmt.Errorf("the handshake was not done within %v", limit)
	}
	return err
}

// A tlsError is a connection on which TLS could not be set up: no request was sent over it.
type tlsError struct{ err error }

func (e *tlsError) Error() string { return "TLS: " + e.err.Error() }
func (e *tlsError) Unwrap() error { return e.err }

func maxConns(config *Config) int {
	if config.MaxConns == 0 {
		return DefaultMaxConns
	}
	return config.MaxConns
}
