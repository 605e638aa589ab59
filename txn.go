package consul

// This file holds Txn, the client of transactions: operations on keys, nodes, services and checks that happen together
// or not at all. See https://developer.hashicorp.com/consul/api-docs/txn

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// Txn is the client of transactions: /v1/txn.
type Txn struct{ c *Client }

// Txn gives the client of transactions.
func (c *Client) Txn() *Txn { return &Txn{c} }

// ErrTxnRolledBack says that a transaction changed nothing, because of the operations that TxnErrors names.
var ErrTxnRolledBack = errors.New("transaction rolled back")

// A TxnOp is one operation of a transaction: exactly one of its fields is set. (Consul knows operations on sessions
// within, but takes none from clients.)
type TxnOp struct {
	KV      *KVTxnOp      `json:",omitempty"`
	Node    *NodeTxnOp    `json:",omitempty"`
	Service *ServiceTxnOp `json:",omitempty"`
	Check   *CheckTxnOp   `json:",omitempty"`
}

// TxnOps are the operations of a transaction, in the order in which they are made. Each sees what those before it did.
type TxnOps []*TxnOp

// A KVOp is what a KVTxnOp does.
type KVOp string

// The operations on keys. Those from KVGet on change nothing.
const (
	KVSet            KVOp = "set"              // writes Value and Flags
	KVCAS            KVOp = "cas"              // writes them if ModifyIndex is Index; 0: if there is no such key
	KVLock           KVOp = "lock"             // writes them and makes Session the holder, as KV.Acquire does
	KVUnlock         KVOp = "unlock"           // writes them and ends Session's hold, as KV.Release does
	KVDelete         KVOp = "delete"           // deletes the key
	KVDeleteCAS      KVOp = "delete-cas"       // deletes it if ModifyIndex is Index, or there is no such key
	KVDeleteTree     KVOp = "delete-tree"      // deletes all keys that start with Key
	KVGet            KVOp = "get"              // reads the key; fails if it does not exist
	KVGetOrEmpty     KVOp = "get-or-empty"     // reads the key; gives an empty pair with indexes of 0 if it does not exist
	KVGetTree        KVOp = "get-tree"         // reads all keys that start with Key
	KVCheckIndex     KVOp = "check-index"      // fails unless ModifyIndex is Index
	KVCheckSession   KVOp = "check-session"    // fails unless Session holds the key
	KVCheckNotExists KVOp = "check-not-exists" // fails if the key exists; needs the right to write it
)

// A KVTxnOp is an operation on a key, or on all keys with a prefix.
//
// A key travels in the body here, so nothing cleans it: any text is taken byte for byte, also one that the methods of KV
// refuse with ErrInvalidKey, such as "a//b". Only a transaction can reach such a key.
type KVTxnOp struct {
	Verb      KVOp
	Key       string
	Value     []byte `json:",omitempty"` // at most 512 KiB by default, and so is the whole transaction
	Flags     uint64 `json:",omitempty"`
	Index     uint64 `json:",omitempty"`
	Session   string `json:",omitempty"`
	Namespace string `json:",omitempty"` // Consul Enterprise
	Partition string `json:",omitempty"` // Consul Enterprise
}

// A NodeOp is what a NodeTxnOp does.
type NodeOp string

// The operations on nodes of the catalog. Those with CAS are made if ModifyIndex is still that of NodeTxnOp.Node.
const (
	NodeGet       NodeOp = "get" // fails if the node does not exist
	NodeSet       NodeOp = "set"
	NodeCAS       NodeOp = "cas"
	NodeDelete    NodeOp = "delete"
	NodeDeleteCAS NodeOp = "delete-cas"
)

// A NodeTxnOp is an operation on a node of the catalog, found by ID if it has one, else by name. To delete what does not
// exist is no failure. The server drops the node's Locality.
type NodeTxnOp struct {
	Verb NodeOp
	Node Node
}

