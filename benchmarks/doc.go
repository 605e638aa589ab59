// Package benchmarks measures this client beside the incumbent (github.com/hashicorp/consul/api) and beside bare net/http,
// all in one run and against one server. It is a module of its own, so that what it needs is no dependency of anyone else.
//
// "make bench" runs everything and writes RESULTS.md. For a closer look at one subject, benchstat reads what go test prints:
//
//	go test -run '^$' -bench 'KVGet|Health' -count 6 . | go tool benchstat -col /client -
//
// The server is a process of its own, so that what it allocates does not count. It answers with bodies that were recorded
// from real Consul, a few items of each kind, and are multiplied to the size asked for: see bodies_test.go. "go test
// -update" with CONSUL_TEST_BACKEND=real records them anew. What depends on the server's own work runs on a real Consul,
// where CONSUL_TEST_BACKEND is "real", and is left out elsewhere.
//
// Every benchmark checks what the client made of the answer. What a call allocates is also a test, since that is steady
// where times are not: see guard_test.go.
package benchmarks
