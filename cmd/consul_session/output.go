package main

// This file holds what is shown: JSON for Ansible and for scripts, a table for people.

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/lictor-go/consul"
)

// What the command prints.
const (
	outputTable = "table"
	outputJSON  = "json"
	outputID    = "id"
)

// session is a session as the API of Consul shows it, which is how the Python module shows it.
type session struct {
	ID            string
	Name          string
	Node          string
	LockDelay     time.Duration // in nanoseconds
	Behavior      string
	TTL           string
	NodeChecks    []string
	ServiceChecks []consul.ServiceCheck
	Checks        []string `json:",omitempty"`
	CreateIndex   uint64
	ModifyIndex   uint64
}

func show(entries []*consul.SessionEntry) []session {
	shown := make([]session, 0, len(entries))
	for _, e := range entries {
		shown = append(shown, session{
			ID: e.ID, Name: e.Name, Node: e.Node, LockDelay: e.LockDelay, Behavior: e.Behavior, TTL: orEmpty(e.TTL),
			NodeChecks: e.NodeChecks, ServiceChecks: e.ServiceChecks, Checks: e.Checks,
			CreateIndex: e.CreateIndex, ModifyIndex: e.ModifyIndex,
		})
	}
	return shown
}

// orEmpty writes a time, and none as "".
func orEmpty(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}

// result is the JSON object that stands for an outcome. Its keys are those of the Python module, which has others for each
// state; "sessions" is in each of them.
func result(s *settings, o *outcome) map[string]any {
	r := map[string]any{"changed": o.changed, "sessions": show(o.sessions)}
	switch s.state {
	case statePresent:
		r["session_id"], r["name"], r["node"] = orNull(o.id), orNull(s.name), orNull(o.node)
		r["behavior"], r["checks"] = s.behavior, s.checks
		r["delay"], r["ttl"] = max(0, s.lockDelay()).Seconds(), any(nil)
		if s.ttl > 0 {
			r["ttl"] = s.ttl.Seconds()
		}
	case stateAbsent:
		r["session_id"], r["name"], r["node"] = orNull(o.id), orNull(s.name), orNull(o.node)
	case stateInfo:
		r["session_id"] = orNull(o.id)
	case stateNode:
		r["node"] = o.node
	}
	if s.diff && o.changed {
		r["diff"] = map[string]any{"before": differing(o.before), "after": differing(o.after)}
	}
	if len(o.warnings) > 0 {
		r["warnings"] = o.warnings
	}
	return r
}

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// differing is one side of a diff: what the sessions are like, without what Consul gives them.
func differing(entries []*consul.SessionEntry) map[string]any {
	side := map[string]any{}
	var all []map[string]any
	for _, e := range entries {
		one := map[string]any{"name": e.Name, "node": e.Node, "behavior": e.Behavior, "delay": e.LockDelay.Seconds(),
			"ttl": orEmpty(e.TTL), "checks": effectiveChecks(e)}
		if e.ID != "" {
			one["id"] = e.ID
		}
		all = append(all, one)
	}
	if all != nil {
		side["sessions"] = all
	}
	return side
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// print prints an outcome as the settings say.
func (o *outcome) print(w io.Writer, s *settings) error {
	switch s.output {
	case outputJSON:
		return printJSON(w, result(s, o))
	case outputID:
		for _, e := range o.sessions {
			if e.ID != "" {
				fmt.Fprintln(w, e.ID)
			}
		}
		return nil
	}
	return printTable(w, o.sessions)
}

func printTable(w io.Writer, entries []*consul.SessionEntry) error {
	if len(entries) == 0 {
		return nil
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tNAME\tNODE\tTTL\tDELAY\tBEHAVIOR\tCHECKS")
	for _, e := range entries {
		cells := []string{e.ID, e.Name, e.Node, orEmpty(e.TTL), e.LockDelay.String(), e.Behavior, checksOf(e)}
		for i, cell := range cells {
			cells[i] = orDash(cell)
		}
		fmt.Fprintln(table, strings.Join(cells, "\t"))
	}
	return table.Flush()
}

// checksOf names all that a session depends on.
func checksOf(e *consul.SessionEntry) string {
	names := effectiveChecks(e)
	for _, check := range e.ServiceChecks {
		names = append(names, check.ID)
	}
	return strings.Join(names, ",")
}

// orDash gives a cell of a table something to show. What would break its line is shown as Go writes it.
func orDash(cell string) string {
	switch {
	case cell == "":
		return "-"
	case strings.ContainsAny(cell, "\t\n\r\v\f\x1b"):
		return fmt.Sprintf("%q", cell)
	}
	return cell
}
