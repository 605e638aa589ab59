package embedded

import (
	"testing"

	"github.com/lictor-go/consul/embedded/internal/acl"
	"github.com/lictor-go/consul/embedded/internal/store"
)

// catalogOf is a catalog with a service "web" with the ID "w", and a check each of node and service, on the node "a".
func catalogOf(t *testing.T) *store.Store {
	t.Helper()
	s := store.New(func(string) {})
	err := s.Write(func(tx *store.Tx) error {
		return tx.Register(&store.Registration{
			Node:    &store.Node{Node: "a", Address: "192.0.2.1"},
			Service: &store.NodeService{ID: "w", Service: "web"},
			Checks:  []*store.HealthCheck{{Node: "a", CheckID: "node"}, {Node: "a", CheckID: "web", ServiceID: "w"}},
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func who(t *testing.T, rules string) identity {
	t.Helper()
	policy, err := acl.Parse(rules)
	if err != nil {
		t.Fatal(err)
	}
	return identity{Authorizer: acl.New(acl.DefaultDeny, policy), accessor: "me"}
}

const (
	webWriter  = `service "web" { policy = "write" }`
	nodeWriter = `node "a" { policy = "write" }`

	deniedNode = `Permission denied: token with AccessorID 'me' lacks permission 'node:write' on "a"`
	deniedWeb  = `Permission denied: token with AccessorID 'me' lacks permission 'service:write' on "web"`
	deniedDB   = `Permission denied: token with AccessorID 'me' lacks permission 'service:write' on "db"`
)

func refusal(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestMayRegister(t *testing.T) {
	t.Parallel()
	same := store.Node{Node: "a", Address: "192.0.2.1"}
	moved := store.Node{Node: "a", Address: "192.0.2.2"}
	nodeCheck := &store.HealthCheck{Node: "a", CheckID: "c"}
	webCheck := &store.HealthCheck{Node: "a", CheckID: "c", ServiceID: "w"}
	for name, test := range map[string]struct {
		rules   string
		node    store.Node
		skip    bool
		service *store.NodeService
		check   *store.HealthCheck
		want    string
	}{
		"nothing new":               {"", same, false, nil, nil, ""},
		"the node":                  {nodeWriter, moved, false, nil, nil, ""},
		"the node, not allowed":     {webWriter, moved, false, nil, nil, deniedNode},
		"the node is left as it is": {"", moved, true, nil, nil, ""},
		"a service":                 {webWriter, same, false, &store.NodeService{ID: "x", Service: "web"}, nil, ""},
		"a service, not allowed": {nodeWriter, same, false, &store.NodeService{ID: "x", Service: "db"}, nil,
			deniedDB},
		"in place of one of another's": {`service "db" { policy = "write" }`, same, false,
			&store.NodeService{ID: "w", Service: "db"}, nil, "Permission denied"},
		"a check of the node":              {nodeWriter, same, false, nil, nodeCheck, ""},
		"a check of the node, not allowed": {webWriter, same, false, nil, nodeCheck, deniedNode},
		"a check of a service":             {webWriter, same, false, nil, webCheck, ""},
		"a check of a service of another":  {nodeWriter, same, false, nil, webCheck, deniedWeb},
		"a check of the service with it": {webWriter, same, false, &store.NodeService{ID: "y", Service: "web"},
			&store.HealthCheck{Node: "a", CheckID: "c", ServiceID: "y"}, ""},
		"a check of a service that is not there": {webWriter, same, false, nil,
			&store.HealthCheck{Node: "a", CheckID: "c", ServiceID: "z"}, "Unknown service ID 'z' for check ID 'c'"},
		"a check of another node": {webWriter, same, false, nil, &store.HealthCheck{Node: "b", CheckID: "c"},
			"Node 'b' for check 'c' doesn't match register request node 'a'"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &store.Registration{Node: &test.node, SkipNodeUpdate: test.skip, Service: test.service}
			if test.check != nil {
				r.Checks = append(r.Checks, test.check)
			}
			err := who(t, test.rules).mayRegister(r, catalogOf(t).Read())
			if got := refusal(err); got != test.want {
				t.Errorf("refused with %q, want %q", got, test.want)
			}
		})
	}
}

func TestMayDeregister(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		rules string
		body  deregisterBody
		want  string
	}{
		"the node":                          {nodeWriter, deregisterBody{Node: "a"}, ""},
		"the node, not allowed":             {webWriter, deregisterBody{Node: "a"}, deniedNode},
		"a service, by its node":            {nodeWriter, deregisterBody{Node: "a", ServiceID: "w"}, ""},
		"a service, by itself":              {webWriter, deregisterBody{Node: "a", ServiceID: "w"}, ""},
		"a service, not allowed":            {"", deregisterBody{Node: "a", ServiceID: "w"}, deniedWeb},
		"a service that is not there":       {webWriter, deregisterBody{Node: "a", ServiceID: "z"}, "Unknown service ID 'z'"},
		"a service's check":                 {webWriter, deregisterBody{Node: "a", CheckID: "web"}, ""},
		"a service's check, not allowed":    {"", deregisterBody{Node: "a", CheckID: "web"}, deniedWeb},
		"a node's check, not allowed":       {webWriter, deregisterBody{Node: "a", CheckID: "node"}, deniedNode},
		"a check that is not there":         {webWriter, deregisterBody{Node: "a", CheckID: "z"}, "Unknown check ID 'z'"},
		"the service goes before the check": {webWriter, deregisterBody{Node: "a", ServiceID: "w", CheckID: "node"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := who(t, test.rules).mayDeregister(&test.body, catalogOf(t).Read())
			if got := refusal(err); got != test.want {
				t.Errorf("refused with %q, want %q", got, test.want)
			}
		})
	}
}
