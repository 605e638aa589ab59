package main

// This file reads configuration files into trees of settings.

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/hashicorp/hcl"
)

// tree holds settings by name; groups of them are trees themselves.
type tree map[string]any

// merge adds settings. They replace those that are there, except that groups are merged and lists grow, as in consul.
func (t tree) merge(more tree) {
	for name, value := range more {
		switch value := value.(type) {
		case tree:
			group, ok := t[name].(tree)
			if !ok {
				group = tree{}
				t[name] = group
			}
			group.merge(value)
		case []any:
			list, _ := t[name].([]any)
			t[name] = slices.Concat(list, value)
		default:
			t[name] = value
		}
	}
}

// readPath adds the settings of a file, or of the files in a directory in the order of their names.
func (t tree) readPath(path, format string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return t.readFile(path, format)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.IsDir() || format == "" && formatOf(entry.Name()) == "" {
			continue
		}
		if err := t.readFile(filepath.Join(path, entry.Name()), format); err != nil {
			return err
		}
	}
	return nil
}

func (t tree) readFile(path, format string) error {
	if format == "" {
		format = formatOf(path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	more, err := parseSettings(string(data), format)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	t.merge(more)
	return nil
}

// formatOf is the format that the name of a file tells, "" for none.
func formatOf(name string) string {
	switch extension := filepath.Ext(name); extension {
	case ".json", ".hcl":
		return extension[1:]
	}
	return ""
}

func parseSettings(text, format string) (tree, error) {
	values := map[string]any{}
	var err error
	switch format {
	case "json":
		err = json.Unmarshal([]byte(text), &values)
	case "hcl":
		err = hcl.Unmarshal([]byte(text), &values)
	default:
		return nil, fmt.Errorf("%q is no format: name the file .json or .hcl, or set -config-format", format)
	}
	if err != nil {
		return nil, err
	}
	return toTree(values), nil
}

// toTree makes trees of groups, of which HCL makes lists: a group may be given in several blocks.
func toTree(values map[string]any) tree {
	t := tree{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		switch value := values[name].(type) {
		case map[string]any:
			t[name] = toTree(value)
		case []map[string]any:
			group := tree{}
			for _, block := range value {
				group.merge(toTree(block))
			}
			t[name] = group
		default:
			t[name] = value
		}
	}
	return t
}
