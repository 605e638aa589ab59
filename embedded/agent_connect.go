package embedded

// This file serves what an agent is asked about the service mesh. There is none, and it says so, but for the roots of the
// certificate authority: some harnesses wait for a root before they take a server for ready.

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/lictor-go/consul/embedded/internal/acl"
)

// caRoot is a root of the authority.
type caRoot struct {
	ID                  string
	Name                string
	SerialNumber        uint64
	SigningKeyID        string
	ExternalTrustDomain string
	NotBefore           time.Time
	NotAfter            time.Time
	RootCert            string
	IntermediateCerts   []string
	Active              bool
	PrivateKeyType      string
	PrivateKeyBits      int
	CreateIndex         uint64
	ModifyIndex         uint64
}

// caRoots are all roots.
type caRoots struct {
	ActiveRootID string
	TrustDomain  string
	Roots        []caRoot
}

// rootLife is how long a root is good for.
const rootLife = 10 * 365 * 24 * time.Hour

func readRoots(c *call) (any, error) {
	if err := c.parse(); err != nil {
		return nil, err
	}
	if err := c.forward(); err != nil {
		return nil, err
	}
	roots, err := c.s.roots()
	if err != nil {
		return nil, err
	}
	c.setMeta(&meta{index: roots.Roots[0].ModifyIndex})
	return roots, nil
}

// errNoMesh refuses what only a server with a mesh does.
var errNoMesh = errors.New("Connect must be enabled in order to use this endpoint")

func readLeaf(c *call) (any, error) {
	if err := c.refuseEnterprise(); err != nil {
		return nil, err
	}
	if err := c.parse(); err != nil {
		return nil, err
	}
	return nil, errNoMesh
}

// The paths of the identities that certificates have in their URIs: those of services, and those of others.
var (
	serviceIdentity = regexp.MustCompile(`^(/ap/[^/]+)?/ns/[^/]+/dc/[^/]+/svc/[^/]+$`)
	otherIdentity   = regexp.MustCompile(
		`^$|^(/ap/[^/]+)?(/agent/client/dc/[^/]+/id/[^/]+|/gateway/mesh/dc/[^/]+)$|^/agent/server/dc/[^/]+$`)
)

// authorizeConnection refuses all, once it has checked what the real server checks first.
func authorizeConnection(c *call) (any, error) {
	type ConnectAuthorizeRequest struct{ Target, ClientCertURI, ClientCertSerial string }
	c.parseTarget()
	if err := c.refuseEnterprise(); err != nil {
		return nil, err
	}
	var request ConnectAuthorizeRequest
	if err := c.decodeAgent(&request); err != nil {
		return nil, err
	}
	if request.Target == "" {
		return nil, badRequest("Target service must be specified")
	}
	uri, err := url.Parse(request.ClientCertURI)
	switch {
	case err == nil && uri.Scheme == "spiffe" && serviceIdentity.MatchString(uri.Path):
	case err == nil && uri.Scheme == "spiffe" && otherIdentity.MatchString(uri.Path):
		return nil, badRequest("ClientCertURI not a valid Service identifier")
	default:
		return nil, badRequest("ClientCertURI not a valid Connect identifier")
	}
	who, err := c.authorize()
	if err != nil {
		return nil, fmt.Errorf("Could not resolve token to authorizer: %w", err)
	}
	if !who.ServiceWrite(request.Target) {
		return nil, who.denied(acl.ResourceService, acl.AccessWrite, request.Target)
	}
	return nil, fmt.Errorf("failed getting intention match: %w", errNoMesh)
}

// newRoots makes an authority with one root. Its key is thrown away: it signs nothing.
func newRoots() (*caRoots, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	const serial = 7
	trust := newUUID() + ".consul"
	now := time.Now().UTC().Truncate(time.Second)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "pri-embedded.consul.ca." + trust},
		NotBefore: now.Add(-time.Minute), NotAfter: now.Add(rootLife),
		IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature,
		URIs:     []*url.URL{{Scheme: "spiffe", Host: trust}},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	id := colons(sha1.Sum(der)) // a name, not a defence
	return &caRoots{ActiveRootID: id, TrustDomain: trust, Roots: []caRoot{{
		ID: id, Name: "Consul CA Primary Cert", SerialNumber: serial, SigningKeyID: id,
		ExternalTrustDomain: strings.TrimSuffix(trust, ".consul"),
		NotBefore:           template.NotBefore, NotAfter: template.NotAfter,
		RootCert: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		Active:   true, PrivateKeyType: "ec", PrivateKeyBits: 256, CreateIndex: 9, ModifyIndex: 9,
	}}}, nil
}

// colons writes a hash as hexadecimal bytes between colons.
func colons(sum [sha1.Size]byte) string {
	parts := make([]string, len(sum))
	for i, b := range sum {
		parts[i] = fmt.Sprintf("%02x", b)
	}
	return strings.Join(parts, ":")
}
