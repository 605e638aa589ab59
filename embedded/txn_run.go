package embedded

// This file carries out the operations of a transaction.

import (
	"fmt"

	"github.com/lictor-go/consul/embedded/internal/store"
)

// runTxn carries out all operations, also after one has failed, so that all errors are told. Where there are any, there are
// no results.
func (s *Server) runTxn(tx *store.Tx, ops []TxnOp) txnAnswer {
	answer := txnAnswer{Results: []txnResult{}}
	for i := range ops {
		results, err := s.runOp(tx, &ops[i])
		if err != nil {
			answer.Errors = append(answer.Errors, txnError{i, err.Error()})
		}
		answer.Results = append(answer.Results, results...)
	}
	if len(answer.Errors) > 0 {
		answer.Results = nil
	}
	return answer
}

func (s *Server) runOp(tx *store.Tx, op *TxnOp) ([]txnResult, error) {
	switch {
	case op.KV != nil:
		return runKV(tx, op.KV)
	case op.Node != nil:
		return runNode(tx, op.Node, s.config.datacenter)
	case op.Service != nil:
		return runService(tx, op.Service)
	}
	return runCheck(tx, op.Check)
}

func runKV(tx *store.Tx, op *KVTxnOp) ([]txnResult, error) {
	switch op.Verb {
	case "get", "get-or-empty", "get-tree", "check-index", "check-session", "check-not-exists":
		return readKVOp(tx, op)
	}
	kv, ok, err := op.kv(), true, error(nil)
	switch op.Verb {
	case "set":
		tx.SetKV(kv)
	case "cas":
		if ok = tx.CASKV(kv); !ok {
			err = fmt.Errorf("failed to set key %q, index is stale", op.Key)
		}
	case "lock":
		if ok, err = tx.LockKV(kv); !ok && err == nil {
			err = fmt.Errorf("failed to lock key %q, lock is already held", op.Key)
		}
	case "unlock":
		if ok, err = tx.UnlockKV(kv); !ok && err == nil {
			err = fmt.Errorf("failed to unlock key %q, lock isn't held, or is held by another session", op.Key)
		}
	case "delete":
		tx.DeleteKV(op.Key)
		return nil, nil
	case "delete-tree":
		tx.DeleteKVTree(op.Key)
		return nil, nil
	case "delete-cas":
		if !tx.DeleteKVCAS(op.Key, op.Index) {
			err = fmt.Errorf("failed to delete key %q, index is stale", op.Key)
		}
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	return []txnResult{{KV: withoutValue(kv)}}, nil
}

// readKVOp carries out an operation that changes nothing.
func readKVOp(tx *store.Tx, op *KVTxnOp) ([]txnResult, error) {
	_, kv := tx.KV(nil, op.Key)
	switch op.Verb {
	case "get":
		if kv == nil {
			return nil, fmt.Errorf("key %q doesn't exist", op.Key)
		}
		return []txnResult{{KV: kv}}, nil
	case "get-or-empty":
		if kv == nil {
			kv = op.kv()
			kv.Value = nil
		}
		return []txnResult{{KV: kv}}, nil
	case "get-tree":
		_, list := tx.KVs(nil, op.Key)
		results := make([]txnResult, len(list))
		for i, kv := range list {
			results[i].KV = kv
		}
		return results, nil
	case "check-not-exists":
		if kv != nil {
			return nil, fmt.Errorf("key %q exists", op.Key)
		}
		return nil, nil
	}
	var err error
	if op.Verb == "check-index" {
		kv, err = tx.CheckKVIndex(op.Key, op.Index)
	} else {
		kv, err = tx.CheckKVSession(op.Key, op.Session)
	}
	if err != nil {
		return nil, err
	}
	return []txnResult{{KV: withoutValue(kv)}}, nil
}

// withoutValue is a key as operations give it that do not read it.
func withoutValue(kv *store.KV) *store.KV {
	bare := *kv
	bare.Value = nil
	return &bare
}

func runNode(tx *store.Tx, op *NodeTxnOp, datacenter string) ([]txnResult, error) {
	node, ok, err := op.node(datacenter), true, error(nil)
	switch op.Verb {
	case "set":
		err = tx.EnsureNode(node)
	case "cas":
		// The real server goes on where it fails for another reason than the index, and gives the node as it is, if any.
		if ok, err = tx.EnsureNodeCAS(node); !ok && err == nil {
			return nil, fmt.Errorf("failed to set node %q, index is stale", node.Node)
		}
		err = nil
	case "delete":
		return nil, tx.DeregisterNode(node.Node)
	case "delete-cas":
		if ok, err = tx.DeregisterNodeCAS(node.Node, node.ModifyIndex); !ok && err == nil {
			err = fmt.Errorf("failed to delete node %q, index is stale", node.Node)
		}
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	var found *store.Node
	if node.ID == "" {
		_, found = tx.Node(nil, node.Node)
	} else if found, err = tx.NodeByID(node.ID); err != nil {
		return nil, err
	}
	switch {
	case found != nil:
		return []txnResult{{Node: found}}, nil
	case op.Verb == "get":
		return nil, fmt.Errorf("node %q doesn't exist", node.Node)
	}
	return nil, nil
}

func runService(tx *store.Tx, op *ServiceTxnOp) ([]txnResult, error) {
	service, ok, err := op.service(), true, error(nil)
	switch op.Verb {
	case "set":
		err = tx.EnsureService(op.Node, service)
	case "cas":
		if ok, err = tx.EnsureServiceCAS(op.Node, service); !ok && err == nil {
			err = fmt.Errorf("failed to set service %q on node %q, index is stale", service.ID, op.Node)
		}
	case "delete":
		return nil, tx.DeregisterService(op.Node, service.ID)
	case "delete-cas":
		if ok, err = tx.DeregisterServiceCAS(op.Node, service.ID, service.ModifyIndex); !ok && err == nil {
			err = fmt.Errorf("failed to delete service %q on node %q, index is stale", service.ID, op.Node)
		}
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	_, found := tx.NodeService(nil, op.Node, service.ID)
	if found == nil {
		return nil, fmt.Errorf("service %q on node %q doesn't exist", service.ID, op.Node)
	}
	return []txnResult{{Service: found}}, nil
}

// unnamedCheck is where the real server's store fails on a check without a name or a node.
var unnamedCheck = map[string]string{
	"get":        "failed check lookup",
	"set":        "failed health check lookup",
	"cas":        "failed check lookup",
	"delete":     "check lookup failed",
	"delete-cas": "check lookup failed: failed check lookup",
}

func runCheck(tx *store.Tx, op *CheckTxnOp) ([]txnResult, error) {
	check, ok, err := op.check(), true, error(nil)
	if check.Node == "" || check.CheckID == "" {
		return nil, fmt.Errorf("%s: index error: object is missing a value for this index", unnamedCheck[op.Verb])
	}
	switch op.Verb {
	case "set":
		err = tx.EnsureCheck(check)
	case "cas":
		// As with nodes, only the index makes it fail.
		if ok, err = tx.EnsureCheckCAS(check); !ok && err == nil {
			return nil, fmt.Errorf("failed to set check %q on node %q, index is stale", check.CheckID, check.Node)
		}
		err = nil
	case "delete":
		return nil, tx.DeregisterCheck(check.Node, check.CheckID)
	case "delete-cas":
		if ok, err = tx.DeregisterCheckCAS(check.Node, check.CheckID, check.ModifyIndex); !ok && err == nil {
			err = fmt.Errorf("failed to delete check %q on node %q, index is stale", check.CheckID, check.Node)
		}
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	_, found := tx.NodeCheck(nil, check.Node, check.CheckID)
	switch {
	case found != nil:
		return []txnResult{{Check: found}}, nil
	case op.Verb == "get":
		return nil, fmt.Errorf("check %q on node %q doesn't exist", check.CheckID, check.Node)
	}
	return nil, nil
}
