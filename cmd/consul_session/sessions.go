package main

// This file holds what is done with sessions, the same for Ansible and for the command.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lictor-go/consul"
)

// sessions does what is asked for, on one Consul.
type sessions struct {
	client *consul.Client
	dryRun bool // change nothing, and say what would
}

// An outcome is what was done, or in a dry run would be.
type outcome struct {
	changed       bool
	id            string                 // of the session that is present or was asked for; "" if there is none, or more
	node          string                 // that was meant; "" if it did not matter
	sessions      []*consul.SessionEntry // that were found; that is present now; that were removed
	before, after []*consul.SessionEntry // what a change is about
	warnings      []string
}

// do does what the settings say.
func do(ctx context.Context, s *settings) (*outcome, error) {
	client, address, err := s.target.connect()
	if err != nil {
		return new(outcome), err
	}
	defer client.Close()
	on := &sessions{client, s.dryRun}
	o, err := on.do(ctx, s)
	if err != nil {
		err = fmt.Errorf("at %s: %w", address, err)
	}
	return o, err
}

func (s *sessions) do(ctx context.Context, asked *settings) (*outcome, error) {
	switch asked.state {
	case stateAbsent:
		if asked.id != "" {
			return s.absentByID(ctx, asked.id)
		}
		return s.absentByName(ctx, asked.name, asked.node)
	case stateInfo:
		return s.info(ctx, asked)
	case stateNode:
		node := asked.node
		if node == "" {
			node = asked.name
		}
		return s.ofNode(ctx, node)
	case stateList:
		found, meta, err := s.client.Session().List(ctx)
		if err != nil {
			return new(outcome), fmt.Errorf("list the sessions: %w", err)
		}
		o := &outcome{sessions: found}
		if meta.ResultsFilteredByACLs {
			o.warnings = []string{"the token may not read all sessions: some are left out"}
		}
		return o, nil
	}
	o, err := s.present(ctx, asked.entry())
	if asked.lockDelay() > maxDelay {
		o.warnings = append(o.warnings, fmt.Sprintf("servers apply a lock-delay of %v at most, not %v", maxDelay, *asked.delay))
	}
	if asked.id != "" {
		o.warnings = append(o.warnings, "id is ignored where state is present: Consul gives the ID")
	}
	return o, err
}

// present makes sure that a session as described is there. One is told by its name and node; without a name it always
// makes one.
func (s *sessions) present(ctx context.Context, want *consul.SessionEntry) (*outcome, error) {
	if want.Name == "" {
		return s.create(ctx, want, nil)
	}
	if err := s.settle(ctx, &want.Node); err != nil {
		return new(outcome), err
	}
	for {
		found, err := s.named(ctx, want.Name, want.Node)
		if err != nil {
			return new(outcome), err
		}
		i := slices.IndexFunc(found, func(e *consul.SessionEntry) bool { return isAs(e, want) })
		switch {
		case i >= 0:
			err := s.renew(ctx, found[i])
			if errors.Is(err, consul.ErrSessionExpired) {
				continue // it has gone in this moment
			}
			one := found[i : i+1]
			return &outcome{id: found[i].ID, node: want.Node, sessions: one, before: one, after: one}, err
		case len(found) > 1:
			return new(outcome), fmt.Errorf("%d sessions on node %q are named %q, and none is as asked for: "+
				"remove them first (%s)", len(found), want.Node, want.Name, strings.Join(ids(found), ", "))
		}
		return s.create(ctx, want, found)
	}
}

// create makes a session, and destroys those that it replaces: afterwards, so that they stay if Consul refuses it.
func (s *sessions) create(
	ctx context.Context, want *consul.SessionEntry, replaced []*consul.SessionEntry,
) (*outcome, error) {
	o := &outcome{changed: true, node: want.Node, before: replaced}
	if s.dryRun {
		planned := *want
		planned.LockDelay = max(0, want.LockDelay)
		planned.NodeChecks, planned.Checks = effectiveChecks(want), nil
		o.sessions = []*consul.SessionEntry{&planned}
		o.after = o.sessions
		return o, nil
	}
	id, _, err := s.client.Session().Create(ctx, want)
	if err != nil {
		return new(outcome), fmt.Errorf("create a session: %w", err)
	}
	o.id = id
	if err := s.destroy(ctx, replaced); err != nil {
		return o, fmt.Errorf("session %s was created, and what it replaces is left: %w", id, err)
	}
	created, _, err := s.client.Session().Info(ctx, id)
	if err != nil {
		return o, fmt.Errorf("read session %s, which was created: %w", id, err)
	}
	o.sessions = []*consul.SessionEntry{created}
	o.after = o.sessions
	return o, nil
}

// renew starts a session's TTL anew, so that what is present stays so for a while.
func (s *sessions) renew(ctx context.Context, e *consul.SessionEntry) error {
	if e.TTL == 0 || s.dryRun {
		return nil
	}
	if _, _, err := s.client.Session().Renew(ctx, e.ID); err != nil {
		return fmt.Errorf("renew session %s: %w", e.ID, err)
	}
	return nil
}

func (s *sessions) absentByID(ctx context.Context, id string) (*outcome, error) {
	o, err := s.byID(ctx, id)
	if err != nil {
		return o, err
	}
	return s.remove(ctx, o)
}

