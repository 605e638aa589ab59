package jwt_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/lictor-go/consul/embedded/internal/jwt"
)

const claims = `{"iss": "me", "aud": "you", "iat": 1000, "exp": 2000}`

// unsigned is a token as far as it is signed.
func unsigned(header string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(header)) + "." + encode([]byte(claims))
}

// sign signs a token by an algorithm.
func sign(t *testing.T, key crypto.Signer, algorithm, header string) string {
	t.Helper()
	text := unsigned(header)
	hash := map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[algorithm[2:]]
	sum := []byte(text)
	if hash != 0 {
		h := hash.New()
		h.Write(sum)
		sum = h.Sum(nil)
	}
	var signature []byte
	var err error
	switch key := key.(type) {
	case *ecdsa.PrivateKey:
		r, s, signErr := ecdsa.Sign(rand.Reader, key, sum)
		if signErr != nil {
			t.Fatal(signErr)
		}
		size := (key.Params().BitSize + 7) / 8
		signature = append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
	case *rsa.PrivateKey:
		var opts crypto.SignerOpts = hash
		if algorithm[0] == 'P' {
			opts = &rsa.PSSOptions{Hash: hash, SaltLength: rsa.PSSSaltLengthEqualsHash}
		}
		signature, err = key.Sign(rand.Reader, sum, opts)
	default:
		signature, err = key.Sign(rand.Reader, sum, crypto.Hash(0))
	}
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func header(algorithm string) string { return `{"alg": "` + algorithm + `"}` }

func newKeys(t *testing.T) map[string]crypto.Signer {
	t.Helper()
	keys := map[string]crypto.Signer{}
	curves := map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521()}
	for name, curve := range curves {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		keys[name] = key
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys["EdDSA"] = ed
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"} {
		keys[name] = key
	}
	return keys
}

func TestSignaturesAreThoseOfTheKeyAlone(t *testing.T) {
	t.Parallel()
	keys, others := newKeys(t), newKeys(t)
	for algorithm, key := range keys {
		token, err := jwt.Parse(" " + sign(t, key, algorithm, header(algorithm)) + "\n")
		if err != nil {
			t.Errorf("%s: %v", algorithm, err)
			continue
		}
		if !token.SignedBy(key.Public()) {
			t.Errorf("%s: not signed by its key", algorithm)
		}
		if token.SignedBy(others[algorithm].Public()) {
			t.Errorf("%s: signed by another key", algorithm)
		}
		for other, key := range others {
			if token.SignedBy(key.Public()) {
				t.Errorf("%s: signed by a key for %s", algorithm, other)
			}
		}
	}
}

func TestForgeriesAreNotSigned(t *testing.T) {
	t.Parallel()
	key := newKeys(t)["ES256"]
	good := sign(t, key, "ES256", header("ES256"))
	for name, text := range map[string]string{
		"none":              unsigned(header("none")) + ".",
		"no algorithm":      unsigned(`{}`) + ".",
		"symmetric":         sign(t, key, "ES256", header("HS256")),
		"other hash":        sign(t, key, "ES384", header("ES384")),
		"other family":      sign(t, key, "ES256", header("RS256")),
		"unknown and named": sign(t, key, "ES256", `{"alg": "ES256", "crit": ["exp"]}`),
		"short":             good[:len(good)-4],
		"other claims":      strings.Replace(good, ".", ".eyJhIjoxfQ", 1),
	} {
		token, err := jwt.Parse(text)
		if err == nil && token.SignedBy(key.Public()) {
			t.Errorf("%s is taken for signed", name)
		}
	}
}

func TestKeysAreReadFromPEM(t *testing.T) {
	t.Parallel()
	for algorithm, key := range newKeys(t) {
		der, err := x509.MarshalPKIXPublicKey(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		read, err := jwt.ParseKey(string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))
		if err != nil || !read.(interface{ Equal(crypto.PublicKey) bool }).Equal(key.Public()) {
			t.Errorf("%s: %v, %v", algorithm, read, err)
		}
	}
	for _, text := range []string{"", "x", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"} {
		if key, err := jwt.ParseKey(text); err == nil {
			t.Errorf("%q is read as %v", text, key)
		}
	}
}

func TestClaimsHoldForATime(t *testing.T) {
	t.Parallel()
	const at = 1000
	for name, c := range map[string]struct {
		claims   jwt.Claims
		expected jwt.Expected
		// first and last are the first and the last second at which the claims hold.
		first, last int64
	}{
		"all said":         {jwt.Claims{Issued: at, NotBefore: at, Expires: at + 10}, jwt.Expected{}, at - 60, at + 70},
		"no skew":          {jwt.Claims{Issued: at, NotBefore: at, Expires: at + 10}, jwt.Expected{Skew: -1}, at, at + 10},
		"no end":           {jwt.Claims{Issued: at}, jwt.Expected{Skew: -1}, at, at + 150},
		"no end, short":    {jwt.Claims{Issued: at}, jwt.Expected{Skew: -1, Expiration: 5 * time.Second}, at, at + 5},
		"no end, at once":  {jwt.Claims{Issued: at}, jwt.Expected{Skew: -1, Expiration: -1}, at, at},
		"only an end":      {jwt.Claims{Expires: at}, jwt.Expected{Skew: -1}, at - 150, at},
		"starts late":      {jwt.Claims{Issued: at, NotBefore: at + 5}, jwt.Expected{Skew: -1}, at + 5, at + 155},
		"issued after all": {jwt.Claims{Issued: at + 5, NotBefore: at, Expires: at + 10}, jwt.Expected{Skew: -1}, at + 5, at + 10},
	} {
		if err := c.claims.Settle(c.expected); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for second, want := range map[int64]bool{c.first - 1: false, c.first: true, c.last: true, c.last + 1: false} {
			if err := c.claims.Check(c.expected, time.Unix(second, 0)); (err == nil) != want {
				t.Errorf("%s: at %d, of %d to %d: %v", name, second, c.first, c.last, err)
			}
		}
	}
	if err := new(jwt.Claims).Settle(jwt.Expected{}); err == nil {
		t.Error("claims without any time are taken")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("a.b.c")
	f.Add(unsigned(header("RS256")) + ".AAAA")
	f.Add("e30.e30.e30")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		token, err := jwt.Parse(text)
		if err != nil {
			return
		}
		if token.SignedBy(key.Public()) {
			t.Errorf("%q is signed by a key that was made just now", text)
		}
		if c, err := token.Claims(); err == nil {
			_ = c.Settle(jwt.Expected{})
			_ = c.Check(jwt.Expected{}, time.Now())
		}
	})
}
