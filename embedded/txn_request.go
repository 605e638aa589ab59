package embedded

// This file reads the operations of a transaction, in the form in which clients send them.

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/lictor-go/consul/embedded/internal/store"
)

const (
	// maxTxnOps is the most operations that a transaction may have.
	maxTxnOps = 128
	// maxTxnBody is the most bytes that a transaction may have, as it is sent.
	maxTxnBody = 512 << 10
)

// TxnOp is one operation: the first of its fields that is there, in this order. The names of these types are seen in the
// errors of bodies that do not fit them, see clientTypes.
type TxnOp struct {
	KV      *KVTxnOp
	Node    *NodeTxnOp
	Service *ServiceTxnOp
	Check   *CheckTxnOp
}

// KVTxnOp is an operation on a key, or on those that begin with it.
type KVTxnOp struct {
	Verb      string
	Key       string
	Value     []byte
	Flags     uint64
	Index     uint64
	Session   string
	Namespace string
	Partition string
}

// NodeTxnOp is an operation on a node.
type NodeTxnOp struct {
	Verb string
	Node store.Node
}

// ServiceTxnOp is an operation on a service.
type ServiceTxnOp struct {
	Verb    string
	Node    string
	Service AgentService
}

// AgentService is a service as clients know it.
type AgentService struct {
	store.NodeService
	ContentHash string
	AI          json.RawMessage
	Namespace   string
	Partition   string
	Datacenter  string
}

// CheckTxnOp is an operation on a check.
type CheckTxnOp struct {
	Verb  string
	Check HealthCheck
}

// HealthCheck is a check as clients know it.
type HealthCheck struct {
	Node        string
	CheckID     string
	Name        string
	Status      string
	Notes       string
	Output      string
	ServiceID   string
	ServiceName string
	ServiceTags []string
	Type        string
	Namespace   string
	Partition   string
	ExposedPort int
	PeerName    string
	Definition  checkDefinition
	CreateIndex uint64
	ModifyIndex uint64
}

// checkDefinition is a check's definition, whose durations have two names each.
type checkDefinition struct {
	store.HealthCheckDefinition
	IntervalDuration, TimeoutDuration, DeregisterCriticalServiceAfterDuration store.Duration
}

// UnmarshalJSON implements json.Unmarshaler. Fields that are not known are passed over, unlike elsewhere.
func (d *checkDefinition) UnmarshalJSON(data []byte) error {
	if err := json.Unmarshal(data, &d.HealthCheckDefinition); err != nil {
		return err
	}
	var strict struct{ Interval, Timeout, DeregisterCriticalServiceAfter strictDuration }
	if err := json.Unmarshal(data, &strict); err != nil {
		return err
	}
	longer := struct {
		IntervalDuration, TimeoutDuration, DeregisterCriticalServiceAfterDuration *store.Duration
	}{&d.IntervalDuration, &d.TimeoutDuration, &d.DeregisterCriticalServiceAfterDuration}
	return json.Unmarshal(data, &longer)
}

// strictDuration refuses what is neither a text nor a number, also null: transactions do so, registrations do not.
type strictDuration struct{}

// UnmarshalJSON implements json.Unmarshaler.
func (strictDuration) UnmarshalJSON(data []byte) error {
	if data[0] == '"' {
		return nil
	}
	_, err := strconv.ParseFloat(string(data), 64)
	return err
}

// readOps reads the operations, of which those that say nothing are left out.
func (c *call) readOps() ([]TxnOp, error) {
	const help = "https://developer.hashicorp.com/docs/agent/config/config-files#txn_max_req_len"
	if c.r.ContentLength > maxTxnBody {
		return nil, tooLarge("Request body(%d bytes) too large, max size: %d bytes. See %s.", c.r.ContentLength, maxTxnBody, help)
	}
	var ops []TxnOp
	decoder := json.NewDecoder(http.MaxBytesReader(c.w, c.r.Body, maxTxnBody))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&ops); err != nil {
		var tooLong *http.MaxBytesError
		if errors.As(err, &tooLong) {
			return nil, tooLarge("Request body too large, max size: %d bytes. See %s.", maxTxnBody, help)
		}
		return nil, badRequest("Failed to parse body: %s", clientTypes.Replace(err.Error()))
	}
	if len(ops) > maxTxnOps {
		return nil, tooLarge("Transaction contains too many operations (%d > %d)", len(ops), maxTxnOps)
	}
	return keep(ops, func(op TxnOp) bool { return op != TxnOp{} }), nil
}