// A ServiceOp is what a ServiceTxnOp does.
type ServiceOp string

// The operations on services of the catalog. Those with CAS are made if ModifyIndex is still that of
// ServiceTxnOp.Service.
const (
	ServiceGet       ServiceOp = "get" // fails if the service does not exist
	ServiceSet       ServiceOp = "set"
	ServiceCAS       ServiceOp = "cas"
	ServiceDelete    ServiceOp = "delete"
	ServiceDeleteCAS ServiceOp = "delete-cas"
)

// A ServiceTxnOp is an operation on an instance of a service in the catalog, found by its node's name and its ID. All but
// ServiceGet need its Service as well. To delete what does not exist is no failure.
//
// Here the server drops, without a word, SocketPath, Ports, Connect and Locality, and of Proxy everything but the
// destination, the local service, the mesh gateway's mode and TransparentProxy: an instance that has more loses it when it
// is written. Catalog.Register writes the whole.
type ServiceTxnOp struct {
	Verb    ServiceOp
	Node    string
	Service AgentService
}

// A CheckOp is what a CheckTxnOp does.
type CheckOp string

// The operations on checks of the catalog. Those with CAS are made if ModifyIndex is still that of CheckTxnOp.Check.
const (
	CheckGet       CheckOp = "get" // fails if the check does not exist
	CheckSet       CheckOp = "set"
	CheckCAS       CheckOp = "cas"
	CheckDelete    CheckOp = "delete"
	CheckDeleteCAS CheckOp = "delete-cas"
)

// A CheckTxnOp is an operation on a check of the catalog, found by its node's name and its ID. To delete what does not
// exist is no failure.
//
// The check's own Interval and Timeout are not written, those of its Definition are. Of that the server keeps HTTP,
// Method, Header, Body, TCP, GRPC and OSService with what belongs to them, the TLS fields and the durations but TTL. It
// drops the rest.
type CheckTxnOp struct {
	Verb  CheckOp
	Check HealthCheck
}

// MarshalJSON leaves out what the server tells of a check but, in a transaction, refuses as unknown.
func (o CheckTxnOp) MarshalJSON() ([]byte, error) {
	type plain CheckTxnOp
	o.Check.Interval, o.Check.Timeout = 0, 0
	return json.Marshal(plain(o))
}

// A TxnResponse is the outcome of a transaction.
type TxnResponse struct {
	// Results are in the order of the operations, but not one for each: operations that delete have none, KVGetTree has
	// one for each key, and what the token may not read is left out. Empty if the transaction was rolled back.
	Results TxnResults

	// Errors say which operations failed and why. Empty if the transaction was made.
	Errors TxnErrors
}

// TxnResults are what the operations of a transaction gave.
type TxnResults []*TxnResult

// A TxnResult is a thing that an operation read or wrote: one field is set. A pair has its Value only where it was read.
type TxnResult struct {
	KV      *KVPair       `json:",omitempty"`
	Node    *Node         `json:",omitempty"`
	Service *AgentService `json:",omitempty"`
	Check   *HealthCheck  `json:",omitempty"`
}

// A TxnError says why an operation failed. With errors.Is it is ErrPermissionDenied, ErrNotFound where a "get" found
// nothing, or ErrSessionExpired where a key was locked for a session that does not exist; else none of the sentinels.
type TxnError struct {
	OpIndex int    // place of the operation in TxnOps, from 0
	What    string // what the server says
}

func (e *TxnError) Error() string { return fmt.Sprintf("operation %d: %s", e.OpIndex, e.What) }

// Is goes by the text, since the server gives nothing else.
func (e *TxnError) Is(target error) bool {
	switch target {
	case ErrPermissionDenied:
		return strings.HasPrefix(e.What, "Permission denied")
	case ErrNotFound:
		return strings.HasSuffix(e.What, "doesn't exist")
	case ErrSessionExpired:
		return strings.HasPrefix(e.What, "invalid session ")
	}
	return false
}

