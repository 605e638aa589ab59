// Package jwt reads JSON Web Tokens (RFC 7519) and checks their signatures: RSA, ECDSA and Ed25519. Errors are in the
// words of Consul 1.22.7, which reads them by package go-jose.
package jwt

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	_ "crypto/sha256" // hashes of signatures
	_ "crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"unicode"
)

// Token is a token that was read. Nothing says that it is genuine yet.
type Token struct {
	algorithm string
	// critical says that the header asks for what is not known here.
	critical bool
	signed   []byte
	payload  []byte
	// signature is that of signed.
	signature []byte
}

// Parse reads a token.
func Parse(text string) (*Token, error) {
	text = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, text)
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return nil, errors.New("go-jose/go-jose: compact JWS format must have three parts")
	}
	var decoded [3][]byte
	for i, part := range parts {
		var err error
		if decoded[i], err = base64.RawURLEncoding.DecodeString(part); err != nil {
			return nil, err
		}
	}
	var header struct {
		Algorithm string   `json:"alg"`
		Critical  []string `json:"crit"`
	}
	if len(decoded[0]) > 0 {
		if err := json.Unmarshal(decoded[0], &header); err != nil {
			return nil, err
		}
	}
	return &Token{
		algorithm: header.Algorithm, critical: len(header.Critical) > 0,
		signed: []byte(parts[0] + "." + parts[1]), payload: decoded[1], signature: decoded[2],
	}, nil
}

// hashes are those of the algorithms, by the end of their names.
var hashes = map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}

// SignedBy reports whether the owner of the public key signed the token.
func (t *Token) SignedBy(key crypto.PublicKey) bool {
	if t.critical {
		return false
	}
	if key, ok := key.(ed25519.PublicKey); ok {
		return t.algorithm == "EdDSA" && ed25519.Verify(key, t.signed, t.signature)
	}
	const prefix = 2 // "RS", "PS" or "ES"
	if len(t.algorithm) <= prefix {
		return false
	}
	kind := t.algorithm[:prefix]
	hash, ok := hashes[t.algorithm[prefix:]]
	if !ok {
		return false
	}
	h := hash.New()
	h.Write(t.signed)
	sum := h.Sum(nil)
	switch key := key.(type) {
	case *rsa.PublicKey:
		return kind == "RS" && rsa.VerifyPKCS1v15(key, hash, sum, t.signature) == nil ||
			kind == "PS" && rsa.VerifyPSS(key, hash, sum, t.signature, nil) == nil
	case *ecdsa.PublicKey:
		return kind == "ES" && key.Params().BitSize == curves[hash] && verifyECDSA(key, sum, t.signature)
	}
	return false
}

// curves are the sizes of the curves that go with a hash.
var curves = map[crypto.Hash]int{crypto.SHA256: 256, crypto.SHA384: 384, crypto.SHA512: 521}

// verifyECDSA checks a signature that is two numbers, one after the other.
func verifyECDSA(key *ecdsa.PublicKey, sum, signature []byte) bool {
	size := (key.Params().BitSize + 7) / 8
	if len(signature) != 2*size {
		return false
	}
	r, s := new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:])
	return ecdsa.Verify(key, sum, r, s)
}

// Claims gives what the token claims, or an error where it is no JSON object, or says who issued it, for whom or when in a
// form that it can't have.
func (t *Token) Claims() (*Claims, error) {
	c := &Claims{}
	if err := json.Unmarshal(t.payload, &c.All); err != nil {
		return nil, err
	}
	return c, c.read()
}
