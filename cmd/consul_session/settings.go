package main

// This file holds the parameters: what can be asked for, in the same words by Ansible and on the command line.

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lictor-go/consul"
)

// The states that can be asked for, which are commands too.
const (
	statePresent = "present"
	stateAbsent  = "absent"
	stateInfo    = "info"
	stateNode    = "node"
	stateList    = "list"
)

const (
	defaultDelay = 15 * time.Second
	maxDelay     = 60 * time.Second // servers apply no more, whatever they are told
)

// settings are what is asked for.
type settings struct {
	state    string
	id       string
	name     string
	node     string
	checks   []string       // nil: not given; empty: none at all
	delay    *time.Duration // nil: not given
	ttl      time.Duration  // 0: without end
	behavior string
	target   target

	dryRun bool   // check mode
	diff   bool   // of Ansible alone
	output string // of the command alone
	run    runSettings
}

// A parameter is one thing that can be set, from text or from a list of texts.
type parameter struct {
	name  string // as Ansible has it; a flag has "-" for "_"
	value string // what to give it, for the help
	usage string // one line, for the help
	set   func(text string) error
	list  func(items []string) error // nil unless it is a list
	bool  bool                       // the flag alone means true
}

// Which parameters belong together, in the order of the help.
var (
	sessionParameters    = []string{"name", "node", "checks", "delay", "ttl", "behavior"}
	connectionParameters = []string{
		"host", "port", "scheme", "datacenter", "validate_certs", "ca_path", "client_cert", "client_key",
	}
	moduleParameters = slices.Concat([]string{"state", "id", "token"}, sessionParameters, connectionParameters)
)

// parameters gives all parameters, bound to s.
func (s *settings) parameters() []parameter {
	return []parameter{
		{name: "state", set: oneOf(&s.state, statePresent, stateAbsent, stateInfo, stateNode, stateList)},
		{name: "id", value: "ID", usage: "the session with this ID", set: text(&s.id)},
		{name: "name", value: "NAME", usage: "the session's name", set: text(&s.name)},
		{name: "node", value: "NODE", usage: "the node that the session belongs to; by default the agent's",
			set: text(&s.node)},
		{name: "checks", value: "IDS", usage: "check IDs, with commas, to depend on beside serfHealth; \"\" for no check at all",
			set: s.splitChecks, list: s.setChecks},
		{name: "delay", value: "TIME", usage: "the lock-delay, as 20s or in seconds; servers apply 60s at most; by default 15s",
			set: s.setDelay},
		{name: "ttl", value: "TIME", usage: "how long the session lives without a renewal; by default for ever",
			set: seconds(&s.ttl)},
		{name: "behavior", value: "release|delete", usage: "what becomes of the keys that it holds; by default release",
			set: oneOf(&s.behavior, consul.SessionBehaviorRelease, consul.SessionBehaviorDelete)},

		{name: "host", value: "HOST", usage: "the agent's host; by default localhost", set: s.target.setHost},
		{name: "port", value: "PORT", usage: "the agent's port; by default 8500", set: s.target.setPort},
		{name: "scheme", value: "http|https", usage: "by default http", set: oneOf(&s.target.scheme, "http", "https")},
		{name: "datacenter", value: "NAME", usage: "by default the agent's", set: text(&s.target.datacenter)},
		{name: "validate_certs", value: "true|false", usage: "whether to verify the agent's certificate; by default true",
			set: truthPointer(&s.target.validateCerts), bool: true},
		{name: "ca_path", value: "PATH", usage: "the authorities to trust: a PEM file, or a folder of them",
			set: text(&s.target.caPath)},
		{name: "client_cert", value: "FILE", usage: "the client's certificate, in PEM", set: text(&s.target.clientCert)},
		{name: "client_key", value: "FILE", usage: "the key of that certificate, in PEM", set: text(&s.target.clientKey)},
		{name: "token", set: text(&s.target.token)},

		{name: "dry_run", usage: "say what would change, and change nothing", set: truth(&s.dryRun), bool: true},
		{name: "o", value: "table|json|id", usage: "what to print; by default table",
			set: oneOf(&s.output, outputTable, outputJSON, outputID)},
		{name: "lock", value: "KEY", usage: "take the lock on this key first, and hold it", set: text(&s.run.key)},
		{name: "wait", value: "TIME", usage: "how long to wait for the lock, 0 to try once; by default for ever",
			set: s.run.setWait},
		{name: "kill_after", value: "TIME", usage: "how long a command that is to end may go on; by default 5s",
			set: seconds(&s.run.killAfter)},
	}
}