// TxnErrors is the error of a transaction that was rolled back: ErrTxnRolledBack, and each of its errors, for errors.Is
// and errors.As.
type TxnErrors []*TxnError

// Error names the first of the operations that failed; in a large transaction that may be all of them.
func (e TxnErrors) Error() string {
	const shown = 3
	var b strings.Builder
	b.WriteString(ErrTxnRolledBack.Error())
	for i, op := range e[:min(len(e), shown)] {
		b.WriteString([]string{": ", "; "}[min(i, 1)])
		b.WriteString(op.Error())
	}
	if more := len(e) - shown; more > 0 {
		fmt.Fprintf(&b, "; and %d more", more)
	}
	return b.String()
}

// Is reports whether target is ErrTxnRolledBack.
func (e TxnErrors) Is(target error) bool { return target == ErrTxnRolledBack }

// Unwrap gives the errors one by one.
func (e TxnErrors) Unwrap() []error {
	errs := make([]error, len(e))
	for i, op := range e {
		errs[i] = op
	}
	return errs
}

// Txn makes a transaction: all of its operations, or none. If one of them can't be made the error is ErrTxnRolledBack,
// and TxnErrors, which the response beside it holds too, says which and why.
//
// A transaction that only reads is answered like a read: consistency options apply, and the QueryMeta has KnownLeader and
// LastContact, but no index, since it can't wait. One that writes ignores those options. Options don't choose the
// namespace: operations do.
//
// Too many operations (more than 128; 64 on old servers) or bytes (512 KiB by default, as JSON) are ErrTooLarge, and the
// server's text says which. An operation that is nil, empty or two in one is ErrInvalidOption. ErrInvalidKey is a key that
// is not UTF-8, and a KVDeleteTree of "", which would empty the store: see KV.DeleteAll. A transaction is tried again as
// writes are, also one that only reads.
//
// Route: PUT /v1/txn
func (t *Txn) Txn(ctx context.Context, ops TxnOps, opts ...QueryOption) (*TxnResponse, *QueryMeta, error) {
	r := newRequest(http.MethodPut, "txn")
	for i, op := range ops {
		op.check(r, i)
	}
	if ops == nil {
		ops = TxnOps{}
	}
	r.accept = map[int]bool{http.StatusConflict: true}
	out, ans, err := fetch[TxnResponse](ctx, t.c, r.json(ops).withQueryOptions(t.c, opts))
	if err != nil {
		return nil, nil, err
	}
	meta, err := ans.meta()
	if err != nil {
		return nil, nil, err
	}
	out.Errors = slices.DeleteFunc(out.Errors, func(e *TxnError) bool { return e == nil })
	if ans.code == http.StatusConflict || len(out.Errors) > 0 {
		return &out, meta, &StatusError{Method: r.method, Path: r.label(), Code: ans.code, err: out.Errors}
	}
	return &out, meta, nil
}

// check refuses operations that the server would drop, and then number those behind them wrongly, or read differently.
func (op *TxnOp) check(r *request, i int) {
	if op == nil {
		op = &TxnOp{}
	}
	set := 0
	for _, on := range []bool{op.KV != nil, op.Node != nil, op.Service != nil, op.Check != nil} {
		if on {
			set++
		}
	}
	switch {
	case set != 1:
		r.fail(ErrInvalidOption, "operation %d has %d of KV, Node, Service and Check, want one", i, set)
	case op.KV == nil:
	case !utf8.ValidString(op.KV.Key):
		r.fail(ErrInvalidKey, "operation %d: key %q is not UTF-8", i, op.KV.Key)
	case op.KV.Verb == KVDeleteTree && op.KV.Key == "":
		r.fail(ErrInvalidKey, "operation %d: an empty prefix is the whole store, use KV.DeleteAll if that is meant", i)
	}
}
