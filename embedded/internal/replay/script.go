package replay

// This file reads scripts.

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Script is what is sent to one server, in order.
type Script struct {
	Options Options
	Steps   []*Step
	// text is the script itself: IDs that it names are no IDs that a server made up.
	text string
}

// Options say what server a script wants. The zero value is one without ACLs.
type Options struct {
	// ACL is the default policy with which ACLs are on, "allow" or "deny"; or "bootstrap", which is "allow" with no token yet.
	ACL string
	// Legacy wants the legacy ACL routes, which Consul 1.10 has.
	Legacy bool
	// Scripts allows checks that run a command.
	Scripts bool
	// Socket wants a server that is reached over the network: by raw requests, or by checks of its own address.
	Socket bool
}

type kind int

const (
	kindRequest kind = iota
	kindBegin
	kindAwait
	kindPause
	kindRaw
)

// Step is one block of a script.
type Step struct {
	// Request is the step's first line, by which it is known.
	Request string
	// Differs is the reason for which the embedded server is known to answer otherwise; "" where it is not.
	Differs string

	kind         kind
	line         int
	name         string // of begin and await
	method, path string
	pause        time.Duration
	headers      [][2]string
	body         string
	captures     []capture
	sorts        []sorting
	show         []string
	until        string
}

// capture keeps a part of an answer under a name.
type capture struct{ name, from string }

// sorting puts the array at path in order, of its items' member by.
type sorting struct{ path, by string }

// Parse reads a script.
func Parse(text string) (*Script, error) {
	s := &Script{text: text}
	for i, block := range blocks(text) {
		if i == 0 && optionLine.MatchString(block.lines[0]) {
			if err := s.Options.parse(block); err != nil {
				return nil, err
			}
			continue
		}
		step, err := parseStep(block)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", block.line, err)
		}
		s.Steps = append(s.Steps, step)
	}
	if len(s.Steps) == 0 {
		return nil, fmt.Errorf("the script has no requests")
	}
	return s, nil
}

// block is some lines of a script without an empty one between them; comments are left out.
type block struct {
	line  int
	lines []string
}

func blocks(text string) []block {
	var all []block
	open := false
	for i, line := range strings.Split(text, "\n") {
		switch {
		case strings.HasPrefix(line, "#"):
		case strings.TrimSpace(line) == "":
			open = false
		case open:
			last := &all[len(all)-1]
			last.lines = append(last.lines, line)
		default:
			all, open = append(all, block{i + 1, []string{line}}), true
		}
	}
	return all
}

var (
	optionLine  = regexp.MustCompile(`^([a-z]+): +(\S+)$`)
	headerLine  = regexp.MustCompile(`^([A-Z][A-Za-z0-9-]*): *(.*)$`)
	captureLine = regexp.MustCompile(`^\$([a-z][a-z0-9_]*) = (.+)$`)
	methodName  = regexp.MustCompile(`^[A-Z]+$`)
)

func (o *Options) parse(head block) error {
	for _, line := range head.lines {
		match := optionLine.FindStringSubmatch(line)
		if match == nil {
			return fmt.Errorf("line %d: %q is no option of the script", head.line, line)
		}
		var err error
		switch name, value := match[1], match[2]; name {
		case "acl":
			o.ACL = value
		case "legacy":
			o.Legacy, err = strconv.ParseBool(value)
		case "scripts":
			o.Scripts, err = strconv.ParseBool(value)
		case "socket":
			o.Socket, err = strconv.ParseBool(value)
		default:
			err = fmt.Errorf("no such option")
		}
		if err != nil {
			return fmt.Errorf("line %d: %s: %w", head.line, line, err)
		}
	}
	return nil
}

func parseStep(b block) (*Step, error) {
	s := &Step{Request: b.lines[0], line: b.line}
	if err := s.parseFirst(); err != nil {
		return nil, err
	}
	var body []string
	for _, line := range b.lines[1:] {
		switch {
		case strings.HasPrefix(line, "@"):
			if err := s.parseDirective(line); err != nil {
				return nil, fmt.Errorf("%s: %w", line, err)
			}
		case captureLine.MatchString(line):
			match := captureLine.FindStringSubmatch(line)
			s.captures = append(s.captures, capture{match[1], match[2]})
		case len(body) == 0 && headerLine.MatchString(line):
			match := headerLine.FindStringSubmatch(line)
			s.headers = append(s.headers, [2]string{match[1], match[2]})
		default:
			body = append(body, line)
		}
	}
	if len(body) > 0 {
		s.body = strings.Join(body, "\n")
	}
	return s, nil
}

// parseFirst reads a block's first line.
func (s *Step) parseFirst() error {
	word, rest, _ := strings.Cut(s.Request, " ")
	var err error
	switch {
	case word == "begin":
		s.kind = kindBegin
		var request string
		s.name, request, _ = strings.Cut(rest, " ")
		s.method, s.path, _ = strings.Cut(request, " ")
	case word == "await":
		s.kind, s.name = kindAwait, rest
	case word == "pause":
		s.kind = kindPause
		s.pause, err = time.ParseDuration(rest)
	case word == "raw":
		s.kind = kindRaw
		s.body, err = strconv.Unquote(rest)
	default:
		s.method, s.path = word, rest
	}
	if err != nil {
		return fmt.Errorf("%s: %w", s.Request, err)
	}
	if sends := s.kind == kindRequest || s.kind == kindBegin; sends &&
		(!methodName.MatchString(s.method) || !strings.HasPrefix(s.path, "/")) {
		return fmt.Errorf("%q is neither a request nor another step", s.Request)
	}
	return nil
}

func (s *Step) parseDirective(line string) error {
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "@sort":
		var sort sorting
		path, by, found := strings.Cut(" "+rest, " by ")
		if sort.path = strings.TrimSpace(path); found {
			sort.by = by
		}
		s.sorts = append(s.sorts, sort)
	case "@show":
		s.show = strings.Fields(rest)
	case "@until":
		s.until = rest
	case "@differs":
		if s.Differs = rest; rest == "" {
			return fmt.Errorf("a difference needs a reason")
		}
	case "@body":
		return s.parseBody(rest)
	default:
		return fmt.Errorf("no such directive")
	}
	return nil
}

func (s *Step) parseBody(text string) error {
	quoted, err := strconv.QuotedPrefix(text)
	if err != nil {
		return err
	}
	if s.body, err = strconv.Unquote(quoted); err != nil {
		return err
	}
	rest := strings.TrimSpace(text[len(quoted):])
	if rest == "" {
		return nil
	}
	times, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(rest, "*")))
	if err != nil || times < 0 {
		return fmt.Errorf("%q is no number of times", rest)
	}
	s.body = strings.Repeat(s.body, times)
	return nil
}
