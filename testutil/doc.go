// Package testutil starts real Consul servers for tests and for programs that want one of their own: one server, or a
// cluster whose servers can be killed, suspended and restarted.
//
//	func TestSomething(t *testing.T) {
//		server := testutil.NewServer(t)
//		// server.Addr() can serve writes now; it is stopped, and its data removed, when the test ends.
//	}
//
// The consul binary is the one that the variable CONSUL_BIN names, else "consul" on PATH, else .bin/consul in a checkout
// of this module, where "make consul" puts it. WithLegacy picks Consul 1.10.0 in the same way: CONSUL_LEGACY_BIN, else
// .bin/consul-legacy. A binary that is missing is an error, never a reason to skip a test.
//
// Servers listen on loopback only, on ports outside the kernel's ephemeral range that no other server of this package on
// the machine has, and keep their data in a temporary directory. On Linux they die with the process that started them,
// however it ends; elsewhere they outlive one that is killed before it could stop them. Of a process that was killed the
// directory stays behind.
package testutil