// absentByName removes all sessions of the name on the node, which are several where others than this program make them.
func (s *sessions) absentByName(ctx context.Context, name, node string) (*outcome, error) {
	given := node != ""
	if err := s.settle(ctx, &node); err != nil {
		return new(outcome), err
	}
	found, err := s.named(ctx, name, node)
	if err != nil {
		return new(outcome), err
	}
	o := &outcome{node: node, sessions: found}
	if len(found) == 1 {
		o.id = found[0].ID
	}
	if len(found) == 0 && !given {
		o.warnings = s.elsewhere(ctx, name, node)
	}
	return s.remove(ctx, o)
}

// remove destroys the sessions that an outcome has found.
func (s *sessions) remove(ctx context.Context, o *outcome) (*outcome, error) {
	o.changed, o.before = len(o.sessions) > 0, o.sessions
	if s.dryRun {
		return o, nil
	}
	return o, s.destroy(ctx, o.sessions)
}

// elsewhere warns of sessions of the name on other nodes, which the caller may have meant. Where it can't know it is silent.
func (s *sessions) elsewhere(ctx context.Context, name, node string) []string {
	all, _, err := s.client.Session().List(ctx)
	if err != nil {
		return nil
	}
	var nodes []string
	for _, e := range all {
		if e.Name == name && e.Node != node {
			nodes = append(nodes, e.Node)
		}
	}
	if len(nodes) == 0 {
		return nil
	}
	slices.Sort(nodes)
	return []string{fmt.Sprintf("no session on the agent's node %q is named %q, but there are some on %s: "+
		"give node to mean those", node, name, strings.Join(slices.Compact(nodes), ", "))}
}

func (s *sessions) info(ctx context.Context, asked *settings) (*outcome, error) {
	if asked.id != "" {
		return s.byID(ctx, asked.id)
	}
	node := asked.node
	if err := s.settle(ctx, &node); err != nil {
		return new(outcome), err
	}
	found, err := s.named(ctx, asked.name, node)
	return &outcome{node: node, sessions: found}, err
}

// byID finds a session, or none.
func (s *sessions) byID(ctx context.Context, id string) (*outcome, error) {
	o := &outcome{id: id, sessions: []*consul.SessionEntry{}}
	e, _, err := s.client.Session().Info(ctx, id)
	switch {
	case errors.Is(err, consul.ErrNotFound):
		return o, nil
	case err != nil:
		return o, fmt.Errorf("read session %s: %w", id, err)
	}
	o.sessions = append(o.sessions, e)
	return o, nil
}

func (s *sessions) ofNode(ctx context.Context, node string) (*outcome, error) {
	o := &outcome{node: node}
	if err := s.settle(ctx, &o.node); err != nil {
		return o, err
	}
	found, err := s.list(ctx, o.node)
	o.sessions = found
	return o, err
}

// settle has an empty node be the agent's own.
func (s *sessions) settle(ctx context.Context, node *string) error {
	if *node != "" {
		return nil
	}
	self, _, err := s.client.Agent().Self(ctx)
	if err != nil {
		return fmt.Errorf("ask the agent for its node, since no node is given: %w", err)
	}
	*node = self.Config.NodeName
	return nil
}

// named lists the sessions of a name on a node, the oldest first.
func (s *sessions) named(ctx context.Context, name, node string) ([]*consul.SessionEntry, error) {
	found, err := s.list(ctx, node)
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(e *consul.SessionEntry) bool { return e.Name != name })
	slices.SortFunc(found, func(a, b *consul.SessionEntry) int { return cmp.Compare(a.CreateIndex, b.CreateIndex) })
	return found, nil
}

// list lists the sessions of a node. Those that the token may not read are not taken for absent.
func (s *sessions) list(ctx context.Context, node string) ([]*consul.SessionEntry, error) {
	found, meta, err := s.client.Session().Node(ctx, node)
	if err == nil && meta.ResultsFilteredByACLs {
		err = fmt.Errorf("the token may not read them: %w", consul.ErrPermissionDenied)
	}
	if err != nil {
		return nil, fmt.Errorf("list the sessions of node %q: %w", node, err)
	}
	return found, nil
}

func (s *sessions) destroy(ctx context.Context, entries []*consul.SessionEntry) error {
	for _, e := range entries {
		if _, err := s.client.Session().Destroy(ctx, e.ID); err != nil {
			return fmt.Errorf("destroy session %s: %w", e.ID, err)
		}
	}
	return nil
}

// isAs reports whether a session is as one that is asked for.
func isAs(is, want *consul.SessionEntry) bool {
	return is.LockDelay == max(0, want.LockDelay) && is.TTL == want.TTL && is.Behavior == want.Behavior &&
		len(is.ServiceChecks) == 0 && slices.Equal(effectiveChecks(is), effectiveChecks(want))
}

// effectiveChecks are all the checks of the node that a session depends on, sorted. One that is asked for and names none
// depends on serfHealth, and so does one that names some the older way; one that exists says so.
func effectiveChecks(e *consul.SessionEntry) []string {
	all := slices.Concat(e.NodeChecks, e.Checks)
	if e.NodeChecks == nil && (e.Checks == nil || len(e.Checks) > 0) {
		all = append(all, serfHealth)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// serfHealth is the check that Consul has for each node.
const serfHealth = "serfHealth"

func ids(entries []*consul.SessionEntry) []string {
	var all []string
	for _, e := range entries {
		all = append(all, e.ID)
	}
	return all
}
