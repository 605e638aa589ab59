package embedded

// This file holds the types of auth methods. Only JWTs with keys of the method's own can log in here: the others have
// another server asked.

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/lictor-go/consul/embedded/internal/jwt"
	"github.com/lictor-go/consul/embedded/internal/store"
)

// authenticator is an auth method at work.
type authenticator interface {
	// blank is someone of whom nothing is known yet, but all that can be.
	blank() verified
	// login says who has a bearer token.
	login(bearer string) (verified, error)
}

// verified is who logs in: what selectors see, and the variables of binding rules.
type verified struct {
	selectable any
	variables  map[string]string
}

var authMethodTypes = map[string]func(*methodConfig) (authenticator, error){
	"aws-iam":    newAWSMethod,
	"jwt":        newJWTMethod,
	"kubernetes": newKubernetesMethod,
}

// newAuthenticator makes an auth method of a known type, or says what is wrong with its configuration.
func newAuthenticator(m *store.AuthMethod) (authenticator, error) {
	return authMethodTypes[m.Type](newMethodConfig(m.Config))
}

// elsewhere is an auth method that asks another server who has a bearer token, which is not done here.
type elsewhere struct {
	verified
	kind string
}

func (e elsewhere) blank() verified { return e.verified }

func (e elsewhere) login(string) (verified, error) {
	return verified{}, fmt.Errorf("the embedded server asks no other server, as logging in by %s needs", e.kind)
}

// jwtFields is what selectors see of the claims of a JWT.
type jwtFields struct {
	Values map[string]string   `bexpr:"value"`
	Lists  map[string][]string `bexpr:"list"`
}

// jwtMethod logs in the bearers of JWTs.
type jwtMethod struct {
	keys          []crypto.PublicKey
	expected      jwt.Expected
	values, lists map[string]string
}

func newJWTMethod(c *methodConfig) (authenticator, error) {
	m := &jwtMethod{
		expected: jwt.Expected{
			Issuer: c.text("BoundIssuer"), Audiences: c.texts("BoundAudiences"),
			Expiration: c.duration("ExpirationLeeway"), NotBefore: c.duration("NotBeforeLeeway"),
			Skew: c.duration("ClockSkewLeeway"),
		},
		values: c.mapping("ClaimMappings"), lists: c.mapping("ListClaimMappings"),
	}
	keys, keysURL, discoveryURL := c.texts("JWTValidationPubKeys"), c.text("JWKSURL"), c.text("OIDCDiscoveryURL")
	keysCA, discoveryCA, algorithms := c.text("JWKSCACert"), c.text("OIDCDiscoveryCACert"), c.texts("JWTSupportedAlgs")
	if err := c.err("ssoauth.Config"); err != nil {
		return nil, err
	}
	sources := 0
	for _, given := range []bool{len(keys) > 0, keysURL != "", discoveryURL != ""} {
		if given {
			sources++
		}
	}
	switch {
	case sources != 1:
		return nil, errors.New(`exactly one of 'JWTValidationPubKeys', 'JWKSURL', or 'OIDCDiscoveryURL' must be set for type "jwt"`)
	case keysURL != "":
		return nil, errors.New("error checking JWKSURL: the embedded server asks no other server")
	case keysCA != "":
		return nil, errors.New("'JWKSCACert' should not be set unless 'JWKSURL' is set")
	}
	for i, text := range keys {
		key, err := jwt.ParseKey(text)
		if err != nil {
			return nil, fmt.Errorf("error parsing public key JWTValidationPubKeys[%d]: %w", i, err)
		}
		m.keys = append(m.keys, key)
	}
	switch {
	case discoveryURL != "":
		return nil, errors.New("error checking OIDCDiscoveryURL: the embedded server asks no other server")
	case discoveryCA != "":
		return nil, errors.New("'OIDCDiscoveryCACert' should not be set unless 'OIDCDiscoveryURL' is set")
	}
	return m, m.check(algorithms)
}

// check refuses algorithms that are unknown, and two claims of one name.
func (m *jwtMethod) check(algorithms []string) error {
	for _, a := range algorithms {
		switch a {
		case "RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512":
		default:
			return fmt.Errorf("Invalid supported algorithm: %s", a)
		}
	}
	for _, mappings := range []struct {
		name string
		of   map[string]string
	}{{"ClaimMappings", m.values}, {"ListClaimMappings", m.lists}} {
		seen := map[string]bool{}
		for _, name := range mappings.of {
			if seen[name] {
				return fmt.Errorf("%s contains multiple mappings for key %q", mappings.name, name)
			}
			seen[name] = true
		}
	}
	return nil
}

