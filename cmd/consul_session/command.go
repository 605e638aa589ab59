package main

// This file is the command line: the commands, their flags and their help.

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/lictor-go/consul"
)

// A command is the first word of a command line.
type command struct {
	name    string
	args    string // that it takes beside flags, as the help shows them
	summary string // one line
	more    string // for its help
	flags   []string
	operand string // the parameter that an argument without a flag sets; "" where there is none
}

func commands() []command {
	return []command{
		{name: statePresent, summary: "make sure that a session is there; without --name make one more",
			more: `A session is told by its name and its node. One that is as asked for is left alone, and renewed if it has a TTL.
One that is not is replaced, since sessions can't be changed: what the old one holds is released or deleted.`,
			flags: slices.Concat(sessionParameters, []string{"dry_run", "o"})},
		{name: stateAbsent, args: "[ID]", operand: "id", summary: "remove a session by its ID, or all of a name on a node",
			flags: []string{"id", "name", "node", "dry_run", "o"}},
		{name: stateInfo, args: "[ID]", operand: "id", summary: "show a session by its ID, or all of a name on a node",
			more:  "Where there is none it says so and exits with 1.",
			flags: []string{"id", "name", "node", "o"}},
		{name: stateNode, args: "[NODE]", operand: "node", summary: "list the sessions of a node; the agent's without NODE",
			flags: []string{"node", "o"}},
		{name: stateList, summary: "list all sessions", flags: []string{"o"}},
		{name: commandRun, args: "-- COMMAND …", summary: "run a command with a session that lives as long as it does",
			more:  runHelp,
			flags: slices.Concat(sessionParameters, []string{"lock", "wait", "kill_after"})},
	}
}

// named is for finding a command.
func named(name string) func(command) bool {
	return func(c command) bool { return c.name == name }
}

const usage = `Usage: consul_session COMMAND [flags]

Makes, reads and removes sessions of Consul. Called by Ansible with the path of a file of arguments, it is a module.

Commands:
%s
"consul_session help COMMAND" shows the flags of one.

Consul is found by CONSUL_HTTP_ADDR, CONSUL_HTTP_TOKEN, CONSUL_HTTP_TOKEN_FILE, CONSUL_CACERT, CONSUL_CLIENT_CERT and the
other variables that the consul command reads; else at localhost:8500.
`

// runCommand does what the command line says.
func runCommand(ctx context.Context, args []string, c console) int {
	name := ""
	if len(args) > 0 {
		name, args = args[0], args[1:]
	}
	switch name {
	case "":
		printUsage(c.stderr)
		return exitUsage
	case "-h", "-help", "--help", "help":
		return runHelpCommand(args, c)
	}
	i := slices.IndexFunc(commands(), named(name))
	if i < 0 {
		fmt.Fprintf(c.stderr, "consul_session: there is no command %q, and no file of that name\n"+
			"Run \"consul_session help\" for the commands.\n", name)
		return exitUsage
	}
	cmd := commands()[i]
	s := &settings{behavior: consul.SessionBehaviorRelease, output: outputTable, run: runSettings{killAfter: defaultKillAfter}}
	rest, err := cmd.parse(s, args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		cmd.printHelp(c.stdout)
		return exitOK
	case err != nil:
		fmt.Fprintf(c.stderr, "consul_session %s: %v\nRun \"consul_session help %s\" for its flags.\n", name, err, name)
		return exitUsage
	case name == commandRun:
		return runWithSession(ctx, s, rest, c)
	}
	return cmd.run(ctx, s, c)
}

// run does the command and prints what came of it.
func (cmd command) run(ctx context.Context, s *settings, c console) int {
	o, err := do(ctx, s)
	for _, warning := range o.warnings {
		fmt.Fprintf(c.stderr, "consul_session: %s\n", warning)
	}
	if err == nil && s.state == stateInfo && len(o.sessions) == 0 {
		err = fmt.Errorf("there is no session %s", orName(s))
	}
	if err != nil {
		fmt.Fprintf(c.stderr, "consul_session %s: %v\n", cmd.name, err)
		return exitFailed
	}
	if s.output == outputTable {
		cmd.remark(s, o, c.stderr)
	}
	if err := o.print(c.stdout, s); err != nil {
		fmt.Fprintf(c.stderr, "consul_session %s: %v\n", cmd.name, err)
		return exitFailed
	}
	return exitOK
}

