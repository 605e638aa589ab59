package consul_test

// This file tests https: whom the client trusts, what it shows, and that it reads its files again.

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lictor-go/consul"
)

// An authority signs certificates for a test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

var serials atomic.Int64

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a := &authority{}
	a.cert, a.key, a.pem = makeCertificate(t, template, nil)
	return a
}

// issue makes a certificate for a server or a client called name, and its key, both in PEM.
func (a *authority) issue(t *testing.T, name string) (cert, key []byte) {
	t.Helper()
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if ip := net.ParseIP(name); ip != nil {
		template.DNSNames, template.IPAddresses = nil, []net.IP{ip}
	}
	_, private, cert := makeCertificate(t, template, a)
	der, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return cert, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
}

func makeCertificate(t *testing.T, template *x509.Certificate, by *authority) (*x509.Certificate, *ecdsa.PrivateKey, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(serials.Add(1))
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// A tlsServer is a faultServer over TLS. It keeps the name on the certificate that the last request's client showed, and
// the protocol.
type tlsServer struct {
	*faultServer
	client, proto atomic.Value
}

// newTLSServer starts a server, of HTTP/2 if the client likes, whose certificate is issued for name. With clients it
// wants certificates that those issued.
func newTLSServer(t *testing.T, ca *authority, name string, clients *authority, http2 bool) *tlsServer {
	t.Helper()
	s := &tlsServer{}
	s.faultServer = unstartedFaultServer(t, func(w http.ResponseWriter, r *http.Request) {
		s.proto.Store(r.Proto)
		if certs := r.TLS.PeerCertificates; len(certs) > 0 {
			s.client.Store(certs[0].Subject.CommonName)
		}
		answer(200, onePair)(w, r)
	})
	cert, err := tls.X509KeyPair(ca.issue(t, name))
	if err != nil {
		t.Fatal(err)
	}
	s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	if clients != nil {
		s.TLS.ClientAuth, s.TLS.ClientCAs = tls.RequireAndVerifyClientCert, clients.pool()
	}
	s.EnableHTTP2 = http2
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes are the point of some tests
	s.StartTLS()
	return s
}

// get makes one call with a client of its own, so over a connection of its own.
func (s *tlsServer) get(t *testing.T, config consul.TLSConfig) error {
	t.Helper()
	client := clientWith(t, &consul.Config{Address: s.URL, TLS: config, Retry: consul.RetryPolicy{MaxBackoff: 1}})
	defer client.Close()
	_, _, err := client.KV().Get(testContext(t), "k")
	return err
}

func writeFile(t *testing.T, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.pem")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTrustedAuthority(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "ca")
	s := newTLSServer(t, ca, "127.0.0.1", nil, true)
	file := writeFile(t, ca.pem)
	for name, config := range map[string]consul.TLSConfig{
		"file":      {CAFile: file},
		"PEM":       {CAPEM: ca.pem},
		"directory": {CAPath: filepath.Dir(file)},
		"any":       {InsecureSkipVerify: true},
	} {
		if err := s.get(t, config); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if s.proto.Load() != "HTTP/2.0" {
			t.Errorf("%s: spoke %v, want HTTP/2.0, which the server offers", name, s.proto.Load())
		}
	}
}

func TestUntrustedAuthority(t *testing.T) {
	t.Parallel()
	s := newTLSServer(t, newAuthority(t, "ca"), "127.0.0.1", nil, true)
	for name, config := range map[string]consul.TLSConfig{
		"another's": {CAPEM: newAuthority(t, "other").pem},
		"system's":  {},
	} {
		err := s.get(t, config)
		if _, ok := errors.AsType[x509.UnknownAuthorityError](err); !ok {
			t.Errorf("%s: got %v, want an UnknownAuthorityError", name, err)
		}
		if consul.SafeToRetry(err) {
			t.Errorf("%s: an untrusted server stays one, yet SafeToRetry", name)
		}
	}
	if n := s.connections(); n != 2 {
		t.Errorf("%d connections for 2 calls: a refusal was tried again", n)
	}
	if len(s.seen()) != 0 {
		t.Errorf("an untrusted server was sent %q", s.seen())
	}
}

func TestServerName(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "ca")
	s := newTLSServer(t, ca, "server.dc1.consul", nil, true)
	if err := s.get(t, consul.TLSConfig{CAPEM: ca.pem, ServerName: "server.dc1.consul"}); err != nil {
		t.Errorf("with the certificate's name: %v", err)
	}
	err := s.get(t, consul.TLSConfig{CAPEM: ca.pem})
	if _, ok := errors.AsType[x509.HostnameError](err); !ok || consul.SafeToRetry(err) {
		t.Errorf("by address: got %v, want a HostnameError", err)
	}
}

