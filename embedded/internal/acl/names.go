package acl

// This file holds what policies, roles, auth methods and identities may be called, in the server's words where it
// refuses.

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

const (
	maxPolicyName   = 128
	maxIdentityName = 256

	identityCharacters = "Only lowercase alphanumeric characters, '-' and '_' are allowed"
)

var (
	policyName     = regexp.MustCompile(`^[A-Za-z0-9_-]+/?[A-Za-z0-9_-]*$`)
	roleName       = regexp.MustCompile(`^[A-Za-z0-9_-]{1,256}$`)
	authMethodName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)
	identityName   = regexp.MustCompile(`^[a-z0-9]([a-z0-9_-]*[a-z0-9])?$`)
)

// CheckPolicyName says why a policy can't have a name.
func CheckPolicyName(name string) error {
	switch {
	case name == "":
		return noName("Policy")
	case len(name) > maxPolicyName:
		return invalidName("Policy", fmt.Sprintf("Length must be greater than 0 and less than %d", maxPolicyName))
	case strings.HasPrefix(name, "/") || strings.HasPrefix(name, ReservedNamePrefix):
		return invalidName("Policy", "Names cannot be prefixed with '/' or '"+ReservedNamePrefix+"'")
	case !policyName.MatchString(name):
		return invalidName("Policy", "Only alphanumeric characters, a single '/', '-' and '_' are allowed")
	default:
		return nil
	}
}

// CheckRoleName says why a role can't have a name.
func CheckRoleName(name string) error { return checkName("Role", name, roleName) }

// CheckAuthMethodName says why an auth method can't have a name.
func CheckAuthMethodName(name string) error { return checkName("Auth Method", name, authMethodName) }

func checkName(kind, name string, valid *regexp.Regexp) error {
	switch {
	case name == "":
		return noName(kind)
	case !valid.MatchString(name):
		return invalidName(kind, "Only alphanumeric characters, '-' and '_' are allowed")
	default:
		return nil
	}
}

func noName(kind string) error { return fmt.Errorf("Invalid %s: no Name is set", kind) }

func invalidName(kind, why string) error {
	return fmt.Errorf("Invalid %s: invalid Name. %s", kind, why)
}

// ValidServiceIdentityName says whether there can be an identity of a service of that name, which is stricter than the
// catalog.
func ValidServiceIdentityName(name string) bool { return validIdentityName(name) }

// ValidNodeIdentityName says whether there can be an identity of a node of that name, which is stricter than the
// catalog.
func ValidNodeIdentityName(name string) bool { return validIdentityName(name) }

func validIdentityName(name string) bool {
	return len(name) <= maxIdentityName && identityName.MatchString(name)
}

// Owner is what identities and templated policies are given to: errors name it.
type Owner string

const (
	OwnerToken Owner = "token"
	OwnerRole  Owner = "role"
)

// CheckServiceIdentity says why a token or role can't have the identity of a service in datacenters. Local is that the
// owner is a token of one datacenter.
func CheckServiceIdentity(owner Owner, service string, datacenters []string, local bool) error {
	switch {
	case service == "":
		return fmt.Errorf("Service identity is missing the service name field on this %s", owner)
	case local && len(datacenters) > 0:
		return fmt.Errorf("Service identity %q cannot specify a list of datacenters on a local token", service)
	case !ValidServiceIdentityName(service):
		return fmt.Errorf("Service identity %q has an invalid name. %s", service, identityCharacters)
	default:
		return nil
	}
}

// CheckNodeIdentity says why a token or role can't have the identity of a node in a datacenter.
func CheckNodeIdentity(owner Owner, node, datacenter string) error {
	switch {
	case node == "":
		return fmt.Errorf("Node identity is missing the node name field on this %s", owner)
	case datacenter == "":
		return fmt.Errorf("Node identity is missing the datacenter field on this %s", owner)
	case !ValidNodeIdentityName(node):
		return errors.New("Node identity has an invalid name. " + identityCharacters)
	default:
		return nil
	}
}

// CheckTemplatedPolicy says why a token or role can't have a templated policy, and finds its template.
func CheckTemplatedPolicy(owner Owner, template string, v *Variables) (Template, error) {
	if template == "" {
		return Template{}, fmt.Errorf("templated policy is missing the template name field on this %s", owner)
	}
	t, ok := TemplateByName(template)
	if !ok && owner == OwnerRole {
		return Template{}, fmt.Errorf("templated policy with an invalid templated name: %s for this role", template)
	}
	if !ok {
		return Template{}, fmt.Errorf("no such ACL templated policy with Name %q", template)
	}
	err := t.Check(v)
	switch {
	case err == nil:
		return t, nil
	case owner == OwnerRole:
		return Template{}, fmt.Errorf("encountered role with invalid templated policy: %w", err)
	default:
		return Template{}, fmt.Errorf("validation error for templated policy %q: %w", template, err)
	}
}
