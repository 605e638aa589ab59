package main

// This file tests the command line.

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestCommands(t *testing.T) {
	t.Parallel()
	h, name := newHost(t), unique(t)
	_, stderr := h.ends(exitOK, "present", "--name", name, "--ttl", "30s", "--delay", "5s", "--dry-run")
	wantText(t, stderr, "would be created")
	h.wantNamed(0, name)

	stdout, stderr := h.ends(exitOK, "present", "--name", name, "--ttl", "30s", "--delay", "5s")
	wantText(t, stderr, "created")
	e := h.wantNamed(1, name)[0]
	if e.TTL != 30*time.Second || e.LockDelay != 5*time.Second {
		t.Errorf("the session is %+v", e)
	}
	lines := strings.Split(stdout, "\n")
	if len(lines) != 3 || strings.Join(strings.Fields(lines[0]), " ") != "ID NAME NODE TTL DELAY BEHAVIOR CHECKS" {
		t.Errorf("want a table of one line:\n%s", stdout)
	}
	want := []string{e.ID, name, e.Node, "30s", "5s", "release", "serfHealth"}
	if got := strings.Fields(lines[1]); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("the table shows %q, want %q", got, want)
	}
	_, stderr = h.ends(exitOK, "present", "--name", name, "--ttl", "30", "--delay", "5")
	wantText(t, stderr, "nothing to do")
	_, stderr = h.ends(exitOK, "present", "--name", name, "--ttl", "30", "--delay", "6")
	wantText(t, stderr, "created, in place of "+e.ID)
	id := h.wantNamed(1, name)[0].ID

	for _, args := range [][]string{
		{"list"}, {"node"}, {"node", h.server.NodeName()}, {"node", "--node", h.server.NodeName()},
		{"info", id}, {"info", "--id", id}, {"info", "--name", name},
	} {
		stdout, stderr := h.ends(exitOK, args...)
		wantText(t, stdout, id, name)
		var a answer
		stdout, _ = h.ends(exitOK, append(args, "-o", "json")...)
		if err := json.Unmarshal([]byte(stdout), &a); err != nil || a.Changed || len(a.Sessions) == 0 {
			t.Errorf("%q: %v: %s", args, err, stdout)
		}
		if stderr != "" {
			t.Errorf("%q: it says %s", args, stderr)
		}
	}
	if stdout, _ := h.ends(exitOK, "info", id, "-o", "id"); stdout != id+"\n" {
		t.Errorf("it prints %q, want the ID", stdout)
	}
	stdout, stderr = h.ends(exitFailed, "info", "nonesuch")
	if stdout != "" {
		t.Errorf("it prints %q of a session that is not", stdout)
	}
	wantText(t, stderr, "no session nonesuch")

	h.ends(exitOK, "absent", "--name", name, "--dry-run")
	h.wantNamed(1, name)
	_, stderr = h.ends(exitOK, "absent", id)
	wantText(t, stderr, "removed")
	h.wantNamed(0, name)
	_, stderr = h.ends(exitOK, "absent", "--name", name)
	wantText(t, stderr, "nothing to do")
}

func TestCommandLinesThatMakeNoSense(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	for line, says := range map[string]string{
		"":                              "Usage: consul_session COMMAND",
		"remove":                        `no command "remove"`,
		"present --nam n":               "-nam",
		"present --delay soon":          "soon",
		"present n":                     `"n" is left over`,
		"present --state absent":        "-state",
		"present --token secret":        "-token",
		"info":                          "an ID or --name is required",
		"info a b":                      `"b" is left over`,
		"absent":                        "an ID or --name is required",
		"list -o yaml":                  "table, json, id",
		"run":                           "no command is given",
		"run --wait 1s -- true":         "--wait is for a lock",
		"run --ttl forever -- true":     "forever",
		"present --checks a,":           "empty",
		"present --validate-certs=what": "what",
	} {
		stdout, stderr := h.ends(exitUsage, strings.Fields(line)...)
		wantText(t, stderr, says)
		if stdout != "" {
			t.Errorf("%q: it prints %q", line, stdout)
		}
	}
	_, stderr := h.ends(exitFailed, "list", "--host", "127.0.0.1", "--port", "1")
	wantText(t, stderr, "consul_session list: at http://127.0.0.1:1", "cannot reach")
}

func TestHelp(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	for _, flag := range []string{"help", "-h", "-help", "--help"} {
		stdout, _ := h.ends(exitOK, flag)
		for _, cmd := range commands() {
			wantText(t, stdout, "\n  "+cmd.name, cmd.summary)
		}
	}
	for _, cmd := range commands() {
		stdout, _ := h.ends(exitOK, "help", cmd.name)
		for _, name := range append(cmd.flags, connectionParameters...) {
			if name != "o" {
				wantText(t, stdout, "\n  --"+flagName(name))
			}
		}
		if other, _ := h.ends(exitOK, cmd.name, "--help"); other != stdout {
			t.Errorf("%s --help is another help:\n%s", cmd.name, other)
		}
		for line := range strings.Lines(stdout) {
			if len([]rune(line)) > 121 {
				t.Errorf("help %s has a line of %d: %s", cmd.name, len(line), line)
			}
		}
	}
}

func TestWhoCalls(t *testing.T) {
	t.Chdir(t.TempDir())
	h := newHost(t)
	if code, stdout, _ := h.run("./args"); code != exitFailed || !strings.HasPrefix(stdout, "{") {
		t.Errorf("a path is not taken for Ansible's: %d %s", code, stdout)
	}
	for _, args := range [][]string{{}, {"list"}, {"--help"}, {"args"}, {"./args", "more"}} {
		if isModuleCall(args) {
			t.Errorf("%q is taken for a call of Ansible's", args)
		}
	}
}

// TestTablesStayTables has names that would break the lines of a table, or reach the terminal.
func TestTablesStayTables(t *testing.T) {
	t.Parallel()
	h, name := newHost(t), unique(t)+"\x1b[31m\nred\ttabbed"
	stdout, _ := h.ends(exitOK, "present", "--name", name)
	if strings.Count(stdout, "\n") != 2 || strings.ContainsAny(stdout, "\x1b\t") {
		t.Errorf("the table is %q", stdout)
	}
	h.ends(exitOK, "absent", "--name", name)
}
