package embedded

// This file serves /v1/txn.

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/lictor-go/consul/embedded/internal/acl"
	"github.com/lictor-go/consul/embedded/internal/store"
)

var txnRoutes = []route{
	{"/v1/txn", methods("PUT"), serveTxn},
}

// txnError says which operation failed, and why.
type txnError struct {
	OpIndex int
	What    string
}

// txnResult is what an operation gave.
type txnResult struct {
	KV      *store.KV          `json:",omitempty"`
	Node    *store.Node        `json:",omitempty"`
	Service *store.NodeService `json:",omitempty"`
	Check   *store.HealthCheck `json:",omitempty"`
}

// txnAnswer is the answer of a transaction.
type txnAnswer struct {
	Results []txnResult
	Errors  []txnError
}

// txnReadAnswer is the answer of a transaction that only reads. The real server lets what it tells in headers elsewhere show
// here as well.
type txnReadAnswer struct {
	txnAnswer
	Index                 uint64
	LastContact           time.Duration
	KnownLeader           bool
	ConsistencyLevel      string
	NotModified           bool
	Backend               int
	ResultsFilteredByACLs bool
}

func serveTxn(c *call) (any, error) {
	ops, err := c.readOps()
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(ops, func(op TxnOp) bool { return op.writes() }) {
		return c.writeTxn(ops)
	}
	return c.readTxn(ops)
}

// readTxn serves a transaction that only reads, at once.
func (c *call) readTxn(ops []TxnOp) (any, error) {
	if err := c.parse(); err != nil {
		return nil, err
	}
	who, err := c.startTxn()
	if err != nil {
		return nil, err
	}
	var answer txnReadAnswer
	if answer.Errors = c.vetTxn(who, ops); len(answer.Errors) == 0 {
		answer.txnAnswer = c.s.runTxn(c.s.store.Read(), ops)
		all := len(answer.Results)
		answer.Results = who.readable(answer.Results)
		m := meta{filtered: len(answer.Results) != all}
		c.finish(&m)
		answer.Index, answer.KnownLeader, answer.ResultsFilteredByACLs = m.index, !m.leaderless, m.filtered
		answer.LastContact = m.lastContact
	}
	header := c.w.Header()
	header.Set("X-Consul-Lastcontact", strconv.FormatInt(answer.LastContact.Milliseconds(), 10))
	header.Set("X-Consul-Knownleader", fmt.Sprint(answer.KnownLeader))
	return c.txnAnswer(answer, answer.Errors)
}

// writeTxn serves a transaction that writes.
func (c *call) writeTxn(ops []TxnOp) (any, error) {
	c.parseTarget()
	who, err := c.startTxn()
	if err != nil {
		return nil, err
	}
	answer := txnAnswer{Errors: c.vetTxn(who, ops)}
	if len(answer.Errors) > 0 {
		return c.txnAnswer(answer, answer.Errors)
	}
	err = c.s.store.Write(func(tx *store.Tx) error {
		if answer = c.s.runTxn(tx, ops); len(answer.Errors) > 0 {
			return errRolledBack
		}
		return nil
	})
	if err != nil && !errors.Is(err, errRolledBack) {
		return nil, fmt.Errorf("raft apply failed: %w", err)
	}
	answer.Results = who.readable(answer.Results)
	return c.txnAnswer(answer, answer.Errors)
}

var errRolledBack = errors.New("rolled back")

func (c *call) startTxn() (identity, error) {
	if err := c.forward(); err != nil {
		return identity{}, err
	}
	return c.authorize()
}

// txnAnswer answers with 409 where there are errors.
func (c *call) txnAnswer(answer any, errs []txnError) (any, error) {
	if len(errs) == 0 {
		return answer, nil
	}
	body, err := c.marshal(answer)
	if err != nil {
		return nil, err
	}
	c.write(http.StatusConflict, "application/json; charset=utf-8", body)
	return nil, nil
}

