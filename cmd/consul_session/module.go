package main

// This file is the module of Ansible: parameters from a JSON file, the result as JSON on standard output.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/lictor-go/consul"
)

// runModule does what the file of arguments says, and prints one JSON object, whatever happens.
func runModule(ctx context.Context, path string, c console) int {
	s, err := readArguments(path)
	o := new(outcome)
	if err == nil {
		o, err = do(ctx, s)
	}
	answer := map[string]any{"failed": true, "changed": o.changed}
	switch {
	case err == nil:
		answer = result(s, o)
	case errors.Is(err, consul.ErrPermissionDenied):
		answer["msg"] = err.Error() + "; parameter token, or CONSUL_HTTP_TOKEN, says which token"
	default:
		answer["msg"] = err.Error()
	}
	if printJSON(c.stdout, answer) != nil || err != nil {
		return exitFailed
	}
	return exitOK
}

// readArguments reads the file that Ansible passes.
func readArguments(path string) (*settings, error) {
	file, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the module's arguments: %w", err)
	}
	var arguments map[string]any
	dec := json.NewDecoder(bytes.NewReader(file))
	dec.UseNumber()
	if err := dec.Decode(&arguments); err != nil {
		return nil, fmt.Errorf("the module's arguments in %s are not a JSON object: %w", path, err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("the module's arguments in %s go on after a JSON object", path)
	}
	s := &settings{state: statePresent, behavior: consul.SessionBehaviorRelease}
	if err := s.takeArguments(arguments); err != nil {
		return nil, err
	}
	return s, s.missing()
}

// takeArguments sets what Ansible was told. Null is as not given.
func (s *settings) takeArguments(arguments map[string]any) error {
	var unknown []string
	var failures []error
	for name, value := range arguments {
		switch {
		case strings.HasPrefix(name, "_ansible_"):
			s.takeInternal(name, value)
		case !slices.Contains(moduleParameters, name):
			unknown = append(unknown, name)
		case value != nil:
			p, _ := s.parameter(name)
			if err := p.take(value); err != nil {
				failures = append(failures, fmt.Errorf("%s: %w", name, err))
			}
		}
	}
	if unknown != nil {
		slices.Sort(unknown)
		known := slices.Sorted(slices.Values(moduleParameters))
		failures = append(failures, fmt.Errorf("unknown parameter %s: there are %s",
			strings.Join(unknown, ", "), strings.Join(known, ", ")))
	}
	return joined(failures)
}

// joined makes errors one, in an order that does not change from run to run.
func joined(failures []error) error {
	var texts []string
	for _, err := range failures {
		texts = append(texts, err.Error())
	}
	if texts == nil {
		return nil
	}
	slices.Sort(texts)
	return errors.New(strings.Join(texts, "; "))
}

// takeInternal sets what Ansible says on its own behalf, and passes over what has no meaning here.
func (s *settings) takeInternal(name string, value any) {
	switch on, _ := value.(bool); name {
	case "_ansible_check_mode":
		s.dryRun = on
	case "_ansible_diff":
		s.diff = on
	}
}

// take sets a parameter to a JSON value. As everywhere in Ansible, a number or a truth value may be text, and text a number.
func (p parameter) take(value any) error {
	items, isList := value.([]any)
	if isList && p.list != nil {
		texts := make([]string, 0, len(items))
		for _, item := range items {
			t, err := scalar(item)
			if err != nil {
				return err
			}
			texts = append(texts, t)
		}
		return p.list(texts)
	}
	t, err := scalar(value)
	if err != nil {
		return err
	}
	return p.set(t)
}

// scalar is a JSON value as text. Values are not shown in errors where they may be anything, also a secret.
func scalar(value any) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	case bool:
		return fmt.Sprint(v), nil
	case nil:
		return "", errors.New("null where a text or a number is wanted")
	case []any:
		return "", errors.New("a list where a text or a number is wanted")
	}
	return "", errors.New("a dictionary where a text or a number is wanted")
}
