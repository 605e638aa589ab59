package jwt

// This file reads what tokens claim, and checks it.

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"slices"
	"time"
)

// Claims is what a token claims: all of it, and what is asked of every token.
type Claims struct {
	All      map[string]any
	Issuer   string
	Audience []string
	// Issued, NotBefore and Expires are seconds since 1970, 0 where the token does not say.
	Issued, NotBefore, Expires int64
}

var errForm = errors.New("a claim has a form that it can't have")

// read takes the claims that every token has from all.
func (c *Claims) read() error {
	for name, target := range map[string]*int64{"iat": &c.Issued, "nbf": &c.NotBefore, "exp": &c.Expires} {
		switch value := c.All[name].(type) {
		case nil:
		case float64:
			*target = int64(value)
		default:
			return errForm
		}
	}
	for _, name := range []string{"iss", "sub", "jti"} {
		switch value := c.All[name].(type) {
		case nil:
		case string:
			if name == "iss" {
				c.Issuer = value
			}
		default:
			return errForm
		}
	}
	return c.readAudience()
}

func (c *Claims) readAudience() error {
	switch value := c.All["aud"].(type) {
	case nil:
	case string:
		c.Audience = []string{value}
	case []any:
		for _, one := range value {
			text, ok := one.(string)
			if !ok {
				return errForm
			}
			c.Audience = append(c.Audience, text)
		}
	default:
		return errForm
	}
	return nil
}

// Expected is what tokens must claim.
type Expected struct {
	// Issuer must be the token's, where it is not empty.
	Issuer string
	// Audiences must have one in common with the token's. Where there are none, the token must have none either.
	Audiences []string
	// Expiration is how long a token is good that does not say, NotBefore how long before its end, Skew what clocks may differ
	// by. 0 is a default, and less none at all.
	Expiration, NotBefore, Skew time.Duration
}

const (
	defaultLeeway = 150 * time.Second
	defaultSkew   = time.Minute
)

// ErrNoTime refuses a token that says nothing of when it holds.
var ErrNoTime = errors.New("no issue time, notbefore, or expiration time encoded in token")

// Settle completes the times that the token does not claim.
func (c *Claims) Settle(e Expected) error {
	if c.Issued == 0 && c.NotBefore == 0 && c.Expires == 0 {
		return ErrNoTime
	}
	if c.Expires == 0 {
		c.Expires = max(c.Issued, c.NotBefore) + seconds(e.Expiration)
	}
	if c.NotBefore == 0 {
		c.NotBefore = c.Issued
	}
	if c.NotBefore == 0 {
		c.NotBefore = c.Expires - seconds(e.NotBefore)
	}
	return nil
}

// seconds are those of a leeway.
func seconds(leeway time.Duration) int64 { return int64(orDefault(leeway, defaultLeeway).Seconds()) }

func orDefault(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return max(d, 0)
}

// Check says why claims, which are settled, are not as expected.
func (c *Claims) Check(e Expected, now time.Time) error {
	const failed = "go-jose/go-jose/jwt: validation "
	skew := orDefault(e.Skew, defaultSkew)
	switch {
	case e.Issuer != "" && e.Issuer != c.Issuer:
		return errors.New(failed + "failed, invalid issuer claim (iss)")
	case now.Add(skew).Before(time.Unix(c.NotBefore, 0)):
		return errors.New(failed + "failed, token not valid yet (nbf)")
	case now.Add(-skew).After(time.Unix(c.Expires, 0)):
		return errors.New(failed + "failed, token is expired (exp)")
	case now.Add(skew).Before(time.Unix(c.Issued, 0)):
		return errors.New(failed + "field, token issued in the future (iat)")
	case len(e.Audiences) == 0 && len(c.Audience) > 0:
		return errors.New("audience claim found in JWT but no audiences are bound")
	case len(e.Audiences) > 0 && !slices.ContainsFunc(e.Audiences, c.isFor):
		return errors.New("aud claim does not match any bound audience")
	}
	return nil
}

func (c *Claims) isFor(audience string) bool { return slices.Contains(c.Audience, audience) }

// ParseKey reads a public key, or a certificate for its key, in PEM.
func ParseKey(text string) (crypto.PublicKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block != nil {
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			cert, certErr := x509.ParseCertificate(block.Bytes)
			if certErr != nil {
				return nil, err
			}
			key = cert.PublicKey
		}
		switch key := key.(type) {
		case *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey:
			return key, nil
		}
	}
	return nil, errors.New("data does not contain any valid RSA, ECDSA, or ED25519 public keys")
}