func TestClientCertificate(t *testing.T) {
	t.Parallel()
	ca, clients := newAuthority(t, "ca"), newAuthority(t, "clients")
	s := newTLSServer(t, ca, "127.0.0.1", clients, true)
	cert, key := clients.issue(t, "billing")
	for name, config := range map[string]consul.TLSConfig{
		"files": {CAPEM: ca.pem, CertFile: writeFile(t, cert), KeyFile: writeFile(t, key)},
		"PEM":   {CAPEM: ca.pem, CertPEM: cert, KeyPEM: key},
	} {
		if err := s.get(t, config); err != nil || s.client.Load() != "billing" {
			t.Errorf("%s: %v, the server saw %v", name, err, s.client.Load())
		}
	}
	requests := len(s.seen())
	badCert, badKey := ca.issue(t, "stranger")
	for name, config := range map[string]consul.TLSConfig{
		"none":      {CAPEM: ca.pem},
		"another's": {CAPEM: ca.pem, CertPEM: badCert, KeyPEM: badKey},
	} {
		client := clientWith(t, &consul.Config{Address: s.URL, TLS: config})
		_, err := client.KV().Put(testContext(t), &consul.KVPair{Key: "k"})
		if err == nil || consul.SafeToRetry(err) || !strings.Contains(err.Error(), "CONSUL_CLIENT_CERT") {
			t.Errorf("%s: got %v, want an error that names what to set", name, err)
		}
	}
	if n := len(s.seen()); n != requests {
		t.Errorf("%d requests got through without a certificate", n-requests)
	}
}

// Replaced files count from the next connection on.
func TestCertificatesAreReadAgain(t *testing.T) {
	t.Parallel()
	ca, clients := newAuthority(t, "ca"), newAuthority(t, "clients")
	s := newTLSServer(t, ca, "127.0.0.1", clients, false)
	s.Config.SetKeepAlivesEnabled(false) // so each call has a connection of its own
	cert, key := clients.issue(t, "before")
	config := consul.TLSConfig{CAFile: writeFile(t, newAuthority(t, "other").pem), CertFile: writeFile(t, cert), KeyFile: writeFile(t, key)}
	client := clientWith(t, &consul.Config{Address: s.URL, TLS: config})
	get := func() error {
		_, _, err := client.KV().Get(testContext(t), "k")
		return err
	}
	if err := get(); err == nil {
		t.Fatal("trusts an authority that it was not given")
	}
	replaceFile(t, config.CAFile, string(ca.pem))
	if err := get(); err != nil || s.client.Load() != "before" {
		t.Fatalf("with the right authority: %v, as %v", err, s.client.Load())
	}
	cert, key = clients.issue(t, "after")
	replaceFile(t, config.CertFile, string(cert))
	replaceFile(t, config.KeyFile, string(key))
	if err := get(); err != nil || s.client.Load() != "after" {
		t.Errorf("after the certificate was replaced: %v, as %v", err, s.client.Load())
	}
	// In the middle of a replacement the files don't fit together. That passes, and nothing is sent meanwhile.
	cert, _ = clients.issue(t, "torn")
	replaceFile(t, config.CertFile, string(cert))
	_, err := client.KV().Put(testContext(t), &consul.KVPair{Key: "k"})
	if err == nil || !strings.Contains(err.Error(), config.CertFile) || !consul.SafeToRetry(err) {
		t.Errorf("got %v, want an error that names the file and is safe to retry", err)
	}
}

func TestTLSFilesMustBeUsableAtTheStart(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "missing.pem")
	garbage := writeFile(t, []byte("garbage"))
	for name, config := range map[string]consul.TLSConfig{
		"no CA file":     {CAFile: missing},
		"no CA path":     {CAPath: missing},
		"garbage CA":     {CAFile: garbage},
		"garbage CA PEM": {CAPEM: []byte("garbage")},
		"no certificate": {CertFile: missing, KeyFile: missing},
		"garbage pair":   {CertFile: garbage, KeyFile: garbage},
		"garbage PEMs":   {CertPEM: []byte("garbage"), KeyPEM: []byte("garbage")},
	} {
		_, err := consul.NewClient(&consul.Config{Address: "https://127.0.0.1:8501", TLS: config})
		if !errors.Is(err, consul.ErrInvalidConfig) {
			t.Errorf("%s: got %v, want ErrInvalidConfig", name, err)
		}
	}
}

// A transport made for a Config can be wrapped, and speaks TLS as that Config says.
func TestNewTransportCarriesTLS(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "ca")
	s := newTLSServer(t, ca, "127.0.0.1", nil, true)
	config := consul.Config{Address: s.URL, TLS: consul.TLSConfig{CAPEM: ca.pem}}
	transport, err := consul.NewTransport(&config)
	if err != nil {
		t.Fatal(err)
	}
	defer transport.CloseIdleConnections()
	wrapped := 0
	config.TLS = consul.TLSConfig{}
	config.Transport = roundTripFunc(func(r *http.Request) (*http.Response, error) {
		wrapped++
		return transport.RoundTrip(r)
	})
	if _, _, err := clientWith(t, &config).KV().Get(testContext(t), "k"); err != nil || wrapped != 1 {
		t.Errorf("%v, %d requests went through the wrapper", err, wrapped)
	}
}