// parameter gives the one with the name.
func (s *settings) parameter(name string) (parameter, bool) {
	all := s.parameters()
	i := slices.IndexFunc(all, func(p parameter) bool { return p.name == name })
	if i < 0 {
		return parameter{}, false
	}
	return all[i], true
}

// missing names what the state needs and was not given.
func (s *settings) missing() error {
	switch {
	case s.state == stateInfo && s.id == "":
		return errors.New("state is info: id is required")
	case s.state == stateAbsent && s.id == "" && s.name == "":
		return errors.New("state is absent: id or name is required")
	case s.state == stateNode && s.node == "" && s.name == "":
		return errors.New("state is node: node is required")
	}
	return nil
}

// entry is the session that is asked for.
func (s *settings) entry() *consul.SessionEntry {
	return &consul.SessionEntry{
		Name: s.name, Node: s.node, Behavior: s.behavior, Checks: s.checks, TTL: s.ttl, LockDelay: s.lockDelay(),
	}
}

// lockDelay is the lock-delay as a SessionEntry has it.
func (s *settings) lockDelay() time.Duration {
	switch {
	case s.delay == nil:
		return defaultDelay
	case *s.delay == 0:
		return consul.NoLockDelay
	}
	return *s.delay
}

func (s *settings) setDelay(value string) error {
	delay, err := parseSeconds(value)
	s.delay = &delay
	return err
}

func (s *settings) splitChecks(value string) error {
	if value == "" {
		return s.setChecks(nil)
	}
	return s.setChecks(strings.Split(value, ","))
}

func (s *settings) setChecks(ids []string) error {
	s.checks = []string{}
	for _, id := range ids {
		id = strings.TrimSpace(id)
		if id == "" {
			return errors.New("one of the IDs is empty")
		}
		s.checks = append(s.checks, id)
	}
	return nil
}

func text(to *string) func(string) error {
	return func(value string) error {
		*to = value
		return nil
	}
}

func oneOf(to *string, choices ...string) func(string) error {
	return func(value string) error {
		if !slices.Contains(choices, value) {
			return fmt.Errorf("%q is none of %s", value, strings.Join(choices, ", "))
		}
		*to = value
		return nil
	}
}

func truth(to *bool) func(string) error {
	return func(value string) (err error) {
		*to, err = parseBool(value)
		return err
	}
}

func truthPointer(to **bool) func(string) error {
	return func(value string) error {
		b, err := parseBool(value)
		*to = &b
		return err
	}
}

func seconds(to *time.Duration) func(string) error {
	return func(value string) (err error) {
		*to, err = parseSeconds(value)
		return err
	}
}

// parseBool reads a truth value in any of the ways that Ansible takes.
func parseBool(value string) (bool, error) {
	switch strings.ToLower(value) {
	case "yes", "on", "1", "true", "t", "y":
		return true, nil
	case "no", "off", "0", "false", "f", "n":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither true nor false", value)
}

// parseSeconds reads a time: a number of seconds, or a duration with its unit.
func parseSeconds(value string) (time.Duration, error) {
	duration := value
	if _, err := strconv.ParseUint(value, 10, 64); err == nil {
		duration += "s"
	}
	d, err := time.ParseDuration(duration)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is neither a number of seconds nor a time such as 20s", value)
	}
	return d, nil
}
