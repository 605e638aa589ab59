package replay

// This file changes and picks parts of JSON and leaves the rest as it was sent, the order of members too.

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// member is a member of an object, or an item of an array.
type member struct {
	name  string
	value json.RawMessage
}

// members gives what an object or an array holds, in order; ok is false for other values.
func members(raw []byte) (list []member, object, ok bool) {
	d := json.NewDecoder(bytes.NewReader(raw))
	first, err := d.Token()
	if err != nil || first != json.Delim('{') && first != json.Delim('[') {
		return nil, false, false
	}
	object = first == json.Delim('{')
	for d.More() {
		m := member{name: strconv.Itoa(len(list))}
		if object {
			name, err := d.Token()
			if err != nil {
				return nil, false, false
			}
			m.name, _ = name.(string)
		}
		if err := d.Decode(&m.value); err != nil {
			return nil, false, false
		}
		list = append(list, m)
	}
	return list, object, true
}

// join is the reverse of members.
func join(list []member, object bool) []byte {
	open, end := byte('['), byte(']')
	if object {
		open, end = '{', '}'
	}
	b := []byte{open}
	for i, m := range list {
		if i > 0 {
			b = append(b, ',')
		}
		if object {
			name, _ := json.Marshal(m.name) // a string never fails
			b = append(append(b, name...), ':')
		}
		b = append(b, m.value...)
	}
	return append(b, end)
}

// pick gives the value at the path, nil where there is none.
func pick(raw []byte, path []string) []byte {
	if len(path) == 0 {
		return raw
	}
	list, _, _ := members(raw)
	for _, m := range list {
		if m.name == path[0] {
			return pick(m.value, path[1:])
		}
	}
	return nil
}

// show writes down the values at the paths, in which * is any member or item.
func show(raw []byte, paths []string) string {
	var b strings.Builder
	for _, path := range paths {
		found := pickAll(raw, strings.Split(path, "."))
		if len(found) == 0 {
			fmt.Fprintf(&b, "%s: absent\n", path)
		}
		for _, m := range found {
			fmt.Fprintf(&b, "%s: %s\n", m.name, indent(m.value))
		}
	}
	return b.String()
}

// pickAll gives the values at the path, by their own paths.
func pickAll(raw []byte, path []string) []member {
	if i := slices.Index(path, "*"); i >= 0 {
		var all []member
		list, _, _ := members(pick(raw, path[:i]))
		for _, m := range list {
			all = append(all, pickAll(raw, slices.Concat(path[:i], []string{m.name}, path[i+1:]))...)
		}
		return all
	}
	if value := pick(raw, path); value != nil {
		return []member{{strings.Join(path, "."), value}}
	}
	return nil
}

// apply puts the arrays that s names in order.
func (s sorting) apply(raw []byte) []byte {
	var path []string
	if s.path != "" {
		path = strings.Split(s.path, ".")
	}
	return mapAt(raw, path, s.sort)
}

// mapAt replaces the values at the path.
func mapAt(raw []byte, path []string, change func([]byte) []byte) []byte {
	if len(path) == 0 {
		return change(raw)
	}
	list, object, ok := members(raw)
	if !ok {
		return raw
	}
	for i, m := range list {
		if path[0] == "*" || path[0] == m.name {
			list[i].value = mapAt(m.value, path[1:], change)
		}
	}
	return join(list, object)
}

var number = regexp.MustCompile(`\d+`)

// sort orders an array by what its items are, but for IDs, times and the length of numbers.
func (s sorting) sort(raw []byte) []byte {
	list, object, ok := members(raw)
	if !ok || object {
		return raw
	}
	key := func(m member) string {
		value := []byte(m.value)
		if s.by != "" {
			value = pick(value, strings.Split(s.by, "."))
		}
		text := timestamp.ReplaceAllString(uuid.ReplaceAllString(string(value), "<uuid>"), "<time>")
		return number.ReplaceAllStringFunc(text, func(n string) string { return fmt.Sprintf("%020s", n) })
	}
	slices.SortStableFunc(list, func(a, b member) int { return cmp.Compare(key(a), key(b)) })
	return join(list, false)
}
