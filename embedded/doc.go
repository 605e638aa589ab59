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
//		time.Sleep(time.Hour) // which passes at once
//		…
//	})
//
// The server is started within the bubble and closed before it ends. TestElectionFailsOverInVirtualTime, in this package's
// tests, is a whole one: the leader of an election is cut off, and the next leads when the session and the lock-delay
// have run out. An Example function has no bubble, as it has no *testing.T.
//
// # Faults
//
// Inject has requests go wrong, those that its predicate picks, for a number of them, for a while, or until it is undone:
//
//	remove := server.Inject(embedded.Fault{
//		Match:  embedded.OfRequest("PUT", "/v1/session/renew/"),
//		Times:  2,
//		Effect: embedded.Hang(),
//	})
//
// What happens to a request is its Effect:
//
//   - Answer: a status and a text, instead of the answer.
//   - Delay: the answer comes late.
//   - Hang and HangAfter: no answer comes, before or after the request took effect.
//   - Drop and DropAfter: the connection is closed instead, before or after.
//   - CutBody: the answer ends before its body does.
//   - Index: X-Consul-Index goes backwards, or makes no sense.
//   - NoLeader: the cluster has no leader. What needs one is answered with "No cluster leader", stale reads go on.
//
// An Effect is a function around the handler, so that there can be others. Where several match a request they nest.
//
// What an outage does to the state is done at once by methods: LoseLeader has the cluster be without a leader, during which
// sessions do not expire; Forget has the server be one that was wiped and started again; ExpireSession ends a session.
//
// # ACLs
//
// They are off unless WithACL says otherwise. With an initial management token the server is bootstrapped from its start:
//
//	server, err := embedded.Start(embedded.WithACL(embedded.ACL{
//		DefaultPolicy:     "deny",
//		InitialManagement: "5c7a4f8e-2b0d-4f1a-9d36-7e1b8a90c2d4",
//	}))
//
// Without one, PUT /v1/acl/bootstrap makes the first token. Tokens, policies, roles, templated policies, auth methods and
// binding rules are kept and enforced as by the real server; of auth methods JWT with keys of its own can log in.
// ACL.Legacy adds the routes of Consul before 1.4, as 1.10 has them.
//
// # Limits
//
// They are those of the real server's defaults: values and transactions of 512 KiB, 128 operations in a transaction, events
// of 300 bytes, TTLs from 10 s to 24 h, lock-delays up to 60 s, waits up to 10 minutes. Blocking queries are bounded by
// WithMaxBlockingQueries, beyond which status 429 is answered; the real one bounds connections instead.
//
// # Differences
//
// DIFFERENCES.md, beside this file, has all that is known. A test replays scripts of requests, testdata/replay, and compares
// each answer with what a real server answered, and another sends both the same random operations.
//
// To have a server from a shell or for clients in other languages, run cmd/consul-embedded.
package embedded