func (m *jwtMethod) blank() verified {
	fields := &jwtFields{Values: map[string]string{}, Lists: map[string][]string{}}
	variables := map[string]string{}
	for _, name := range m.values {
		fields.Values[name], variables["value."+name] = "", ""
	}
	for _, name := range m.lists {
		fields.Lists[name] = nil
	}
	return verified{fields, variables}
}

// newKubernetesMethod checks the configuration of an auth method by service accounts of Kubernetes.
func newKubernetesMethod(c *methodConfig) (authenticator, error) {
	host, ca, account := c.text("Host"), c.text("CACert"), c.text("ServiceAccountJWT")
	if err := c.err("kubeauth.Config"); err != nil {
		return nil, err
	}
	switch {
	case host == "":
		return nil, errors.New("Config.Host is required")
	case ca == "":
		return nil, errors.New("Config.CACert is required")
	case !hasCertificate(ca):
		return nil, errors.New("error parsing kubernetes ca cert: data does not contain any valid RSA or ECDSA certificates")
	case account == "":
		return nil, errors.New("Config.ServiceAccountJWT is required")
	}
	if _, err := jwt.Parse(account); err != nil {
		return nil, fmt.Errorf("Config.ServiceAccountJWT is not a valid JWT: %w", err)
	}
	type serviceAccount struct {
		Namespace string `bexpr:"namespace"`
		Name      string `bexpr:"name"`
		UID       string `bexpr:"uid"`
	}
	type fields struct {
		ServiceAccount serviceAccount `bexpr:"serviceaccount"`
	}
	return elsewhere{kind: "Kubernetes", verified: verified{&fields{}, map[string]string{
		"serviceaccount.namespace": "", "serviceaccount.name": "", "serviceaccount.uid": "",
	}}}, nil
}

func hasCertificate(text string) bool {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return false
	}
	_, err := x509.ParseCertificate(block.Bytes)
	return err == nil
}

// newAWSMethod checks the configuration of an auth method by identities of AWS.
func newAWSMethod(c *methodConfig) (authenticator, error) {
	principals, details, tags := c.texts("BoundIAMPrincipalARNs"), c.flag("EnableIAMEntityDetails"), c.texts("IAMEntityTags")
	for _, name := range []string{"ServerIDHeaderValue", "MaxRetries", "IAMEndpoint", "STSEndpoint", "AllowedSTSHeaderValues"} {
		c.value(name) // known, and of no use here
	}
	if err := c.err("awsauth.Config"); err != nil {
		return nil, err
	}
	if len(principals) == 0 {
		return nil, errors.New("BoundIAMPrincipalARNs is required and must have at least 1 entry")
	}
	for _, principal := range principals {
		if err := checkPrincipal(principal, details); err != nil {
			return nil, err
		}
	}
	if len(tags) > 0 && !details {
		return nil, errors.New("must set EnableIAMEntityDetails=true to use IAMEntityTags")
	}
	type fields struct {
		EntityName string            `bexpr:"entity_name"`
		EntityID   string            `bexpr:"entity_id"`
		AccountID  string            `bexpr:"account_id"`
		EntityPath string            `bexpr:"entity_path"`
		EntityTags map[string]string `bexpr:"entity_tags"`
	}
	v := verified{&fields{}, map[string]string{"entity_name": "", "entity_id": "", "account_id": ""}}
	if details {
		v.variables["entity_path"] = ""
		for _, tag := range tags {
			v.variables["entity_tags."+tag] = ""
		}
	}
	return elsewhere{kind: "AWS", verified: v}, nil
}

// checkPrincipal refuses what is no ARN of a principal, or has a wildcard elsewhere than at its end.
func checkPrincipal(arn string, wildcards bool) error {
	const sections = 6
	parts := strings.SplitN(arn, ":", sections)
	switch n := strings.Count(arn, "*"); {
	case n > 0 && !wildcards:
		return errors.New("must set EnableIAMEntityDetails=true to use wildcards in BoundIAMPrincipalARNs")
	case n > 1, n == 1 && !strings.HasSuffix(arn, "*"):
		return errors.New("only one wildcard is allowed at the end of the bound IAM principal ARN")
	case len(parts) != sections, parts[0] != "arn", parts[2] != "iam" && parts[2] != "sts":
		return fmt.Errorf("invalid principal ARN: %q", arn)
	}
	return nil
}
