// Package embedded is a Consul for development and tests: one server in the process that starts it, in memory, which a
// client can't tell from a real one.
package embedded
