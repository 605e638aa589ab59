// Package acl is Consul's access control without its server: the language of rules, what rules decide, the policies that
// identities and templates stand for, and the words in which a request is refused. It keeps no state and does no I/O.
//
// Its texts and decisions are those of Consul 1.22.7, where the name ends in Legacy those of 1.10.0.
package acl

// This file holds what rules speak of, resources and levels of access, and the refusal of a request.

import "strings"

// A Resource is what a rule protects. Those marked as named have a rule for a name or for a prefix of names.
type Resource string

const (
	ResourceACL       Resource = "acl"
	ResourceAgent     Resource = "agent" // named, by node
	ResourceEvent     Resource = "event" // named
	ResourceIntention Resource = "intention"
	ResourceKey       Resource = "key" // named
	ResourceKeyring   Resource = "keyring"
	ResourceMesh      Resource = "mesh"
	ResourceNode      Resource = "node" // named
	ResourceOperator  Resource = "operator"
	ResourcePeering   Resource = "peering"
	ResourceQuery     Resource = "query"   // named
	ResourceService   Resource = "service" // named
	ResourceSession   Resource = "session" // named, by node
)

// Access is a level of access. Levels grow: each grants what those below it grant. The zero value is that no rule says.
type Access int

const (
	AccessDeny Access = iota + 1
	AccessRead
	AccessList // keys only: read, and list all keys with a prefix
	AccessWrite
)

var accessNames = [...]string{"unknown", "deny", "read", "list", "write"}

func (a Access) String() string {
	if a < 0 || int(a) >= len(accessNames) {
		a = 0
	}
	return accessNames[a]
}

// accessOf is the level that a rule's text stands for, in any case; 0 where it stands for none.
func accessOf(text string) Access {
	for a := AccessDeny; a <= AccessWrite; a++ {
		if strings.EqualFold(text, a.String()) {
			return a
		}
	}
	return 0
}

// AnonymousAccessorID is the accessor of the token that a request without a token has.
const AnonymousAccessorID = "00000000-0000-0000-0000-000000000002"

// Denied refuses a request, in the server's words. The zero value, ErrPermissionDenied, says no more than that.
type Denied struct {
	Cause string // why; else a permission is wanting, which the other fields say

	Accessor string // of the token that was used
	Resource Resource
	Access   Access
	Name     string // of what was asked for, where the resource is named
}

// ErrPermissionDenied is the refusal that gives no reason. Every Denied is it to errors.Is.
var ErrPermissionDenied error = Denied{}

// Is makes every refusal ErrPermissionDenied.
func (Denied) Is(target error) bool { return target == ErrPermissionDenied }

func (d Denied) Error() string {
	const denied = "Permission denied"
	if d.Cause != "" {
		return denied + ": " + d.Cause
	}
	if d.Resource == "" {
		return denied
	}
	anonymous := d.Accessor == AnonymousAccessorID
	who := "token with AccessorID '" + d.Accessor + "'"
	if anonymous {
		who = "anonymous token"
	}
	text := denied + ": " + who + " lacks permission '" + string(d.Resource) + ":" + d.Access.String() + "'"
	if d.Name != "" {
		text += ` on "` + d.Name + `"` // not quoted as Go would: the server puts the name there as it is
	}
	if anonymous {
		text += ". The anonymous token is used implicitly when a request does not specify a token."
	}
	return text
}
