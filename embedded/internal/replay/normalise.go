package replay

// This file takes out of a transcript what differs between two servers that behave the same: the IDs that they make up,
// times, ports, and by how much indexes grow.

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	uuid      = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	timestamp = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)`)
	// The hashes of policies, roles and tokens, and of an agent's service, say whether something has changed, and no more.
	hash = regexp.MustCompile(`("Hash": "|"ContentHash": "|X-Consul-Contenthash: )([A-Za-z0-9+/=]+)`)
	// Only Consul's own service has a port this high.
	port    = regexp.MustCompile(`("[A-Za-z_]*[Pp]ort": "?)(830[0-2]|[1-6]\d{4})\b`)
	address = regexp.MustCompile(`127\.0\.0\.1:\d+`)
	index   = regexp.MustCompile(`("CreateIndex": |"ModifyIndex": |X-Consul-Index: |modify index |reset index: |not equal )(\d+)`)
	marked  = regexp.MustCompile(`<at (\d+)>`)
)

const (
	zeroTime = "0001-01-01T00:00:00Z"
	// ownIDs is how the IDs begin that are the same on every server.
	ownIDs = "00000000-0000-0000-0000-"
	// lastCount is more than any count: the index of a list of events is greater, being made from an event's ID.
	lastCount = 1 << 32
)

// normaliser names what it finds by the order in which it comes.
type normaliser struct {
	script string
	// old is the last index of what was there before the script.
	old     uint64
	names   map[string]string
	counts  map[string]int
	indexes []uint64
}

func newNormaliser(script, old string) *normaliser {
	n := &normaliser{script: script, names: map[string]string{}, counts: map[string]int{}}
	n.old, _ = strconv.ParseUint(old, 10, 64) // 0 where there is none: all indexes are new then
	return n
}

// note takes out of an answer all but the indexes, which can be ranked only when all are known.
func (n *normaliser) note(text string) string {
	text = uuid.ReplaceAllStringFunc(text, func(id string) string {
		if strings.HasPrefix(id, ownIDs) || strings.Contains(n.script, id) {
			return id
		}
		return n.name("uuid", id)
	})
	text = timestamp.ReplaceAllStringFunc(text, func(t string) string {
		if t == zeroTime {
			return t
		}
		return "<time>"
	})
	text = replaceSecond(hash, text, func(value string) string { return n.name("hash", value) })
	text = replaceSecond(port, text, func(string) string { return "<port>" })
	text = address.ReplaceAllString(text, "127.0.0.1:<port>")
	return replaceSecond(index, text, func(value string) string {
		i, err := strconv.ParseUint(value, 10, 64)
		switch {
		case err != nil || i == 0:
			return value
		case i <= max(n.old, 1):
			return "<index-0>"
		case i > lastCount:
			return n.name("index-of-id", value)
		}
		n.indexes = append(n.indexes, i)
		return "<at " + value + ">"
	})
}

// name gives the name of the value: that of its kind, with a number.
func (n *normaliser) name(kind, value string) string {
	key := kind + " " + value
	if n.names[key] == "" {
		n.counts[kind]++
		n.names[key] = fmt.Sprintf("<%s-%d>", kind, n.counts[kind])
	}
	return n.names[key]
}

// finish replaces indexes by their rank among those of the whole script.
func (n *normaliser) finish(text string) string {
	slices.Sort(n.indexes)
	n.indexes = slices.Compact(n.indexes)
	return marked.ReplaceAllStringFunc(text, func(mark string) string {
		i, _ := strconv.ParseUint(marked.FindStringSubmatch(mark)[1], 10, 64)
		rank, _ := slices.BinarySearch(n.indexes, i)
		return fmt.Sprintf("<index-%d>", rank+1)
	})
}

// replaceSecond replaces what the second group of the expression matches, and keeps the first.
func replaceSecond(expression *regexp.Regexp, text string, replace func(string) string) string {
	return expression.ReplaceAllStringFunc(text, func(found string) string {
		groups := expression.FindStringSubmatch(found)
		return groups[1] + replace(groups[2])
	})
}
