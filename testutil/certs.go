package testutil

// This file makes the certificates of servers with TLS: an authority of their own, and what it signs.

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// certLife is how long certificates are good for, and how far back their time starts.
const certLife = 24 * time.Hour

// authority signs certificates for the servers of one cluster and for their clients.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	// client is what the harness itself shows to the servers.
	client tls.Certificate
}

// certFiles are the paths of a server's certificates and keys, all "" without TLS.
type certFiles struct {
	ca, serverCert, serverKey, clientCert, clientKey string
}

func newAuthority() (*authority, error) {
	template, err := newTemplate("testutil authority")
	if err != nil {
		return nil, err
	}
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	a := &authority{key: key}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		return nil, err
	}
	cert, clientKey, err := a.sign("client")
	if err != nil {
		return nil, err
	}
	a.client, err = tls.X509KeyPair(cert, clientKey)
	return a, err
}

func newTemplate(name string) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now.Add(-certLife),
		NotAfter:     now.Add(certLife),
	}, nil
}

// sign makes a certificate and its key, both in PEM, for the host names and for loopback.
func (a *authority) sign(name string, hosts ...string) (cert, key []byte, err error) {
	template, err := newTemplate(name)
	if err != nil {
		return nil, nil, err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	if len(hosts) > 0 {
		template.DNSNames = hosts
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, private.Public(), a.key)
	if err != nil {
		return nil, nil, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, err
	}
	return encode("CERTIFICATE", der), encode("PRIVATE KEY", pkcs8), nil
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// write makes a server's and a client's certificate and writes them, with the authority's, into dir.
func (a *authority) write(dir, datacenter string) (certFiles, error) {
	path := func(name string) string { return filepath.Join(dir, name) }
	files := certFiles{
		ca:         path("ca.pem"),
		serverCert: path("server.pem"), serverKey: path("server-key.pem"),
		clientCert: path("client.pem"), clientKey: path("client-key.pem"),
	}
	serverCert, serverKey, err := a.sign("server", "localhost", fmt.Sprintf("server.%s.consul", datacenter))
	if err != nil {
		return files, err
	}
	clientCert, clientKey, err := a.sign("client")
	if err != nil {
		return files, err
	}
	for _, file := range []struct {
		path    string
		content []byte
	}{
		{files.ca, encode("CERTIFICATE", a.cert.Raw)},
		{files.serverCert, serverCert}, {files.serverKey, serverKey},
		{files.clientCert, clientCert}, {files.clientKey, clientKey},
	} {
		if err := os.WriteFile(file.path, file.content, 0o600); err != nil {
			return files, err
		}
	}
	return files, nil
}

// clientConfig is how the harness itself speaks to the servers.
func (a *authority) clientConfig() *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{a.client}, ServerName: "localhost"}
}
