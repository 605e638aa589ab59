package embedded

// This file logs in by JWTs.

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lictor-go/consul/embedded/internal/jwt"
)

func (m *jwtMethod) login(bearer string) (verified, error) {
	if bearer == "" {
		return verified{}, errors.New("missing jwt")
	}
	token, err := jwt.Parse(bearer)
	if err != nil {
		return verified{}, fmt.Errorf("error parsing token: %w", err)
	}
	claims := m.verify(token)
	if claims == nil {
		return verified{}, errors.New("no known key successfully validated the token signature")
	}
	if err := claims.Settle(m.expected); err != nil {
		return verified{}, err
	}
	if err := claims.Check(m.expected, time.Now()); err != nil {
		return verified{}, fmt.Errorf("error validating claims: %w", err)
	}
	return m.identify(claims.All)
}

// verify gives what the token claims, nil where no key of the method's signed it or the claims are none.
func (m *jwtMethod) verify(token *jwt.Token) *jwt.Claims {
	for _, key := range m.keys {
		if !token.SignedBy(key) {
			continue
		}
		if claims, err := token.Claims(); err == nil {
			return claims
		}
	}
	return nil
}

// identify takes the claims that the method names.
func (m *jwtMethod) identify(claims map[string]any) (verified, error) {
	fields := &jwtFields{Values: map[string]string{}, Lists: map[string][]string{}}
	v := m.blank()
	v.selectable = fields
	for source, name := range m.values {
		claim := findClaim(claims, source)
		if claim == nil {
			continue
		}
		text, ok := claimText(claim)
		if !ok {
			return verified{}, fmt.Errorf("error converting claim '%s' to string from unknown type %T", source, claim)
		}
		fields.Values[name], v.variables["value."+name] = text, text
	}
	for source, name := range m.lists {
		claim := findClaim(claims, source)
		if claim == nil {
			continue
		}
		list, err := claimList(source, claim)
		if err != nil {
			return verified{}, err
		}
		fields.Lists[name] = list
	}
	return v, nil
}

// findClaim finds a claim by its name or, where that begins with a slash, by the path to it (RFC 6901).
func findClaim(claims map[string]any, source string) any {
	if !strings.HasPrefix(source, "/") {
		return claims[source]
	}
	unescape := strings.NewReplacer("~1", "/", "~0", "~")
	var found any = claims
	for name := range strings.SplitSeq(source[1:], "/") {
		switch inner := found.(type) {
		case map[string]any:
			found = inner[unescape.Replace(name)]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(inner) {
				return nil
			}
			found = inner[i]
		default:
			return nil
		}
	}
	return found
}

// claimText is the text of a claim that has no parts. Numbers lose their fractions.
func claimText(claim any) (string, bool) {
	switch claim := claim.(type) {
	case string:
		return claim, true
	case bool:
		return strconv.FormatBool(claim), true
	case float64:
		return strconv.FormatInt(int64(claim), 10), true
	}
	return "", false
}

// claimList is a claim that is a list, or one of it alone, without what is empty.
func claimList(source string, claim any) ([]string, error) {
	list, ok := claim.([]any)
	if !ok {
		if _, ok := claimText(claim); !ok {
			return nil, fmt.Errorf("%q list claim could not be converted to string list", source)
		}
		list = []any{claim}
	}
	texts := make([]string, 0, len(list))
	for _, one := range list {
		text, ok := claimText(one)
		if !ok {
			return nil, fmt.Errorf("value %v in %q list claim could not be parsed as string", one, source)
		}
		texts = append(texts, text)
	}
	return slices.DeleteFunc(texts, func(text string) bool { return text == "" }), nil
}
