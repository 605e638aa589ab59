package store_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/go-memdb"

	"github.com/lictor-go/consul/embedded/internal/store"
)

func newStore(t *testing.T) *store.Store {
	t.Helper()
	return store.New(func(string) {})
}

// write runs a write that has to succeed, and gives its index.
func write(t *testing.T, s *store.Store, f func(*store.Tx) error) uint64 {
	t.Helper()
	var index uint64
	err := s.Write(func(tx *store.Tx) error {
		index = tx.Index()
		return f(tx)
	})
	if err != nil {
		t.Fatal(err)
	}
	return index
}

func node(name string) *store.Node { return &store.Node{Node: name, Address: "192.0.2.1"} }

// register makes a write that registers a service, with checks of the same node.
func register(node *store.Node, service *store.NodeService, checks ...*store.HealthCheck) func(*store.Tx) error {
	for _, c := range checks {
		c.Node = node.Node
	}
	return func(tx *store.Tx) error {
		return tx.Register(&store.Registration{Node: node, Service: service, Checks: checks})
	}
}

func service(name string) *store.NodeService { return &store.NodeService{ID: name, Service: name} }

func check(id, service, status string) *store.HealthCheck {
	return &store.HealthCheck{CheckID: id, ServiceID: service, Status: status}
}

func deregister(node, service, check string) func(*store.Tx) error {
	return func(tx *store.Tx) error { return tx.Deregister(node, service, check) }
}

// reads are questions that clients wait for a new answer to.
var reads = map[string]func(*store.Tx, memdb.WatchSet) uint64{
	"nodes": func(tx *store.Tx, ws memdb.WatchSet) uint64 { return first(tx.Nodes(ws, nil)) },
	"nodes with k=v": func(tx *store.Tx, ws memdb.WatchSet) uint64 {
		return first(tx.Nodes(ws, map[string]string{"k": "v"}))
	},
	"services": func(tx *store.Tx, ws memdb.WatchSet) uint64 { return first(tx.Services(ws, nil)) },
	"node n1": func(tx *store.Tx, ws memdb.WatchSet) uint64 {
		index, _, _ := tx.NodeServices(ws, "n1")
		return index
	},
	"checks of n1":   func(tx *store.Tx, ws memdb.WatchSet) uint64 { return first(tx.NodeChecks(ws, "n1")) },
	"checks of web":  func(tx *store.Tx, ws memdb.WatchSet) uint64 { return first(tx.ServiceChecks(ws, "web", nil)) },
	"catalog of web": func(tx *store.Tx, ws memdb.WatchSet) uint64 { return first(tx.ServiceNodes(ws, "web", nil)) },
	"health of web":  func(tx *store.Tx, ws memdb.WatchSet) uint64 { return first(tx.CheckServiceNodes(ws, "web", nil)) },
	"health of web x": func(tx *store.Tx, ws memdb.WatchSet) uint64 {
		return first(tx.CheckServiceNodes(ws, "web", []string{"x"}))
	},
	"health of db":   func(tx *store.Tx, ws memdb.WatchSet) uint64 { return first(tx.CheckServiceNodes(ws, "db", nil)) },
	"health of none": func(tx *store.Tx, ws memdb.WatchSet) uint64 { return first(tx.CheckServiceNodes(ws, "none", nil)) },
	"connect of web": func(tx *store.Tx, ws memdb.WatchSet) uint64 { return first(tx.CheckConnectServiceNodes(ws, "web")) },
	"services with k=v": func(tx *store.Tx, ws memdb.WatchSet) uint64 {
		return first(tx.Services(ws, map[string]string{"k": "v"}))
	},
}

func first[T any](index uint64, _ T) uint64 { return index }

