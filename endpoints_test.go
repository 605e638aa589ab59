package consul_test

// This file lists every endpoint once, for the tests that hold for all of them.

import (
	"context"
	"slices"
	"strings"

	"github.com/lictor-go/consul"
)

// An endpoint is one method of the client, called with arguments that the client accepts.
type endpoint struct {
	name   string // family and method, such as "KV.Get"
	route  string // method and path as the server has them, such as "GET /v1/kv/"
	result string // what a server may answer with 200; "" if the method has no use for the body
	call   func(context.Context, *consul.Client) error

	answers []int // statuses other than 2xx that are no error here: 404 of an empty list, 503 of a critical service
	text    bool  // the body is not JSON: whatever the server sends is an answer
	stream  bool  // the answer is read as it arrives, so that it can break off after the call began
}

var endpoints = slices.Concat(
	kvEndpoints, txnEndpoints, sessionEndpoints, agentEndpoints, catalogEndpoints, healthEndpoints,
	eventEndpoints, statusEndpoints, aclEndpoints, aclLegacyEndpoints, rawEndpoints,
)

// isRead reports whether the endpoint only reads.
func (e *endpoint) isRead() bool { return strings.HasPrefix(e.route, "GET ") }