// readable are the results that the caller may see.
func (i identity) readable(results []txnResult) []txnResult {
	visible := keep(results, func(r txnResult) bool {
		switch {
		case r.KV != nil:
			return i.KeyRead(r.KV.Key)
		case r.Node != nil:
			return i.NodeRead(r.Node.Node)
		case r.Service != nil:
			return i.ServiceRead(r.Service.Service)
		case r.Check.ServiceName != "":
			return i.ServiceRead(r.Check.ServiceName)
		}
		return i.NodeRead(r.Check.Node)
	})
	if visible == nil && results != nil {
		return []txnResult{} // as where nothing was read
	}
	return visible
}

// vetTxn gives the errors of operations that are refused before anything is done.
func (c *call) vetTxn(who identity, ops []TxnOp) []txnError {
	var errs []txnError
	for i := range ops {
		if err := c.vetOp(who, &ops[i]); err != nil {
			errs = append(errs, txnError{i, err.Error()})
		}
	}
	return errs
}

func (c *call) vetOp(who identity, op *TxnOp) error {
	switch {
	case op.KV != nil:
		return c.vetKV(who, op.KV)
	case op.Node != nil:
		return vetNode(who, op.Node)
	case op.Service != nil:
		return vetService(who, op.Service)
	}
	return vetCheck(who, op.Check)
}

func (c *call) vetKV(who identity, op *KVTxnOp) error {
	if op.Key == "" && op.Verb != "delete-tree" {
		return errors.New("Must provide key")
	}
	switch op.Verb {
	case "get", "get-tree", "get-or-empty":
	case "delete-tree":
		if !who.KeyWritePrefix(op.Key) {
			return who.denied(acl.ResourceKey, acl.AccessWrite, op.Key)
		}
	case "check-session", "check-index":
		if !who.KeyRead(op.Key) {
			return who.denied(acl.ResourceKey, acl.AccessRead, op.Key)
		}
	case "set", "cas", "lock", "unlock", "delete", "delete-cas", "check-not-exists":
		if !who.KeyWrite(op.Key) {
			return who.denied(acl.ResourceKey, acl.AccessWrite, op.Key)
		}
	default:
		return fmt.Errorf("unknown KV operation: %s", op.Verb)
	}
	if op.Verb == "lock" && c.s.store.LockDelayed(op.Key) {
		return fmt.Errorf("failed to lock key %q due to lock delay", op.Key)
	}
	return nil
}

// vetVerb refuses a verb that is none, and reports whether it writes.
func vetVerb(kind, verb string) (bool, error) {
	switch verb {
	case "get":
		return false, nil
	case "set", "cas", "delete", "delete-cas":
		return true, nil
	}
	return false, fmt.Errorf("unknown %s operation: %s", kind, verb)
}

func vetNode(who identity, op *NodeTxnOp) error {
	if writes, err := vetVerb("node", op.Verb); !writes {
		return err
	}
	if op.Node.Node == "" {
		return errors.New("Must provide node")
	}
	if err := checkUUID(op.Node.ID); err != nil {
		return fmt.Errorf("Bad node ID: %w", err)
	}
	if !who.NodeWrite(op.Node.Node) {
		return who.denied(acl.ResourceNode, acl.AccessWrite, op.Node.Node)
	}
	return nil
}

func vetService(who identity, op *ServiceTxnOp) error {
	if writes, err := vetVerb("service", op.Verb); !writes {
		return err
	}
	s := op.service()
	if err := completeService(s, who); err != nil {
		return err
	}
	op.Service.ID = s.ID
	return nil
}

func vetCheck(who identity, op *CheckTxnOp) error {
	if writes, err := vetVerb("check", op.Verb); !writes {
		return err
	}
	if op.Check.CheckID == "" {
		op.Check.CheckID = op.Check.Name
	}
	switch check := &op.Check; {
	case check.ServiceID == "" && !who.NodeWrite(check.Node):
		return who.denied(acl.ResourceNode, acl.AccessWrite, check.Node)
	case check.ServiceID != "" && !who.ServiceWrite(check.ServiceName):
		return who.denied(acl.ResourceService, acl.AccessWrite, check.ServiceName)
	}
	return nil
}