// TestWakeUps holds the index rules to what was seen of the real server: of all who wait, a write answers those that it says
// something new to, and as few of the others as there.
func TestWakeUps(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	// Something has gone already, so that what is not there has an index of its own.
	write(t, s, register(node("z"), service("gone"), check("c", "gone", "passing")))
	write(t, s, deregister("z", "", ""))
	n1 := &store.Node{Node: "n1", Address: "192.0.2.1", Meta: map[string]string{"k": "v"}}
	web := &store.NodeService{ID: "web", Service: "web", Tags: []string{"X"}}
	for _, step := range []struct {
		name  string
		write func(*store.Tx) error
		woken []string
	}{
		{"a service on a new node", register(n1, web), []string{
			"nodes", "nodes with k=v", "services", "services with k=v", "node n1",
			"catalog of web", "health of web", "health of web x"}},
		{"the same again", register(n1, web), nil},
		{"another service elsewhere", register(node("b"), service("db")), []string{
			"nodes", "services", "health of db"}},
		{"a check of the service", register(n1, nil, check("c", "web", "critical")), []string{
			"checks of n1", "checks of web", "health of web", "health of web x"}},
		{"the check as it is", register(n1, nil, check("c", "web", "critical")), nil},
		{"a check of another service", register(node("b"), nil, check("d", "db", "passing")), []string{
			"health of db"}},
		{"a check of the other node", register(node("b"), nil, check("n", "", "warning")), []string{
			"health of db"}},
		{"the check is better", register(n1, nil, check("c", "web", "passing")), []string{
			"checks of n1", "checks of web", "health of web", "health of web x"}},
		{"a change of the other node", register(&store.Node{Node: "b", Address: "192.0.2.9"}, nil), []string{
			"nodes", "health of db"}},
		{"a proxy", register(&store.Node{Node: "b", Address: "192.0.2.9"}, &store.NodeService{
			ID: "proxy", Service: "proxy", Kind: "connect-proxy", Port: 1,
			Proxy: store.ConnectProxyConfig{DestinationServiceName: "web"},
		}), []string{"services", "connect of web"}},
		{"the check goes", deregister("n1", "", "c"), []string{
			"checks of n1", "checks of web", "health of web", "health of web x"}},
		{"the other service goes", deregister("b", "db", ""), []string{
			"services", "health of db", "health of none"}},
		{"nothing goes", deregister("b", "nope", ""), nil},
		{"the last instance goes with its node", deregister("n1", "", ""), []string{
			"nodes", "nodes with k=v", "services", "services with k=v", "node n1",
			"catalog of web", "health of web", "health of web x", "health of none", "health of db"}},
	} {
		seen, sets := map[string]uint64{}, map[string]memdb.WatchSet{}
		for name, read := range reads {
			sets[name] = memdb.NewWatchSet()
			seen[name] = read(s.Read(), sets[name])
		}
		index := write(t, s, step.write)
		var woken []string
		for name, read := range reads {
			// Those who read checks may be woken for others: what they wait for is a part of the tree, which others may share.
			shared := strings.HasPrefix(name, "checks") && !slices.Contains(step.woken, name)
			if now := read(s.Read(), nil); fired(sets[name]) && now > seen[name] && !shared {
				woken = append(woken, name)
				if now != index {
					t.Errorf("%s: the index of %q is %d after the write %d", step.name, name, now, index)
				}
			}
		}
		slices.Sort(woken)
		slices.Sort(step.woken)
		if !slices.Equal(woken, step.woken) {
			t.Errorf("%s\nwakes %q\nwant  %q", step.name, woken, step.woken)
		}
	}
}

// fired reports whether something in the set has changed.
func fired(ws memdb.WatchSet) bool {
	for changed := range ws {
		select {
		case <-changed:
			return true
		default:
		}
	}
	return false
}

const (
	idA = "11111111-1111-1111-1111-111111111111"
	idB = "22222222-2222-2222-2222-222222222222"
)

func withID(name, id string) *store.Node {
	return &store.Node{ID: id, Node: name, Address: "192.0.2.1"}
}

func TestNodeIsRenamedByItsID(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	created := write(t, s, register(withID("old", idA), service("web"), check("c", "web", "passing")))
	renamed := write(t, s, register(withID("new", idA), nil))
	if _, n := s.Read().Node(nil, "old"); n != nil {
		t.Errorf("the old name is still there: %+v", n)
	}
	_, n := s.Read().Node(nil, "NEW")
	if n == nil || n.CreateIndex != created || n.ModifyIndex != renamed {
		t.Errorf("the node is %+v, want it created at %d and changed at %d", n, created, renamed)
	}
	if _, list := s.Read().ServiceNodes(nil, "web", nil); len(list) != 0 {
		t.Errorf("services stay under the old name: %+v", list)
	}
}

