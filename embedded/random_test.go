package embedded_test

// This file plays random requests to a real server and to an embedded one, and compares what they answer.

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lictor-go/consul/embedded"
	"github.com/lictor-go/consul/testutil"
)

// player sends steps to one server and writes down what it answers.
type player struct {
	peer
	sessions []string
	indexes  map[string]string
}

var (
	placeholder = regexp.MustCompile(`\{([si]):?([^}]*)\}`)
	anyIndex    = regexp.MustCompile(`"(CreateIndex|ModifyIndex)":(\d+)`)
	// The own node and its check, with members that may have members.
	ownIndexes = regexp.MustCompile(`("Node":"server-1"(?:[^{}]|\{[^{}]*\})*?"CreateIndex":)\d+(,"ModifyIndex":)\d+`)
	nodeID     = regexp.MustCompile(`"ID":"[^"]+","Node":"server`)
	// What an index was compared with is made up, or what the same text says elsewhere.
	checkedIndex = regexp.MustCompile(`current modify index (\d+) != \d+`)
)

func (p *player) fill(text string) string {
	return placeholder.ReplaceAllStringFunc(text, func(found string) string {
		name := strings.Trim(found[2:len(found)-1], ":")
		if found[1] == 's' {
			n, _ := strconv.Atoi(name)
			if n > len(p.sessions) {
				return "22222222-2222-3333-4444-555555555555" // could not be created, here as there
			}
			return p.sessions[n-1]
		}
		return cmp.Or(p.indexes[name], "7")
	})
}

// play sends a step and gives the answer, with what is the server's own named and indexes marked.
func (p *player) play(s step) (string, error) {
	body := p.fill(s.body)
	r, err := http.NewRequest(s.method, p.base+strings.ReplaceAll(p.fill(s.path), `"`, "%22"), strings.NewReader(body))
	if err != nil {
		return "", err
	}
	answer, err := p.transport.RoundTrip(r)
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		return "", err
	}
	p.learn(s, answer, data)
	text := string(data)
	for i, id := range p.sessions {
		text = strings.ReplaceAll(text, id, fmt.Sprintf("{s%d}", i+1))
	}
	if strings.HasPrefix(s.path, "/v1/session/") {
		text = sortSessions(text)
	}
	if strings.HasPrefix(s.path, "/v1/catalog/services") {
		text = strings.ReplaceAll(text, `"v2","v1"`, `"v1","v2"`) // in no order
	}
	text = ownIndexes.ReplaceAllString(text, `$1"own"$2"own"`)
	text = anyIndex.ReplaceAllString(text, `"$1":#$2#`)
	text = nodeID.ReplaceAllString(text, `"ID":"{node}","Node":"server`)
	text = checkedIndex.ReplaceAllString(text, "index #$1# != ")
	if index := answer.Header.Get("X-Consul-Index"); index != "" {
		text = "index #" + index + "# " + text
	}
	return fmt.Sprintf("%d %s", answer.StatusCode, text), nil
}

// learn keeps the IDs and indexes that later steps use.
func (p *player) learn(s step, answer *http.Response, data []byte) {
	switch {
	case s.path == "/v1/session/create":
		var created struct{ ID string }
		_ = json.Unmarshal(data, &created) // a refusal is no JSON
		p.sessions = append(p.sessions, cmp.Or(created.ID, "22222222-2222-3333-4444-555555555555"))
	case s.method == "GET" && strings.HasPrefix(s.path, "/v1/kv/") && answer.StatusCode == http.StatusOK:
		var list []struct {
			Key         string
			ModifyIndex uint64
		}
		if json.Unmarshal(data, &list) == nil {
			for _, kv := range list {
				p.indexes[kv.Key] = strconv.FormatUint(kv.ModifyIndex, 10)
			}
		}
	}
}

// sortSessions orders a list of sessions by when they were created: servers order it by their IDs, which are random.
func sortSessions(text string) string {
	var list []json.RawMessage
	if json.Unmarshal([]byte(text), &list) != nil {
		return text
	}
	number := func(raw json.RawMessage) int {
		var session struct{ ID string }
		_ = json.Unmarshal(raw, &session)
		n, _ := strconv.Atoi(strings.Trim(session.ID, "{s}"))
		return n
	}
	slices.SortFunc(list, func(a, b json.RawMessage) int { return number(a) - number(b) })
	return encode(list)
}

var marked = regexp.MustCompile(`#(\d+)#`)

