package embedded

// This file says who a request comes from, and what it may do.

import (
	"errors"

	"github.com/lictor-go/consul/embedded/internal/acl"
)

// anonymousToken is the secret of the token that requests without one have.
const anonymousToken = "anonymous"

// identity is who a request comes from: what it may do, and how a refusal calls it.
type identity struct {
	*acl.Authorizer
	accessor string
}

// denied is the refusal of a request for want of a permission. name is empty for resources without names.
func (i identity) denied(resource acl.Resource, access acl.Access, name string) error {
	return acl.Denied{Accessor: i.accessor, Resource: resource, Access: access, Name: name}
}

// errUnknownToken refuses a token that is none.
var errUnknownToken = errors.New("ACL not found")

// isDenied reports whether an error is answered with 403.
func isDenied(err error) bool {
	return errors.Is(err, acl.ErrPermissionDenied) || errors.Is(err, errUnknownToken)
}

// everyone is who asks a server without ACLs.
var everyone = identity{Authorizer: acl.ManageAll()}

// authorize says who the request comes from.
func (c *call) authorize() (identity, error) { return c.s.resolve(c.token) }

// resolve says who has a token.
func (s *Server) resolve(token string) (identity, error) {
	if !s.config.acl.enabled() {
		return everyone, nil
	}
	return identity{}, errUnknownToken
}

// defaultToken is the token of requests without one.
func (s *Server) defaultToken() string { return "" }
