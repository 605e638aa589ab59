// Package ansible holds playbooks that run by consul_session and by the Python module of the same name, and the test that
// compares what comes of them: see ../DIFFERENCES.md. "scripts/ansible" runs it.
package ansible
