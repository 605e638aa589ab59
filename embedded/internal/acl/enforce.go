package acl

// This file asks an Authorizer by the names of resource and access, as /v1/internal/acl/authorize does.

import (
	"fmt"
	"strings"
)

// permission is one question; the segment is the name that it is about.
type permission func(a *Authorizer, segment string) bool

var permissions = map[Resource]map[string]permission{
	ResourceACL:       unnamed((*Authorizer).ACLRead, (*Authorizer).ACLWrite),
	ResourceAgent:     {"read": (*Authorizer).AgentRead, "write": (*Authorizer).AgentWrite},
	ResourceEvent:     {"read": (*Authorizer).EventRead, "write": (*Authorizer).EventWrite},
	ResourceIntention: {"read": (*Authorizer).IntentionRead, "write": (*Authorizer).IntentionWrite},
	ResourceKey: {
		"read":         (*Authorizer).KeyRead,
		"list":         (*Authorizer).KeyList,
		"write":        (*Authorizer).KeyWrite,
		"write-prefix": (*Authorizer).KeyWritePrefix,
	},
	ResourceKeyring:  unnamed((*Authorizer).KeyringRead, (*Authorizer).KeyringWrite),
	ResourceMesh:     unnamed((*Authorizer).MeshRead, (*Authorizer).MeshWrite),
	ResourceNode:     {"read": (*Authorizer).NodeRead, "write": (*Authorizer).NodeWrite},
	ResourceOperator: unnamed((*Authorizer).OperatorRead, (*Authorizer).OperatorWrite),
	ResourcePeering:  unnamed((*Authorizer).PeeringRead, (*Authorizer).PeeringWrite),
	ResourceQuery:    {"read": (*Authorizer).PreparedQueryRead, "write": (*Authorizer).PreparedQueryWrite},
	ResourceService:  {"read": (*Authorizer).ServiceRead, "write": (*Authorizer).ServiceWrite},
	ResourceSession:  {"read": (*Authorizer).SessionRead, "write": (*Authorizer).SessionWrite},
}

// unnamed is the permissions of a resource without names.
func unnamed(read, write func(*Authorizer) bool) map[string]permission {
	return map[string]permission{
		"read":  func(a *Authorizer, _ string) bool { return read(a) },
		"write": func(a *Authorizer, _ string) bool { return write(a) },
	}
}

// Enforce decides a request for access ("read", "write"; of keys also "list" and "write-prefix") to a resource, of the
// name segment where it has names. A resource or an access that there isn't is an error.
func (a *Authorizer) Enforce(resource Resource, segment, access string) (bool, error) {
	accesses, ok := permissions[resource]
	if !ok {
		return false, fmt.Errorf("Invalid ACL resource requested: %q", resource)
	}
	allowed, ok := accesses[strings.ToLower(access)]
	if !ok {
		return false, fmt.Errorf("Invalid access level for %s resource: %s", resource, access)
	}
	return allowed(a, segment), nil
}
