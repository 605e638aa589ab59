// Package embedded is a Consul for development and tests: one server with its agent, in the process that starts it and in
// memory. A client can't tell it from Consul 1.22.7, or where it can, the embedded server is wrong, or the difference is in
// DIFFERENCES.md with its reason.
//
//	server, err := embedded.Start()
//	defer server.Close()
//	client, err := consul.NewClient(&consul.Config{Address: server.Addr()})
//
// It starts and stops in well under a millisecond. Any number of them can run in a process, each for itself. Nothing is kept
// beyond Close. It listens on loopback unless WithAddress says otherwise: it is no server for production, and has no defence
// against those who can reach it but the limits that the real one has, and a bound on blocking queries.
//
// # What it serves
//
// Keys, transactions, sessions, the agent with its services and checks, the catalog, health, events, status, and ACLs where
// WithACL switches them on, with all that a client sees of them: status codes, bodies, error texts and headers, the indexes
// that blocking queries go by, filters, lock-delays, anti-entropy. What takes a second node, or belongs to the service mesh,
// is not served: such routes answer as unknown ones do.
//
// # Time
//
// Everything that takes time goes by package time: TTLs, lock-delays, waits, checks. In a testing/synctest bubble that is the
// bubble's time, so that a test of a failover with a TTL of 10 s and a lock-delay of 15 s takes milliseconds. Such a test speaks
// to the server through Transport, which has no socket, since a goroutine that waits for the network keeps the bubble's time
// from passing:
//
//	synctest.Test(t, func(t *testing.T) {
//		server, err := embedded.Start()
//		defer server.Close()
//		client, err := consul.NewClient(&consul.Config{Transport: server.Transport()})
//		…
//	})
//
// TestFailoverInVirtualTime, in this package's tests, is a whole one.
//
// # Faults
//
// Inject has requests go wrong, those that its predicate picks, for a number of times or a while: answered with a status,
// delayed, left hanging, dropped before or after they took effect, cut short, or as by a cluster that has lost its leader.
// Forget and ExpireSession do at once what an outage does to the state.
//
//	remove := server.Inject(embedded.Fault{
//		Match:  embedded.OfRequest("PUT", "/v1/session/renew/"),
//		Times:  2,
//		Effect: embedded.Hang(),
//	})
//
// To have one from a shell or for clients in other languages, run cmd/consul-embedded.
package embedded
