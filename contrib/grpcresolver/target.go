package grpcresolver

// This file reads targets.

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/lictor-go/consul"
	"google.golang.org/grpc/resolver"
)

// Scheme is what targets start with.
const Scheme = "consul"

// target is what a target asks for.
type target struct {
	shown     string // for errors: without its parameters, which may hold a token by mistake
	authority string
	service   string
	port      string // name of the port, empty for the default
	options   consul.QueryOptions
}

// parameters are those of a target, each with what it sets.
var parameters = map[string]func(t *target, value string) error{
	"healthy": func(t *target, value string) (err error) {
		t.options.PassingOnly, err = strconv.ParseBool(value)
		if err != nil {
			err = fmt.Errorf("%q is neither true nor false", value)
		}
		return err
	},
	"tag":       func(t *target, value string) error { t.options.Tags = append(t.options.Tags, value); return nil },
	"port":      func(t *target, value string) error { return once(&t.port, value) },
	"filter":    func(t *target, value string) error { return once(&t.options.Filter, value) },
	"near":      func(t *target, value string) error { return once(&t.options.Near, value) },
	"dc":        func(t *target, value string) error { return once(&t.options.Datacenter, value) },
	"peer":      func(t *target, value string) error { return once(&t.options.Peer, value) },
	"ns":        func(t *target, value string) error { return once(&t.options.Namespace, value) },
	"partition": func(t *target, value string) error { return once(&t.options.Partition, value) },
}

// once sets what can be set once only.
func once(field *string, value string) error {
	if *field != "" {
		return fmt.Errorf("it is given twice: %q and %q", *field, value)
	}
	*field = value
	return nil
}

// fail is an error of the target.
func (t *target) fail(err error) error {
	return fmt.Errorf("grpcresolver: target %q: %w", t.shown, err)
}

// parse reads a target.
func parse(from resolver.Target) (*target, error) {
	u := from.URL
	shown := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, Opaque: u.Opaque}
	t := &target{
		shown: shown.String(), authority: u.Host, service: from.Endpoint(),
		options: consul.QueryOptions{PassingOnly: true},
	}
	if err := t.read(&u); err != nil {
		return nil, t.fail(err)
	}
	return t, nil
}

// read refuses what a target can't mean, and reads its parameters.
func (t *target) read(u *url.URL) error {
	switch {
	case u.User != nil:
		return errors.New("it has a user name or a password, which belong to the client's configuration")
	case t.service == "":
		return errors.New("it names no service, want consul://[authority]/service")
	case strings.Contains(t.service, "/"):
		return errors.New("the service's name has a slash in it, want consul://[authority]/service")
	case u.Fragment != "":
		return errors.New("it has a fragment: is a # in it not escaped?")
	}
	values, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return errors.New("its parameters can't be read: is a % or a ; in them not escaped?")
	}
	for name, list := range values {
		for _, value := range list {
			if err := t.set(name, value); err != nil {
				return fmt.Errorf("parameter %q: %w", name, err)
			}
		}
	}
	return nil
}

func (t *target) set(name, value string) error {
	set := parameters[name]
	switch {
	case name == "token":
		return errors.New("a token must not be in a target, give it to the client")
	case set == nil:
		return fmt.Errorf("it is not known, want one of %s", strings.Join(slices.Sorted(maps.Keys(parameters)), ", "))
	case value == "":
		return errors.New("it has no value")
	}
	return set(t, value)
}
