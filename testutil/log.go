package testutil

// This file reads what a server has logged, for tests that failed and servers that did not start.

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const (
	// logLines is how much of a log a failed test prints.
	logLines = 200
	// explainLines is how much of it an error carries.
	explainLines = 25
)

// Log is all that the server has logged, before restarts too; "" after Close.
func (s *Server) Log() string {
	data, err := os.ReadFile(s.logFile())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Sprintf("(the log cannot be read: %v)", err)
	}
	return string(data)
}

func (s *Server) logFile() string { return filepath.Join(s.dir, "consul.log") }

// tail is the last n lines of text.
func tail(text string, n int) string {
	lines := strings.SplitAfter(strings.TrimRight(text, "\n"), "\n")
	if len(lines) > n {
		return fmt.Sprintf("(%d lines before these)\n%s", len(lines)-n, strings.Join(lines[len(lines)-n:], ""))
	}
	return strings.Join(lines, "")
}

// explain adds to what was waited for in vain what was started, and what it logged last.
func (s *Server) explain(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("testutil: %v, started as %q, is not ready: %w; its log, which should say why, ends with:\n%s",
		s, s.backend.command(), err, tail(s.Log(), explainLines))
}
