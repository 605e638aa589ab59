// Command consul-embedded runs a Consul of one node, in memory, for development and tests: for scripts, and for clients in
// any language. Nothing is kept when it ends.
//
//	consul-embedded -http-addr 127.0.0.1:8500
//
// It prints where it listens as a line "CONSUL_HTTP_ADDR=…" once it serves, and runs until SIGINT or SIGTERM.
//
// It also stands in for the consul command where suites start a server of their own, put on PATH under that name: "version"
// answers as the real one does, and "agent" takes its flags and configuration files. What has no effect here is named in a
// warning and not refused.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
)

// Exit codes. Those of the commands that stand in for consul are consul's.
const (
	exitOK      = 0
	exitFailed  = 1
	exitUsage   = 2
	exitUnknown = 127
)

// console is what a run of the program speaks to.
type console struct {
	stdout, stderr io.Writer
	// signals are those that end the program, and the one that has it read its configuration again.
	signals <-chan os.Signal
}

func main() {
	signals, stop := notify()
	code := run(context.Background(), os.Args[1:], console{os.Stdout, os.Stderr, signals})
	stop()
	os.Exit(code)
}

// run runs the program with its arguments and gives the exit code. The end of ctx ends it as a signal does.
func run(ctx context.Context, args []string, c console) int {
	command := ""
	if len(args) > 0 {
		command = args[0]
	}
	switch {
	case command == "agent":
		return runAgent(ctx, args[1:], c)
	case command == "version":
		return runVersion(args[1:], c)
	case command == "-v", command == "-version", command == "--version":
		return runVersion(nil, c)
	case command == "" || strings.HasPrefix(command, "-"):
		return runEmbedded(ctx, args, c)
	}
	fmt.Fprintf(c.stderr, "consul-embedded: there is no command %q: of consul's, \"agent\" and \"version\" are served here. "+
		"For others use the real consul, with CONSUL_HTTP_ADDR set to this server's address.\n", command)
	return exitUnknown
}