func TestNodeNames(t *testing.T) {
	t.Parallel()
	const reserved = `Node name a is reserved by node ` + idA + ` with name a (192.0.2.1)`
	for name, test := range map[string]struct {
		health string // of the node that has the name, none where empty
		id     string // of that node
		node   *store.Node
		err    string
	}{
		"taken by a node that is alive": {store.HealthPassing, idA, withID("a", idB),
			`failed inserting node: Error while renaming Node ID: "` + idB + `": ` + reserved},
		"taken by one that failed":        {store.HealthCritical, idA, withID("a", idB), ""},
		"taken by one without health":     {"", idA, withID("a", idB), ""},
		"taken by one without an ID":      {store.HealthPassing, "", withID("a", idB), ""},
		"of the same node":                {store.HealthPassing, idA, withID("A", idA), ""},
		"without an ID, as they may be":   {store.HealthPassing, idA, node("a"), ""},
		"for a node that has another":     {store.HealthPassing, idA, withID("b", idA), ""},
		"for another node, one taken":     {store.HealthPassing, idA, withID("c", idB), ""},
		"given up by its node's renaming": {store.HealthCritical, idA, withID("a", idA), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t)
			var checks []*store.HealthCheck
			if test.health != "" {
				checks = append(checks, check(store.SerfHealth, "", test.health))
			}
			write(t, s, register(withID("a", test.id), nil, checks...))
			err := s.Write(register(test.node, nil))
			if got := text(err); got != test.err {
				t.Errorf("registered with %q, want %q", got, test.err)
			}
		})
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestRegistrationsThatFailChangeNothing(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		registration *store.Registration
		want         error
		text         string
	}{
		"check of a service that is not there": {
			&store.Registration{Node: node("a"), Checks: []*store.HealthCheck{
				{Node: "a", CheckID: "c", ServiceID: "nope"}}},
			store.ErrMissingService, `failed inserting check on node "a": Missing service registration`},
		"check without a name": {
			&store.Registration{Node: node("a"), Checks: []*store.HealthCheck{{Node: "a"}}},
			store.ErrNoCheckID, `failed inserting check on node "a": failed health check lookup: ` +
				`index error: object is missing a value for this index`},
		"check of another node": {
			&store.Registration{Node: node("a"), Checks: []*store.HealthCheck{{Node: "b", CheckID: "c"}}},
			nil, `check node "b" does not match node "a"`},
		"service with bad metadata": {
			&store.Registration{Node: node("a"), Service: &store.NodeService{
				ID: "web", Service: "web", Meta: map[string]string{"a b": "c"}}},
			nil, `failed inserting service: Invalid Service Meta for node a and serviceID web: ` +
				`Couldn't load metadata pair ('a b', 'c'): Key contains invalid characters`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t)
			err := s.Write(func(tx *store.Tx) error { return tx.Register(test.registration) })
			if text(err) != test.text || test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("failed with %q, want %q", err, test.text)
			}
			if index, list := s.Read().Nodes(nil, nil); len(list) != 0 || index != 0 {
				t.Errorf("there are nodes at %d: %+v", index, list)
			}
		})
	}
}

