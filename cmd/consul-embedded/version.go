package main

// This file answers "consul version".

import (
	"encoding/json"
	"flag"
	"fmt"

	"github.com/lictor-go/consul/embedded"
)

// buildDate is the one that Consul shows which was built without one.
const buildDate = "1970-01-01T00:00:01Z"

// The versions of the protocol between agents, of which the program speaks none.
const protocolDefault, protocolMin, protocolMax = 2, 2, 3

type protocols struct{ Default, Min, Max int }

type version struct {
	Version, Revision, Prerelease, BuildDate string
	RPC                                      protocols
}

func runVersion(args []string, c console) int {
	flags := flag.NewFlagSet("version", flag.ContinueOnError)
	flags.SetOutput(c.stderr)
	format := flags.String("format", "pretty", "how the version is printed: \"pretty\" or \"json\"")
	switch err := flags.Parse(args); {
	case err == flag.ErrHelp:
		return exitOK
	case err != nil:
		return exitFailed
	}
	switch *format {
	case "pretty":
		fmt.Fprintf(c.stdout, "Consul v%s\nBuild Date %s\nProtocol %d spoken by default, understands %d to %d "+
			"(agent will automatically use protocol >2 when speaking to compatible agents)\n\n",
			embedded.Version, buildDate, protocolDefault, protocolMin, protocolMax)
	case "json":
		text, err := json.MarshalIndent(version{
			Version: embedded.Version, BuildDate: buildDate, RPC: protocols{protocolDefault, protocolMin, protocolMax},
		}, "", "   ")
		if err != nil {
			fmt.Fprintln(c.stderr, err)
			return exitFailed
		}
		fmt.Fprintf(c.stdout, "%s\n", text)
	default:
		fmt.Fprintf(c.stderr, "Unknown format: %s\n", *format)
		return exitFailed
	}
	return exitOK
}
