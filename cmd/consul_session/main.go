// Command consul_session makes, reads and removes sessions of Consul. It is one program for two callers: a module of
// Ansible, and a command for people and scripts.
//
// # As a module of Ansible
//
// Built for the hosts' system and put into the folder "library" beside a playbook, or anywhere on ANSIBLE_LIBRARY, it
// takes the place of the Python module of the same name, and needs nothing on the hosts:
//
//   - name: a session for the lock on backups
//     ansible.legacy.consul_session:
//     name: backup
//     ttl: 600
//     register: session
//
// Ansible calls it with the path of a JSON file as its only argument, and reads one JSON object from its standard output.
// The parameters are those of the Python module, and client_cert, client_key and ca_path; DIFFERENCES.md tells what it does
// otherwise. It knows check mode and diff mode.
//
// A session is told by its name and its node, which is the agent's where none is given. State "present" makes one where none
// of the name is on the node, leaves one alone that is as asked for (and renews it, if it has a TTL), and replaces one that
// is not, since sessions can't be changed. Without a name it always makes one. State "absent" removes the one with the ID,
// or all of the name on the node.
//
// # As a command
//
//	consul_session present --name backup --ttl 10m
//	consul_session list -o json
//	consul_session absent --name backup
//	consul_session run --name backup --ttl 15s --lock locks/backup -- pg_dump …
//
// "run" keeps a session alive while a command runs, with --lock the lock on a key too, and ends the command when that is
// lost. The command finds them in CONSUL_SESSION_ID, CONSUL_LOCK_KEY and CONSUL_LOCK_FENCE. "consul_session help run" tells
// the rest.
//
// # Where Consul is
//
// Both find Consul by the environment variables of package consul, CONSUL_HTTP_ADDR and its like, and else at
// localhost:8500; what parameters or flags say goes before.
//
// # Exit status
//
//	0    it went well
//	1    it failed
//	2    the command line can't be understood
//
// and of "run", unless it is that of the command:
//
//	124      the session or the lock was lost, and the command ended for it
//	125      there is no session or no lock, and the command was not started
//	126      the command can't be run
//	127      the command can't be found
//	128 + n  the command was ended by signal n, or signal n came before the command was started
package main

import (
	"context"
	"io"
	"os"
	"slices"
	"strings"
)

const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// console is what a run of the program speaks to.
type console struct{ stdout, stderr io.Writer }

func main() {
	os.Exit(start(context.Background(), os.Args[1:], console{os.Stdout, os.Stderr}))
}

// start runs the program with its arguments and gives the exit status.
func start(ctx context.Context, args []string, c console) int {
	if isModuleCall(args) {
		return runModule(ctx, args[0], c)
	}
	return runCommand(ctx, args, c)
}

// isModuleCall reports whether Ansible calls: with one argument, the path of a file.
func isModuleCall(args []string) bool {
	if len(args) != 1 || strings.HasPrefix(args[0], "-") || args[0] == "help" || slices.ContainsFunc(commands(), named(args[0])) {
		return false
	}
	if strings.ContainsRune(args[0], os.PathSeparator) {
		return true
	}
	_, err := os.Stat(args[0])
	return err == nil
}
