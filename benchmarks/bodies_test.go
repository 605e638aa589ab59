package benchmarks

// This file makes the answers of the benchmarks' server from the ones recorded in testdata, which hold a few items each.
// An answer of n items repeats these in turn, byte for byte, but for what tells them apart: their number, which is in
// names, addresses, IDs and values, and their indexes.

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// maxItems is the largest number that itemNumber has room for, plus one.
const maxItems = 100_000

// largeSize is the size of the value of largeKey.
const largeSize = 500 << 10

// What is recorded is written with these, for the item numbers from 1 to recordedItems.
const recordedItems = 3

func itemNumber(i int) string  { return fmt.Sprintf("%05d", i) }
func itemAddress(i int) string { return fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&0xff, i&0xff) }
func itemValue(i int) string {
	return "the value of number " + itemNumber(i) + ", which has sixty bytes in all. "
}

const smallValue = "a value of twenty-eight byte"

// largeValue is a value that says nothing, and that no compression makes short.
var largeValue = func() []byte {
	value, state := make([]byte, largeSize), uint32(1)
	for i := range value {
		state = state*1664525 + 1013904223
		value[i] = byte(state >> 24)
	}
	return value
}()

// An answer is a whole HTTP answer with status 200.
type answer struct {
	header http.Header
	body   []byte
}

// write sends the answer; with an index, as if it were that of a later change.
func (a *answer) write(w http.ResponseWriter, index string) {
	h := w.Header()
	for k, v := range a.header {
		h[k] = v
	}
	if index != "" {
		h["X-Consul-Index"] = []string{index}
	}
	_, _ = w.Write(a.body) // the client may be gone
}

type answers struct {
	small, put, large, largeRaw, renew *answer
	list, health                       func(n int) *answer
}

func recordingPath(name string) string { return filepath.Join("testdata", "recorded", name+".http") }

func loadAnswers() (*answers, error) {
	files := make(map[string]*answer)
	for _, name := range []string{"kv-get", "kv-get-raw", "kv-put", "kv-list", "health", "session-renew"} {
		data, err := os.ReadFile(recordingPath(name))
		if err != nil {
			return nil, err
		}
		if files[name], err = parseAnswer(data); err != nil {
			return nil, fmt.Errorf("%s: %w", recordingPath(name), err)
		}
	}
	list, err := newMultiplier(files["kv-list"], listPrefix, "bench/list/")
	if err != nil {
		return nil, err
	}
	health, err := newMultiplier(files["health"], webService, "web")
	if err != nil {
		return nil, err
	}
	small := files["kv-get"]
	encoded := func(value []byte) []byte { return []byte(base64.StdEncoding.EncodeToString(value)) }
	large := bytes.Replace(small.body, encoded([]byte(smallValue)), encoded(largeValue), 1)
	return &answers{
		small:    small,
		put:      files["kv-put"],
		large:    &answer{small.header, large},
		largeRaw: &answer{files["kv-get-raw"].header, largeValue},
		renew:    files["session-renew"],
		list:     list.answer,
		health:   health.answer,
	}, nil
}

// parseAnswer reads an answer as record wrote it.
func parseAnswer(data []byte) (*answer, error) {
	head, body, ok := bytes.Cut(data, []byte("\n\n"))
	if !ok {
		return nil, fmt.Errorf("no empty line behind the header")
	}
	a := &answer{make(http.Header), body}
	for line := range strings.Lines(string(head)) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok {
			return nil, fmt.Errorf("the header has the line %q", line)
		}
		a.header.Add(name, value)
	}
	return a, nil
}

// A multiplier repeats the items of a recorded list.
type multiplier struct {
	header http.Header
	items  [][]piece
}

// A piece of an item is a text as it was recorded, or made for item i in a list of n.
type piece struct {
	text string
	make func(n, i int) string
}

// newMultiplier takes a recorded list apart. place is what names begin with that have the number of items in them, was is
// what stands there as recorded.
func newMultiplier(a *answer, place, was string) (*multiplier, error) {
	var items []json.RawMessage
	if err := json.Unmarshal(a.body, &items); err != nil {
		return nil, err
	}
	if len(items) != recordedItems {
		return nil, fmt.Errorf("%d items are recorded, want %d", len(items), recordedItems)
	}
	m := &multiplier{header: a.header}
	for i, item := range items {
		if !bytes.Contains(item, []byte(itemNumber(i+1))) {
			return nil, fmt.Errorf("item %d as it is recorded has not its number in it", i+1)
		}
		m.items = append(m.items, cut(string(item), i+1, place, was))
	}
	return m, nil
}

