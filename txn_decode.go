package consul

// This file reads what became of a transaction: locks are taken and given back by these.

import "github.com/lictor-go/consul/internal/plainjson"

var txnResponseFields = plainjson.Fields[TxnResponse]{
	field("Results", func(r *reader, t *TxnResponse) { t.Results = plainjson.List(r, txnResultFields.New) }),
	field("Errors", func(r *reader, t *TxnResponse) { t.Errors = plainjson.List(r, txnErrorFields.New) }),
}

var txnResultFields = plainjson.Fields[TxnResult]{
	field("KV", func(r *reader, t *TxnResult) { t.KV = pairFields.New(r) }),
	field("Node", func(r *reader, t *TxnResult) { t.Node = nodeFields.New(r) }),
	field("Service", func(r *reader, t *TxnResult) { t.Service = serviceFields.New(r) }),
	field("Check", func(r *reader, t *TxnResult) { t.Check = checkFields.New(r) }),
}

var txnErrorFields = plainjson.Fields[TxnError]{
	field("OpIndex", func(r *reader, e *TxnError) { e.OpIndex = r.Int() }),
	field("What", func(r *reader, e *TxnError) { e.What = r.Text() }),
}

func readTxnResponse(r *reader) (t TxnResponse) {
	txnResponseFields.Read(r, &t)
	return t
}
