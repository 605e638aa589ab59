package store

// This file holds the tables of access control, and what they have in common.

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/hashicorp/go-memdb"
	"golang.org/x/crypto/blake2b"

	"github.com/lictor-go/consul/embedded/internal/acl"
)

const (
	tokens       table[Token]       = "acl-tokens"
	policies     table[Policy]      = "acl-policies"
	roles        table[Role]        = "acl-roles"
	authMethods  table[AuthMethod]  = "acl-auth-methods"
	bindingRules table[BindingRule] = "acl-binding-rules"

	indexAccessor   = "accessor"
	indexName       = "name"
	indexPolicy     = "policy"
	indexRole       = "role"
	indexIdentity   = "identity"
	indexAuthMethod = "auth_method"
	indexExpires    = "expires"
)

func aclTables() []*memdb.TableSchema {
	return []*memdb.TableSchema{tokenTable(), policyTable(), roleTable(), authMethodTable(), bindingRuleTable()}
}

// Link points from a token or role to a policy or role. The name is the present one of what is linked.
type Link struct {
	ID   string
	Name string
}

// ServiceIdentity gives the permissions of a service, in all datacenters where it names none.
type ServiceIdentity struct {
	ServiceName string
	Datacenters []string `json:",omitempty"`
}

// NodeIdentity gives the permissions of a node's agent.
type NodeIdentity struct {
	NodeName   string
	Datacenter string
}

// TemplatedPolicy gives the permissions of a template with its variables filled in.
type TemplatedPolicy struct {
	TemplateID        string         `json:",omitempty"`
	TemplateName      string         `json:",omitempty"`
	TemplateVariables *acl.Variables `json:",omitempty"`
	Datacenters       []string       `json:",omitempty"`
}

// touchACL notes that the write changes a table of access control.
func (tx *Tx) touchACL(table string) {
	tx.touch(table)
	tx.onCommit(func() { tx.store.aclVersion.Add(1) })
}

// ACLVersion grows with every change of a token, policy or role, and when everything is forgotten.
func (s *Store) ACLVersion() uint64 { return s.aclVersion.Load() }

// idKey is the key of an ID, whose case and hyphens do not matter.
func idKey(id string) string { return strings.ToLower(strings.ReplaceAll(id, "-", "")) }

// idWords are the words in which a malformed ID is refused, which differ by table.
type idWords struct{ odd, malformed string }

var (
	ownWords   = idWords{"UUID (without hyphens) must be even length", "invalid UUID"}
	memdbWords = idWords{"Input (without hyphens) must be even length", "Invalid UUID"}
)

// idLength is the length of an ID, with its hyphens.
const idLength = 36

// check refuses what can't be the ID of one of kind.
func (w idWords) check(kind, id string) error {
	why := w.malformedPart(id)
	if len(id) != idLength {
		why = fmt.Sprintf("UUID must be %d characters", idLength)
	}
	if why == "" {
		return nil
	}
	return fmt.Errorf("failed %s lookup: index error: %s", kind, why)
}

// malformedPart says why an ID can't begin so; "" where it can.
func (w idWords) malformedPart(id string) string {
	const most = 4
	key := idKey(id)
	switch hyphens := len(id) - len(key); {
	case len(id) > idLength:
		return fmt.Sprintf("Invalid UUID length. UUID have %d characters; got %d", idLength, len(id))
	case hyphens > most:
		return fmt.Sprintf(`UUID should have maximum of %d "-"; got %d`, most, hyphens)
	case len(key)%2 != 0:
		return w.odd
	}
	if _, err := hex.DecodeString(strings.ReplaceAll(id, "-", "")); err != nil {
		return w.malformed + ": " + err.Error()
	}
	return ""
}

// digest collects what the hash of a token, policy or role is made of.
type digest []byte

func (d *digest) add(parts ...string) {
	for _, part := range parts {
		*d = append(*d, part...)
	}
}

func (d *digest) addLinks(links []Link) {
	for _, link := range links {
		d.add(link.ID)
	}
}

func (d *digest) addGrants(services []*ServiceIdentity, nodes []*NodeIdentity, templates []*TemplatedPolicy) {
	for _, s := range services {
		d.add(s.ServiceName)
		d.add(s.Datacenters...)
	}
	for _, n := range nodes {
		d.add(n.NodeName, n.Datacenter)
	}
	for _, t := range templates {
		d.add(t.TemplateID, t.TemplateName)
		if t.TemplateVariables != nil {
			d.add(t.TemplateVariables.Name)
		}
		d.add(t.Datacenters...)
	}
}

func (d *digest) sum() []byte {
	sum := blake2b.Sum256(*d)
	return sum[:]
}
