package embedded_test

// This file makes up random requests.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
)

// step is a request. {s3} in it stands for the ID of the third session that was created, {i:a} for the index that the key
// a had when it was last read: each server has its own.
type step struct{ method, path, body string }

func (s step) String() string { return strings.TrimSpace(s.method + " " + s.path + " " + s.body) }

// generator makes up steps.
type generator struct {
	*rand.Rand
	sessions int
}

func (g *generator) pick(from ...string) string { return from[g.IntN(len(from))] }

func (g *generator) key() string {
	return g.pick("a", "b", "a/", "a/b", "a/c", "a/b/c", "ab", "b/x", "ü")
}

func (g *generator) prefix() string { return g.pick("a", "a/", "b/", "a/b", "none", "") }

func (g *generator) node() string { return g.pick("n1", "n2", "N2", "n3") }

func (g *generator) service() string { return g.pick("web", "db", "api") }

func (g *generator) check() string { return g.pick("c1", "c2") }

func (g *generator) status() string { return g.pick("passing", "passing", "warning", "critical") }

// session names a session that was created, or one that never was.
func (g *generator) session() string {
	if g.sessions == 0 || g.IntN(10) == 0 {
		return "11111111-2222-3333-4444-555555555555"
	}
	// Mostly a late one, since most others are gone.
	back := min(g.IntN(1+g.IntN(6)), g.sessions-1)
	return fmt.Sprintf("{s%d}", g.sessions-back)
}

func (g *generator) index(key string) string {
	return g.pick("0", "{i:"+key+"}", "{i:"+key+"}", "1")
}

func (g *generator) value() string {
	return g.pick("", "x", "y", "<&>", strings.Repeat("z", g.IntN(3000)))
}

// next makes up the next step.
func (g *generator) next() step {
	switch g.IntN(10) {
	case 0, 1, 2:
		return g.writeKV()
	case 3, 4:
		return g.readKV()
	case 5:
		return g.ofSession()
	case 6:
		return g.transaction()
	case 7, 8:
		return g.writeCatalog()
	}
	return g.readCatalog()
}

func (g *generator) writeKV() step {
	key := g.key()
	put := func(params string) step { return step{"PUT", "/v1/kv/" + key + params, g.value()} }
	switch g.IntN(9) {
	case 0:
		return put("?flags=" + strconv.FormatUint(g.Uint64(), 10))
	case 1, 2:
		return put("?cas=" + g.index(key))
	case 3, 4:
		return put("?acquire=" + g.session())
	case 5:
		return put("?release=" + g.session())
	case 6:
		return step{"DELETE", "/v1/kv/" + g.pick(key, key+"?cas="+g.index(key)), ""}
	case 7:
		return step{"DELETE", "/v1/kv/" + g.pick("a/", "b/", "none") + "?recurse", ""}
	}
	return put("")
}

func (g *generator) readKV() step {
	return step{"GET", "/v1/kv/" + g.pick(
		g.key(), g.key(), g.key()+"?raw", g.prefix()+"?recurse", g.prefix()+"?keys", g.prefix()+"?keys&separator=/",
		// What has changed since is answered at once, else after the wait.
		g.key()+"?index={i:a}&wait=1ms", g.prefix()+"?recurse&index={i:a}&wait=1ms",
	), ""}
}

func (g *generator) ofSession() step {
	switch g.IntN(8) {
	case 0, 1:
		return step{"PUT", "/v1/session/destroy/" + g.session(), ""}
	case 2:
		return step{"GET", "/v1/session/info/" + g.session(), ""}
	case 3:
		return step{"GET", "/v1/session/" + g.pick("list", "node/"+g.node()), ""}
	}
	session := map[string]any{
		"Node": g.node(), "LockDelay": g.pick("0s", "0s", "60s"), "Behavior": g.pick("release", "delete", "", "none"),
		"NodeChecks": []string{}, "Checks": []string{},
	}
	if g.IntN(2) == 0 {
		session["NodeChecks"], session["Checks"] = []string{g.check()}, []string{g.check()}
	}
	return step{"PUT", "/v1/session/create", encode(session)}
}

func (g *generator) transaction() step {
	ops := []any{}
	for range 1 + g.IntN(4) {
		ops = append(ops, g.operation())
	}
	return step{"PUT", "/v1/txn", encode(ops)}
}

func (g *generator) operation() any {
	key := g.key()
	if g.IntN(5) == 0 {
		return map[string]any{"Node": map[string]any{
			"Verb": g.pick("get", "set", "delete"), "Node": map[string]any{"Node": g.node(), "Address": g.pick("192.0.2.1", "192.0.2.2")},
		}}
	}
	op := map[string]any{
		"Verb": g.pick("set", "cas", "lock", "unlock", "get", "get-or-empty", "get-tree", "check-index", "check-session",
			"check-not-exists", "delete", "delete-tree", "delete-cas", "none"),
		"Key": key, "Value": []byte(g.value()), "Session": g.session(), "Flags": g.IntN(3),
	}
	if index := g.index(key); index != "0" {
		op["Index"] = index
	}
	return map[string]any{"KV": op}
}

func (g *generator) writeCatalog() step {
	node := g.node()
	if g.IntN(4) == 0 {
		body := map[string]any{"Node": node}
		switch g.IntN(4) {
		case 0:
			body["ServiceID"] = g.service()
		case 1:
			body["CheckID"] = g.check()
		}
		return step{"PUT", "/v1/catalog/deregister", encode(body)}
	}
	body := map[string]any{"Node": node, "Address": g.pick("192.0.2.1", "192.0.2.2", "")}
	if g.IntN(2) == 0 {
		body["Service"] = map[string]any{
			"Service": g.service(), "Tags": []string{g.pick("v1", "v2")}, "Port": 80 + g.IntN(2), "Meta": map[string]string{"k": g.pick("1", "2")},
		}
	}
	if g.IntN(2) == 0 {
		check := map[string]any{"CheckID": g.check(), "Name": "a check", "Status": g.status(), "Output": g.pick("", "out")}
		if g.IntN(3) == 0 {
			check["ServiceID"] = g.service()
		}
		body["Check"] = check
	}
	return step{"PUT", "/v1/catalog/register", encode(body)}
}

func (g *generator) readCatalog() step {
	return step{"GET", "/v1/" + g.pick(
		"catalog/nodes", "catalog/services", "catalog/node/"+g.node(), "catalog/node-services/"+g.node(),
		"catalog/service/"+g.service(), "catalog/service/"+g.service()+"?tag=v1",
		"health/node/"+g.node(), "health/checks/"+g.service(), "health/service/"+g.service(),
		"health/service/"+g.service()+"?passing", "health/state/"+g.pick("any", "passing", "critical"),
		`catalog/nodes?filter=Address=="192.0.2.1"`, "catalog/services?filter="+"ServiceName==web",
	), ""}
}

func encode(value any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		panic(err)
	}
	// Indexes are numbers, also those that are yet to be filled in.
	return quotedIndex.ReplaceAllString(strings.TrimSpace(b.String()), `"Index":$1`)
}

var quotedIndex = regexp.MustCompile(`"Index":"([^"]+)"`)