func orName(s *settings) string {
	if s.id != "" {
		return s.id
	}
	return fmt.Sprintf("named %q on its node", s.name)
}

// remark says what the table does not: whether anything was changed.
func (cmd command) remark(s *settings, o *outcome, w io.Writer) {
	done := map[string]string{statePresent: "created", stateAbsent: "removed"}[cmd.name]
	switch {
	case done == "":
		return
	case !o.changed:
		done = "nothing to do"
	case s.dryRun:
		done = "would be " + done
	case cmd.name == statePresent && len(o.before) > 0:
		done = fmt.Sprintf("created, in place of %s", strings.Join(ids(o.before), ", "))
	}
	fmt.Fprintln(w, done)
}

// parse reads the flags into the settings, and gives what is left: of run, the command that it runs.
func (cmd command) parse(s *settings, args []string) ([]string, error) {
	fs := flag.NewFlagSet(cmd.name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	for _, p := range s.flags(slices.Concat(cmd.flags, connectionParameters)) {
		if p.bool {
			fs.BoolFunc(flagName(p.name), "", p.set)
		} else {
			fs.Func(flagName(p.name), "", p.set)
		}
	}
	s.state = cmd.name
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	if cmd.name == commandRun {
		return fs.Args(), s.run.check(s, fs.Args())
	}
	for fs.NArg() > 0 { // flags may follow
		value := fs.Arg(0)
		if cmd.operand == "" {
			return nil, fmt.Errorf("%q is left over", value)
		}
		p, _ := s.parameter(cmd.operand)
		cmd.operand = ""
		if err := p.set(value); err != nil {
			return nil, err
		}
		if err := fs.Parse(fs.Args()[1:]); err != nil {
			return nil, err
		}
	}
	if (cmd.name == stateInfo || cmd.name == stateAbsent) && s.id == "" && s.name == "" {
		return nil, errors.New("an ID or --name is required")
	}
	return nil, nil
}

// flags gives the parameters with the names.
func (s *settings) flags(names []string) []parameter {
	var found []parameter
	for _, name := range names {
		p, _ := s.parameter(name)
		found = append(found, p)
	}
	return found
}

func flagName(name string) string { return strings.ReplaceAll(name, "_", "-") }

func runHelpCommand(args []string, c console) int {
	if len(args) > 0 {
		if i := slices.IndexFunc(commands(), named(args[0])); i >= 0 {
			commands()[i].printHelp(c.stdout)
			return exitOK
		}
	}
	printUsage(c.stdout)
	return exitOK
}

func printUsage(w io.Writer) {
	var list strings.Builder
	table := tabwriter.NewWriter(&list, 0, 0, 2, ' ', 0)
	for _, cmd := range commands() {
		fmt.Fprintf(table, "  %s %s\t%s\n", cmd.name, cmd.args, cmd.summary)
	}
	table.Flush()
	fmt.Fprintf(w, usage, list.String())
}

func (cmd command) printHelp(w io.Writer) {
	args := ""
	if cmd.args != "" {
		args = " " + cmd.args
	}
	summary := strings.ToUpper(cmd.summary[:1]) + cmd.summary[1:]
	fmt.Fprintf(w, "Usage: consul_session %s [flags]%s\n\n%s.\n", cmd.name, args, summary)
	if cmd.more != "" {
		fmt.Fprintf(w, "\n%s\n", cmd.more)
	}
	printFlags(w, "Flags", cmd.flags)
	printFlags(w, "Where Consul is, in place of what the environment says", connectionParameters)
}

func printFlags(w io.Writer, title string, names []string) {
	fmt.Fprintf(w, "\n%s:\n", title)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, p := range new(settings).flags(names) {
		flag := "--" + flagName(p.name)
		switch {
		case len(p.name) == 1:
			flag = "-" + p.name + " " + p.value
		case p.bool && p.value != "":
			flag += "=" + p.value
		case !p.bool:
			flag += " " + p.value
		}
		fmt.Fprintf(table, "  %s\t%s\n", flag, p.usage)
	}
	table.Flush()
}
