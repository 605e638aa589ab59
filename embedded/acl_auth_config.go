package embedded

// This file reads the configuration of auth methods.

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// methodConfig is the configuration of an auth method while it is read. Keys are known in any case, and values converted
// where they can be: a text where a list is wanted is a list of one.
type methodConfig struct {
	values map[string]any
	used   map[string]bool
	errs   []string
}

func newMethodConfig(values map[string]any) *methodConfig {
	return &methodConfig{values: values, used: map[string]bool{}}
}

// err says what was wrong. kind is the name that the real server has for the type of the configuration, which it shows.
func (c *methodConfig) err(kind string) error {
	errs := c.errs
	var unknown []string
	for _, key := range slices.Sorted(maps.Keys(c.values)) {
		if !c.used[key] {
			unknown = append(unknown, key)
		}
	}
	if len(unknown) > 0 {
		errs = append(errs, fmt.Sprintf("'%s' has invalid keys: %s", kind, strings.Join(unknown, ", ")))
	}
	if len(errs) == 0 {
		return nil
	}
	return fmt.Errorf("error decoding config: decoding failed due to the following error(s):\n\n%s", strings.Join(errs, "\n"))
}

func (c *methodConfig) value(name string) any {
	if value, ok := c.values[name]; ok {
		c.used[name] = true
		return value
	}
	for key, value := range c.values {
		if strings.EqualFold(key, name) {
			c.used[key] = true
			return value
		}
	}
	return nil
}

func (c *methodConfig) wrong(name, want string, value any) {
	c.errs = append(c.errs, fmt.Sprintf("'%s' expected type '%s', got unconvertible type '%T'", name, want, value))
}

func (c *methodConfig) text(name string) string { return c.toText(name, c.value(name)) }

func (c *methodConfig) toText(name string, value any) string {
	switch value := value.(type) {
	case nil:
		return ""
	case string:
		return value
	case float64:
		return strconv.FormatFloat(value, 'f', -1, 64)
	case bool:
		if value {
			return "1"
		}
		return "0"
	}
	c.wrong(name, "string", value)
	return ""
}

func (c *methodConfig) texts(name string) []string {
	var list []any
	switch value := c.value(name).(type) {
	case nil:
		return nil
	case []any:
		list = value
	default:
		list = []any{value}
	}
	texts := make([]string, len(list))
	for i, value := range list {
		texts[i] = c.toText(fmt.Sprintf("%s[%d]", name, i), value)
	}
	return texts
}

func (c *methodConfig) mapping(name string) map[string]string {
	switch value := c.value(name).(type) {
	case nil:
	case map[string]any:
		mapping := map[string]string{}
		for key, target := range value {
			mapping[key] = c.toText(fmt.Sprintf("%s[%s]", name, key), target)
		}
		return mapping
	default:
		c.wrong(name, "map[string]string", value)
	}
	return nil
}

func (c *methodConfig) flag(name string) bool {
	switch value := c.value(name).(type) {
	case nil:
	case bool:
		return value
	case float64:
		return value != 0
	case string:
		flag, err := strconv.ParseBool(value)
		if err == nil || value == "" {
			return flag
		}
		c.errs = append(c.errs, fmt.Sprintf("'%s' cannot parse value as 'bool': strconv.ParseBool: invalid syntax", name))
	default:
		c.wrong(name, "bool", value)
	}
	return false
}

// duration reads a number of nanoseconds.
func (c *methodConfig) duration(name string) time.Duration {
	switch value := c.value(name).(type) {
	case nil:
	case float64:
		return time.Duration(value)
	case string:
		n, err := strconv.ParseInt(value, 0, 64)
		if err == nil || value == "" {
			return time.Duration(n)
		}
		c.errs = append(c.errs, fmt.Sprintf("'%s' cannot parse value as 'time.Duration': strconv.ParseInt: invalid syntax", name))
	default:
		c.wrong(name, "time.Duration", value)
	}
	return 0
}
