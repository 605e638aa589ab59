// Package testutil starts Consul servers for tests and for programs that want one of their own: one server, embedded or
// real, or a cluster of real ones. Each can be killed, suspended and restarted.
//
//	func TestSomething(t *testing.T) {
//		server := testutil.NewServer(t)
//		// server.Addr() can serve writes now; it is stopped, and its data removed, when the test ends.
//	}
//
// By default Start and NewServer give a server that is embedded in the test's own process (package embedded): it is there in
// well under a millisecond and needs nothing but Go. Where the variable CONSUL_TEST_BACKEND is "real" they start the real
// Consul instead, so that one suite runs on both. NewCluster, WithConfig and WithBinary always mean the real one, and
// NeedReal skips a test that only the real one can pass.
//
// In a testing/synctest bubble an embedded server is reached over Transport; what has a clock runs on the bubble's.
//
// The consul binary is the one that the variable CONSUL_BIN names, else "consul" on PATH, else .bin/consul in a checkout
// of this module, where "make consul" puts it. WithLegacy picks Consul 1.10.0 in the same way: CONSUL_LEGACY_BIN, else
// .bin/consul-legacy. A binary that is missing is an error, never a reason to skip a test.
//
// Servers listen on loopback only, on ports outside the kernel's ephemeral range that no other server of this package on
// the machine has, and keep what they have in a temporary directory. On Linux real ones die with the process that started
// them, however it ends; elsewhere they outlive one that is killed before it could stop them. Of a process that was killed
// the directory stays behind.
package testutil