func TestCompareAndSet(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	index := write(t, s, register(node("a"), service("web"), check("c", "", "passing")))
	moved := func(n *store.Node) *store.Node { n.Address = "192.0.2.2"; return n }
	for name, test := range map[string]struct {
		try  func(*store.Tx, uint64) (bool, error)
		want map[uint64]bool
	}{
		"a node": {func(tx *store.Tx, at uint64) (bool, error) {
			n := moved(node("a"))
			n.ModifyIndex = at
			return tx.EnsureNodeCAS(n)
		}, map[uint64]bool{0: false, 1: false, index: true}},
		"a new node": {func(tx *store.Tx, at uint64) (bool, error) {
			n := node("b")
			n.ModifyIndex = at
			return tx.EnsureNodeCAS(n)
		}, map[uint64]bool{0: true, 1: false}},
		"a service": {func(tx *store.Tx, at uint64) (bool, error) {
			return tx.EnsureServiceCAS("a", &store.NodeService{
				ID: "web", Service: "web", Port: 1, RaftIndex: store.RaftIndex{ModifyIndex: at}})
		}, map[uint64]bool{0: false, 1: false, index: true}},
		"a check": {func(tx *store.Tx, at uint64) (bool, error) {
			return tx.EnsureCheckCAS(&store.HealthCheck{
				Node: "a", CheckID: "c", RaftIndex: store.RaftIndex{ModifyIndex: at}})
		}, map[uint64]bool{0: false, 1: false, index: true}},
		"a node's end": {func(tx *store.Tx, at uint64) (bool, error) {
			return tx.DeregisterNodeCAS("a", at)
		}, map[uint64]bool{0: false, index: true}},
		"a service's end": {func(tx *store.Tx, at uint64) (bool, error) {
			return tx.DeregisterServiceCAS("a", "web", at)
		}, map[uint64]bool{0: false, index: true}},
		"a check's end": {func(tx *store.Tx, at uint64) (bool, error) {
			return tx.DeregisterCheckCAS("a", "c", at)
		}, map[uint64]bool{0: false, index: true}},
	} {
		for at, want := range test.want {
			undo := errors.New("undo")
			err := s.Write(func(tx *store.Tx) error {
				if done, err := test.try(tx, at); done != want || err != nil {
					t.Errorf("%s at %d is done: %v, %v, want %v", name, at, done, err, want)
				}
				return undo
			})
			if !errors.Is(err, undo) {
				t.Error(err)
			}
		}
	}
}

func TestSessionsEndWithTheirChecks(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*store.Tx) error{
		"check is critical":    register(node("a"), nil, check("c", "web", store.HealthCritical)),
		"check is gone":        deregister("a", "", "c"),
		"service is gone":      deregister("a", "web", ""),
		"node is gone":         deregister("a", "", ""),
		"node has a new name":  register(withID("b", idA), nil),
		"check has no status":  register(node("a"), nil, check("c", "web", "")),
		"critical all at once": register(node("a"), service("web"), check("c", "web", store.HealthCritical)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var ended []string
			s := store.New(func(id string) { ended = append(ended, id) })
			write(t, s, register(withID("a", idA), service("web"), check("c", "web", store.HealthPassing)))
			write(t, s, func(tx *store.Tx) error {
				return tx.CreateSession(&store.Session{
					ID: idB, Node: "a", ServiceChecks: []store.SessionCheck{{ID: "c"}}})
			})
			write(t, s, register(withID("a", idA), nil, check("c", "web", store.HealthWarning)))
			if len(ended) != 0 {
				t.Errorf("sessions ended with a warning: %q", ended)
			}
			write(t, s, end)
			if !slices.Equal(ended, []string{idB}) {
				t.Errorf("the sessions ended are %q", ended)
			}
		})
	}
}

func TestVirtualIPsAreUsedAgain(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	native := func(name string) *store.NodeService {
		return &store.NodeService{ID: name, Service: name, Port: 1, Connect: store.ServiceConnect{Native: true}}
	}
	for _, name := range []string{"one", "two", "three"} {
		write(t, s, register(node("a"), native(name)))
	}
	write(t, s, deregister("a", "two", ""))
	write(t, s, register(node("a"), native("four")))
	write(t, s, register(node("b"), native("one")))
	for name, want := range map[string]string{
		"one": "240.0.0.1", "three": "240.0.0.3", "four": "240.0.0.2",
	} {
		_, list := s.Read().ConnectServiceNodes(nil, name)
		if len(list) == 0 {
			t.Errorf("%s can't be reached", name)
		}
		for _, i := range list {
			if got := i.ServiceTaggedAddresses["consul-virtual"]; got.Address != want || got.Port != 1 {
				t.Errorf("%s on %s has %v, want %s", name, i.Node, got, want)
			}
		}
	}
}