// cut takes the item recorded as number k apart.
func cut(item string, k int, place, was string) []piece {
	encoded := func(i int) string { return base64.StdEncoding.EncodeToString([]byte(itemValue(i))) }
	slash := was[len(strings.TrimSuffix(was, "/")):]
	named := func(n int) string { return place + strconv.Itoa(n) + slash }
	changing := []struct { // of two that match in one place the first counts
		text string
		make func(n, i int) string
	}{
		{encoded(k), func(_, i int) string { return encoded(i) }},
		{itemAddress(k), func(_, i int) string { return itemAddress(i) }},
		{`"` + was + `"`, func(n, _ int) string { return `"` + named(n) + `"` }},
		{was + itemNumber(k), func(n, i int) string { return named(n) + itemNumber(i) }},
		{itemNumber(k), func(_, i int) string { return itemNumber(i) }},
	}
	var patterns []string
	for _, c := range changing {
		patterns = append(patterns, regexp.QuoteMeta(c.text))
	}
	pattern := regexp.MustCompile(strings.Join(patterns, "|") + `|Index":\d+`)
	var pieces []piece
	end := 0
	for _, at := range pattern.FindAllStringIndex(item, -1) {
		pieces = append(pieces, piece{text: item[end:at[0]]})
		found := item[at[0]:at[1]]
		end = at[1]
		if index, ok := strings.CutPrefix(found, `Index":`); ok {
			recorded, _ := strconv.Atoi(index) // it is all digits
			pieces = append(pieces, piece{make: func(_, i int) string { return `Index":` + strconv.Itoa(recorded+i) }})
			continue
		}
		for _, c := range changing {
			if c.text == found {
				pieces = append(pieces, piece{make: c.make})
				break
			}
		}
	}
	return append(pieces, piece{text: item[end:]})
}

// answer gives an answer of n items.
func (m *multiplier) answer(n int) *answer {
	var body bytes.Buffer
	body.WriteByte('[')
	for i := range n {
		if i > 0 {
			body.WriteByte(',')
		}
		for _, p := range m.items[i%len(m.items)] {
			if p.make == nil {
				body.WriteString(p.text)
			} else {
				body.WriteString(p.make(n, i))
			}
		}
	}
	body.WriteByte(']')
	return &answer{m.header, body.Bytes()}
}

// TestMultiplier checks that the items of a multiplied answer are those that would have been recorded under its names.
func TestMultiplier(t *testing.T) {
	t.Parallel()
	answers, err := loadAnswers()
	if err != nil {
		t.Fatal(err)
	}
	const n = 300
	var pairs []struct {
		Key         string
		Value       []byte
		CreateIndex int
	}
	if err := json.Unmarshal(answers.list(n).body, &pairs); err != nil || len(pairs) != n {
		t.Fatalf("%d pairs, %v", len(pairs), err)
	}
	for i, p := range pairs {
		if p.Key != fmt.Sprintf("bench/300/%05d", i) || string(p.Value) != itemValue(i) || p.CreateIndex < i {
			t.Errorf("pair %d is %+v", i, p)
		}
	}
	health := string(answers.health(n).body)
	var entries []json.RawMessage
	if err := json.Unmarshal([]byte(health), &entries); err != nil || len(entries) != n {
		t.Fatalf("%d instances, %v", len(entries), err)
	}
	for i, e := range entries {
		for _, want := range []string{
			`"ID":"0000c0de-0000-4000-8000-0000000` + itemNumber(i), `"Address":"` + itemAddress(i), `"ID":"web-` + itemNumber(i),
			`"Service":"web-300"`, `"CheckID":"service:web-` + itemNumber(i),
		} {
			if !strings.Contains(string(e), want) {
				t.Errorf("instance %d has no %s: %s", i, want, e)
			}
		}
	}
	if strings.Contains(health, `"web"`) {
		t.Error("an instance is of the service that is recorded")
	}
}