// clientTypes names the types in errors as the real server does, which decodes into those of its client.
var clientTypes = strings.NewReplacer(
	"struct { *store.Alias }",
	"struct { IntervalDuration interface {}; TimeoutDuration interface {}; DeregisterCriticalServiceAfterDuration interface {}; *api.Alias }",
	"[]embedded.TxnOp", "api.TxnOps", "embedded.", "api.", "store.Weights", "api.AgentWeights", "store.", "api.", ".NodeService.", ".",
	".KV.Verb of type string", ".KV.Verb of type api.KVOp", ".Node.Verb of type string", ".Node.Verb of type api.NodeOp",
	".Service.Verb of type string", ".Service.Verb of type api.ServiceOp", ".Check.Verb of type string", ".Check.Verb of type api.CheckOp",
)

// writes reports whether the operation changes something.
func (op *TxnOp) writes() bool {
	switch {
	case op.KV != nil:
		switch op.KV.Verb {
		case "set", "cas", "lock", "unlock", "delete", "delete-cas", "delete-tree":
			return true
		}
		return false
	case op.Node != nil:
		return op.Node.Verb != "get"
	case op.Service != nil:
		return op.Service.Verb != "get"
	}
	return op.Check.Verb != "get"
}

// kv is the key that the operation writes.
func (op *KVTxnOp) kv() *store.KV {
	if len(op.Value) == 0 {
		op.Value = nil
	}
	return &store.KV{Key: op.Key, Value: op.Value, Flags: op.Flags, Session: op.Session, ModifyIndex: op.Index}
}

// node is the node that the operation writes, without what the real server drops. It is of the datacenter if it names none.
func (op *NodeTxnOp) node(datacenter string) *store.Node {
	n := op.Node
	n.Locality, n.CreateIndex = nil, 0
	if n.Datacenter == "" {
		n.Datacenter = datacenter
	}
	return &n
}

// service is the service that the operation writes, without what the real server drops.
func (op *ServiceTxnOp) service() *store.NodeService {
	in := &op.Service.NodeService
	weights := store.Weights{}
	if in.Weights != nil {
		weights = *in.Weights
	}
	s := &store.NodeService{
		Kind: in.Kind, ID: in.ID, Service: in.Service, Tags: in.Tags, Address: in.Address, TaggedAddresses: in.TaggedAddresses,
		Meta: in.Meta, Port: in.Port, Weights: &weights, EnableTagOverride: in.EnableTagOverride,
		Proxy: store.ConnectProxyConfig{
			DestinationServiceName: in.Proxy.DestinationServiceName, DestinationServiceID: in.Proxy.DestinationServiceID,
			LocalServiceAddress: in.Proxy.LocalServiceAddress, LocalServicePort: in.Proxy.LocalServicePort,
			LocalServiceSocketPath: in.Proxy.LocalServiceSocketPath, MeshGateway: in.Proxy.MeshGateway,
			TransparentProxy: in.Proxy.TransparentProxy,
		},
	}
	s.ModifyIndex = in.ModifyIndex
	if len(s.TaggedAddresses) == 0 {
		s.TaggedAddresses = nil
	}
	return s
}

// check is the check that the operation writes, without what the real server drops.
func (op *CheckTxnOp) check() *store.HealthCheck {
	in, d := &op.Check, &op.Check.Definition
	either := func(a, b store.Duration) store.Duration {
		if a != 0 {
			return a
		}
		return b
	}
	check := &store.HealthCheck{
		Node: in.Node, CheckID: in.CheckID, Name: in.Name, Status: in.Status, Notes: in.Notes, Output: in.Output, Type: in.Type,
		ServiceID: in.ServiceID, ServiceName: in.ServiceName, ServiceTags: in.ServiceTags, PeerName: in.PeerName,
		ExposedPort: in.ExposedPort,
		Definition: store.HealthCheckDefinition{
			HTTP: d.HTTP, TLSServerName: d.TLSServerName, TLSSkipVerify: d.TLSSkipVerify, Header: d.Header, Method: d.Method,
			Body: d.Body, TCP: d.TCP, TCPUseTLS: d.TCPUseTLS, GRPC: d.GRPC, GRPCUseTLS: d.GRPCUseTLS, OSService: d.OSService,
			Interval:                       either(d.Interval, d.IntervalDuration),
			Timeout:                        either(d.Timeout, d.TimeoutDuration),
			DeregisterCriticalServiceAfter: either(d.DeregisterCriticalServiceAfter, d.DeregisterCriticalServiceAfterDuration),
		},
	}
	check.ModifyIndex = in.ModifyIndex
	return check
}