// rank replaces indexes by their rank among all of the answers, so that their order and their equality are compared.
func rank(answers []string) []string {
	seen := map[int]int{}
	for _, answer := range answers {
		for _, match := range marked.FindAllStringSubmatch(answer, -1) {
			n, _ := strconv.Atoi(match[1])
			seen[n] = 0
		}
	}
	order := make([]int, 0, len(seen))
	for n := range seen {
		order = append(order, n)
	}
	slices.Sort(order)
	for i, n := range order {
		seen[n] = i
	}
	ranked := make([]string, len(answers))
	for i, answer := range answers {
		ranked[i] = marked.ReplaceAllStringFunc(answer, func(found string) string {
			n, _ := strconv.Atoi(strings.Trim(found, "#"))
			return "#" + strconv.Itoa(seen[n])
		})
	}
	return ranked
}

// seeds are those that every run plays, with one more that the time gives.
func seeds() []uint64 { return []uint64{1, 2, 3, uint64(time.Now().UnixNano())} }

const randomSteps = 1500

// TestRandomRequests plays the same random requests to both servers.
func TestRandomRequests(t *testing.T) {
	if os.Getenv("CONSUL_TEST_BACKEND") != "real" {
		t.Skip("it compares with a real server: set CONSUL_TEST_BACKEND=real")
	}
	for _, seed := range seeds() {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			theirs := testutil.NewServer(t)
			ours := start(t, embedded.WithNodeName(theirs.NodeName()))
			real := peer{"http://" + theirs.Addr(), http.DefaultTransport}
			waitUntilSynced(t, real, theirs.NodeName())
			compareRandom(t, seed, inMemory(ours), real)
		})
	}
}

// waitUntilSynced waits until the agent has told the catalog all about its own node, which changes indexes.
func waitUntilSynced(t *testing.T, p peer, node string) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		a, err := send(t.Context(), p.transport, "GET", p.base+"/v1/catalog/node/"+node, "")
		if err == nil && strings.Contains(a.body, `"lan_ipv4"`) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the agent has not synced its node: %+v, %v", a, err)
		}
		time.Sleep(20 * time.Millisecond) // there is nothing to wait for
	}
}

func compareRandom(t *testing.T, seed uint64, peers ...peer) {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 0))}
	steps := make([]step, randomSteps)
	answers := make([][]string, len(peers))
	players := make([]*player, len(peers))
	for i, peer := range peers {
		players[i] = &player{peer: peer, indexes: map[string]string{}}
	}
	// What a real server does at its start, and in which order, shows in the indexes of its tables until something is written.
	copy(steps, []step{
		{"PUT", "/v1/kv/warm", "up"}, {"DELETE", "/v1/kv/warm", ""},
		{"PUT", "/v1/catalog/register", `{"Node": "server-1", "SkipNodeUpdate": true, "Service": {"Service": "up"}, "Check": {"Name": "up"}}`},
		{"PUT", "/v1/catalog/deregister", `{"Node": "server-1", "ServiceID": "up"}`},
		{"PUT", "/v1/catalog/deregister", `{"Node": "server-1", "CheckID": "up"}`},
	})
	for i := range steps {
		if steps[i].method == "" {
			steps[i] = g.next()
		}
		if steps[i].path == "/v1/session/create" {
			g.sessions++
		}
		for k, player := range players {
			answer, err := player.play(steps[i])
			if err != nil {
				t.Fatalf("step %d, %v: %v", i, steps[i], err)
			}
			answers[k] = append(answers[k], answer)
		}
	}
	ours, theirs := rank(answers[0]), rank(answers[1])
	failed := 0
	for i := range steps {
		if ours[i] != theirs[i] {
			t.Errorf("step %d: %v\nembedded: %s\nreal:     %s", i, steps[i], ours[i], theirs[i])
			if failed++; failed == 5 {
				t.Fatal("and maybe more")
			}
		}
	}
}

// TestRandomRequestsAtOnce plays random requests from many clients at once. Nothing is compared but that each is answered,
// and none with an error that is the server's own; the race detector looks at the rest.
func TestRandomRequestsAtOnce(t *testing.T) {
	t.Parallel()
	const clients, each = 8, 400
	s, err := embedded.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	var wg sync.WaitGroup
	for client := range clients {
		wg.Go(func() {
			g := &generator{Rand: rand.New(rand.NewPCG(uint64(client), 1))}
			p := &player{peer: inMemory(s), indexes: map[string]string{}}
			for range each {
				next := g.next()
				if next.path == "/v1/session/create" {
					g.sessions++
				}
				answer, err := p.play(next)
				if err != nil {
					t.Errorf("client %d: %v: %v", client, next, err)
				}
				if strings.Contains(answer, "panic") || strings.Contains(answer, "not found in table") {
					t.Errorf("client %d: %v: %s", client, next, answer)
				}
			}
		})
	}
	wg.Wait()
}
